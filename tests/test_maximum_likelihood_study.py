"""The study of a model that is too small, in experiments/theory."""

import math
import runpy
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import minimax
from jaxgan.theory.densities import log_mixture
from jaxgan.theory.divergences import jensen_shannon, kl

PATH = Path(__file__).parent.parent / "experiments/theory/maximum_likelihood.py"
STUDY = runpy.run_path(str(PATH))
DATA, OBJECTIVES = STUDY["DATA"], STUDY["OBJECTIVES"]
descend, measure, model = STUDY["descend"], STUDY["measure"], STUDY["model"]
sample, value = STUDY["sample"], STUDY["value"]


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


def some_mixture():
    return type(DATA)(
        jnp.array([0.3, -0.2]), jnp.array([-1.0, 2.5]), jnp.array([0.1, -0.4])
    )


def sigma_of(mixture):
    return math.exp(mixture.log_sigmas[0])


def test_maximum_likelihood_matches_the_moments_from_every_start():
    variance = 0.6**2 + 0.6 * 0.4 * 4**2
    for start in (model([0.0]), model([3.0])):
        found = descend(OBJECTIVES["KL(data‖model)"], start)
        assert float(found.means[0]) == pytest.approx(-0.4, abs=1e-4)
        assert sigma_of(found) ** 2 == pytest.approx(variance, abs=1e-4)


@pytest.mark.parametrize(
    ("start", "mode", "share"),
    [(-3.0, -2, 0.6), pytest.param(3.0, 2, 0.4, marks=pytest.mark.slow)],
)
def test_reverse_kl_keeps_to_the_mode_it_starts_at(start, mode, share):
    objective = OBJECTIVES["KL(model‖data)"]
    found = descend(objective, model([start]))
    assert float(found.means[0]) == pytest.approx(mode, abs=0.01)
    assert sigma_of(found) == pytest.approx(0.6, abs=0.01)
    assert float(value(objective, found)) == pytest.approx(-math.log(share), abs=0.003)


def test_jsd_prefers_to_cover_by_a_little():
    objective = OBJECTIVES["JSD"]
    covers, seeks = (descend(objective, model([start])) for start in (0.0, -3.0))
    assert sigma_of(covers) == pytest.approx(2.025, abs=1e-3)
    assert sigma_of(seeks) == pytest.approx(0.607, abs=1e-3)
    gap = float(value(objective, seeks) - value(objective, covers))
    assert gap == pytest.approx(0.0083, abs=2e-4)


def test_a_model_that_can_be_the_data_becomes_them():
    for name in ("KL(data‖model)", "KL(model‖data)"):
        found = descend(OBJECTIVES[name], model([-1.0, 1.0]))
        np.testing.assert_allclose(found.means, [-2, 2], atol=1e-4)
        np.testing.assert_allclose(jnp.exp(found.log_sigmas), 0.6, atol=1e-4)
        np.testing.assert_allclose(jax.nn.softmax(found.logits), [0.6, 0.4], atol=1e-4)


def test_the_objectives_are_the_divergences_of_their_names():
    mixture = some_mixture()
    measured = measure(mixture)
    found = {name: float(value(each, mixture)) for name, each in OBJECTIVES.items()}
    assert found["KL(data‖model)"] == pytest.approx(measured.kl, rel=1e-9)
    assert found["KL(model‖data)"] == pytest.approx(measured.reverse_kl, rel=1e-9)
    assert found["JSD"] == pytest.approx(measured.jsd, rel=1e-9)
    middle = measured.reverse_kl - 2 * measured.jsd
    assert found["2·KL(m‖data)"] == pytest.approx(middle, rel=1e-9)
    assert measured.kl == pytest.approx(kl(*pair(mixture)), rel=1e-9)
    assert measured.jsd == pytest.approx(jensen_shannon(*pair(mixture)), rel=1e-9)


def pair(mixture):
    """Data and mixture by NumPy, on another grid than the study's."""
    x = np.linspace(-13, 13, 901)
    both = []
    for logits, means, log_sigmas in (DATA, mixture):
        weights = np.exp(logits) / np.exp(logits).sum()
        density = np.exp(log_mixture(x, weights, means, np.exp(log_sigmas)))
        both.append(density / density.sum())
    return both


@pytest.mark.slow
def test_the_non_saturating_generators_gradient_at_the_optimal_discriminator():
    """That of 2·KL(m‖data): Arjovsky & Bottou 2017, theorem 2.5."""
    mixture, x = some_mixture(), jnp.asarray(STUDY["GRID"])
    p, q = (STUDY["log_density"](each, x) for each in (DATA, mixture))
    price = jax.nn.softplus(q - p)  # -log σ(D*), held where it is

    def paid(mixture):
        return STUDY["STEP"] * (jnp.exp(STUDY["log_density"](mixture, x)) * price).sum()

    descends = jax.grad(lambda m: value(OBJECTIVES["2·KL(m‖data)"], m))(mixture)
    for one, other in zip(jax.grad(paid)(mixture), descends, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9)


def test_the_data_measured_against_themselves():
    measured = measure(DATA)
    assert measured.mean == pytest.approx(-0.4, abs=1e-9)
    assert measured.sigma == pytest.approx(math.sqrt(4.2), abs=1e-9)
    assert [measured.kl, measured.reverse_kl, measured.jsd] == [0, 0, 0]
    within = math.erf(2 / math.sqrt(2))
    assert measured.left == pytest.approx(0.6 * within, abs=1e-6)
    assert measured.right == pytest.approx(0.4 * within, abs=1e-6)


@pytest.mark.slow
def test_samples_have_their_distribution_and_its_derivative():
    z, mixture = jnp.linspace(-4, 4, 41), some_mixture()

    @jax.jit
    def along(move):
        """The samples of a mixture a little further, and their slopes."""
        there = jax.tree.map(lambda x, by: x + by, mixture, move)
        return sample(there, z), jax.jacobian(sample)(there, z)

    nowhere = jax.tree.map(jnp.zeros_like, mixture)
    x, slopes = along(nowhere)
    u = STUDY["distribution"](mixture, x)
    np.testing.assert_allclose(u, jax.scipy.stats.norm.cdf(z), atol=1e-7)
    for name, slope in slopes._asdict().items():
        for k in range(2):
            step = nowhere._replace(**{name: jnp.zeros(2).at[k].set(1e-4)})
            back = jax.tree.map(jnp.negative, step)
            difference = (along(step)[0] - along(back)[0]) / 2e-4
            np.testing.assert_allclose(slope[:, k], difference, atol=2e-3)
            assert np.abs(difference).max() > 0.1


def test_samples_of_one_gaussian_are_the_usual_ones():
    z = jnp.linspace(-3, 3, 7)
    one = model([1.0], 2.0)
    np.testing.assert_allclose(jax.jit(sample)(one, z), 1 + 2 * z, atol=1e-6)
    slope = jax.jit(jax.jacobian(sample))(one, z)
    np.testing.assert_allclose(slope.means[:, 0], 1, atol=1e-3)
    np.testing.assert_allclose(slope.log_sigmas[:, 0], 2 * z, atol=1e-3)


@pytest.mark.slow
def test_a_short_game_moves_every_seeds_model_towards_the_data():
    models = STUDY["play"](minimax(), model([4.0]), steps=100)
    means = [float(mixture.means[0]) for mixture in models]
    assert len(set(means)) == 5
    assert all(3 < mean < 3.98 for mean in means)
