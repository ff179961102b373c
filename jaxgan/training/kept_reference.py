"""Write and read a run's copy of what its evaluation measures against."""

import contextlib
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from jaxgan.data.digest import digest_of
from jaxgan.data.readers.cache import default_cache
from jaxgan.errors import InputError, RunError
from jaxgan.evaluation.evaluator import Evaluation, Reference
from jaxgan.training.run_data import read, write, write_if_small


class Elsewhere(NamedTuple):
    """The digest and the path of a reference that is too large for a run directory."""

    digest: str  # of its features, labels and examples
    path: Path  # in the cache, from which it may be deleted


def kept_reference(
    evaluation: Evaluation, directory: Path, make: Callable[[], Reference]
) -> Reference:
    """Load a run's reference, or make it now and keep it.

    The features of the reals, their labels and the examples are kept if they need at
    most 100 MB; if not, the run keeps their digest and a path in the cache. If they are
    no longer there, they are made again and must be the same. An extractor that is
    larger, or is no object that can be kept, is made again each time; it needs no data
    unless it is trained on them.

    Args:
        evaluation: that the run declares.
        directory: of what the run keeps.
        make: opens the data.

    Raises:
        InputError: if it is another one than when the run began.
        RunError: if a file is damaged.
    """
    path, of_extractor = directory / "reference", directory / "extractor"
    kept = read(path) if path.exists() else None
    found = _found(kept) if isinstance(kept, Elsewhere) else kept
    if found is not None:
        extractor = read(of_extractor) if of_extractor.exists() else None
        if extractor is None and evaluation.extractor is not None:
            extractor = evaluation.extractor()
        return dataclasses.replace(found, extractor=extractor)
    made = make()
    bare = dataclasses.replace(made, extractor=None)
    features = [each and each.features for each in (made.real, made.held_out)]
    digest = digest_of((features, made.examples))
    if kept is None:
        directory.mkdir(parents=True, exist_ok=True)
        write_if_small(of_extractor, made.extractor)
        if write_if_small(path, bare):
            return made
        kept = Elsewhere(digest, default_cache().resolve() / "references" / digest)
        write(path, kept)
    elif kept.digest != digest:
        raise InputError(
            f"{path}: the reference is another one than when the run began; its data "
            "have changed."
        )
    with contextlib.suppress(OSError):  # of a full disk: it is only made again
        kept.path.parent.mkdir(parents=True, exist_ok=True)
        write(kept.path, bare)
    return made


def _found(kept: Elsewhere) -> Reference | None:
    """Read the reference in the cache; None if it is missing or damaged."""
    try:
        return read(kept.path)
    except RunError:
        return None
