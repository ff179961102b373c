"""`jaxgan sweep`."""

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

from tyro.conf import arg

from jaxgan.cli.options import ExperimentName
from jaxgan.errors import InputError, check_positive_int
from jaxgan.training.allocator import tune_malloc
from jaxgan.training.experiment import ExperimentFile
from jaxgan.training.near_runs import RUNS
from jaxgan.training.sweep import sweep
from jaxgan.training.sweep_report import table

MOST_MEMBERS = 10_000
"""Most members of a sweep, which are trained in one program."""


@dataclasses.dataclass(frozen=True)
class Sweep:
    """Train an experiment over seeds and values of its Config, all in one program.

    Example: jaxgan sweep ring --seeds 4 --grid gamma=0.1,1

    Leaves in runs/NAME-sweep a table (mean ± standard error over the seeds), curves,
    every member's measurements (and scores, if the experiment is evaluated), and the
    best member as a run directory, which the other commands take. Each field of the
    Config that is not swept is an option too.
    """

    experiment: ExperimentName
    """An experiment's Python file, or the name of a packaged one."""

    seeds: int = 4
    """Number of seeds, from the Config's seed on."""

    grid: Annotated[tuple[str, ...], arg(metavar="NAME=VALUE,VALUE,… ...")] = ()
    """Values of each field to sweep; every combination is a member."""

    out: Annotated[Path | None, arg(metavar="DIR")] = None
    """Directory of the results; runs/NAME-sweep by default."""

    log_every: int = 100
    """Steps between lines of the best run's metrics.jsonl."""

    sequential: bool = False
    """One member after the other: for convolutions, and where memory is short."""

    def execute(self, file: ExperimentFile | None = None, config: Any = None) -> None:
        """Train all members, and print their table.

        Args:
            file: the experiment's file; None for a directory.
            config: an instance of its Config.
        """
        if file is None:
            raise InputError(
                f"{self.experiment} is a directory; give an experiment's file."
            )
        grid = parse_grid(self.grid, file)
        most = MOST_MEMBERS // math.prod(map(len, grid.values()))
        check_positive_int("--seeds", self.seeds, most)
        tune_malloc()
        out = self.out or RUNS / f"{self.experiment.stem}-sweep"
        members = sweep(
            out,
            file,
            config,
            self.seeds,
            grid,
            log_every=self.log_every,
            sequential=self.sequential,
        )
        print(table(members))
        kept = out / "best"
        best = f"the best is the run {kept}" if kept.exists() else "it ranks no run"
        curves = " and curves" if (out / "curves.png").exists() else ""
        print(f"finished: {out} holds this table{curves}; {best}.")


def parse_grid(words: Sequence[str], file: ExperimentFile) -> dict[str, list[float]]:
    """Parse `NAME=VALUE,VALUE,…` for fields of a Config that hold numbers.

    Raises:
        InputError: if a word is none of that, a number is not finite, or a field is
            unknown, given twice, or holds no number.
    """
    grid: dict[str, list[float]] = {}
    fields = get_type_hints(file.config)
    for word in words:
        name, equals, listed = word.partition("=")
        if not equals:
            raise InputError(f"--grid: {word!r} must be NAME=VALUE,VALUE,….")
        if name not in fields:
            raise InputError(
                f"--grid: Config of {file.path} has no field {name!r}; it has "
                f"{sorted(fields)}."
            )
        if not {int, float} & {fields[name], *get_args(fields[name])}:
            raise InputError(
                f"--grid: {name} of {file.path} holds no number; make a sweep for each "
                "of its values."
            )
        if name in grid or name == "seed":
            cure = "use --seeds" if name == "seed" else "give it once"
            raise InputError(f"--grid: {name} cannot be given here; {cure}.")
        try:
            grid[name] = [float(value) for value in listed.split(",") if value]
        except ValueError:
            raise InputError(
                f"--grid: the values of {name} must be numbers, got {listed!r}."
            ) from None
        if not grid[name]:
            raise InputError(f"--grid: {name} has no values; give at least one.")
        if not all(map(math.isfinite, grid[name])):
            raise InputError(
                f"--grid: the values of {name} must be finite, got {listed!r}."
            )
        if len({*grid[name]}) < len(grid[name]):
            raise InputError(f"--grid: {name} has a value twice; give each once.")
    return grid
