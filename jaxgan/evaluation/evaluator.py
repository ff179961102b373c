"""Evaluate a game's outputs against reals, or against the ground truth of each row.

An experiment declares an `Evaluation`. `reference` computes its reference data, and
`evaluate` scores an output against them: at intervals during training, with the
averaged networks, at the end of a sweep, and by `jaxgan evaluate`. Scores include their
protocols.
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
from jaxgan.errors import (
    InputError,
    check_count_or_0,
    check_function,
    check_instance,
    check_mapping,
    check_name,
    check_positive_int,
    check_seed,
)
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
"""Value of `Measurement.of` for scores of a run's output."""


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Reference data, feature extractor and metrics for scoring an output.

    data:      description of the reals: the data set and its preprocessing.
    reals:     `(split) -> data set` of uint8 images; None if all metrics are of pairs.
    extractor: `() -> Extractor`, called when it is first needed; None if all metrics
               are of pairs.
    split:     split of the reference reals.
    held_out:  split of other reals that `jaxgan evaluate` scores as if they were
               generated: the best score that can be expected. It must be neither in
               the reference nor used to train the extractor. None if there is none.
    samples:   number of fakes.
    metrics:   metrics to compute; the first score of the first metric decides which
               checkpoint is best.
    output:    name of the game's output to score; the first by default.
    labels:    `(batch) -> labels (b,)` for metrics that need labels.
    truth:     `(batch) -> rows`, the ground truth for metrics of pairs.
    """

    data: str
    reals: Callable[[str], Dataset] | None = None
    extractor: Callable[[], Extractor] | None = None
    split: str = "test"
    held_out: str | None = None
    samples: int = 10_000
    metrics: tuple[Metric, ...] = CLASS_METRICS
    output: str | None = None
    labels: Callable[[Batch], NDArray] = first_condition
    truth: Callable[[Batch], Tree] = the_real

    def __post_init__(self) -> None:
        check_name("data", self.data)
        for name in ("reals", "extractor"):
            if getattr(self, name) is not None:
                check_function(name, getattr(self, name), "lambda …: …")
        check_name("split", self.split)
        if self.held_out is not None:
            check_name("held_out", self.held_out)
        check_positive_int("evaluation: samples", self.samples)
        check_instance("metrics", self.metrics, tuple, "CLASS_METRICS")
        for metric in self.metrics:
            check_instance("metrics: each", metric, Metric, "frechet_metric()")
        if self.output is not None:
            check_name("output", self.output)
        check_function("labels", self.labels, "lambda batch: batch.condition[0]")
        check_function("truth", self.truth, "lambda batch: batch.real")

    def needs(self, need: str) -> bool:
        """Return True if one of the metrics needs this kind of data."""
        return any(need in metric.needs for metric in self.metrics)


def check_evaluation(evaluation: Evaluation) -> None:
    """Check that an evaluation can be computed, before a run begins.

    Raises:
        InputError: if it has no metrics or one of them twice, its first metric does not
            rank networks, it has too few samples, its held-out split is the split of
            the reference, or reals or an extractor are missing where metrics need them.
    """
    names = [metric.name for metric in evaluation.metrics]
    if not names or len({*names}) < len(names):
        raise InputError(
            f"evaluation: metrics must be at least one, each once, got {names}."
        )
    first = evaluation.metrics[0]
    if first.best is None:
        raise InputError(
            f"evaluation: {names[0]} does not rank networks; put another metric first."
        )
    if evaluation.held_out == evaluation.split:
        raise InputError(
            "evaluation: held_out must be a different split from the reference's, "
            f"{evaluation.split!r}, or None."
        )
    check_count(evaluation.metrics, evaluation.samples)
    extracts = evaluation.needs("features") or evaluation.needs("classes")
    if extracts and (evaluation.reals is None or evaluation.extractor is None):
        raise InputError(
            "evaluation: its metrics compare features with those of reals, so give it "
            "reals=… and extractor=…; or use only metrics of pairs."
        )


def check_rows(evaluation: Evaluation, examples: Batch) -> None:
    """Check that the examples have the labels and ground truth that metrics need.

    Raises:
        InputError: if they do not.
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
                "from, and there is none; give the experiment such examples=…."
            )


