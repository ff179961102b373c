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

import jax
import numpy as np
from numpy.typing import NDArray

from jaxgan.data.datasets import Dataset, in_memory
from jaxgan.errors import InputError, check_positive_int
from jaxgan.metrics.balls import overlaps
from jaxgan.metrics.classifier import trained_classifier
from jaxgan.metrics.density_coverage import density_coverage_of
from jaxgan.metrics.estimate import Estimate
from jaxgan.metrics.extractors import (
    CHUNK,
    Extractor,
    Features,
    as_uint8,
    joined,
)
from jaxgan.metrics.frechet import frechet_distance
from jaxgan.metrics.frechet_infinity import frechet_infinity
from jaxgan.metrics.inception_score import inception_score
from jaxgan.metrics.kid import kid
from jaxgan.metrics.modes import class_shares
from jaxgan.metrics.precision_recall import precision_recall_of
from jaxgan.metrics.protocol import Protocol, Score
from jaxgan.types import Tree
from jaxgan.versions import versions


class Metric(NamedTuple):
    """A metric as an evaluation takes it.

    name:    by which it is asked for.
    how:     its parameters, for the protocol.
    least:   how many fakes it needs.
    measure: `(real, fake) -> {name of a score: Estimate}`.
    less_is_better: of its first score; only then can it say which networks are best.
    """

    name: str
    how: str
    least: int
    measure: Callable[[Features, Features], Mapping[str, Estimate]]
    less_is_better: bool = False


NEAR, WIDE, SPLITS = 3, 5, 10
"""Neighbours of precision and recall, of density and coverage; splits of the IS."""


def _frechet(real: Features, fake: Features) -> dict[str, Estimate]:
    value, error, bias = frechet_distance(real.features, fake.features)
    return {"frechet": Estimate(value, error), "frechet_bias": Estimate(bias)}


def _frechet_infinity(real: Features, fake: Features) -> dict[str, Estimate]:
    return {"frechet_infinity": frechet_infinity(real.features, fake.features)}


def _kid(real: Features, fake: Features) -> dict[str, Estimate]:
    return {"kid": kid(real.features, fake.features)}


def _neighbours(real: Features, fake: Features) -> dict[str, Estimate]:
    near, wide = overlaps(real.features, fake.features, (NEAR, WIDE))
    return {
        **precision_recall_of(near)._asdict(),
        **density_coverage_of(wide)._asdict(),
    }


def _inception_score(real: Features, fake: Features) -> dict[str, Estimate]:
    del real
    if fake.probabilities is None:
        raise InputError(f"metrics: inception_score {NEEDS_CLASSES}")
    found = inception_score(fake.probabilities, SPLITS)
    return {"inception_score": Estimate(found.value, found.error)}


def _class_shares(real: Features, fake: Features) -> dict[str, Estimate]:
    if real.probabilities is None:
        raise InputError(f"metrics: class_shares {NEEDS_CLASSES}")
    count = real.probabilities.shape[1]
    shares = class_shares(fake.classes(), count)
    return {f"share_of_{i}": share for i, share in enumerate(shares)}


NEEDS_CLASSES = "needs an extractor that knows classes, not raw pixels."

FRECHET = Metric("frechet", "ddof 1", 2, _frechet, less_is_better=True)
FRECHET_INFINITY = Metric("frechet_infinity", "15 points", 2, _frechet_infinity, True)
KID = Metric("kid", "cubic kernel, all pairs", 2, _kid, less_is_better=True)
NEIGHBOURS = Metric(
    "neighbours",
    f"precision, recall: k {NEAR}; density, coverage: k {WIDE}",
    WIDE + 1,
    _neighbours,
)
INCEPTION_SCORE = Metric(
    "inception_score", f"{SPLITS} splits, shuffled", SPLITS, _inception_score
)
CLASS_SHARES = Metric("class_shares", "likeliest class", 1, _class_shares)

OF_FEATURES = (FRECHET, KID, NEIGHBOURS)
"""Metrics that any extractor serves."""

OF_CLASSES = (*OF_FEATURES, INCEPTION_SCORE, CLASS_SHARES)
"""Metrics that an extractor which knows classes serves."""

