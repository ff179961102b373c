import math

import numpy as np
import pytest
from scipy.stats import norm

from jaxgan import InputError
from jaxgan.metrics.elbo import importance_weighted_bound
from tests.builders import unchecked

# z ~ N(0, 1) and x|z ~ N(2z + 1, 0.5²), so that x ~ N(1, 4.25) and
# z|x ~ N(8 (x - 1) / 17, 1 / 17).
NOISE = 0.5
DEVIATION = math.sqrt(4 + NOISE**2)
POSTERIOR_DEVIATION = math.sqrt(1 / 17)


def observed(seed, n):
    return np.random.default_rng(seed).normal(1, DEVIATION, n)


def log_evidence(x):
    return norm.logpdf(x, 1, DEVIATION)


def weighed(x, k, seed, shift=0.0, width=1.0):
    """log p(x, z) and log q(z|x) for draws from a posterior that may be wrong."""
    mean, deviation = 8 * (x - 1) / 17 + shift, width * POSTERIOR_DEVIATION
    z = np.random.default_rng(seed).normal(mean, deviation, (k, len(x)))
    log_joint = norm.logpdf(z) + norm.logpdf(x, 2 * z + 1, NOISE)
    return log_joint, norm.logpdf(z, mean, deviation)


@pytest.mark.parametrize("k", [1, 2, 50])
def test_under_the_true_posterior_it_is_the_evidence(k):
    x = observed(0, 100)
    found = importance_weighted_bound(*weighed(x, k, seed=1))
    each = log_evidence(x)
    assert found.value == pytest.approx(each.mean(), rel=1e-12)
    assert found.error == pytest.approx(each.std(ddof=1) / 10, rel=1e-9)


def test_the_elbo_is_below_the_evidence_by_the_divergence():
    # KL(N(m + s, w²v) ‖ N(m, v)) = ½ (w² + s²/v - 1 - log w²)
    shift, width = 0.2, 1.4
    gap = (width**2 + 17 * shift**2 - 1 - math.log(width**2)) / 2
    x = observed(0, 100_000)
    found = importance_weighted_bound(*weighed(x, 1, 1, shift, width))
    assert log_evidence(x).mean() - found.value == pytest.approx(gap, rel=0.02)


def test_more_draws_are_a_tighter_bound():
    x = observed(0, 10_000)
    bounds = [
        importance_weighted_bound(*weighed(x, k, 1, 0.2, 1.4)).value
        for k in (1, 5, 25, 125)
    ]
    assert bounds == sorted(bounds)
    assert bounds[-1] == pytest.approx(log_evidence(x).mean(), abs=0.01)
    assert bounds[0] < bounds[1] - 0.1


def test_the_error_is_how_much_the_bound_varies():
    found = np.array(
        [
            importance_weighted_bound(*weighed(observed(s, 60), 5, s + 999, 0.3))
            for s in range(300)
        ]
    )
    error = math.sqrt(np.square(found[:, 1]).mean())
    assert error == pytest.approx(found[:, 0].std(ddof=1), rel=0.15)


def test_single_precision_and_large_numbers_keep_their_digits():
    log_posterior = np.array([[5000.0, 6000.0], [5000.0, 6000.0]], np.float32)
    log_joint = log_posterior - np.array([[2000.0, 2000.0], [2001.0, 2001.0]], "f4")
    found = importance_weighted_bound(log_joint, log_posterior)
    expected = -2000 + math.log((1 + math.exp(-1)) / 2)
    assert found.value == pytest.approx(expected, rel=1e-12) and found.error == 0


def test_a_draw_that_cannot_be_adds_nothing():
    impossible = np.array([[math.log(0.4)] * 2, [-math.inf, math.log(0.4)]])
    found = importance_weighted_bound(impossible, np.log(np.full((2, 2), 0.5)))
    assert found.value == pytest.approx((math.log(0.4) + math.log(0.8)) / 2)
    alone = importance_weighted_bound(impossible[1:], np.log(np.full((1, 2), 0.5)))
    assert alone.value == -math.inf and math.isnan(alone.error)


@pytest.mark.parametrize(
    ("joint", "posterior"),
    [((3, 4), (4, 3)), ((0, 4), (0, 4)), ((3, 1), (3, 1)), ((4,), (4,))],
)
def test_other_shapes_are_refused(joint, posterior):
    message = r"must have the same shape \(k, n\) with k ≥ 1 and n ≥ 2, got \("
    with unchecked(), pytest.raises(InputError, match=message):
        importance_weighted_bound(np.zeros(joint), np.zeros(posterior))


@pytest.mark.parametrize(
    ("joint", "posterior"),
    [(math.nan, 0.0), (math.inf, 0.0), (0.0, -math.inf), (0.0, math.nan)],
)
def test_numbers_that_cannot_be_are_refused(joint, posterior):
    with pytest.raises(InputError, match="log_joint must hold numbers below infinity"):
        importance_weighted_bound(np.full((2, 2), joint), np.full((2, 2), posterior))
