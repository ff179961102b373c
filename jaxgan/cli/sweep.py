"""`jaxgan sweep`."""

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import numpy as np
from tyro.conf import arg

from jaxgan.cli.options import ExperimentName
from jaxgan.errors import InputError, check_positive_int
from jaxgan.training.allocator import tune_malloc
from jaxgan.training.experiment import ExperimentFile
from jaxgan.training.near_runs import RUNS
from jaxgan.training.schedule import Schedule
from jaxgan.training.sweep import resume_sweep, sweep
from jaxgan.training.sweep_report import SweepRecord, table

MOST_MEMBERS = 10_000
"""Most members of a sweep, which are trained in one program."""


@dataclasses.dataclass(frozen=True)
class Sweep:
    """Train an experiment over seeds and values of its Config, all in one program.

    Example: jaxgan sweep ring --seeds 4 --grid gamma=0.1,1

    Leaves in runs/NAME-sweep a table (mean ± standard error over the seeds), curves,
    every member's measurements (and scores, if the experiment is evaluated), and each
    member as a run directory, which the other commands take. Each field of the Config
    that is not swept is an option too. The same command again, or `jaxgan sweep DIR`,
    goes on with a sweep that was stopped. It runs the experiment.py of a member: resume
    only sweeps that you trust.
    """

    experiment: ExperimentName
    """An experiment's Python file, the name of a packaged one, or a sweep to resume."""

    seeds: int = 4
    """Number of seeds, from the Config's seed on."""

    grid: Annotated[tuple[str, ...], arg(metavar="NAME=VALUE,VALUE,… ...")] = ()
    """Values of each field to sweep; every combination is a member."""

    out: Annotated[Path | None, arg(metavar="DIR")] = None
    """Directory of the results; runs/NAME-sweep by default."""

    keep: Annotated[int | None, arg(metavar="N")] = None
    """Number of members to keep as runs, the best ones; all by default."""

    log_every: int = 100
    """Steps between lines of each member's metrics.jsonl."""

    save_every: int = 1000
    """Steps between checkpoints of all members."""

    sequential: bool = False
    """One member after the other: for convolutions, and where memory is short."""

    def execute(self, file: ExperimentFile | None = None, config: Any = None) -> None:
        """Train all members, and print their table.

        Args:
            file: the experiment's file; None for a directory.
            config: an instance of its Config.
        """
        schedule = Schedule(log_every=self.log_every, save_every=self.save_every)
        tune_malloc()
        if file is None:
            out, done = self.experiment, self._resumed(schedule)
        else:
            grid = parse_grid(self.grid, file)
            most = MOST_MEMBERS // math.prod(map(len, grid.values()))
            check_positive_int("--seeds", self.seeds, most)
            out = self.out or RUNS / f"{file.path.stem}-sweep"
            done = sweep(
                out,
                file,
                config,
                self.seeds,
                grid,
                keep=self.keep,
                schedule=schedule,
                sequential=self.sequential,
            )
        print(table(done.members))
        best = f"the best is the run {out / done.best}" if done.best else "none is best"
        curves = " and curves" if (out / "curves.png").exists() else ""
        print(f"finished: {out} holds this table{curves}, and the runs; {best}.")

    def _resumed(self, schedule: Schedule) -> SweepRecord:
        begun = (self.seeds, self.grid, self.out, self.keep, self.sequential)
        if begun != (4, (), None, None, False):
            raise InputError(
                "--seeds, --grid, --out, --keep, --sequential: a sweep goes on as it "
                f"was begun; leave them out with {self.experiment}."
            )
        return resume_sweep(self.experiment, schedule)


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
        most = float(np.finfo(np.float32).max)  # as which members take them
        if not all(abs(value) <= most for value in grid[name]):
            raise InputError(
                f"--grid: the values of {name} must be finite in float32, got "
                f"{listed!r}."
            )
        if len({*grid[name]}) < len(grid[name]):
            raise InputError(f"--grid: {name} has a value twice; give each once.")
    return grid
