"""Scores and the protocol that each was measured with.

A score of the same images changes with the extractor, the resizing, the reference and
the number of samples: Fréchet distances on CIFAR-10 move by a factor of two. A score is
therefore saved with all of these, and scores that differ in one of them are not
compared.
"""

import dataclasses
import logging
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pydantic

from jaxgan.errors import InputError, as_path, check_instance, naming
from jaxgan.metrics.estimate import Estimate
from jaxgan.sealed_lines import is_sound, seal


@dataclasses.dataclass(frozen=True)
class Protocol:
    """Measurement protocol of a score; scores with equal protocols are comparable."""

    metric: str  # with its parameters
    extractor: str  # the network that made the features
    weights: str  # SHA-256 of its weights
    resizer: str  # method that resized the images for the extractor
    images: str  # size and channels of the images before resizing
    reference: str  # data set and split of the reals, and a hash of their pixels
    reals: int  # number of reals
    fakes: int  # number of fakes
    quantized: bool  # True if the fakes were rounded to uint8
    output: str = "samples"  # name of the game's output
    examples: str = ""  # hash of the examples that the fakes were made from


@dataclasses.dataclass(frozen=True)
class Measurement:
    """A metric's value with its protocol and the samples it was computed on.

    The fields after the protocol are recorded, but scores may differ in them and still
    be compared.
    """

    name: str
    value: float
    error: float  # standard error; NaN if unknown
    protocol: Protocol
    of: str  # samples, a folder with a hash of its pixels, or other reals
    step: int  # of the run that generated the fakes; 0 without a run
    seed: int  # that the fakes were sampled with
    versions: dict[str, str]

    # JSON has no infinity, so it is written and read as a string.
    __pydantic_config__ = pydantic.ConfigDict(ser_json_inf_nan="strings")


_LOG = logging.getLogger(__name__)

_SCORE: pydantic.TypeAdapter[Measurement] = pydantic.TypeAdapter(Measurement)


def check_alike(scores: Mapping[str, Measurement]) -> None:
    """Check that scores share one protocol.

    Args:
        scores: by the label that identifies each in the error message.

    Raises:
        InputError: if two protocols differ; the message names the field.
    """
    (label, first), *others = scores.items()
    for other_label, other in others:
        for field, value in dataclasses.asdict(first.protocol).items():
            if (different := getattr(other.protocol, field)) != value:
                raise InputError(
                    f"{first.name}: scores with different protocols cannot be "
                    f"compared; {field} is {value!r} for {label} and {different!r} "
                    f"for {other_label}."
                )


def difference(one: Measurement, other: Measurement) -> Estimate:
    """Subtract two scores, with the standard error for independent scores.

    Two scores against the same reals share the part of their errors that comes from the
    reals. The error is then too large rather than too small.

    Raises:
        InputError: if their protocols differ.

        >>> import dataclasses
        >>> from jaxgan.metrics import Protocol, Measurement, difference
        >>> same = Protocol("fd", "pixels", "", "none", "8×8×1", "digits", 9, 9, True)
        >>> a = Measurement("fd", 8.0, 0.3, same, "samples", 100, 0, {})
        >>> difference(a, dataclasses.replace(a, value=7.0, error=0.4))
        Estimate(value=1.0, error=0.5)
    """
    for name, score in (("one", one), ("other", other)):
        check_instance(name, score, Measurement, "that of evaluate(…)")
    check_alike({"one": one, "the other": other})
    return Estimate(one.value - other.value, math.hypot(one.error, other.error))


def write_scores(path: Path, scores: Sequence[Measurement]) -> None:
    """Append scores to a JSON Lines file, each line with a digest of itself."""
    with naming(path), path.open("a+b") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read() != b"\n":
                file.write(b"\n")  # after a line that was cut off by a killed process
        for score in scores:
            file.write(seal(_SCORE.dump_json(score)) + b"\n")


def read_scores(path: Path | str) -> list[Measurement]:
    """Read the scores of a JSON Lines file.

    Lines that are no scores, or that were damaged since, are skipped and logged.
    """
    path = as_path("path", path)
    if path.is_dir():
        raise InputError(f"path: {path} is a folder; give a .jsonl file.")
    scores, skipped = [], 0
    for line in path.read_bytes().splitlines() if path.exists() else []:
        try:
            score = _SCORE.validate_json(line)
        except pydantic.ValidationError:
            skipped += 1
            continue
        if is_sound(line):
            scores.append(score)
        else:
            skipped += 1
    if skipped:
        _LOG.warning(
            "%s: skipped lines that are no scores, or damaged: %d", path, skipped
        )
    return scores
