"""Evaluation: fakes against reals, by one extractor and several metrics.

An experiment declares an `Evaluation`; `evaluator` makes of it a function from samples
to scores, each with its protocol. They are taken at intervals while a run trains, of
the averaged networks, and by `jaxgan evaluate` of any run or of folders of images.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxgan.data.datasets import Dataset, in_memory
from jaxgan.errors import InputError, check_positive_int
from jaxgan.metrics.classifier import trained_classifier
from jaxgan.metrics.density_coverage import density_coverage
from jaxgan.metrics.estimate import Estimate
from jaxgan.metrics.extractors import Extractor, Features, as_uint8
from jaxgan.metrics.frechet import frechet_distance
from jaxgan.metrics.inception_score import inception_score
from jaxgan.metrics.kid import kid
from jaxgan.metrics.modes import class_shares
from jaxgan.metrics.precision_recall import precision_recall
from jaxgan.metrics.protocol import Protocol, Score
from jaxgan.versions import versions


class Metric(NamedTuple):
    """A metric as an evaluation takes it.

    name:    by which it is asked for.
    how:     its parameters, for the protocol.
    least:   how many images of either side it needs.
    measure: `(real, fake) -> {name of a score: Estimate}`.
    """

    name: str
    how: str
    least: int
    measure: Callable[[Features, Features], Mapping[str, Estimate]]


def _frechet(real: Features, fake: Features) -> dict[str, Estimate]:
    found = frechet_distance(real.features, fake.features)
    return {"frechet": Estimate(found.value, found.error)}


def _kid(real: Features, fake: Features) -> dict[str, Estimate]:
    return {"kid": kid(real.features, fake.features)}


def _precision_recall(real: Features, fake: Features) -> dict[str, Estimate]:
    return precision_recall(real.features, fake.features)._asdict()


def _density_coverage(real: Features, fake: Features) -> dict[str, Estimate]:
    return density_coverage(real.features, fake.features)._asdict()


def _inception_score(real: Features, fake: Features) -> dict[str, Estimate]:
    del real
    if fake.probabilities is None:
        raise InputError(f"metrics: inception_score {NEEDS_CLASSES}")
    found = inception_score(fake.probabilities)
    return {"inception_score": Estimate(found.value, found.error)}


def _class_shares(real: Features, fake: Features) -> dict[str, Estimate]:
    if real.probabilities is None:
        raise InputError(f"metrics: class_shares {NEEDS_CLASSES}")
    count = real.probabilities.shape[1]
    shares = class_shares(fake.classes(), count)
    return {f"share_of_{i}": share for i, share in enumerate(shares)}


NEEDS_CLASSES = "needs an extractor that knows classes, not raw pixels."

FRECHET = Metric("frechet", "ddof 1", 2, _frechet)
KID = Metric("kid", "cubic kernel, all pairs, unbiased", 2, _kid)
PRECISION_RECALL = Metric("precision_recall", "k 3", 4, _precision_recall)
DENSITY_COVERAGE = Metric("density_coverage", "k 5", 6, _density_coverage)
INCEPTION_SCORE = Metric("inception_score", "10 splits", 10, _inception_score)
CLASS_SHARES = Metric("class_shares", "likeliest class", 1, _class_shares)

OF_FEATURES = (FRECHET, KID, PRECISION_RECALL, DENSITY_COVERAGE)
"""Metrics that any extractor serves."""

OF_CLASSES = (*OF_FEATURES, INCEPTION_SCORE, CLASS_SHARES)
"""Metrics that an extractor which knows classes serves."""


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What an experiment's samples are measured against, by what.

    data:      what the reals are, in words: the set, and what was made of it.
    reals:     `(split) -> data set` of uint8 images.
    extractor: `() -> Extractor`, called when it is first needed.
    split:     of the reference.
    floor:     the split that is measured like samples, for what a perfect sampler would
               score.
    samples:   how many fakes.
    metrics:   which; the least of the first one's first score is the best.
    """

    data: str
    reals: Callable[[str], Dataset]
    extractor: Callable[[], Extractor]
    split: str = "test"
    floor: str = "train"
    samples: int = 10_000
    metrics: tuple[Metric, ...] = OF_CLASSES


