"""Fingerprint of what a run's bits depend on: code, data, versions, cores, devices.

It is kept in run.json when the run is made, and compared when training goes on, so that
a run never goes on to other bits without a word.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pydantic

from jaxgan.data.datasets import Dataset
from jaxgan.data.digest import digest_of
from jaxgan.data.fingerprints import fingerprint
from jaxgan.data.sources import Source, whole_batches
from jaxgan.training.experiment import Experiment
from jaxgan.training.local_modules import MODULES
from jaxgan.types import Batch
from jaxgan.versions import versions

SETTINGS = (
    "jax_enable_x64",
    "jax_default_matmul_precision",
    "jax_default_prng_impl",
    "jax_threefry_partitionable",
)
"""Settings of JAX that a step's bits depend on."""


LOOKED_AT = 32
"""Steps whose batches are looked at, where all of them may depend on the step."""


class Provenance(pydantic.BaseModel):
    """Versions, data, code and hardware that a run's bits depend on."""

    versions: dict[str, str]
    data: str  # fingerprint of the source, and of the examples
    code: str  # digest of experiment.py and of the modules beside it
    cores: int
    devices: str
    settings: dict[str, str] = {}  # of JAX and XLA


def trace_provenance(
    directory: Path,
    experiment: Experiment,
    devices: Sequence[jax.Device] | None = None,
) -> Provenance:
    """Determine what the bits of a run depend on here and now.

    Args:
        directory: the run.
        experiment: whose data are looked at.
        devices: that train it; by default all.
    """
    data = _fingerprint(experiment.source, experiment.examples, experiment.seed)
    return Provenance(data=data, **trace_surroundings(directory, devices))


def trace_batches(experiment: Experiment, steps: int) -> str:
    """Digest the batches of evenly spaced steps, of so many."""
    source = experiment.source()
    chosen = np.unique(np.linspace(0, max(steps - 1, 0), LOOKED_AT).astype(int))
    with whole_batches():
        made = [digest_of(source(experiment.seed, step)) for step in chosen.tolist()]
    return hashlib.sha256("".join(made).encode()).hexdigest()


def trace_surroundings(
    directory: Path, devices: Sequence[jax.Device] | None
) -> dict[str, Any]:
    """Determine all fields of a `Provenance` but the data."""
    settings = {name.upper(): str(jax.config.values.get(name)) for name in SETTINGS}
    return {
        "versions": versions(),
        "code": digest_code(directory),
        "cores": count_cores(),
        "devices": describe_devices(devices),
        "settings": settings | {"XLA_FLAGS": os.environ.get("XLA_FLAGS", "").strip()},
    }


@lru_cache(maxsize=1)  # so that the members of a sweep draw their data once a seed
def _fingerprint(
    source: Callable[[], Source],
    examples: Callable[[], Dataset | Batch] | None,
    seed: int,
) -> str:
    with whole_batches():
        own = fingerprint(source(), seed)
    return own if examples is None else own + fingerprint(examples())


def describe_devices(devices: Sequence[jax.Device] | None) -> str:
    """Return the number and the kind of devices, by default of all."""
    devices = jax.devices() if devices is None else devices
    return f"{len(devices)} × {devices[0].device_kind}"


def digest_code(directory: Path) -> str:
    """Digest a run's own experiment.py and modules; empty if it has no file."""
    modules = sorted((directory / MODULES).rglob("*"))
    files = [
        path
        for path in (directory / "experiment.py", *modules)
        if path.is_file() and "__pycache__" not in path.parts
    ]
    return digest_files(directory, files) if files else ""


def digest_files(directory: Path, files: Iterable[Path]) -> str:
    """Digest files, and their paths relative to a directory."""
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.relative_to(directory).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def count_cores() -> int:
    """Count the cores that this process may use; their number can change sums."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def describe_changes(then: Provenance, now: Provenance) -> list[str]:
    """Describe in one sentence each what is not as it was when the run began."""
    changes = [
        f"this run was started with {name} {then.versions.get(name, 'none')}; with "
        f"{version} its last digits will differ."
        for name, version in now.versions.items()
        if then.versions.get(name) != version
    ]
    if then.cores != now.cores:
        changes.append(
            f"this run was started on {then.cores} core{'s' * (then.cores != 1)}; on "
            f"{now.cores} sums may be rounded differently."
        )
    if then.devices != now.devices:
        changes.append(
            f"this run was started on {then.devices}; on {now.devices} sums may be "
            "rounded differently."
        )
    changes += [
        f"this run was started with {name}={value}; with {now.settings.get(name)!r} "
        "its last digits may differ."
        for name, value in then.settings.items()
        if now.settings.get(name) != value
    ]
    if then.data != now.data:
        changes.append(
            "the data are not those that this run was started with; it goes on with "
            "the changed ones."
        )
    if then.code != now.code:
        changes.append(
            "experiment.py or a module of this run was edited since it began; jaxgan "
            "runs the edited code."
        )
    return changes
