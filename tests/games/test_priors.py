import jax
import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from jaxgan import InputError, priors
from jaxgan.data import synthetic

PRIORS = {
    "normal": priors.normal(3),
    "uniform": priors.uniform(3, -0.5, 2.0),
    "truncated_normal": priors.truncated_normal(3, 0.7),
}
every_prior = pytest.mark.parametrize("name", PRIORS)


def draw(name, seed=0, n=20_000):
    return np.asarray(PRIORS[name](jax.random.key(seed), n, ()), "f8")


# The truncated normal on [-a, a]: variance 1 - 2a φ(a) / (2Φ(a) - 1), at a = 0.7.
@pytest.mark.parametrize(
    ("name", "mean", "variance", "low", "high"),
    [
        ("normal", 0.0, 1.0, -7.0, 7.0),
        ("uniform", 0.75, 2.5**2 / 12, -0.5, 2.0),
        ("truncated_normal", 0.0, 0.152_06, -0.7, 0.7),
    ],
)
def test_moments_and_support(name, mean, variance, low, high):
    z = draw(name)
    assert z.shape == (20_000, 3)
    np.testing.assert_allclose(z.mean(axis=0), mean, atol=5 * np.sqrt(variance / 2e4))
    np.testing.assert_allclose(z.var(axis=0), variance, rtol=0.05)
    assert low <= z.min() and z.max() <= high
    off_diagonal = np.cov(z.T)[np.triu_indices(3, 1)]
    np.testing.assert_allclose(off_diagonal, 0, atol=0.04 * variance)


def test_a_mixture_has_its_modes_in_equal_shares():
    means = np.array([[0.0, 3.0], [2.0, -1.0], [-4.0, 0.0]])
    z = np.asarray(priors.mixture(means, 0.1)(jax.random.key(0), 30_000, ()))
    distances = np.linalg.norm(z[:, None] - means, axis=2)
    nearest = distances.argmin(axis=1)
    shares = np.bincount(nearest) / len(z)
    np.testing.assert_allclose(shares, 1 / 3, atol=5 * np.sqrt(2 / 9 / len(z)))
    for mode, mean in enumerate(means):
        own = z[nearest == mode]
        np.testing.assert_allclose(own.mean(axis=0), mean, atol=5e-3)
        np.testing.assert_allclose(own.std(axis=0), 0.1, rtol=0.03)
    exact = priors.mixture(means, 0.0)(jax.random.key(0), 50, ())
    assert {*map(tuple, np.asarray(exact).tolist())} == {*map(tuple, means.tolist())}


def test_a_swiss_roll_is_that_of_the_data():
    drawn = np.asarray(priors.swiss_roll()(jax.random.key(0), 20_000, ()), "f8")
    other = synthetic.swiss_roll(20_000, seed=0)
    for angle in np.linspace(0, np.pi, 7):
        line = np.array([np.cos(angle), np.sin(angle)])
        assert wasserstein_distance(drawn @ line, other @ line) < 0.02
    exact = np.asarray(priors.swiss_roll(0.0)(jax.random.key(1), 1000, ()), "f8")
    radius = np.linalg.norm(exact, axis=1) * 4.5 * np.pi  # t
    expected = np.stack([np.cos(radius), np.sin(radius)], axis=1)
    np.testing.assert_allclose(
        exact, radius[:, None] * expected / (4.5 * np.pi), atol=1e-4
    )


@every_prior
def test_the_key_is_all_the_chance_there_is(name):
    np.testing.assert_array_equal(draw(name, n=4), draw(name, n=4))
    assert (draw(name, 0, n=4) != draw(name, 1, n=4)).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: priors.normal(0), "normal: size must be an integer of at least 1"),
        (lambda: priors.uniform(-2), "uniform: size must be an integer"),
        (lambda: priors.truncated_normal(0), "truncated_normal: size must be"),
        (lambda: priors.uniform(3, 1.0, 1.0), "uniform: low must be below high"),
        (lambda: priors.uniform(3, float("nan")), "uniform: low must be a fin"),
        (lambda: priors.uniform(3, 0.0, float("inf")), "uniform: high must be"),
        (lambda: priors.truncated_normal(3, 0.0), "truncated_normal: bound must be"),
        (lambda: priors.truncated_normal(3, -1.0), "truncated_normal: bound must be"),
    ],
)
def test_impossible_priors_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
