"""The optimal discriminators, against what minimizes the real losses at each point."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

from jaxgan import (
    InputError,
    hinge,
    least_squares,
    minimax,
    non_saturating,
    wasserstein,
)
from jaxgan.losses import f_divergence
from jaxgan.theory import discriminators
from jaxgan.theory import divergences as exact
from jaxgan.theory.densities import masses
from tests.builders import play, round_of
from tests.losses.catalog import DIVERGENCES

GRID = np.linspace(-3, 4, 31)
P, Q = (masses(norm(*at).logpdf(GRID)) for at in [(0, 1), (1, 1.2)])
LOG_P, LOG_Q = np.log(P), np.log(Q)


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


def payment(loss, logits, p=P, q=Q):
    """The discriminator's, if it says these logits at the points of the grid."""
    n = len(p)
    weights = {"weight": jnp.asarray(n * p), "fake_weight": jnp.asarray(n * q)}
    [paid] = play(loss, round_of(logits, logits, **weights))["discriminator"].values()
    return paid


def minimized(loss, bound=100.0):
    """The logits that cost least, each free: halving the interval at every point."""
    slope = jax.jit(jax.grad(lambda logits: payment(loss, logits)))
    low, high = jnp.full(len(GRID), -bound), jnp.full(len(GRID), bound)
    for _ in range(60):
        middle = (low + high) / 2
        falls = slope(middle) < 0
        low, high = jnp.where(falls, middle, low), jnp.where(falls, high, middle)
    return np.asarray(low)


@pytest.mark.parametrize(
    ("loss", "best"),
    [
        (minimax(), discriminators.minimax(LOG_P, LOG_Q)),
        (non_saturating(), discriminators.minimax(LOG_P, LOG_Q)),
        (least_squares(), discriminators.least_squares(LOG_P, LOG_Q)),
        (
            least_squares(a=-1.0, b=3.0),
            discriminators.least_squares(LOG_P, LOG_Q, a=-1.0, b=3.0),
        ),
        (hinge(), discriminators.hinge(LOG_P, LOG_Q)),
    ],
    ids=["minimax", "non_saturating", "least_squares", "targets", "hinge"],
)
def test_the_best_logits_are_those_that_cost_least(loss, best):
    np.testing.assert_allclose(best, minimized(loss), atol=1e-9)
    assert best[0] > best[-1]  # large for reals, which are on the left


@pytest.mark.parametrize("divergence", DIVERGENCES, ids=lambda d: d.name)
def test_every_f_divergences_output_is_the_slope_of_its_function(divergence):
    best = discriminators.of_f_divergence(divergence.function, LOG_P, LOG_Q)
    logits = jnp.asarray(minimized(f_divergence(divergence)))
    np.testing.assert_allclose(best, divergence.activation(logits), rtol=1e-9)


def test_what_the_games_are_worth_at_their_optimum():
    minimax_pays = payment(minimax(), discriminators.minimax(LOG_P, LOG_Q))
    jsd = (math.log(4) - float(minimax_pays)) / 2
    assert jsd == pytest.approx(exact.jensen_shannon(P, Q), abs=1e-12)
    hinge_pays = payment(hinge(), discriminators.hinge(LOG_P, LOG_Q))
    tv = exact.total_variation(P, Q)
    assert float(hinge_pays) == pytest.approx(2 - 2 * tv, abs=1e-12)


UNEVEN = np.cumsum(np.random.default_rng(0).exponential(size=12))


@pytest.mark.parametrize("seed", range(3))
def test_the_critic_attains_wasserstein1_and_no_other_does_better(seed):
    rng = np.random.default_rng(seed)
    p, q = rng.dirichlet(np.ones(12)), rng.dirichlet(np.ones(12))
    critic = discriminators.wasserstein_critic(UNEVEN, p, q)
    steps = np.diff(UNEVEN)
    assert (np.abs(np.diff(critic)) <= steps * (1 + 1e-12)).all()

    def pay(slopes):
        heights = jnp.concatenate([jnp.zeros(1), jnp.cumsum(slopes * steps)])
        return payment(wasserstein(), heights, p, q)

    slopes = np.diff(critic) / steps
    assert -float(pay(slopes)) == pytest.approx(exact.wasserstein1(UNEVEN, p, q))
    # The payment is linear in the slopes, so at the best each is at an end.
    np.testing.assert_allclose(slopes, -np.sign(jax.grad(pay)(slopes)), atol=1e-9)


def test_the_critic_is_large_for_reals():
    p, q = (masses(norm(mean, 0.3).logpdf(GRID)) for mean in (-1, 1))
    critic = discriminators.wasserstein_critic(GRID, p, q)
    assert critic @ p > critic @ q + 1.9
    between = (GRID > -1) & (GRID < 1)
    np.testing.assert_allclose(np.diff(critic[between]), -np.diff(GRID[between]))


def test_the_critic_is_flat_where_nothing_is_carried():
    critic = discriminators.wasserstein_critic(
        [0, 1, 2, 3, 4], [0.1, 0.6, 0, 0.1, 0.2], [0.1, 0, 0.6, 0.1, 0.2]
    )
    assert critic.tolist() == [0, 0, -1, -1, -1]


def test_ratios_beyond_floats():
    p, q = [0.0, -math.inf, -3e3], [-math.inf, 0.0, -1e3]
    assert discriminators.minimax(p, q).tolist() == [math.inf, -math.inf, -2e3]
    assert discriminators.hinge(p, q).tolist() == [1, -1, -1]
    assert discriminators.least_squares(p, q, -1.0, 2.0).tolist() == [2, -1, -1]
    with pytest.raises(InputError, match="must differ by at most 700, got 2000"):
        discriminators.of_f_divergence(jnp.square, p[2:], q[2:])


@pytest.mark.parametrize(
    "discriminator",
    [
        discriminators.minimax,
        discriminators.least_squares,
        discriminators.hinge,
        lambda p, q: discriminators.of_f_divergence(jnp.square, p, q),
    ],
)
def test_refusals(discriminator):
    with pytest.raises(InputError, match=r"of one shape, got \(1,\) and \(2,\)"):
        discriminator([0.0], [0.0, 0.0])
    with pytest.raises(InputError, match="and not -inf at the same point"):
        discriminator([0.0, -math.inf], [0.0, -math.inf])
    assert discriminator(np.zeros((2, 3)), np.ones((2, 3))).shape == (2, 3)


def test_the_critics_refusals():
    with pytest.raises(InputError, match="points must be 2 increasing numbers"):
        discriminators.wasserstein_critic([1, 0], [0.5, 0.5], [0.5, 0.5])
    with pytest.raises(InputError, match="p must hold masses"):
        discriminators.wasserstein_critic([0, 1], [0.5, 0.6], [0.5, 0.5])
