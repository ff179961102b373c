"""`jaxgan list`."""

import dataclasses
import itertools
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional, arg

from jaxgan.errors import InputError
from jaxgan.reporting.log import last_rows
from jaxgan.training.checkpoint import steps
from jaxgan.training.near_runs import RUNS, find_runs


@dataclasses.dataclass(frozen=True)
class List:
    """List the runs in a directory, with how far each has come.

    Example: jaxgan list

    Of a sweep it lists the best run.
    """

    directory: Annotated[Positional[Path], arg(metavar="DIR")] = RUNS
    """Where the runs are."""

    def execute(self) -> None:
        """Print a line for each run."""
        if not self.directory.is_dir():
            raise InputError(f"{self.directory} is not a directory.")
        found = find_runs(self.directory)
        if not found:
            print(f"no runs in {self.directory}")
            return
        print(f"{'run':32} {'logged':>10} {'saved':>10}  measured")
        for directory in found:
            log = directory / "metrics.jsonl"
            saved = steps(directory / "checkpoints")
            logged = next((row["step"] for row in last_rows(log)), 0)
            measured = "  ".join(
                f"{name} {value:.4g}"
                for name, value in _last_measured(log).items()
                if isinstance(value, int | float)
            )
            at = saved[-1] if saved else 0
            print(f"{directory!s:32} {logged:10,} {at:10,}  {measured}")


def _last_measured(log: Path) -> dict[str, Any]:
    """Return the experiment's last measurements; players' reports have a slash.

    They are taken at milestones, which may lie far back, so the search ends somewhere.
    """
    for row in itertools.islice(last_rows(log), 10_000):
        own = {k: v for k, v in row.items() if "/" not in k and k != "step"}
        if own:
            return own
    return {}
