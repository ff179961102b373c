"""`jaxgan record`."""

import dataclasses
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from jaxgan.errors import InputError
from jaxgan.training.record import record

RESULTS = Path("docs") / "results"
"""The directory of files of results by default."""


@dataclasses.dataclass(frozen=True)
class Record:
    """Record the results of finished runs in files that can be committed.

    Example: jaxgan record runs/digits

    DIR/NAME.json gets an entry for each run: config, seed, versions, device, steps and
    seconds, its last scores with their protocols, and what its experiment measured
    last. An entry of the same config, seed and versions is replaced. DIR/NAME.png shows
    the samples of one run, in at most 100 kB. Paths in a config lose their folders.

    RUN/experiment.py and its modules are run: take only runs that you trust.
    """

    runs: Annotated[Positional[tuple[Path, ...]], arg(metavar="RUN ...")]
    """Run directories, each of them finished."""

    name: Annotated[str | None, arg(metavar="NAME")] = None
    """Name of the file; by default that of each run's experiment."""

    results: Annotated[Path, arg(metavar="DIR")] = RESULTS
    """Directory of the files; it is made if there is none."""

    def execute(self) -> None:
        """Write the files, and print a line for each."""
        if not self.runs:
            raise InputError("runs: name at least one run directory.")
        for line in record(self.runs, self.results, self.name):
            print(line)
