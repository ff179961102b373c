"""The `Metric` record: a metric's name, function, parameters and requirements.

Each metric's module defines its own `Metric`. The protocol text is derived from the
parameters that the function is called with.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, get_args

from jaxgan.errors import (
    InputError,
    check_choice,
    check_count_or_0,
    check_function,
    check_mapping,
    check_name,
    check_names,
    check_positive_int,
)
from jaxgan.metrics.checks import check_varied
from jaxgan.metrics.estimate import Estimate
from jaxgan.metrics.features.extractor import Features

Need = Literal["features", "classes", "labels", "pairs"]


@dataclasses.dataclass(frozen=True)
class Metric:
    """A metric with its parameters and requirements.

    name:        name that selects it.
    function:    `(real, fake, **parameters) -> {name of a score: Estimate}`, where both
                 sides are `Features`.
    parameters:  keyword arguments of the function; the protocol of a score lists them.
    best:        "lowest" or "highest", the direction in which its first score improves;
                 None if the score does not rank networks.
    min_samples: minimum number of fakes, and of reals if it needs their features.
    min_samples_per_dimension: minimum number of fakes for each feature dimension.
    needs:       required data: features, an extractor's classes, labels, or pairs of a
                 fake and its ground truth.
    scores:      names of its scores, if it has several that can be selected.
    """

    name: str
    function: Callable[..., Mapping[str, Estimate]]
    parameters: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    best: Literal["lowest", "highest"] | None = None
    min_samples: int = 2
    min_samples_per_dimension: int = 0
    needs: tuple[Need, ...] = ("features",)
    scores: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_name("name", self.name)
        check_function("function", self.function, "lambda real, fake: {…}")
        check_mapping("parameters", self.parameters, '{"k": 3}')
        check_names("parameters", tuple(self.parameters))
        if self.best is not None:
            check_choice("best", self.best, ("lowest", "highest"))
        check_positive_int("min_samples", self.min_samples)
        check_count_or_0("min_samples_per_dimension", self.min_samples_per_dimension)
        check_names("needs", self.needs)
        for need in self.needs:
            check_choice("needs: each", need, get_args(Need))
        check_names("scores", self.scores)

    def compute(self, real: Features, fake: Features) -> Mapping[str, Estimate]:
        """Compute the scores, `{name: Estimate}`."""
        return self.function(real, fake, **self.parameters)

    @property
    def protocol(self) -> str:
        """Format the parameters as text, sorted by name.

        >>> from jaxgan.metrics import sliced_wasserstein_metric
        >>> sliced_wasserstein_metric(projections=200).protocol
        'p 1, projections 200'
        """
        return ", ".join(
            f"{name.replace('_', ' ')} {value}"
            for name, value in sorted(self.parameters.items())
        )

    def min_fakes(self, dimensions: int) -> int:
        """Compute the minimum number of fakes for this number of dimensions."""
        return max(self.min_samples, self.min_samples_per_dimension * dimensions)


def shortage(
    metric: Metric, fakes: int, dimensions: int = 0, reals: int | None = None
) -> str:
    """Say which examples a metric lacks; empty if there are enough.

    >>> from jaxgan.metrics import neighbors_metric
    >>> shortage(neighbors_metric(), fakes=2)
    'precision, recall, density, coverage need at least 6 fakes, got 2'
    """
    names = metric.scores or (metric.name,)
    begin = f"{', '.join(names)} {'needs' if len(names) == 1 else 'need'} at least"
    if fakes < (needed := metric.min_fakes(dimensions)):
        return f"{begin} {needed} fakes, got {fakes}"
    if "features" not in metric.needs or reals is None:
        return ""
    if reals < metric.min_samples:
        return f"{begin} {metric.min_samples} reals, got {reals}"
    return ""


def with_enough(
    metrics: Sequence[Metric],
    fakes: int,
    dimensions: int = 0,
    reals: int | None = None,
) -> tuple[list[Metric], list[str]]:
    """Select the metrics that have enough examples, and say what the others lack.

    Raises:
        InputError: if none has enough.
    """
    lacks = [shortage(metric, fakes, dimensions, reals) for metric in metrics]
    able = [metric for metric, lack in zip(metrics, lacks, strict=True) if not lack]
    if metrics and not able:
        raise InputError(f"samples: {lacks[0]}.")
    return able, [lack for lack in lacks if lack]


def check_count(metrics: Sequence[Metric], count: int, dimensions: int = 0) -> None:
    """Check that there are enough fakes for every metric.

    Raises:
        InputError: if a metric needs more.
    """
    for metric in metrics:
        if lack := shortage(metric, count, dimensions):
            raise InputError(f"samples: {lack}.")


def check_features(metrics: Sequence[Metric], real: Features, fakes: int) -> None:
    """Check that the metrics can be computed, before any fakes are generated.

    Raises:
        InputError: if there are fewer fakes or reals than a metric needs, all reals are
            equal, or a metric needs classes or labels and there are none.
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
        if lack := shortage(metric, fakes, real.features.shape[1], reals):
            raise InputError(f"real: {lack}.")
    if any("features" in metric.needs for metric in metrics):
        check_varied(reals, bool((real.features == real.features[0]).all()))
