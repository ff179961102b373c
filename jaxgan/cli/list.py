"""`jaxgan list`."""

import dataclasses
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional, arg

from jaxgan.errors import InputError
from jaxgan.reporting.log import read_rows
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
            rows = read_rows(directory / "metrics.jsonl")
            saved = steps(directory / "checkpoints")
            logged = rows[-1]["step"] if rows else 0
            measured = "  ".join(
                f"{name} {value:.4g}"
                for name, value in _last_measured(rows).items()
                if isinstance(value, int | float)
            )
            at = saved[-1] if saved else 0
            print(f"{directory!s:32} {logged:10,} {at:10,}  {measured}")


def _last_measured(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the experiment's last measurements; players' reports have a slash."""
    for row in reversed(rows):
        own = {k: v for k, v in row.items() if "/" not in k and k != "step"}
        if own:
            return own
    return {}
