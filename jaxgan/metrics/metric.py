"""Metrics as an evaluation takes them: of features, by name, with their protocols."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

from jaxgan.errors import InputError
from jaxgan.metrics.checks import check_varied
from jaxgan.metrics.density_coverage import density_coverage_of
from jaxgan.metrics.estimate import Estimate, share
from jaxgan.metrics.features.extractor import Features
from jaxgan.metrics.frechet import frechet_distance
from jaxgan.metrics.frechet_infinity import frechet_infinity
from jaxgan.metrics.inception_score import inception_score
from jaxgan.metrics.intra_class import intra_class_frechet
from jaxgan.metrics.kid import kid
from jaxgan.metrics.memorization import authenticity
from jaxgan.metrics.modes import class_shares
from jaxgan.metrics.nearest.manifold import overlaps
from jaxgan.metrics.precision_recall import precision_recall_of
from jaxgan.metrics.sliced_wasserstein import sliced_wasserstein

Need = Literal["features", "classes", "labels", "pairs"]


class Metric(NamedTuple):
    """A metric as an evaluation takes it.

    name:    by which it is asked for.
    how:     its parameters, for the protocol.
    least:   how many fakes it needs, and reals, unless it is of classes.
    measure: `(real, fake) -> {name of a score: Estimate}`.
    less_is_better, more_is_better: of its first score; if one is so, it can say which
             networks are best.
    per_dimension: how many fakes it needs for each dimension of the features.
    needs:   what of the examples: their features, an extractor's classes, labels, or
             pairs of a fake and the truth.
    gives:   its scores, if there are several that can be asked for.
    """

    name: str
    how: str
    least: int
    measure: Callable[[Features, Features], Mapping[str, Estimate]]
    less_is_better: bool = False
    per_dimension: int = 0
    more_is_better: bool = False
    needs: tuple[Need, ...] = ("features",)
    gives: tuple[str, ...] = ()

    def least_fakes(self, dimensions: int) -> int:
        """How many fakes, of features of so many dimensions."""
        return max(self.least, self.per_dimension * dimensions)


NEAR, WIDE, SPLITS = 3, 5, 10
"""Neighbours of precision and recall, of density and coverage; splits of the IS."""

POINTS, POWER, DIRECTIONS = 15, 1, 500
"""Points of the Fréchet distance's line; p and directions of sliced Wasserstein."""


def _frechet(real: Features, fake: Features) -> dict[str, Estimate]:
    value, error, bias = frechet_distance(real.features, fake.features)
    return {"frechet": Estimate(value, error), "frechet_bias": Estimate(bias)}


def _frechet_infinity(real: Features, fake: Features) -> dict[str, Estimate]:
    found = frechet_infinity(real.features, fake.features, POINTS)
    return {"frechet_infinity": found}


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
    assert fake.probabilities is not None  # checked by `check_seen`
    found = inception_score(fake.probabilities, SPLITS)
    return {"inception_score": Estimate(found.value, found.error)}


def _class_shares(real: Features, fake: Features) -> dict[str, Estimate]:
    assert real.probabilities is not None  # checked by `check_seen`
    count = real.probabilities.shape[1]
    shares = class_shares(fake.classes(), count)
    return {f"share_of_{i}": share for i, share in enumerate(shares)}


def _sliced_wasserstein(real: Features, fake: Features) -> dict[str, Estimate]:
    found = sliced_wasserstein(real.features, fake.features, DIRECTIONS, POWER)
    return {"sliced_wasserstein": found}


def _authenticity(real: Features, fake: Features) -> dict[str, Estimate]:
    return {"authenticity": authenticity(real.features, fake.features)}


def _as_asked(real: Features, fake: Features) -> dict[str, Estimate]:
    del real
    right = int((fake.classes() == fake.labels).sum())
    return {"as_asked": share(right, len(fake.features))}


