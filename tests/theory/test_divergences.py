"""Divergences between known distributions: closed forms, laws and refusals."""

import math

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm, wasserstein_distance

from jaxgan import InputError
from jaxgan.losses import divergences
from jaxgan.metrics.frechet import frechet_distance
from jaxgan.theory import densities, gaussians
from jaxgan.theory import divergences as exact
from tests.builders import tiered
from tests.losses.catalog import DIVERGENCES

GRID = np.linspace(-9, 12, 301)
P, Q = (densities.masses(norm(*at).logpdf(GRID)) for at in [(0, 1), (1, 1.1)])
NORMALS = [0.0], [[1.0]], [1.0], [[1.21]]
KL = math.log(1.1) + 2 / (2 * 1.21) - 0.5
REVERSE_KL = -math.log(1.1) + (1.21 + 1) / 2 - 0.5
HELLINGER = 2 - 2 * math.sqrt(2 * 1.1 / 2.21) * math.exp(-1 / (4 * 2.21))
AT_INFINITY = {
    "kl": math.inf,
    "reverse_kl": 0.0,
    "pearson": math.inf,
    "neyman": 1.0,
    "squared_hellinger": 1.0,
    "jensen_shannon": math.log(2),
    "gan": 0.0,
    "total_variation": 0.5,
}
ALL = [exact.kl, exact.jensen_shannon, exact.total_variation, exact.squared_hellinger]


def random_masses(seed, n=7):
    return np.random.default_rng(seed).dirichlet(np.ones(n))


def log_normal(mean, sigma):
    """A log density that is faster than SciPy's, for quadrature."""
    height = math.log(sigma * math.sqrt(2 * math.pi))
    return lambda x: -(((x - mean) / sigma) ** 2) / 2 - height


def covariance(seed, d=3):
    root = np.random.default_rng(seed).normal(size=(d, d))
    return root @ root.T + 0.1 * np.eye(d)


def test_kl_of_two_normals_in_three_ways():
    p, q = log_normal(0, 1), log_normal(1, 1.1)
    assert gaussians.kl(*NORMALS) == pytest.approx(KL, abs=1e-14)
    assert exact.kl(P, Q) == pytest.approx(KL, abs=1e-12)
    assert exact.kl(Q, P) == pytest.approx(REVERSE_KL, abs=1e-12)
    found = densities.by_quadrature(lambda u: u * np.log(u), p, q, -9.0, 12.0)
    assert found == pytest.approx(KL, abs=1e-10)


def test_hellinger_of_two_normals_in_three_ways():
    p, q = log_normal(0, 1), log_normal(1, 1.1)
    assert gaussians.squared_hellinger(*NORMALS) == pytest.approx(HELLINGER, abs=1e-14)
    assert exact.squared_hellinger(P, Q) == pytest.approx(HELLINGER, abs=1e-12)
    found = densities.by_quadrature(lambda u: (u**0.5 - 1) ** 2, p, q, -9.0, 12.0)
    assert found == pytest.approx(HELLINGER, abs=1e-10)


def test_bernoulli_by_hand():
    p, q = [0.5, 0.5], [0.75, 0.25]
    js = (
        0.25 * (math.log(0.5 / 0.625) + math.log(0.5 / 0.375))
        + 0.375 * math.log(0.75 / 0.625)
        + 0.125 * math.log(0.25 / 0.375)
    )
    assert exact.jensen_shannon(p, q) == pytest.approx(js, abs=1e-15)
    assert exact.kl(p, q) == pytest.approx(math.log(4 / 3) / 2, abs=1e-15)
    assert exact.total_variation(p, q) == 0.25
    assert exact.squared_hellinger(p, q) == pytest.approx(
        (math.sqrt(0.5) - math.sqrt(0.75)) ** 2 + (math.sqrt(0.5) - 0.5) ** 2, abs=1e-15
    )


def test_disjoint_masses_are_as_far_apart_as_can_be():
    far = [1.0, 0.0], [0.0, 1.0]
    assert [divergence(*far) for divergence in ALL] == [math.inf, math.log(2), 1, 2]


def test_a_point_that_neither_has_counts_for_nothing():
    for seed in range(3):
        p, q = random_masses(seed), random_masses(seed + 10)
        for divergence in ALL:
            more = divergence(np.append(p, 0), np.append(q, 0))
            assert more == pytest.approx(divergence(p, q), abs=1e-15)


