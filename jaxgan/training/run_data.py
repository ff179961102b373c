"""Write and read the shapes and examples that make a run independent of its data.

data/shapes     the shapes of a step's batches
data/examples   the first examples that outputs are made of
data/reference, data/extractor
                what its evaluation measures against, or where that lies; see
                `jaxgan.evaluation.evaluator`

Each file is written whole or not at all, and begins with a digest that is checked when
it is read. It holds a pickle: a run is a program, as its experiment.py is.
"""

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import cloudpickle
import jax
import numpy as np

from jaxgan.errors import RunError
from jaxgan.training.records import write_whole
from jaxgan.types import Batch

LIMIT = 100 * 2**20
"""The most bytes that are kept of a reference, and of an extractor."""


class RunData(NamedTuple):
    """A run's copy of shapes and examples of its data."""

    batches: tuple[Batch, ...]  # the shapes of one step's
    examples: Batch  # the first that outputs are made of, if there are any


def write_run_data(directory: Path, data: RunData) -> None:
    """Write the shapes and the examples into a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    shapes = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), data.batches
    )
    write(directory / "shapes", shapes)
    write(directory / "examples", jax.tree.map(np.asarray, data.examples))


def read_run_data(directory: Path) -> RunData:
    """Read the shapes and the examples of a directory.

    Raises:
        RunError: if a file is missing or damaged.
    """
    return RunData(read(directory / "shapes"), read(directory / "examples"))


def write_if_small(path: Path, value: Any) -> bool:
    """Write an object unless it is too large or cannot be pickled; True if written."""
    try:
        content = cloudpickle.dumps(value)
    except Exception:  # of open files and locks, say
        return False
    if len(content) > LIMIT:
        return False
    _write(path, content)
    return True


def write(path: Path, value: Any) -> None:
    """Write any object, functions included."""
    _write(path, cloudpickle.dumps(value))


def _write(path: Path, content: bytes) -> None:
    write_whole(path, hashlib.sha256(content).digest() + content)


def read(path: Path) -> Any:
    """Read an object and check its digest.

    Raises:
        RunError: if the file is missing or damaged, or needs what is not here.
    """
    try:
        whole = path.read_bytes()
    except FileNotFoundError as error:
        raise RunError(
            f"{path} is missing, so the run's data are not known; train it anew."
        ) from error
    digest, content = whole[:32], whole[32:]
    if hashlib.sha256(content).digest() != digest:
        raise RunError(f"{path} is damaged: its digest is another.")
    try:
        return cloudpickle.loads(content)
    except Exception as error:  # of another version of a library, say
        reason = f"{type(error).__name__}: {error}"
        raise RunError(f"{path} cannot be read here: {reason}") from error