def by_classifier(
    data: str,
    reals: Callable[[str], Dataset],
    metrics: tuple[Metric, ...] = CLASS_METRICS,
) -> Evaluation:
    """Make an evaluation whose extractor is a classifier trained on the data set.

    The classifier is trained on four fifths of the training images and tested on the
    test images, which are also the reference. The last fifth, which the classifier has
    not seen, is the held-out split.

    Args:
        data: description of the images.
        reals: `(split) -> data set` of uint8 images with an integer label as their
            first condition, for splits in TFDS syntax.
        metrics: metrics to compute.
    """
    check_function("reals", reals, "lambda split: tfds(…)")

    def extractor() -> Extractor:
        return trained_classifier(data, reals("train[:80%]"), reals("test")).extractor

    held_out = "train[80%:]"
    return Evaluation(data, reals, extractor, held_out=held_out, metrics=metrics)


class FeatureSet(NamedTuple):
    """Extracted features of a set of images, with its name and image shape."""

    name: str  # of the set
    shape: str  # of each image; "several" if they differ
    features: Features


def extract(name: str, images: NDArray, extractor: Extractor) -> FeatureSet:
    """Extract features of images (n, h, w, c), uint8 or floats in [-1, 1].

    Floats are rounded to uint8.

    Raises:
        InputError: if they are not images with 1 or 3 channels.
    """
    images = images if images.dtype == np.uint8 else as_uint8(images)
    return FeatureSet(name, "×".join(map(str, images.shape[1:])), extractor(images))


def extract_split(
    evaluation: Evaluation, split: str, extractor: Extractor
) -> FeatureSet:
    """Extract features of all images in a split of an evaluation's data.

    The name of the result includes a hash of the pixels, because different files can
    have the same name.
    """
    assert evaluation.reals is not None  # by `check_evaluation`
    data = in_memory(evaluation.reals(split))
    batch = data.gather(np.arange(len(data)))
    content = hashlib.sha256(batch.real.tobytes()).hexdigest()[:12]
    found = extract(f"{evaluation.data}, {split} {content}", batch.real, extractor)
    if not batch.condition:
        return found
    labels = np.asarray(evaluation.labels(batch))
    return found._replace(features=found.features._replace(labels=labels))