def test_the_smallest_masses_are_no_zeros():
    p, q = np.array([1.0, 5e-324]), np.array([1.0, 0.0])
    assert exact.jensen_shannon(p, q) == pytest.approx(0, abs=1e-15)
    assert exact.kl(q, p) == 0


@pytest.mark.parametrize("seed", range(5))
def test_laws(seed):
    p, q = random_masses(seed), random_masses(seed + 10)
    for divergence in ALL:
        assert divergence(p, p) == pytest.approx(0, abs=1e-15)
        assert divergence(p, q) > 0.01
    for divergence in ALL[1:]:
        assert divergence(p, q) == divergence(q, p)
    assert exact.kl(p, q) != pytest.approx(exact.kl(q, p), rel=1e-3)
    tv, hellinger = exact.total_variation(p, q), exact.squared_hellinger(p, q)
    assert hellinger / 2 < tv < math.sqrt(hellinger)
    assert 2 * tv**2 < exact.kl(p, q)  # Pinsker
    assert tv**2 / 2 < exact.jensen_shannon(p, q) < math.log(2) * tv  # Lin


NAMED = {
    "kl": exact.kl,
    "reverse_kl": lambda p, q: exact.kl(q, p),
    "squared_hellinger": exact.squared_hellinger,
    "jensen_shannon": lambda p, q: 2 * exact.jensen_shannon(p, q),
    "gan": lambda p, q: 2 * exact.jensen_shannon(p, q) - math.log(4),
    "total_variation": exact.total_variation,
    "pearson": lambda p, q: ((p - q) ** 2)[q > 0] @ (1 / q[q > 0]),
    "neyman": lambda p, q: ((p - q) ** 2)[p > 0] @ (1 / p[p > 0]),
}


@pytest.mark.parametrize("divergence", DIVERGENCES, ids=lambda d: d.name)
def test_the_functions_of_the_losses_are_the_divergences_of_their_names(divergence):
    p, q = random_masses(1), random_masses(2)
    found = exact.f_divergence(divergence.function, p, q)
    assert found == pytest.approx(NAMED[divergence.name](p, q), abs=1e-13)


@pytest.mark.parametrize("divergence", DIVERGENCES, ids=lambda d: d.name)
def test_zeros_on_either_side(divergence):
    p, q = np.array([0.25, 0.75, 0.0]), np.array([0.0, 0.25, 0.75])
    found = exact.f_divergence(divergence.function, p, q, AT_INFINITY[divergence.name])
    infinite = divergence.name in ("kl", "reverse_kl", "pearson", "neyman")
    expected = math.inf if infinite else NAMED[divergence.name](p, q)
    assert found == pytest.approx(expected, abs=1e-13)


def test_a_ratio_that_is_no_float_is_as_good_as_infinite():
    p, q = np.array([0.5, 0.5]), np.array([1.0, 1e-320])
    one = exact.f_divergence(lambda u: (u**0.5 - 1) ** 2, p, q, at_infinity=1.0)
    assert one == pytest.approx(exact.squared_hellinger(p, q), abs=1e-12)


def test_the_slope_at_infinity_must_be_told_only_where_it_matters():
    def chi2(u):
        return jnp.square(u - 1)

    assert exact.f_divergence(chi2, [0.5, 0.5, 0.0], [0.25, 0.75, 0.0]) == (
        pytest.approx(1 / 3, abs=1e-15)
    )
    with pytest.raises(InputError, match="f_divergence: q is 0 where p is not, so at_"):
        exact.f_divergence(chi2, [0.5, 0.5], [1.0, 0.0])


@pytest.mark.parametrize("seed", range(3))
def test_wasserstein1_on_uneven_points(seed):
    points = np.cumsum(np.random.default_rng(seed).exponential(size=7))
    p, q = random_masses(seed), random_masses(seed + 10)
    found = exact.wasserstein1(points, p, q)
    known = wasserstein_distance(points, points, p, q)
    assert found == pytest.approx(known, rel=1e-12)
    assert exact.wasserstein1(points, q, p) == pytest.approx(found, rel=1e-12)
    assert exact.wasserstein1(3 * points + 1, p, q) == pytest.approx(3 * found)


