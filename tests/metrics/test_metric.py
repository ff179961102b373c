"""Metrics are computed with the parameters that their protocols name.

Each metric is computed from its definition with the parameters that its protocol is
made of.
"""

import dataclasses
import inspect

import numpy as np
import pytest

from jaxgan.errors import InputError
from jaxgan.evaluation.suite import ALL_METRICS
from jaxgan.metrics.features.extractor import Features
from jaxgan.metrics.frechet_infinity import frechet_infinity, frechet_infinity_metric
from jaxgan.metrics.inception_score import inception_score_metric
from jaxgan.metrics.kid import kid_metric
from jaxgan.metrics.metric import check_features
from jaxgan.metrics.neighbors import neighbors_metric
from jaxgan.metrics.pairs import displacement_metric, restoration_metric
from jaxgan.metrics.sliced_wasserstein import sliced_wasserstein_metric
from tests.metrics import by_hand

RNG = np.random.default_rng(0)


def features(count, offset):
    """Correlated features in 4 dimensions, and sure and unsure classes."""
    x = RNG.normal(size=(count, 4)) @ RNG.normal(size=(4, 4)) + offset
    p = np.exp(2 * RNG.normal(size=(count, 3)))
    labels = np.arange(count) % 3
    return Features(x, p / p.sum(axis=1, keepdims=True), labels)


REAL, FAKE = features(90, 0.0), features(70, 0.4)
X, Y = REAL.features, FAKE.features


def sliced(projections, p):
    assert p == 1
    return by_hand.sliced_wasserstein(X, Y, projections)


BY_DEFINITION = {
    "frechet": lambda: {"frechet": by_hand.frechet(X, Y, 1)},
    "frechet_infinity": lambda points: {
        "frechet_infinity": frechet_infinity(X, Y, points).value
    },
    "kid": lambda: {"kid": by_hand.cubic_kid(X, Y)},
    "neighbors": lambda precision_recall_k, density_coverage_k: by_hand.neighbors(
        X, Y, precision_recall_k, density_coverage_k
    ),
    "inception_score": lambda splits: {
        "inception_score": by_hand.inception_score(FAKE.probabilities, splits)
    },
    "class_shares": lambda: {
        f"share_of_{i}": (FAKE.probabilities.argmax(axis=1) == i).mean()
        for i in range(3)
    },
    "conditional_accuracy": lambda: {
        "conditional_accuracy": (
            FAKE.probabilities.argmax(axis=1) == FAKE.labels
        ).mean()
    },
    "intra_class_frechet": lambda: {
        "intra_class_frechet": np.mean(
            [
                by_hand.frechet(X[REAL.labels == i], Y[FAKE.labels == i], 1)
                for i in range(3)
            ]
        )
    },
    "sliced_wasserstein": lambda projections, p: {
        "sliced_wasserstein": sliced(projections, p)
    },
    "authenticity": lambda: {"authenticity": by_hand.authenticity(X, Y)},
}
BESIDE = {"frechet_bias"}  # told beside the distance, tested with it


def named(metric):
    return metric.name


@pytest.mark.parametrize("metric", ALL_METRICS, ids=named)
def test_a_metric_is_its_definition_with_the_parameters_of_its_protocol(metric):
    expected = BY_DEFINITION[metric.name](**metric.parameters)
    found = metric.compute(REAL, FAKE)
    assert found.keys() - BESIDE == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name].value, value, rtol=1e-9, err_msg=name)


@pytest.mark.parametrize("metric", [m for m in ALL_METRICS if m.parameters], ids=named)
def test_another_parameter_is_another_score_and_another_text(metric):
    found = metric.compute(REAL, FAKE)
    for name, value in metric.parameters.items():
        if name == "p":  # which has a test of its own
            continue
        other = dataclasses.replace(
            metric, parameters={**metric.parameters, name: value + 1}
        )
        assert other.protocol != metric.protocol
        unlike = other.compute(REAL, FAKE)
        differences = [abs(found[n].value / unlike[n].value - 1) for n in found]
        assert max(differences) > 1e-4


def test_the_text_follows_a_default(monkeypatch):
    before = sliced_wasserstein_metric().protocol
    assert before == "p 1, projections 500"
    unchecked = inspect.unwrap(sliced_wasserstein_metric)
    monkeypatch.setattr(unchecked, "__defaults__", (30, 1))
    assert sliced_wasserstein_metric().protocol == "p 1, projections 30"
    assert neighbors_metric().protocol == "density coverage k 5, precision recall k 3"
    assert kid_metric().protocol == ""
    assert kid_metric(subsets=100).protocol == "size 1000, subsets 100"


FACTORIES = [
    (frechet_infinity_metric, {"points": 3}),
    (inception_score_metric, {"splits": 1}),
    (kid_metric, {"subsets": 2, "size": 2}),
    (neighbors_metric, {"precision_recall_k": 1, "density_coverage_k": 1}),
    (sliced_wasserstein_metric, {"projections": 2, "p": 1}),
    (displacement_metric, {"block": 1}),
    (restoration_metric, {"border": 0}),
]
"""Factories of metrics, and the least that each of their arguments may be."""


@pytest.mark.parametrize(("factory", "least"), FACTORIES)
def test_what_a_metric_cannot_be_computed_with_is_refused_before_training(
    factory, least
):
    metric = factory(**least)
    if "pairs" not in metric.needs:
        assert metric.compute(REAL, FAKE)
    for name, value in least.items():
        with pytest.raises(InputError, match=name):
            factory(**{**least, name: value - 1})


def test_subsets_need_as_many_examples_as_they_have():
    with pytest.raises(InputError, match="kid needs at least 71 fakes, got 70"):
        check_features([kid_metric(subsets=2, size=71)], REAL, len(X) - 20)


def test_every_factory_with_arguments_is_tried():
    import jaxgan.metrics as metrics

    factories = {
        name
        for name in metrics.__all__
        if name.endswith("_metric")
        and inspect.signature(getattr(metrics, name)).parameters
    }
    assert factories == {factory.__name__ for factory, _ in FACTORIES}