def check_evaluation(evaluation: Evaluation) -> None:
    """Refuse an evaluation that could not be taken, before a run begins.

    Raises:
        InputError: if it has no metrics, one of them twice, or too few samples.
    """
    check_positive_int("evaluation: samples", evaluation.samples)
    names = [metric.name for metric in evaluation.metrics]
    if not names or len({*names}) < len(names):
        raise InputError(f"evaluation: metrics must be some, each once, got {names}.")
    check_count(evaluation.metrics, evaluation.samples)


def check_count(metrics: Sequence[Metric], count: int) -> None:
    """Refuse fewer images than a metric needs.

    Raises:
        InputError: if there are.
    """
    for metric in metrics:
        if count < metric.least:
            raise InputError(
                f"samples: {metric.name} needs at least {metric.least} images, "
                f"got {count}."
            )


def by_classifier(data: str, reals: Callable[[str], Dataset]) -> Evaluation:
    """An evaluation by a classifier that is trained on the data set itself.

    Args:
        data: what the images are, in words.
        reals: `(split) -> data set` of uint8 images with an integer label as their
            first condition, for the splits "train" and "test".
    """

    def extractor() -> Extractor:
        return trained_classifier(data, reals("train"), reals("test")).extractor

    return Evaluation(data, reals, extractor)


class Seen(NamedTuple):
    """A set of images as an extractor sees them."""

    name: str  # what they are
    shape: str  # of each image; "several" where they differ
    features: Features


def seen(name: str, images: NDArray, extractor: Extractor) -> Seen:
    """Images (n, h, w, c), float in [-1, 1], which are rounded, or uint8."""
    images = images if images.dtype == np.uint8 else as_uint8(images)
    return Seen(name, "×".join(map(str, images.shape[1:])), extractor(images))


def seen_split(evaluation: Evaluation, split: str, extractor: Extractor) -> Seen:
    """All images of a split of an evaluation's data."""
    data = in_memory(evaluation.reals(split))
    images = data.gather(np.arange(len(data))).real
    return seen(f"{evaluation.data}, {split}", images, extractor)


def score(
    real: Seen,
    fake: Seen,
    extractor: Extractor,
    metrics: Sequence[Metric],
    *,
    step: int = 0,
    seed: int = 0,
) -> list[Score]:
    """Measure fakes against reals, both seen by one extractor.

    Args:
        real: the reference.
        fake: what is measured.
        extractor: of the features of both.
        metrics: which to take.
        step: of the run that made the fakes, to be recorded.
        seed: of the fakes, likewise.

    Raises:
        InputError: if there are fewer images than a metric needs, the two are not alike
            and the extractor does not resize, or a metric needs classes and the
            extractor knows none.
    """
    reals, fakes = len(real.features.features), len(fake.features.features)
    check_count(metrics, min(reals, fakes))
    if extractor.resizer == "none" and real.shape != fake.shape:
        raise InputError(
            f"the images of {fake.name} are {fake.shape} and those of {real.name} are "
            f"{real.shape}; {extractor.name} does not resize, so make them alike."
        )
    how = partial(
        Protocol,
        extractor=extractor.name,
        weights=extractor.weights,
        resizer=extractor.resizer,
        images=fake.shape,
        reference=real.name,
        reals=reals,
        fakes=fakes,
        quantised=True,
    )
    about = partial(Score, step=step, seed=seed, versions=versions())
    return [
        about(name, value, error, how(f"{name} ({metric.how})"))
        for metric in metrics
        for name, (value, error) in metric.measure(real.features, fake.features).items()
    ]


def evaluator(
    evaluation: Evaluation, seed: int = 0
) -> Callable[[NDArray, int], list[Score]]:
    """`(images, step) -> scores`, once the extractor and the reference are made.

    Args:
        evaluation: of an experiment.
        seed: of the samples.
    """
    extractor = evaluation.extractor()
    real = seen_split(evaluation, evaluation.split, extractor)

    def evaluate(images: NDArray, step: int) -> list[Score]:
        fake = seen("samples", images, extractor)
        return score(real, fake, extractor, evaluation.metrics, step=step, seed=seed)

    return evaluate


def is_best(scores: Sequence[Score], earlier: Sequence[Score]) -> bool:
    """True if the first score is less than all earlier ones of its protocol."""
    first = scores[0]
    alike = [s.value for s in earlier if s.protocol == first.protocol]
    return first.value < min(alike, default=math.inf)