def score(
    real: FeatureSet,
    fake: FeatureSet,
    extractor: Extractor | None,
    metrics: Sequence[Metric],
    *,
    step: int = 0,
    seed: int = 0,
    output: str = "samples",
    examples: str = "",
) -> list[Measurement]:
    """Score fakes against reals, with features from the same extractor.

    Args:
        real: features of the reference.
        fake: features of the fakes.
        extractor: extractor of both; None if they have no features.
        metrics: metrics to compute.
        step: step of the run that generated the fakes, to be recorded.
        seed: seed of the fakes, to be recorded.
        output: name of the game's output, for the protocol.
        examples: digest of the examples that fakes were made from, for the protocol.

    Raises:
        InputError: if there are fewer images than a metric needs, image sizes differ
            and the extractor does not resize, or a metric needs classes and the
            extractor does not predict them.
    """
    reals, fakes = len(real.features.features), len(fake.features.features)
    check_features(metrics, real.features, fakes)
    if extractor and extractor.resizer == "none" and real.shape != fake.shape:
        raise InputError(
            f"the images of {fake.name} are {fake.shape} and those of {real.name} are "
            f"{real.shape}; {extractor.name} does not resize, so make the sizes equal."
        )
    protocol = partial(
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
    measurement = partial(
        Measurement, of=fake.name, step=step, seed=seed, versions=versions()
    )
    return [
        measurement(
            name=name,
            value=float(value),
            error=float(error),
            protocol=protocol(
                metric=f"{name} ({metric.protocol})" if metric.protocol else name,
                quantized="pairs" not in metric.needs,  # pairs compare unrounded rows
            ),
        )
        for metric in metrics
        for name, (value, error) in metric.compute(real.features, fake.features).items()
    ]


@dataclasses.dataclass(frozen=True)
class Reference:
    """Reference data of an evaluation; a run keeps a copy.

    real:      features of the reals; None if all metrics are of pairs.
    extractor: extractor of these features.
    examples:  examples that fakes are made from, without leaves if there are none.
    held_out:  features of the held-out reals, if the evaluation has some.
    """

    real: FeatureSet | None
    extractor: Extractor | None
    examples: Batch
    held_out: FeatureSet | None = None

    @cached_property
    def made_of(self) -> str:
        """Compute a hash of the examples, once; empty if there are none."""
        leaves = jax.tree.leaves(self.examples)
        return digest_of(self.examples)[:12] if leaves else ""


def reference(evaluation: Evaluation, examples: Batch) -> Reference:
    """Open the data of an evaluation and compute its reference.

    Args:
        evaluation: the evaluation.
        examples: examples that fakes are made from.

    Raises:
        InputError: if a metric cannot be computed with the features of the reals.
    """
    check_instance("evaluation", evaluation, Evaluation, "by_classifier(…)")
    check_instance("examples", examples, Batch, "Batch(())")
    real = extractor = held_out = None
    if evaluation.extractor is not None:
        extractor = evaluation.extractor()
        real = extract_split(evaluation, evaluation.split, extractor)
        check_features(evaluation.metrics, real.features, evaluation.samples)
        if evaluation.held_out is not None:
            held_out = extract_split(evaluation, evaluation.held_out, extractor)
            held_out = held_out._replace(
                name=f"{evaluation.data}, {evaluation.held_out}"
            )
    return Reference(real, extractor, jax.tree.map(np.asarray, examples), held_out)


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
    """Generate rows of an output, and score them against the reference.

    Args:
        evaluation: the evaluation.
        against: its reference.
        game: the game, whose prior draws the latents.
        make: function that generates the output.
        variables: variables of the networks.
        step: step of the networks, to be recorded.
        seed: random seed of the latents and of the choice of examples.

    Raises:
        InputError: if a metric cannot be computed from the output.
    """
    check_instance("evaluation", evaluation, Evaluation, "by_classifier(…)")
    check_instance("against", against, Reference, "reference(evaluation, examples)")
    check_instance("game", game, Game, "gan(…)")
    check_function("make", make, "maker(game)")
    check_mapping("variables", variables, "best_variables(state)")
    check_count_or_0("step", step)
    check_seed("seed", seed)
    batch = choose(against.examples, evaluation.samples, seed)
    latents = draw_latents(game, evaluation.samples, seed, batch.condition)
    output = output_name(game, evaluation.output)
    parts, truths, shape = [], [], ""
    for rows in parts_of(evaluation.samples):
        part = jax.tree.map(lambda x, r=rows: x[r], batch)
        made = make(variables, jax.tree.map(lambda x, r=rows: x[r], latents), part)
        if not jax.tree.leaves(made):
            raise InputError("make must return rows of an output, but returned none.")
        one, truth = _extract_rows(evaluation, against.extractor, made, part)
        parts.append(one.features)
        truths.append(truth)
        shape = one.shape
    fake = FeatureSet(OF_SAMPLES, shape, joined(parts))
    real = against.real or FeatureSet(
        f"{evaluation.data}, the truth", shape, joined(truths)
    )
    if evaluation.needs("pairs"):
        rows = joined(truths).rows
        real = real._replace(features=real.features._replace(rows=rows))
    return score(
        real=real,
        fake=fake,
        extractor=against.extractor,
        metrics=evaluation.metrics,
        step=step,
        seed=seed,
        output=output,
        examples=against.made_of,
    )


def _extract_rows(
    evaluation: Evaluation,
    extractor: Extractor | None,
    made: Tree,
    batch: Batch,
) -> tuple[FeatureSet, Features]:
    """Extract features of a part of the output, and collect its ground truth."""
    count = len(jax.tree.leaves(made)[0])
    truth = no_features = Features(np.zeros((count, 0)))
    if extractor is None:
        shape = "×".join(map(str, jax.tree.leaves(made)[0].shape[1:]))
        found = FeatureSet(OF_SAMPLES, shape, no_features)
    else:
        found = extract(OF_SAMPLES, made, extractor)
    features = found.features
    if evaluation.needs("labels"):
        features = features._replace(labels=np.asarray(evaluation.labels(batch)))
    if evaluation.needs("pairs"):
        features = features._replace(rows=made, batch=batch)
        truth = truth._replace(rows=evaluation.truth(batch))
    return found._replace(features=features), truth


def objective(evaluation: Evaluation, scores: Sequence[Measurement]) -> float:
    """Return the first score, negated if higher is better, so that lower is better."""
    value = scores[0].value
    return -value if evaluation.metrics[0].best == "highest" else value


def is_best(
    evaluation: Evaluation,
    scores: Sequence[Measurement],
    earlier: Sequence[Measurement],
) -> bool:
    """Return True if the first score is better than all earlier ones of its protocol.

    A NaN is never the best, and earlier NaNs are ignored.
    """
    comparable = [s for s in earlier if s.protocol == scores[0].protocol]
    ranks = (objective(evaluation, [s]) for s in comparable if not math.isnan(s.value))
    return objective(evaluation, scores) < min(ranks, default=math.inf)
