import numpy as np
import pytest
from scipy.linalg import sqrtm

from jaxgan import InputError
from jaxgan.metrics.frechet import (
    Statistics,
    frechet_distance,
    merge_statistics,
    squared_distance,
    statistics,
)
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


def gaussian(count, mean, powers):
    """The statistics of a Gaussian with these variances, as if from `count` samples."""
    root = np.diag(np.sqrt(np.multiply(powers, count - 1)))
    return Statistics(count, np.array(mean, np.float64), root)


def same(a, b):
    """Compare two statistics, which must be the same to rounding."""
    assert a.count == b.count
    np.testing.assert_allclose(a.mean, b.mean, rtol=0, atol=1e-12 * abs(b.mean).max())
    scatter = b.root.T @ b.root
    within = 1e-12 * max(scatter.max(), 1e-300)
    np.testing.assert_allclose(a.root.T @ a.root, scatter, rtol=0, atol=within)


def test_statistics_are_the_mean_and_a_root_of_the_scatter():
    x = features(0, 60, 5)
    found = statistics(x)
    assert found.count == 60
    np.testing.assert_allclose(found.mean, x.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(found.root.T @ found.root, 59 * np.cov(x.T), rtol=1e-12)
    assert statistics(x[:3]).root.shape == (3, 5)


@pytest.mark.parametrize("cuts", [[1], [200], [1, 2, 3], [30, 31, 250], []])
@pytest.mark.parametrize("offset", [0, 1e6])
def test_merged_statistics_are_those_of_the_whole(cuts, offset):
    x = features(1, 300, 20) + offset
    same(merge_statistics(*map(statistics, np.split(x, cuts))), statistics(x))


def test_merging_does_not_mind_order_or_grouping():
    parts = [statistics(part) for part in np.split(features(2, 40, 30), [7, 9, 25])]
    a, b, c, d = parts
    whole = merge_statistics(*parts)
    same(merge_statistics(merge_statistics(merge_statistics(a, b), c), d), whole)
    same(merge_statistics(merge_statistics(a, b), merge_statistics(c, d)), whole)
    same(merge_statistics(d, b, a, c), whole)


def test_merging_keeps_the_digits_of_fewer_examples_than_dimensions():
    x, y = features(3, 12, 40), features(4, 12, 40)
    split = merge_statistics(*(statistics(row[None]) for row in x))
    direct = frechet_distance(x, y).value
    assert frechet_distance(split, y).value == pytest.approx(direct, rel=1e-12)
    assert frechet_distance(split, x).value < 1e-11 * np.square(split.root).sum()


def test_features_and_their_statistics_are_the_same_to_the_distance():
    x, y = features(5, 80, 6), features(6, 50, 6)
    expected = frechet_distance(x, y)
    for real, fake in [(statistics(x), y), (x, statistics(y))]:
        assert frechet_distance(real, fake) == expected
    both = squared_distance(statistics(x), statistics(y))
    assert both == expected.value


@pytest.mark.parametrize("noise", [1e-1, 1e-5, 1e-9, 0])
def test_a_root_is_exact_also_where_columns_depend_on_each_other(noise):
    rng = np.random.default_rng(8)
    x = features(7, 200, 4)
    x[:, 3] = x[:, 0] - x[:, 1] + noise * rng.normal(size=200)
    found = np.linalg.svd(statistics(x).root, compute_uv=False)
    expected = np.linalg.svd(x - x.mean(axis=0), compute_uv=False)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13 * expected[0])


@pytest.mark.parametrize(("rows", "others"), [(12, 12), (30, 12), (12, 30)])
@pytest.mark.parametrize("last", [1, 1e-3, 1e-4, 1e-6, 1e-12, 0])
def test_gaussians_with_one_set_of_axes_keep_their_digits(rows, others, last):
    """Standard deviations from 1 to `last` along them, roots turned at random."""
    rng = np.random.default_rng(9)
    s = np.append(np.geomspace(1, max(last, 1e-3), 11), last)
    t = s * rng.uniform(0.5, 2, 12)
    axes = np.linalg.qr(rng.normal(size=(12, 12)))[0].T

    def turned(n, deviations):
        basis = np.linalg.qr(rng.normal(size=(n, n)))[0][:, :12]
        root = np.sqrt(99) * (basis * deviations) @ axes
        return Statistics(100, np.zeros(12), root)

    trace = np.square(s).sum()
    same = frechet_distance(turned(rows, s), turned(others, s))
    assert same.value < 1e-14 * trace
    assert same.error < 1e-8 * trace
    value, error, _ = frechet_distance(turned(rows, s), turned(others, t))
    gap = np.square(s - t)
    variance = 2 * (gap * (np.square(s) + np.square(t))).sum() / 100
    assert value == pytest.approx(gap.sum(), abs=1e-14 * trace)
    assert error == pytest.approx(np.sqrt(variance), rel=1e-6)


