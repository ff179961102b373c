"""A metric as an evaluation takes it: by name, with its parameters and its needs.

Each metric's file makes its own `Metric`. The text of its protocol is made of the
parameters that its computation is called with.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from jaxgan.errors import InputError
from jaxgan.metrics.checks import check_varied
from jaxgan.metrics.estimate import Estimate
from jaxgan.metrics.features.extractor import Features

Need = Literal["features", "classes", "labels", "pairs"]


class Metric(NamedTuple):
    """A metric as an evaluation takes it.

    name:        by which it is asked for.
    function:    `(real, fake, **parameters) -> {name of a score: Estimate}`, where both
                 sides are `Features`.
    parameters:  of the function; the protocol of a score names them all.
    best:        which values of its first score are best; None if that cannot say which
                 networks are.
    min_samples: how many fakes it needs, and reals, if it sees their features.
    min_samples_per_dimension: how many fakes for each dimension of the features.
    needs:       what of the examples: their features, an extractor's classes, labels,
                 or pairs of a fake and the truth.
    scores:      their names, if there are several that can be asked for.
    """

    name: str
    function: Callable[..., Mapping[str, Estimate]]
    parameters: Mapping[str, Any] = {}
    best: Literal["lowest", "highest"] | None = None
    min_samples: int = 2
    min_samples_per_dimension: int = 0
    needs: tuple[Need, ...] = ("features",)
    scores: tuple[str, ...] = ()

    def compute(self, real: Features, fake: Features) -> Mapping[str, Estimate]:
        """The scores, `{name: Estimate}`."""
        return self.function(real, fake, **self.parameters)

    @property
    def protocol(self) -> str:
        """The parameters in words, in the order of their names.

        >>> from jaxgan.metrics.sliced_wasserstein import sliced_wasserstein_metric
        >>> sliced_wasserstein_metric(projections=200).protocol
        'p 1, projections 200'
        """
        return ", ".join(
            f"{name.replace('_', ' ')} {value}"
            for name, value in sorted(self.parameters.items())
        )

    def min_fakes(self, dimensions: int) -> int:
        """How many fakes it needs, of features of so many dimensions."""
        return max(self.min_samples, self.min_samples_per_dimension * dimensions)


def check_count(metrics: Sequence[Metric], count: int, dimensions: int = 0) -> None:
    """Refuse fewer fakes than a metric needs.

    Raises:
        InputError: if there are.
    """
    for metric in metrics:
        if count < (needed := metric.min_fakes(dimensions)):
            raise InputError(
                f"samples: {metric.name} needs at least {needed} fakes, got {count}."
            )


def check_features(metrics: Sequence[Metric], real: Features, fakes: int) -> None:
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
        if "features" in metric.needs and reals < metric.min_samples:
            raise InputError(
                f"real: {metric.name} needs at least {metric.min_samples} reals, "
                f"got {reals}."
            )
    if any("features" in metric.needs for metric in metrics):
        check_varied(reals, bool((real.features == real.features[0]).all()))