EVERY = (*OF_CLASSES, FRECHET_INFINITY)
"""All that can be asked for by name."""


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What an experiment's samples are measured against, by what.

    data:      what the reals are, in words: the set, and what was made of it.
    reals:     `(split) -> data set` of uint8 images.
    extractor: `() -> Extractor`, called when it is first needed.
    split:     of the reference.
    floor:     the split that `jaxgan evaluate` measures like samples, for what a
               perfect sampler would score: neither in the reference nor known to the
               extractor. None where there is none.
    samples:   how many fakes.
    metrics:   which; the least of the first one's first score is the best.
    """

    data: str
    reals: Callable[[str], Dataset]
    extractor: Callable[[], Extractor]
    split: str = "test"
    floor: str | None = None
    samples: int = 10_000
    metrics: tuple[Metric, ...] = OF_CLASSES


def check_evaluation(evaluation: Evaluation) -> None:
    """Refuse an evaluation that could not be taken, before a run begins.

    Raises:
        InputError: if it has no metrics, one of them twice, a first one that cannot say
            which networks are best, too few samples, or its reference as its floor.
    """
    check_positive_int("evaluation: samples", evaluation.samples)
    names = [metric.name for metric in evaluation.metrics]
    if not names or len({*names}) < len(names):
        raise InputError(f"evaluation: metrics must be some, each once, got {names}.")
    if not evaluation.metrics[0].less_is_better:
        raise InputError(
            f"evaluation: of {names[0]} the least is not the best; put another metric "
            "first."
        )
    if evaluation.floor == evaluation.split:
        raise InputError(
            f"evaluation: floor must be another split than the reference's, "
            f"{evaluation.split!r}, or None."
        )
    check_count(evaluation.metrics, evaluation.samples)


def check_count(metrics: Sequence[Metric], count: int) -> None:
    """Refuse fewer fakes than a metric needs.

    Raises:
        InputError: if there are.
    """
    for metric in metrics:
        if count < metric.least:
            raise InputError(
                f"samples: {metric.name} needs at least {metric.least} fakes, "
                f"got {count}."
            )


def by_classifier(data: str, reals: Callable[[str], Dataset]) -> Evaluation:
    """An evaluation by a classifier that is trained on the data set itself.

    It learns four fifths of the training images and is tested on the test images, which
    are the reference. The last fifth is the floor: reals that it has not seen.

    Args:
        data: what the images are, in words.
        reals: `(split) -> data set` of uint8 images with an integer label as their
            first condition, for splits in TFDS's language.
    """

    def extractor() -> Extractor:
        return trained_classifier(data, reals("train[:80%]"), reals("test")).extractor

    return Evaluation(data, reals, extractor, floor="train[80%:]")


class Seen(NamedTuple):
    """A set of images as an extractor sees them."""

    name: str  # what they are
    shape: str  # of each image; "several" where they differ
    features: Features


def seen(name: str, images: NDArray, extractor: Extractor) -> Seen:
    """Images (n, h, w, c), float in [-1, 1], which are rounded, or uint8.

    Raises:
        InputError: if they are no images of 1 or 3 channels.
    """
    images = images if images.dtype == np.uint8 else as_uint8(images)
    return Seen(name, "×".join(map(str, images.shape[1:])), extractor(images))


def seen_samples(
    images: Callable[[Tree], NDArray], latents: Tree, extractor: Extractor
) -> Seen:
    """A generator's samples, some at a time, so that only their features are held.

    Args:
        images: `(latents) -> images` (n, h, w, c), float in [-1, 1].
        latents: of all samples.
        extractor: of the features.

    Raises:
        InputError: if the samples are not images.
    """
    count = len(jax.tree.leaves(latents)[0])
    parts = []
    for start in range(0, count, CHUNK):
        made = images(jax.tree.map(lambda z, i=start: z[i : i + CHUNK], latents))
        parts.append(seen("samples", made, extractor))
    return parts[0]._replace(features=joined([part.features for part in parts]))


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
    check_count(metrics, fakes)
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


Evaluator = Callable[[Callable[[Tree], NDArray], Tree, int], list[Score]]
"""`(generate, latents, step) -> scores`, where `generate` makes images of latents."""


def evaluator(evaluation: Evaluation, seed: int = 0) -> Evaluator:
    """A function that scores samples, once the extractor and the reference are made.

    Args:
        evaluation: of an experiment.
        seed: of the latents, to be recorded.
    """
    extractor = evaluation.extractor()
    real = seen_split(evaluation, evaluation.split, extractor)

    def evaluate(
        generate: Callable[[Tree], NDArray], latents: Tree, step: int
    ) -> list[Score]:
        fake = seen_samples(generate, latents, extractor)
        return score(real, fake, extractor, evaluation.metrics, step=step, seed=seed)

    return evaluate


def is_best(scores: Sequence[Score], earlier: Sequence[Score]) -> bool:
    """True if the first score is less than all earlier ones of its protocol."""
    first = scores[0]
    alike = [s.value for s in earlier if s.protocol == first.protocol]
    return first.value < min(alike, default=math.inf)
