"""Evaluation: an output's rows against reals, or against the truth of each.

An experiment declares an `Evaluation`. `reference` makes what it measures against, or
reads what a run has kept of it, and `evaluate` measures with it: at intervals while a
run trains, of the averaged networks, at the end of a sweep, and by `jaxgan evaluate`.
Scores carry their protocols.
"""

import dataclasses
import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import NamedTuple

import jax
import numpy as np
from numpy.typing import NDArray

from jaxgan.data.datasets import Dataset, in_memory
from jaxgan.data.digest import digest_of
from jaxgan.errors import InputError, check_positive_int
from jaxgan.evaluation.suite import CLASS_METRICS
from jaxgan.metrics.features.classifier import trained_classifier
from jaxgan.metrics.features.extractor import Extractor, Features, as_uint8, joined
from jaxgan.metrics.metric import Metric, check_count, check_features
from jaxgan.metrics.protocol import Measurement, Protocol
from jaxgan.sampling.inputs import first_condition, the_real
from jaxgan.sampling.outputs import Maker, choose, draw_latents, output_name, parts_of
from jaxgan.types import Batch, Game, NetworkName, Tree, Variables
from jaxgan.versions import versions

OF_SAMPLES = "samples"
"""What a score of a run's output is said to be of."""


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Reference data, feature extractor and metrics for scoring an output.

    data:      what the reals are, in words: the set, and what was made of it.
    reals:     `(split) -> data set` of uint8 images; None if all metrics are of pairs.
    extractor: `() -> Extractor`, called when it is first needed; None likewise.
    split:     of the reference.
    floor:     the split that `jaxgan evaluate` measures like samples, for what a
               perfect sampler would score: neither in the reference nor known to the
               extractor. None where there is none.
    samples:   how many fakes.
    metrics:   which; the least of the first one's first score is the best.
    output:    which of the game's outputs; the first by default.
    labels:    `(batch) -> labels (b,)`, where metrics of labels find them.
    truth:     `(batch) -> rows`, what metrics of pairs compare an output with.
    """

    data: str
    reals: Callable[[str], Dataset] | None = None
    extractor: Callable[[], Extractor] | None = None
    split: str = "test"
    floor: str | None = None
    samples: int = 10_000
    metrics: tuple[Metric, ...] = CLASS_METRICS
    output: str | None = None
    labels: Callable[[Batch], NDArray] = first_condition
    truth: Callable[[Batch], Tree] = the_real

    def needs(self, need: str) -> bool:
        """Whether one of the metrics needs something of the examples."""
        return any(need in metric.needs for metric in self.metrics)


def check_evaluation(evaluation: Evaluation) -> None:
    """Refuse an evaluation that could not be taken, before a run begins.

    Raises:
        InputError: if it has no metrics, one of them twice, a first one that cannot say
            which networks are best, too few samples, its reference as its floor, or
            no reals and no extractor where metrics need them.
    """
    check_positive_int("evaluation: samples", evaluation.samples)
    names = [metric.name for metric in evaluation.metrics]
    if not names or len({*names}) < len(names):
        raise InputError(f"evaluation: metrics must be some, each once, got {names}.")
    first = evaluation.metrics[0]
    if first.best is None:
        raise InputError(
            f"evaluation: {names[0]} cannot say which networks are best; put another "
            "metric first."
        )
    if evaluation.floor == evaluation.split:
        raise InputError(
            f"evaluation: floor must be another split than the reference's, "
            f"{evaluation.split!r}, or None."
        )
    check_count(evaluation.metrics, evaluation.samples)
    sees = evaluation.needs("features") or evaluation.needs("classes")
    if sees and (evaluation.reals is None or evaluation.extractor is None):
        raise InputError(
            "evaluation: its metrics compare features with those of reals, so give it "
            "reals=… and extractor=…; or take metrics of pairs alone."
        )


def check_rows(evaluation: Evaluation, examples: Batch) -> None:
    """Refuse metrics of labels or pairs of examples that have none.

    Raises:
        InputError: if so.
    """
    for need, find in (("labels", evaluation.labels), ("pairs", evaluation.truth)):
        names = [m.name for m in evaluation.metrics if need in m.needs]
        if not names:
            continue
        try:
            found = jax.tree.leaves(find(examples))
        except Exception:  # whatever a user's function may raise
            found = []
        if not found:
            what = "a label" if need == "labels" else "a truth to compare with"
            raise InputError(
                f"metrics: {names[0]} needs {what} in each example that fakes are made "
                "of, and there is none; give the experiment such examples=…."
            )


def by_classifier(
    data: str,
    reals: Callable[[str], Dataset],
    metrics: tuple[Metric, ...] = CLASS_METRICS,
) -> Evaluation:
    """An evaluation by a classifier that is trained on the data set itself.

    It learns four fifths of the training images and is tested on the test images, which
    are the reference. The last fifth is the floor: reals that it has not seen.

    Args:
        data: what the images are, in words.
        reals: `(split) -> data set` of uint8 images with an integer label as their
            first condition, for splits in TFDS's language.
        metrics: which to take.
    """

    def extractor() -> Extractor:
        return trained_classifier(data, reals("train[:80%]"), reals("test")).extractor

    floor = "train[80%:]"
    return Evaluation(data, reals, extractor, floor=floor, metrics=metrics)


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


def seen_split(evaluation: Evaluation, split: str, extractor: Extractor) -> Seen:
    """All images of a split of an evaluation's data.

    The name of what is seen has a hash of the pixels: other files may have one name.
    """
    assert evaluation.reals is not None  # checked
    data = in_memory(evaluation.reals(split))
    batch = data.gather(np.arange(len(data)))
    content = hashlib.sha256(batch.real.tobytes()).hexdigest()[:12]
    found = seen(f"{evaluation.data}, {split} {content}", batch.real, extractor)
    if not batch.condition:
        return found
    labels = np.asarray(evaluation.labels(batch))
    return found._replace(features=found.features._replace(labels=labels))


def score(
    real: Seen,
    fake: Seen,
    extractor: Extractor | None,
    metrics: Sequence[Metric],
    *,
    step: int = 0,
    seed: int = 0,
    output: str = "samples",
    examples: str = "",
) -> list[Measurement]:
    """Measure fakes against reals, both seen by one extractor.

    Args:
        real: the reference.
        fake: what is measured.
        extractor: of the features of both; None if they have none.
        metrics: which to take.
        step: of the run that made the fakes, to be recorded.
        seed: of the fakes, likewise.
        output: what the fakes are, for the protocol.
        examples: the digest of what they were made of, likewise.

    Raises:
        InputError: if there are fewer images than a metric needs, the two are not alike
            and the extractor does not resize, or a metric needs classes and the
            extractor knows none.
    """
    reals, fakes = len(real.features.features), len(fake.features.features)
    check_features(metrics, real.features, fakes)
    if extractor and extractor.resizer == "none" and real.shape != fake.shape:
        raise InputError(
            f"the images of {fake.name} are {fake.shape} and those of {real.name} are "
            f"{real.shape}; {extractor.name} does not resize, so make them alike."
        )
    how = partial(
        Protocol,
        extractor=extractor.name if extractor else "none",
        weights=extractor.weights if extractor else "",
        resizer=extractor.resizer if extractor else "none",
        images=fake.shape,
        reference=real.name,
        reals=reals,
        fakes=fakes,
        output=output,
        examples=examples,
    )
    about = partial(
        Measurement, of=fake.name, step=step, seed=seed, versions=versions()
    )
    return [
        about(
            *(name, float(value), float(error)),
            protocol=how(
                f"{name} ({metric.protocol})" if metric.protocol else name,
                quantized="pairs" not in metric.needs,  # which see what was made
            ),
        )
        for metric in metrics
        for name, (value, error) in metric.compute(real.features, fake.features).items()
    ]


@dataclasses.dataclass(frozen=True)
class Reference:
    """What an evaluation measures against, of which a run keeps a copy.

    real:      the reals as the extractor sees them; None where all metrics are of
               pairs.
    extractor: the one that saw them.
    examples:  the rows that fakes are made of, without leaves if there are none.
    floor:     other reals, if the evaluation has some.
    """

    real: Seen | None
    extractor: Extractor | None
    examples: Batch
    floor: Seen | None = None

    @cached_property
    def made_of(self) -> str:
        """A hash of the examples, taken once; empty if there are none."""
        held = jax.tree.leaves(self.examples)
        return digest_of(self.examples)[:12] if held else ""


def reference(evaluation: Evaluation, examples: Batch) -> Reference:
    """Make what an evaluation measures against: here the data are opened.

    Args:
        evaluation: the evaluation.
        examples: that fakes are made of.

    Raises:
        InputError: if the features of the reals do not serve a metric.
    """
    real = extractor = floor = None
    if evaluation.extractor is not None:
        extractor = evaluation.extractor()
        real = seen_split(evaluation, evaluation.split, extractor)
        check_features(evaluation.metrics, real.features, evaluation.samples)
        if evaluation.floor is not None:
            floor = seen_split(evaluation, evaluation.floor, extractor)._replace(
                name=f"{evaluation.data}, {evaluation.floor}"
            )
    return Reference(real, extractor, jax.tree.map(np.asarray, examples), floor)


def evaluate(
    evaluation: Evaluation,
    against: Reference,
    game: Game,
    make: Maker,
    variables: Mapping[NetworkName, Variables],
    *,
    step: int,
    seed: int,
) -> list[Measurement]:
    """Measurement as many rows of an output as the evaluation asks for.

    Args:
        evaluation: what is measured.
        against: its reference.
        game: which draws the latents.
        make: the output.
        variables: of the networks.
        step: of the networks, to be recorded.
        seed: of the latents and of the choice of examples.

    Raises:
        InputError: if what is made does not fit a metric.
    """
    batch = choose(against.examples, evaluation.samples, seed)
    latents = draw_latents(game, evaluation.samples, seed, batch.condition)
    output = output_name(game, evaluation.output)
    parts, truths, shape = [], [], ""
    for rows in parts_of(evaluation.samples):
        part = jax.tree.map(lambda x, r=rows: x[r], batch)
        made = make(variables, jax.tree.map(lambda x, r=rows: x[r], latents), part)
        one, truth = _seen_rows(evaluation, against.extractor, made, part)
        parts.append(one.features)
        truths.append(truth)
        shape = one.shape
    fake = Seen(OF_SAMPLES, shape, joined(parts))
    real = against.real or Seen(f"{evaluation.data}, the truth", shape, joined(truths))
    if evaluation.needs("pairs"):
        rows = joined(truths).rows
        real = real._replace(features=real.features._replace(rows=rows))
    return score(
        *(real, fake, against.extractor, evaluation.metrics),
        step=step,
        seed=seed,
        output=output,
        examples=against.made_of,
    )


def _seen_rows(
    evaluation: Evaluation,
    extractor: Extractor | None,
    made: Tree,
    batch: Batch,
) -> tuple[Seen, Features]:
    """Some rows as the metrics see them, and the truth beside them."""
    count = len(jax.tree.leaves(made)[0])
    truth = nothing = Features(np.zeros((count, 0)))
    if extractor is None:
        shape = "×".join(map(str, jax.tree.leaves(made)[0].shape[1:]))
        found = Seen(OF_SAMPLES, shape, nothing)
    else:
        found = seen(OF_SAMPLES, made, extractor)
    features = found.features
    if evaluation.needs("labels"):
        features = features._replace(labels=np.asarray(evaluation.labels(batch)))
    if evaluation.needs("pairs"):
        features = features._replace(rows=made, batch=batch)
        truth = truth._replace(rows=evaluation.truth(batch))
    return found._replace(features=features), truth


def rank(evaluation: Evaluation, scores: Sequence[Measurement]) -> float:
    """The first score, or what is the less the better it is."""
    value = scores[0].value
    return -value if evaluation.metrics[0].best == "highest" else value


def is_best(
    evaluation: Evaluation,
    scores: Sequence[Measurement],
    earlier: Sequence[Measurement],
) -> bool:
    """True if the first score is better than all earlier ones of its protocol.

    One that is not a number is never the best, and none is worse.
    """
    alike = [s for s in earlier if s.protocol == scores[0].protocol]
    ranks = (rank(evaluation, [s]) for s in alike if not math.isnan(s.value))
    return rank(evaluation, scores) < min(ranks, default=math.inf)
