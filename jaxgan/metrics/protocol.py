"""Scores that carry the protocol by which they were taken.

The same images score differently by another extractor, resizing, reference or number of
samples: CIFAR-10's Fréchet distances move by a factor of two. So a score is saved with
all of these, and scores that differ in one of them are not compared.
"""

import dataclasses
import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import pydantic

from jaxgan.errors import InputError
from jaxgan.metrics.estimate import Estimate


@dataclasses.dataclass(frozen=True)
class Protocol:
    """How a score was taken: scores compare if all of this is alike."""

    metric: str  # with its parameters
    extractor: str  # the network that made the features
    weights: str  # SHA-256 of its weights
    resizer: str  # how images reached its size
    images: str  # size and channels as they were given to it
    reference: str  # data set and split of the reals, and a hash of their pixels
    reals: int  # how many
    fakes: int  # how many
    quantized: bool  # were the fakes rounded to uint8?
    output: str = "samples"  # of the game
    examples: str = ""  # a hash of what the fakes were made of


@dataclasses.dataclass(frozen=True)
class Measurement:
    """A measured number, by what protocol, and of what.

    What follows the protocol is recorded and does not stop a comparison: what is
    compared differs in it.
    """

    name: str
    value: float
    error: float  # standard error; NaN where it is not known
    protocol: Protocol
    of: str  # samples, a folder with a hash of its pixels, or other reals
    step: int  # of the run that made the fakes; 0 where there is none
    seed: int  # of the fakes
    versions: dict[str, str]

    # JSON has no infinity: it is written as a string, and read back.
    __pydantic_config__ = pydantic.ConfigDict(ser_json_inf_nan="strings")


_LOG = logging.getLogger(__name__)

_SCORE: pydantic.TypeAdapter[Measurement] = pydantic.TypeAdapter(Measurement)


def check_alike(scores: Mapping[str, Measurement]) -> None:
    """Refuse to compare scores that were not taken alike.

    Args:
        scores: by what they are called in the message.

    Raises:
        InputError: if they differ in a field of their protocols, which it names.
    """
    (label, first), *others = scores.items()
    for other_label, other in others:
        for field, value in dataclasses.asdict(first.protocol).items():
            if (unlike := getattr(other.protocol, field)) != value:
                raise InputError(
                    f"{first.name}: scores taken by unlike protocols do not compare; "
                    f"{field} is {value!r} of {label} and {unlike!r} of {other_label}."
                )


def difference(one: Measurement, other: Measurement) -> Estimate:
    """`one - other`, with the standard error of a difference of independent scores.

    Two scores against the same reals share the part of their errors that is of those:
    the error is too large then rather than too small.

    Raises:
        InputError: if they were not taken by one protocol.

        >>> import dataclasses
        >>> from jaxgan.metrics.protocol import Protocol, Measurement, difference
        >>> how = Protocol("fd", "pixels", "", "none", "8×8×1", "digits", 9, 9, True)
        >>> a = Measurement("fd", 8.0, 0.3, how, "samples", 100, 0, {})
        >>> difference(a, dataclasses.replace(a, value=7.0, error=0.4))
        Estimate(value=1.0, error=0.5)
    """
    check_alike({"one": one, "the other": other})
    return Estimate(one.value - other.value, math.hypot(one.error, other.error))


def write_scores(path: Path, scores: Sequence[Measurement]) -> None:
    """Append scores to a file, a line of JSON each."""
    with path.open("a+b") as file:
        if file.tell() and path.read_bytes()[-1:] != b"\n":
            file.write(b"\n")  # after a line that a kill has torn
        for score in scores:
            file.write(_SCORE.dump_json(score) + b"\n")


def read_scores(path: Path) -> list[Measurement]:
    """The scores of a file; what are none, torn by a kill, are told and left out."""
    scores, left_out = [], 0
    for line in path.read_bytes().splitlines() if path.exists() else []:
        try:
            scores.append(_SCORE.validate_json(line))
        except pydantic.ValidationError:
            left_out += 1
    if left_out:
        _LOG.warning("%s: lines that are no scores: %d", path, left_out)
    return scores
