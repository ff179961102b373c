"""Evaluation: fakes against reals, by one extractor and several metrics.

An experiment declares an `Evaluation`; `evaluator` makes of it a function from samples
to scores, each with its protocol. They are taken at intervals while a run trains, of
the averaged networks, at the end of a sweep, and by `jaxgan evaluate` of any run or of
folders of images.
"""

import dataclasses
import hashlib
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import jax
import numpy as np
from numpy.typing import NDArray

from jaxgan.data.datasets import Dataset, in_memory
from jaxgan.errors import InputError, check_positive_int
from jaxgan.metrics.classifier import trained_classifier
from jaxgan.metrics.extractors import (
    CHUNK,
    Extractor,
    Features,
    as_uint8,
    joined,
)
from jaxgan.metrics.metric import OF_CLASSES, Metric, check_count, check_seen
from jaxgan.metrics.protocol import Protocol, Score
from jaxgan.types import Tree
from jaxgan.versions import versions

OF_SAMPLES = "samples"
"""What a score of a generator's samples is said to be of."""


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
        parts.append(seen(OF_SAMPLES, made, extractor))
    return parts[0]._replace(features=joined([part.features for part in parts]))


def seen_split(evaluation: Evaluation, split: str, extractor: Extractor) -> Seen:
    """All images of a split of an evaluation's data.

    The name of what is seen has a hash of the pixels: other files may have one name.
    """
    data = in_memory(evaluation.reals(split))
    images = data.gather(np.arange(len(data))).real
    content = hashlib.sha256(images.tobytes()).hexdigest()[:12]
    return seen(f"{evaluation.data}, {split} {content}", images, extractor)


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
    check_seen(metrics, real.features, fakes)
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
    about = partial(Score, of=fake.name, step=step, seed=seed, versions=versions())
    return [
        about(name, value, error, protocol=how(f"{name} ({metric.how})"))
        for metric in metrics
        for name, (value, error) in metric.measure(real.features, fake.features).items()
    ]


Evaluator = Callable[[Callable[[Tree], NDArray], Tree, int, int], list[Score]]
"""`(generate, latents, step, seed) -> scores`; `generate` makes images of the latents.

The step of the generator and the seed of the latents are recorded.
"""


def evaluator(evaluation: Evaluation) -> Evaluator:
    """A function that scores samples, once the extractor and the reference are made.

    Raises:
        InputError: if the features of the reals do not serve a metric.
    """
    extractor = evaluation.extractor()
    real = seen_split(evaluation, evaluation.split, extractor)
    check_seen(evaluation.metrics, real.features, evaluation.samples)

    def evaluate(
        generate: Callable[[Tree], NDArray], latents: Tree, step: int, seed: int
    ) -> list[Score]:
        fake = seen_samples(generate, latents, extractor)
        return score(real, fake, extractor, evaluation.metrics, step=step, seed=seed)

    return evaluate


def is_best(scores: Sequence[Score], earlier: Sequence[Score]) -> bool:
    """True if the first score is less than all earlier ones of its protocol.

    One that is not a number is never the best, and none is worse.
    """
    first = scores[0]
    alike = (s.value for s in earlier if s.protocol == first.protocol)
    numbers = (value for value in alike if not math.isnan(value))
    return first.value < min(numbers, default=math.inf)
