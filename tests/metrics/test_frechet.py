import numpy as np
import pytest
from scipy.linalg import sqrtm

from jaxgan import InputError
from jaxgan.metrics.frechet import frechet_distance
from tests.builders import unchecked


def features(seed, n, d):
    """Correlated features with a mean of their own."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + rng.normal(size=d)


def with_moments(seed, n, mean, covariance):
    """Samples whose mean and covariance (over n - 1) are exactly these."""
    x = np.random.default_rng(seed).normal(size=(n, len(mean)))
    x -= x.mean(axis=0)
    white = x @ np.linalg.inv(np.linalg.cholesky(np.cov(x.T))).T
    return white @ np.linalg.cholesky(covariance).T + mean


@pytest.mark.parametrize(("n", "m", "d"), [(200, 300, 3), (500, 400, 16)])
def test_the_distance_is_that_of_the_matrix_square_root(n, m, d):
    x, y = features(1, n, d), features(2, m, d)
    sx, sy = np.cov(x.T), np.cov(y.T)
    between = np.square(x.mean(axis=0) - y.mean(axis=0)).sum()
    expected = between + np.trace(sx + sy - 2 * sqrtm(sx @ sy).real)
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-9)


def test_two_gaussians_are_as_far_apart_as_their_closed_form():
    # N(0, I₃) and N(1, 4 I₃): |1|² + Tr(I + 4I - 2·2I) = 3 + 3.
    x = with_moments(0, 100, np.zeros(3), np.eye(3))
    y = with_moments(1, 150, np.ones(3), 4 * np.eye(3))
    assert frechet_distance(x, y) == pytest.approx(6.0, abs=1e-10)
    assert frechet_distance(y, x) == pytest.approx(6.0, abs=1e-10)


@pytest.mark.parametrize("kind", [np.float64, np.float32])
@pytest.mark.parametrize(("n", "d"), [(500, 8), (20, 64), (2, 5)])
def test_a_set_is_at_no_distance_from_itself(n, d, kind):
    x = features(3, n, d).astype(kind)
    scale = np.square(x.astype("f8")).sum(axis=1).mean()
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-10 * max(1, scale))


def test_fewer_samples_than_dimensions_keep_their_digits():
    # In the first 3 of 40 dimensions alone the answer is known.
    x = with_moments(4, 12, np.zeros(3), np.eye(3))
    y = with_moments(5, 15, np.ones(3), 4 * np.eye(3))
    turn, _ = np.linalg.qr(np.random.default_rng(6).normal(size=(40, 40)))
    assert frechet_distance(x @ turn[:3], y @ turn[:3]) == pytest.approx(6, abs=1e-10)


def test_equal_gaussians_are_apart_by_the_known_bias():
    n, d, repeats = 500, 8, 200
    rng = np.random.default_rng(7)
    distances = [
        frechet_distance(rng.normal(size=(n, d)), rng.normal(size=(n, d)))
        for _ in range(repeats)
    ]
    expected = (d * (d + 1) / 2 + 2 * d) / n
    error = np.std(distances, ddof=1) / np.sqrt(repeats)
    assert 4 * error < 0.1 * expected
    assert np.mean(distances) == pytest.approx(expected, abs=0.1 * expected)


@pytest.mark.parametrize(
    ("x", "y"),
    [((5, 3), (5, 4)), ((1, 3), (5, 3)), ((5, 3), (1, 3)), ((5,), (5,))],
)
def test_sets_that_do_not_fit_are_refused(x, y):
    with unchecked(), pytest.raises(InputError, match=r"x and y must be .* got \("):
        frechet_distance(np.zeros(x), np.zeros(y))