def test_wasserstein1_of_a_shift_is_its_size():
    q = densities.masses(norm(2, 1).logpdf(GRID))
    assert exact.wasserstein1(GRID, P, q) == pytest.approx(2, abs=1e-9)


def test_masses_of_a_grid_in_the_plane():
    mean, cov = np.array([0.5, -0.2]), np.array([[1.0, 0.3], [0.3, 0.5]])
    axis = np.linspace(-7, 7, 71)
    plane = np.stack(np.meshgrid(axis, axis), axis=-1)
    p = densities.masses(multivariate_normal(np.zeros(2), np.eye(2)).logpdf(plane))
    q = densities.masses(multivariate_normal(mean, cov).logpdf(plane) + 5)
    assert p.shape == (71 * 71,)
    known = gaussians.kl(np.zeros(2), np.eye(2), mean, cov)
    assert exact.kl(p, q) == pytest.approx(known, rel=1e-9)
    hellinger = gaussians.squared_hellinger(np.zeros(2), np.eye(2), mean, cov)
    assert exact.squared_hellinger(p, q) == pytest.approx(hellinger, rel=1e-9)


def test_gaussian_divergences_do_not_depend_on_coordinates():
    means, covs = np.array([[0.1, 2, -1], [1, 1, 1]]), [covariance(0), covariance(1)]
    turn = np.random.default_rng(2).normal(size=(3, 3))
    there = [
        (turn @ mean, turn @ cov @ turn.T)
        for mean, cov in zip(means, covs, strict=True)
    ]
    for divergence in (gaussians.kl, gaussians.squared_hellinger):
        here = divergence(means[0], covs[0], means[1], covs[1])
        assert divergence(*there[0], *there[1]) == pytest.approx(here, rel=1e-9)


def test_wasserstein2_on_a_line_and_where_covariances_commute():
    line = gaussians.wasserstein2([1.0], [[4.0]], [-2.0], [[9.0]])
    assert line == pytest.approx(math.hypot(3, 1), abs=1e-14)
    apart = gaussians.wasserstein2([0, 0], np.diag([1, 4]), [0, 2], np.diag([9, 1]))
    assert apart == pytest.approx(math.sqrt(4 + 4 + 1), abs=1e-14)


def test_wasserstein2_squared_is_the_frechet_distance_of_samples():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(50, 3)), 2 * rng.normal(size=(60, 3)) + 1
    moments = [(sample.mean(axis=0), np.cov(sample.T)) for sample in (x, y)]
    found = gaussians.wasserstein2(*moments[0], *moments[1])
    assert found**2 == pytest.approx(frechet_distance(x, y).value, rel=1e-9)


def test_equal_gaussians_are_not_apart_to_the_last_digits():
    mean, cov = np.ones(3), covariance(4)
    for divergence in (
        gaussians.kl,
        gaussians.squared_hellinger,
        gaussians.wasserstein2,
    ):
        assert divergence(mean, cov, mean, cov) == pytest.approx(0, abs=1e-13)


def test_log_mixture_is_the_log_of_the_mixture():
    x = np.linspace(-3, 3, 11).reshape(11, 1)
    density = 0.3 * norm(-1, 0.5).pdf(x) + 0.7 * norm(2, 1.5).pdf(x)
    found = densities.log_mixture(x, [0.3, 0.7], [-1, 2], [0.5, 1.5])
    np.testing.assert_allclose(found, np.log(density), atol=1e-13)
    assert densities.log_mixture(100.0, [1.0], [0.0], [0.1]) == (
        pytest.approx(norm(0, 0.1).logpdf(100), rel=1e-14)
    )


@pytest.mark.parametrize("sigma", tiered([0.5, 0.1], [0.5]))
def test_quadrature_is_right_where_densities_underflow(sigma):
    """KL(wide‖two narrow modes), against a sum of logs over a fine grid."""

    left, right = log_normal(-2, sigma), log_normal(2, sigma)

    def narrow(x):
        return np.logaddexp(left(x), right(x)) - math.log(2)

    x = np.linspace(-15, 15, 30_001)
    wide = log_normal(0, 2)
    known = 1e-3 * (np.exp(wide(x)) * (wide(x) - narrow(x))).sum()
    found = densities.by_quadrature(lambda u: -np.log(u), narrow, wide, -15.0, 15.0)
    assert found == pytest.approx(known, rel=1e-8)


