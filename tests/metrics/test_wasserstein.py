import math

import numpy as np
import pytest
from scipy import stats

from jaxgan import InputError
from jaxgan.metrics.wasserstein import earth_movers_distance, wasserstein_1d
from tests.builders import unchecked


def features(seed, n, d):
    """Correlated features with a mean of their own."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + rng.normal(size=d)


def normal_quantiles(n, mean=0.0, deviation=1.0):
    return stats.norm.ppf((np.arange(n) + 0.5) / n, mean, deviation)


@pytest.mark.parametrize(("n", "m"), [(40, 40), (40, 25), (7, 90), (2, 2), (2, 3)])
def test_on_a_line_it_is_the_distance_of_scipy(n, m):
    x, y = features(0, n, 1)[:, 0], features(1, m, 1)[:, 0]
    expected = stats.wasserstein_distance(x, y)
    assert wasserstein_1d(x, y).value == pytest.approx(expected, rel=1e-12)
    assert wasserstein_1d(y, x).value == pytest.approx(expected, rel=1e-12)


def test_equal_numbers_need_no_order():
    x = np.array([1, 1, 1, 2, 2])
    y = np.array([2, 1, 2])
    # F is 3/5 and G 1/3 between 1 and 2.
    assert wasserstein_1d(x, y).value == pytest.approx(3 / 5 - 1 / 3, rel=1e-12)


@pytest.mark.parametrize(
    ("mean", "deviation", "expected"),
    [(2.0, 1.0, 2.0), (0.0, 3.0, 2 * math.sqrt(2 / math.pi)), (0.0, 1.0, 0.0)],
)
def test_two_normal_distributions_have_their_closed_form(mean, deviation, expected):
    # W₁ = |μ| for one width, and |σ - 1| E|z| for one mean.
    x, y = normal_quantiles(4000), normal_quantiles(4000, mean, deviation)
    assert wasserstein_1d(x, y).value == pytest.approx(expected, abs=2e-3)


def test_a_set_is_at_no_distance_from_itself():
    x = features(2, 30, 3)
    assert wasserstein_1d(x[:, 0], x[::-1, 0]).value == 0
    for p in (1, 2):
        own = earth_movers_distance(x, x[::-1], p)
        assert own.value == 0
        assert own.error == 0 if p == 1 else np.isnan(own.error)  # a root has no slope


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("m", [60, 45], ids=["one size", "two sizes"])
def test_laws_in_many_dimensions(m, p):
    x, y = features(0, 60, 3), features(1, m, 3)
    distance = earth_movers_distance(x, y, p)
    rng = np.random.default_rng(5)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    for one, other, factor in (
        (y, x, 1),  # symmetry
        (rng.permutation(x), rng.permutation(y), 1),
        (x @ turn + 7, y @ turn + 7, 1),
        (2 * x, 2 * y, 2),
    ):
        found = earth_movers_distance(one, other, p)
        assert found.value == pytest.approx(factor * distance.value, rel=1e-9)


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("m", [60, 45], ids=["one size", "two sizes"])
@pytest.mark.parametrize("scale", [1e-20, 1e-6, 1e10, 1e20])
def test_units_do_not_matter(scale, m, p):
    x, y = features(0, 60, 3), features(1, m, 3)
    value, error = earth_movers_distance(x, y, p)
    found = earth_movers_distance(scale * x, scale * y, p)
    assert found.value == pytest.approx(scale * value, rel=1e-9)
    assert found.error == pytest.approx(scale * error, rel=1e-6)


@pytest.mark.parametrize("p", [1, 2])
def test_a_moved_set_is_as_far_as_it_moved(p):
    x = features(3, 80, 3)
    moved = np.random.default_rng(0).permutation(x) + np.array([2.0, -3.0, 6.0])
    assert earth_movers_distance(x, moved, p).value == pytest.approx(7.0, rel=1e-12)


@pytest.mark.parametrize("p", [1, 2])
def test_matching_and_linear_program_agree(p):
    x, y = features(0, 40, 3), features(1, 40, 3)
    matched = earth_movers_distance(x, y, p)
    # Every real twice is the same distribution, but of another size.
    planned = earth_movers_distance(x.repeat(2, axis=0), y, p)
    assert planned.value == pytest.approx(matched.value, rel=1e-9)


# POT 0.9.7.post1, ot.emd2 on the distances and on their squares, whose root is taken.
POT = {
    (30, 1): 3.360597395631294,
    (30, 2): 4.018323969565427,
    (42, 1): 4.3510172620081535,
    (42, 2): 4.689675504938308,
}


@pytest.mark.parametrize(("m", "p"), POT)
def test_distances_are_those_of_an_optimal_transport_package(m, p):
    x, y = features(1, 30, 4), features(2, m, 4)
    found = earth_movers_distance(x, y, p).value
    assert found == pytest.approx(POT[m, p], rel=1e-10)


def test_in_one_dimension_both_functions_agree_in_value_and_error():
    x, y = features(0, 50, 1), features(1, 35, 1) + 0.5
    line, program = wasserstein_1d(x[:, 0], y[:, 0]), earth_movers_distance(x, y)
    assert program.value == pytest.approx(line.value, rel=1e-9)
    assert program.error == pytest.approx(line.error, rel=1e-6)


def spread_and_errors(distance, draw, repeats):
    found = np.array([distance(*draw()) for _ in range(repeats)])
    return found[:, 0].std(ddof=1), math.sqrt(np.square(found[:, 1]).mean())


@pytest.mark.parametrize(("mean", "deviation"), [(1.0, 1.0), (0.0, 2.0)])
@pytest.mark.parametrize("m", [150, 40])
def test_the_error_on_a_line_is_how_much_the_distance_varies(mean, deviation, m):
    rng = np.random.default_rng(0)
    spread, error = spread_and_errors(
        wasserstein_1d,
        lambda: (rng.normal(size=150), rng.normal(mean, deviation, m)),
        repeats=300,
    )
    assert error == pytest.approx(spread, rel=0.15)


def test_of_equal_distributions_the_error_is_too_large():
    rng = np.random.default_rng(0)
    spread, error = spread_and_errors(
        wasserstein_1d, lambda: (rng.normal(size=150), rng.normal(size=150)), 300
    )
    assert 1.2 * spread < error < 1.9 * spread


@pytest.mark.parametrize(("n", "m", "p"), [(60, 60, 1), (60, 60, 2), (30, 20, 1)])
def test_the_error_in_the_plane_is_how_much_the_distance_varies(n, m, p):
    rng = np.random.default_rng(0)
    spread, error = spread_and_errors(
        lambda x, y: earth_movers_distance(x, y, p),
        lambda: (rng.normal(size=(n, 2)), rng.normal(1.5, 1, size=(m, 2))),
        repeats=100,
    )
    assert error == pytest.approx(spread, rel=0.3)


@pytest.mark.parametrize(("n", "expected"), [(50, 1.8), (800, 1.8)])
def test_the_bias_on_a_line_falls_as_the_root_of_the_size(n, expected):
    rng = np.random.default_rng(0)
    found = [
        wasserstein_1d(rng.normal(size=n), rng.normal(size=n)).value for _ in range(300)
    ]
    assert np.mean(found) * math.sqrt(n) == pytest.approx(expected, rel=0.12)


def test_matrices_are_no_numbers_on_a_line():
    with (
        unchecked(),
        pytest.raises(
            InputError, match=r"real must be numbers of shape \(n,\), got \(5, 2\); for"
        ),
    ):
        wasserstein_1d(np.zeros((5, 2)), np.zeros(5))


def test_numbers_that_are_not_finite_are_refused():
    with pytest.raises(InputError, match="fake holds numbers that are not finite"):
        wasserstein_1d(np.arange(3.0), np.array([0.0, np.nan]))
    with pytest.raises(InputError, match="real: all 3 rows of features are the same"):
        earth_movers_distance(np.ones((3, 2)), np.zeros((3, 2)))


@pytest.mark.parametrize("p", [0, 3])
def test_other_powers_are_refused(p):
    x = features(0, 5, 2)
    with pytest.raises(InputError, match=f"p must be 1 or 2, got {p}"):
        earth_movers_distance(x, x, p)


@pytest.mark.parametrize(
    ("n", "m", "message"),
    [
        (2001, 2001, "real and fake have 2001 examples each, .* supports at most 2000"),
        (400, 251, "real and fake make 400 x 251 pairs, .* supports at most 100000"),
    ],
)
def test_sets_too_large_are_refused_at_once(n, m, message):
    with pytest.raises(InputError, match=message):
        earth_movers_distance(np.arange(n)[:, None], np.arange(m)[:, None])
