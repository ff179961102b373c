"""Check that all processes that train a run have the same code, config, data."""

import dataclasses
from pathlib import Path
from typing import Any

from jaxgan.errors import InputError
from jaxgan.training.processes import are_several, exchange
from jaxgan.training.provenance import digest_files, trace_provenance
from jaxgan.training.run import Run

XLA = "XLA_FLAGS"
"""Which may differ, as where each process writes its programs."""


def check_same_everywhere(run: Run, options: dict[str, Any]) -> None:
    """Check that a run is the same in all processes, before anything is compiled.

    Every process must call it.

    Args:
        run: the run.
        options: by their names, with which each process trains it.

    Raises:
        InputError: if another file system, code, config, data or version is found in
            one of them; in all processes.
    """
    if not are_several():
        return
    provenance = trace_provenance(run.directory, run.experiment)
    own = {
        "run directory": (run.directory / "run.json").stat().st_mtime_ns,
        "versions": provenance.versions,
        "code": provenance.code,
        "config": dataclasses.asdict(run.config),
        "data": provenance.data,
        "setting of JAX": {n: v for n, v in provenance.settings.items() if n != XLA},
        "version of jaxgan's files": _digest_package(),
        **options,
    }
    first, *others = exchange(own)
    for process, other in enumerate(others, start=1):
        for what, value in other.items():
            if value != first[what]:
                raise InputError(
                    f"process {process} has another {what} than process 0; all must "
                    "train the same run alike, on a file system that they share."
                )


def _digest_package() -> str:
    package = Path(__file__).parents[1]
    return digest_files(package, sorted(package.rglob("*.py")))
