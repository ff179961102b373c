"""Find run directories with a path similar to a missing one."""

import contextlib
import difflib
from pathlib import Path

from jaxgan.errors import InputError
from jaxgan.training.sweep_report import read_sweep

RUNS = Path("runs")
"""The directory that runs are made in by default."""


def find_runs(directory: Path) -> list[Path]:
    """List the runs in a directory, and the best runs of the sweeps in it."""
    runs = [path.parent for path in directory.glob("*/run.json")]
    for path in directory.glob("*/sweep.json"):
        with contextlib.suppress(InputError):  # damaged
            if best := read_sweep(path.parent).best:
                runs.append(path.parent / best)
    return sorted(runs)


def near_runs(missing: Path) -> list[Path]:
    """List the runs of a similar name beside a path that is not there, or in `runs`."""
    for place in (missing.parent, RUNS):
        runs = {str(run.relative_to(place)): run for run in find_runs(place)}
        if near := difflib.get_close_matches(missing.name, runs, cutoff=0.6):
            return [runs[name] for name in near]
    return []