def _intra_class(real: Features, fake: Features) -> dict[str, Estimate]:
    assert real.labels is not None and fake.labels is not None  # checked
    found = intra_class_frechet(real.features, real.labels, fake.features, fake.labels)
    return {"intra_class_frechet": Estimate(found.value, found.error)}


FRECHET = Metric("frechet", "ddof 1", 2, _frechet, less_is_better=True)
FRECHET_INFINITY = Metric(
    "frechet_infinity", f"{POINTS} points", 2, _frechet_infinity, True, per_dimension=4
)
KID = Metric("kid", "cubic kernel, all pairs", 2, _kid, less_is_better=True)
NEIGHBOURS = Metric(
    "neighbours",
    f"precision, recall: k {NEAR}; density, coverage: k {WIDE}",
    WIDE + 1,
    _neighbours,
    gives=("precision", "recall", "density", "coverage"),
)
INCEPTION_SCORE = Metric(
    "inception_score",
    f"{SPLITS} splits, shuffled",
    2 * SPLITS,
    _inception_score,
    needs=("classes",),
)
CLASS_SHARES = Metric(
    "class_shares", "likeliest class", 1, _class_shares, needs=("classes",)
)

SLICED_WASSERSTEIN = Metric(
    "sliced_wasserstein",
    f"p {POWER}, {DIRECTIONS} directions",
    2,
    _sliced_wasserstein,
    less_is_better=True,
)
AS_ASKED = Metric(
    "as_asked",
    "likeliest class against the label",
    1,
    _as_asked,
    more_is_better=True,
    needs=("classes", "labels"),
)
INTRA_CLASS = Metric(
    "intra_class_frechet",
    "ddof 1, mean over classes",
    2,
    _intra_class,
    less_is_better=True,
    needs=("features", "labels"),
)
AUTHENTICITY = Metric("authenticity", "beside the reference", 2, _authenticity)

OF_FEATURES = (FRECHET, KID, NEIGHBOURS)
"""Metrics that any extractor serves."""

OF_CLASSES = (*OF_FEATURES, INCEPTION_SCORE, CLASS_SHARES)
"""Metrics that an extractor which knows classes serves."""

OF_LABELS = (AS_ASKED, INTRA_CLASS)
"""Metrics of conditional generators, which need an extractor of the labels' classes."""

EVERY = (
    *(*OF_CLASSES, *OF_LABELS),
    *(FRECHET_INFINITY, SLICED_WASSERSTEIN, AUTHENTICITY),
)
"""All that can be asked for by name."""


def check_count(metrics: Sequence[Metric], count: int, dimensions: int = 0) -> None:
    """Refuse fewer fakes than a metric needs.

    Raises:
        InputError: if there are.
    """
    for metric in metrics:
        if count < (least := metric.least_fakes(dimensions)):
            raise InputError(
                f"samples: {metric.name} needs at least {least} fakes, got {count}."
            )


def check_seen(metrics: Sequence[Metric], real: Features, fakes: int) -> None:
    """Refuse metrics that features like the reals' do not serve, before fakes are made.

    Raises:
        InputError: if there are fewer fakes or reals than a metric needs, all reals are
            the same, or a metric needs classes, labels or pairs and there are none.
    """
    check_count(metrics, fakes, real.features.shape[1])
    reals = len(real.features)
    known = {
        "classes": (real.probabilities, "an extractor that knows classes, not pixels"),
        "labels": (real.labels, "labels of the reals, in their first condition"),
    }
    for metric in metrics:
        for need, (have, wanted) in known.items():
            if need in metric.needs and have is None:
                raise InputError(f"metrics: {metric.name} needs {wanted}.")
        if "features" in metric.needs and reals < metric.least:
            raise InputError(
                f"real: {metric.name} needs at least {metric.least} reals, got {reals}."
            )
    if any("features" in metric.needs for metric in metrics):
        check_varied(reals, bool((real.features == real.features[0]).all()))