@pytest.mark.slow
def test_quadrature_takes_functions_of_the_losses():
    p, q = log_normal(0, 1), log_normal(1, 1.1)
    function = divergences.reverse_kl.function
    found = densities.by_quadrature(function, p, q, -9.0, 12.0)
    assert found == pytest.approx(REVERSE_KL, abs=1e-10)


def test_quadrature_finds_kinks():
    """Total variation of two normals of one sigma is 2Φ(distance / 2σ) - 1."""
    p, q = log_normal(0, 1), log_normal(1, 1)
    found = densities.by_quadrature(lambda u: abs(u - 1) / 2, p, q, -9.0, 10.0)
    assert found == pytest.approx(2 * norm.cdf(0.5) - 1, abs=1e-9)


@pytest.mark.parametrize("divergence", ALL, ids=lambda f: f.__name__)
@pytest.mark.parametrize(
    ("p", "q", "message"),
    [
        ([1.0], [0.5, 0.5], r"p and q must be of one shape \(n,\), got \(1,\) and"),
        ([[1.0]], [[1.0]], r"p and q must be of one shape \(n,\), got \(1, 1\)"),
        ([1.5, -0.5], [0.5, 0.5], "p must hold masses .* a minimum of -0.5"),
        ([0.5, 0.5], [0.5, 0.5001], "q must hold masses .* a sum of 1.0001"),
        ([0.5, math.nan], [0.5, 0.5], "p must be finite"),
        ([], [], "p must hold masses .* a sum of 0"),
    ],
)
def test_what_are_no_masses(divergence, p, q, message):
    with pytest.raises(InputError, match=f"^{divergence.__name__}: {message}"):
        divergence(p, q)


@pytest.mark.parametrize("points", [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0, 2.0]])
def test_points_must_increase(points):
    points = np.array(points, float)
    with pytest.raises(InputError, match="points must be 2 increasing numbers"):
        exact.wasserstein1(points, [0.5, 0.5], [0.5, 0.5])


@pytest.mark.parametrize("values", [[], [-math.inf], [0.0, math.nan], [0.0, math.inf]])
def test_what_has_no_masses(values):
    with pytest.raises(InputError, match="masses: log_density must hold numbers"):
        densities.masses(values)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (([0.5, 0.5], [0.0], [1.0, 1.0]), r"one shape \(k,\), got \(2,\), \(1,\)"),
        (([0.5, 0.6], [0, 1], [1, 1]), "weights must be at least 0 and sum to 1"),
        (([1.5, -0.5], [0, 1], [1, 1]), "weights must be at least 0 and sum to 1"),
        (([0.5, 0.5], [0, 1], [1, 0]), "and sigmas must be above 0"),
    ],
)
def test_what_is_no_mixture(given, message):
    with pytest.raises(InputError, match=f"^log_mixture: .*{message}"):
        densities.log_mixture(0.0, *given)


def test_what_has_no_integral():
    normal = log_normal(0, 1)

    def box(x):
        return 0.0 if 0 < x < 1 else -math.inf

    with pytest.raises(InputError, match=r"low must be below high, got 1\.0 and"):
        densities.by_quadrature(np.abs, normal, normal, 1.0, 1.0)
    with pytest.raises(InputError, match="log_p and log_q must be finite from low to"):
        densities.by_quadrature(np.abs, box, normal, -1.0, 2.0)
    with pytest.raises(
        InputError, match=r"the integral of f, log_p and log_q from -1\.0 to 2\.0 does"
    ):
        densities.by_quadrature(lambda u: math.nan, normal, normal, -1.0, 2.0)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            ([0.0], [[1.0]], [0.0, 1.0], np.eye(2)),
            r"mean_q must be of one shape",
        ),
        (([0.0, 0.0], np.eye(2), [0.0, 0.0], [1.0, 1.0]), r"cov_q of \(d, d\)"),
        (([0.0], [[1.0]], [0.0], [[-1.0]]), "must be symmetric positive definite"),
        (([0, 0], np.eye(2), [0, 0], [[1, 0.5], [0, 1]]), "must be symmetric positive"),
    ],
)
def test_what_are_no_gaussians(given, message):
    for name in ("kl", "wasserstein2", "squared_hellinger"):
        with pytest.raises(InputError, match=rf"^gaussians\.{name}: .*{message}"):
            getattr(gaussians, name)(*given)