@pytest.mark.parametrize(("n", "m", "d"), [(200, 300, 3), (500, 400, 16)])
def test_the_distance_is_that_of_the_matrix_square_root(n, m, d):
    x, y = features(1, n, d), features(2, m, d)
    sx, sy = np.cov(x.T), np.cov(y.T)
    between = np.square(x.mean(axis=0) - y.mean(axis=0)).sum()
    expected = between + np.trace(sx + sy - 2 * sqrtm(sx @ sy).real)
    assert frechet_distance(x, y).value == pytest.approx(expected, rel=1e-9)


# torch-fidelity 0.4.0, pytorch-fid 0.3.0 and clean-fid 0.1.35, which agree to 1e-14
@pytest.mark.parametrize(
    ("n", "m", "d", "expected", "rel"),
    [
        (500, 400, 16, 179.92796327677428, 1e-12),
        (60, 50, 100, 10246.26484479145, 1e-7),
    ],
)
def test_the_distance_is_that_of_other_packages(n, m, d, expected, rel):
    found = frechet_distance(features(1, n, d), features(2, m, d)).value
    assert found == pytest.approx(expected, rel=rel)


def test_two_gaussians_are_as_far_apart_as_their_closed_form():
    # N(0, I₃) and N(1, 4 I₃): |1|² + Tr(I + 4I - 2·2I) = 3 + 3.
    x = with_moments(0, 100, np.zeros(3), np.eye(3))
    y = with_moments(1, 150, np.ones(3), 4 * np.eye(3))
    assert frechet_distance(x, y).value == pytest.approx(6.0, abs=1e-10)
    assert frechet_distance(y, x).value == pytest.approx(6.0, abs=1e-10)


def test_the_error_of_commuting_gaussians_is_that_of_their_closed_form():
    # On each axis (μ - ν)² + (s - t)²: of x, 4 (μ - ν)² s² + 2 (s² - s t)².
    n, m, shift = 1000, 4000, np.array([0.5, 0.0, -1.0])
    s, t = np.array([1.0, 2.0, 0.5]), np.array([3.0, 2.0, 0.1])
    x, y = gaussian(n, np.zeros(3), s**2), gaussian(m, shift, t**2)
    of_x = 4 * shift**2 * s**2 + 2 * (s**2 - s * t) ** 2
    of_y = 4 * shift**2 * t**2 + 2 * (t**2 - s * t) ** 2
    value, error, _ = frechet_distance(x, y)
    assert value == pytest.approx((shift**2 + (s - t) ** 2).sum(), rel=1e-12)
    assert error == pytest.approx(np.sqrt((of_x / n + of_y / m).sum()), rel=1e-10)


def test_the_error_is_the_spread_over_other_samples():
    rng = np.random.default_rng(10)
    turn = np.linalg.qr(rng.normal(size=(4, 4)))[0]

    def draw():
        x, y = rng.normal(size=(200, 4)), rng.normal(size=(400, 4))
        return frechet_distance(x, (y * [1, 2, 3, 0.5]) @ turn + 0.2)

    found = np.array([draw()[:2] for _ in range(250)])
    spread = found[:, 0].std(ddof=1)  # known to 4.5 %
    assert found[:, 1].mean() == pytest.approx(spread, rel=0.15)


def test_at_equality_the_error_is_too_large_by_the_root_of_two():
    rng = np.random.default_rng(11)
    pairs = rng.normal(size=(250, 2, 200, 4))
    found = np.array([frechet_distance(x, y)[:2] for x, y in pairs])
    spread = found[:, 0].std(ddof=1)
    ratio = np.sqrt(np.square(found[:, 1]).mean()) / spread
    assert ratio == pytest.approx(np.sqrt(2), rel=0.15)


@pytest.mark.parametrize("kind", [np.float64, np.float32])
@pytest.mark.parametrize(("n", "d"), [(500, 8), (20, 64), (2, 5)])
def test_a_set_is_at_no_distance_from_itself(n, d, kind):
    x = features(3, n, d).astype(kind)
    trace = np.trace(np.cov(x.astype("f8").T))
    value, error, _ = frechet_distance(x, x)
    assert 0 <= value <= 1e-12 * trace
    assert 0 <= error <= 1e-6 * trace


def test_fewer_samples_than_dimensions_keep_their_digits():
    # In the first 3 of 40 dimensions alone the answer is known.
    x = with_moments(4, 12, np.zeros(3), np.eye(3))
    y = with_moments(5, 15, np.ones(3), 4 * np.eye(3))
    turn, _ = np.linalg.qr(np.random.default_rng(6).normal(size=(40, 40)))
    found = frechet_distance(x @ turn[:3], y @ turn[:3]).value
    assert found == pytest.approx(6, abs=1e-10)


