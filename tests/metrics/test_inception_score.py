import math

import numpy as np
import pytest
from scipy.special import softmax

from jaxgan import InputError
from jaxgan.metrics.inception_score import inception_score
from tests.builders import unchecked


def probabilities(seed=3, n=503, k=7):
    logits = 3 * np.random.default_rng(seed).normal(size=(n, k))
    return softmax(logits, axis=1)


# torch-fidelity 0.4.0, isc_features_to_metric of the logits
@pytest.mark.parametrize(
    ("splits", "seed", "value", "spread"),
    [
        (10, 2020, 3.1385646239153107, 0.23444071391809024),
        (10, None, 3.1201818554857454, 0.21231362189261344),
        (1, None, 3.2035337268842343, 0.0),
    ],
)
def test_the_score_is_that_of_torch_fidelity(splits, seed, value, spread):
    found = inception_score(probabilities(), splits, seed)
    assert found.value == pytest.approx(value, rel=1e-12)
    assert found.spread == pytest.approx(spread, rel=1e-10, abs=1e-15)


@pytest.mark.parametrize("classes", [2, 10, 100])
def test_it_is_the_number_of_classes_if_all_are_sure_and_balanced(classes):
    sure = np.eye(classes)[np.arange(20 * classes) % classes]
    found = inception_score(sure, splits=4, seed=None)
    assert found.value == pytest.approx(classes, rel=1e-12)
    assert found.error == pytest.approx(0, abs=1e-12)


def test_it_is_1_if_all_rows_are_the_same():
    rows = np.tile(probabilities(n=1), (50, 1))
    np.testing.assert_allclose(inception_score(rows), (1, 0, 0), rtol=0, atol=1e-12)
    one = np.tile(np.eye(5)[:1], (50, 1))
    np.testing.assert_allclose(inception_score(one), (1, 0, 0), rtol=0, atol=1e-12)


def test_two_kinds_of_rows_have_a_closed_form():
    # Halves of (p, 1 - p) and (1 - p, p): exp(log 2 - entropy of p).
    p = 0.8
    rows = np.tile([[p, 1 - p], [1 - p, p]], (10, 1))
    entropy = -p * math.log(p) - (1 - p) * math.log(1 - p)
    found = inception_score(rows, splits=5, seed=None)
    assert found.value == pytest.approx(math.exp(math.log(2) - entropy), rel=1e-12)


def test_the_error_is_the_spread_over_other_samples():
    found = np.array(
        [inception_score(probabilities(seed, 200), 5) for seed in range(150)]
    )
    values, errors, spreads = found.T
    np.testing.assert_allclose(errors, spreads / np.sqrt(4), rtol=1e-12)
    ratio = np.sqrt(np.square(errors).mean()) / values.std(ddof=1)
    assert ratio == pytest.approx(1, rel=0.2)


def test_one_split_has_no_error_to_tell():
    assert math.isnan(inception_score(probabilities(), splits=1).error)


def test_float32_of_a_softmax_is_taken():
    p = probabilities()
    narrow = inception_score(p.astype(np.float32))
    np.testing.assert_allclose(narrow, inception_score(p), rtol=1e-5)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.eye(3)[:1].repeat(9, 0), "splits must be at most .* got 10 of 9"),
        (np.full((20, 2), 0.6), "sum of 1; row 0 has .* a sum of 1.2"),
        (np.array([[0.5, 0.5], [1.5, -0.5]] * 9), "row 1 has a minimum of -0.5"),
        (np.log(probabilities()), "Take the softmax of logits first"),
        (np.full((20, 2), np.nan), "probabilities holds numbers that are not finite"),
        (np.ones(20), r"probabilities must be features of shape \(n, d\)"),
    ],
)
def test_what_is_no_probability_is_refused(rows, message):
    with unchecked(), pytest.raises(InputError, match=message):
        inception_score(rows)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"splits": 0}, "splits must be an integer"), ({"seed": -1}, "seed must be an")],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        inception_score(probabilities(), **options)