def test_the_distance_does_not_see_rotations_and_shifts():
    x, y = features(12, 60, 7), features(13, 90, 7)
    turn, _ = np.linalg.qr(np.random.default_rng(14).normal(size=(7, 7)))
    here, there = frechet_distance(x, y), frechet_distance(x @ turn + 9, y @ turn + 9)
    np.testing.assert_allclose(there, here, rtol=1e-10)
    back = frechet_distance(y, x)
    np.testing.assert_allclose(back[:2], here[:2], rtol=1e-10)


@pytest.mark.parametrize(("n", "m"), [(500, 500), (300, 1000)])
def test_the_bias_of_unit_variance_has_a_closed_form(n, m):
    d = 8
    unit = gaussian(n, np.zeros(d), np.ones(d))
    expected = (d * (d + 1) / 4 + d) * (1 / n + 1 / m)
    found = frechet_distance(unit, gaussian(m, np.ones(d), np.ones(d))).bias
    assert found == pytest.approx(expected, rel=1e-12)


def test_equal_gaussians_are_apart_by_the_bias():
    n, d, repeats = 500, 8, 150
    rng = np.random.default_rng(7)
    scale = np.geomspace(1, 0.3, d)
    distances = [
        frechet_distance(*(rng.normal(size=(n, d)) * scale for _ in range(2))).value
        for _ in range(repeats)
    ]
    expected = frechet_distance(*[gaussian(n, np.zeros(d), scale**2)] * 2).bias
    error = np.std(distances, ddof=1) / np.sqrt(repeats)
    assert 3 * error < 0.15 * expected
    assert np.mean(distances) == pytest.approx(expected, abs=0.15 * expected)


def test_fakes_that_are_all_the_same_have_a_distance():
    x = with_moments(15, 50, np.zeros(3), np.eye(3))
    value, error, bias = frechet_distance(x, np.full((9, 3), 2.0))
    assert value == pytest.approx(12 + 3, rel=1e-12)
    # Of the mean 4·12, of the covariance 2 Tr Σ².
    assert error == pytest.approx(np.sqrt((48 + 6) / 50), rel=1e-10)
    assert bias == pytest.approx((3 * 4 / 4 + 3) * (1 / 50 + 1 / 9), rel=1e-12)


def test_bytes_are_features_too():
    x = np.random.default_rng(16).integers(0, 256, (40, 5), dtype=np.uint8)
    wide = x.astype(np.float64)
    assert frechet_distance(x, x[:20]) == frechet_distance(wide, wide[:20])


@pytest.mark.parametrize(
    ("real", "fake", "message"),
    [
        (np.zeros((5,)), np.eye(3), r"real must be features of shape \(n, d\)"),
        (np.eye(3), np.zeros((5,)), r"fake must be features of shape \(n, d\)"),
        (np.ones((1, 3)), np.eye(3), "real has 1 examples; .* needs at least 2"),
        (np.eye(3), np.ones((1, 3)), "fake has 1 examples; .* needs at least 2"),
        (statistics(np.ones((1, 3))), np.eye(3), "real has 1 examples"),
        (np.eye(3), np.eye(4), "same number of dimensions, got 3 and 4"),
        (statistics(np.eye(3)), np.eye(4), "same number of dimensions, got 3 and 4"),
        (np.full((5, 3), 0.1), np.eye(3), "real: all 5 rows of features are the same"),
        (np.eye(3) * np.nan, np.eye(3), "real holds numbers that are not finite"),
    ],
)
def test_sets_that_do_not_fit_are_refused(real, fake, message):
    with unchecked(), pytest.raises(InputError, match=message):
        frechet_distance(real, fake)


@pytest.mark.parametrize(
    ("mean", "root", "message"),
    [
        (np.zeros(3), np.eye(4), r"statistics must have a mean of shape \(d,\)"),
        (np.zeros((1, 4)), np.eye(4), r"got \(1, 4\) and \(4, 4\)"),
        (np.zeros(4), np.zeros(4), r"and a root of shape \(r, d\)"),
        (np.full(4, np.nan), np.eye(4), "not finite or too large"),
        (np.zeros(4), 1e200 * np.eye(4), "not finite or too large"),
    ],
)
def test_statistics_that_are_none_are_refused(mean, root, message):
    with unchecked(), pytest.raises(InputError, match=f"fake.*{message}"):
        frechet_distance(np.eye(4), Statistics(5, mean, root))


def test_one_point_merged_from_parts_is_still_one_point():
    part = statistics(np.full((7, 3), 0.1))
    with pytest.raises(InputError, match="all 14 rows of features are the same"):
        frechet_distance(merge_statistics(part, part), np.eye(3))


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([], r"merge_statistics: parts must be at least one .* got 0 with \[\]"),
        ([statistics(np.eye(3)), statistics(np.eye(4))], r"got 2 with \[3, 4\]"),
    ],
)
def test_parts_that_do_not_fit_are_refused(parts, message):
    with pytest.raises(InputError, match=message):
        merge_statistics(*parts)
