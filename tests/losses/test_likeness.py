"""Losses of how unlike two things of a record are, and of codes and their prior."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

from jaxgan.errors import InputError
from jaxgan.losses import (
    Posterior,
    absolute_error,
    importance_weighted,
    kl_to_prior,
    likelihoods,
    likeness,
    squared_error,
)
from jaxgan.metrics import importance_weighted_bound
from tests.builders import assert_close, round_of, unchecked

KEY = jax.random.key(0)
REAL, OTHER = (jax.random.normal(jax.random.key(k), (6, 3)) for k in (1, 2))
WEIGHT = jnp.array([2.0, 0.0, 1.0, 1.0, 0.5, 1.5])


def record(**fields):
    """A round with further fields."""
    own = {name: fields.pop(name) for name in ("real", "weight") if name in fields}
    made = round_of(**{"real": REAL, **own})
    for name, value in fields.items():
        object.__setattr__(made, name, value)
    return made


def pay(loss, record):
    with unchecked():
        paid, _ = loss.evaluate(record, loss.init({}), KEY)
    return {player: sum(terms.values()) for player, terms in paid.items()}


def test_errors_are_means_of_each_example():
    a, b = np.asarray(REAL), np.asarray(OTHER)
    assert_close(absolute_error(REAL, OTHER), np.abs(a - b).mean(axis=1), rtol=1e-6)
    assert_close(squared_error(REAL, OTHER), ((a - b) ** 2).mean(axis=1), rtol=1e-6)


def test_each_player_pays_its_weight_times_the_weighted_mean():
    weights = {"encoder": 1.0, "generator": 0.25}
    loss = likeness(absolute_error, weights=weights)
    paid = pay(loss, record(decoded=OTHER, weight=WEIGHT))
    each = np.abs(np.asarray(REAL) - np.asarray(OTHER)).mean(axis=1)
    wanted = (np.asarray(WEIGHT) * each).mean()
    assert_close(paid["encoder"], wanted, rtol=1e-6)
    assert_close(paid["generator"], wanted / 4, rtol=1e-6)


def test_several_draws_are_averaged():
    draws = jax.random.normal(KEY, (6, 4, 3))
    paid = pay(likeness(), record(decoded=draws))["coder"]
    wanted = np.mean((np.asarray(REAL)[:, None] - np.asarray(draws)) ** 2)
    assert_close(paid, wanted, rtol=1e-6)


def posterior():
    return Posterior(OTHER, REAL / 3)


def kl_by_integration(mean, scale):
    """KL(N(m, s²) ‖ N(0, 1)) as an expectation, by quadrature."""
    z, weights = np.polynomial.hermite_e.hermegauss(60)
    at = mean[..., None] + scale[..., None] * z
    q = stats.norm.logpdf(at, mean[..., None], scale[..., None])
    return (q - stats.norm.logpdf(at)) @ (weights / weights.sum())


def test_the_divergence_is_that_of_gaussians():
    mean, scale = np.asarray(OTHER), np.exp(np.asarray(REAL) / 3)
    each = kl_by_integration(mean, scale)
    paid = pay(kl_to_prior(beta=2.0), record(posterior=posterior()))["coder"]
    assert_close(paid, 2 * each.sum(axis=1).mean(), rtol=1e-5)
    paid = pay(kl_to_prior(), record(posterior=posterior(), weight=WEIGHT))["coder"]
    assert_close(paid, (np.asarray(WEIGHT) * each.sum(axis=1)).mean(), rtol=1e-5)


def test_coordinates_below_their_free_bits_are_left_alone():
    mean, scale = np.asarray(OTHER), np.exp(np.asarray(REAL) / 3)
    told = kl_by_integration(mean, scale).mean(axis=0)
    bits = float(np.sort(told)[1] + 1e-3)
    loss = kl_to_prior(free_bits=bits, player="encoder")
    assert_close(
        pay(loss, record(posterior=posterior()))["encoder"],
        np.maximum(told, bits).sum(),
        rtol=1e-5,
    )
    slope = jax.grad(
        lambda mean: pay(loss, record(posterior=Posterior(mean, REAL / 3)))["encoder"]
    )(OTHER)
    np.testing.assert_array_equal(np.asarray(slope).any(axis=0), told > bits)


@pytest.mark.parametrize("draws", [1, 5])
def test_importance_weighting_is_the_bound_of_the_metric(draws):
    data = jnp.sign(REAL)
    noise = jax.random.normal(KEY, (6, draws, 2))
    mean, log_scale = OTHER[:, :2], REAL[:, :2] / 3
    code = mean[:, None] + jnp.exp(log_scale)[:, None] * noise
    decoded = jnp.tanh(code @ jnp.ones((2, 3)))
    fields = {
        "posterior": Posterior(mean, log_scale),
        "real": data,
        "code": code,
        "decoded": decoded,
    }
    if draws == 1:
        fields |= {"code": code[:, 0], "decoded": decoded[:, 0]}
    p = 1 / (1 + np.exp(-np.asarray(decoded, np.float64)))
    log_x = stats.bernoulli.logpmf(np.asarray(data)[:, None] > 0, p).sum(axis=-1)
    log_z = stats.norm.logpdf(code).sum(axis=-1)
    log_q = stats.norm.logpdf(
        code, mean[:, None], np.exp(np.asarray(log_scale))[:, None]
    ).sum(axis=-1)
    loss = importance_weighted(likelihoods.bernoulli())
    paid = pay(loss, record(**fields))["coder"]
    bound = importance_weighted_bound((log_x + log_z).T, log_q.T).value
    assert_close(paid, -bound, rtol=1e-5)
    each = logsumexp(log_x + log_z - log_q, axis=1) - np.log(draws)
    paid = pay(loss, record(**fields, weight=WEIGHT))["coder"]
    assert_close(paid, -(np.asarray(WEIGHT) * each).mean(), rtol=1e-5)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: likeness("l1"), "likeness: measure must be"),
        (lambda: likeness(of=3), "likeness: of must be"),
        (lambda: likeness(weights={}), "must name at least one player"),
        (lambda: likeness(weights=[1.0]), "likeness: weights must be"),
        (lambda: likeness(weights={"coder": -1.0}), r"weights\['coder'\]"),
        (lambda: kl_to_prior(-1.0), "kl_to_prior: beta"),
        (lambda: kl_to_prior(free_bits=-0.1), "kl_to_prior: free_bits"),
        (lambda: kl_to_prior(player=""), "kl_to_prior: player"),
        (lambda: kl_to_prior(of=None), "kl_to_prior: of"),
        (lambda: importance_weighted(None), "importance_weighted: likelihood"),
    ],
)
def test_bad_arguments_are_refused(build, message):
    with unchecked(), pytest.raises(InputError, match=message):
        build()


@pytest.mark.parametrize(
    ("loss", "fields", "message"),
    [
        (likeness(), {}, "likeness: of cannot be read from a Round: .*decoded"),
        (likeness(), {"decoded": OTHER[:, :2]}, "things of one shape"),
        (
            likeness(lambda a, b: (a - b) ** 2),
            {"decoded": OTHER},
            r"a number for each of 6 examples, got shape \(6, 3\)",
        ),
        (kl_to_prior(), {}, "kl_to_prior: of cannot be read"),
        (importance_weighted(squared_error), {}, "cannot be read from a Round"),
        (
            importance_weighted(squared_error),
            {"posterior": posterior(), "code": OTHER[:, :2], "decoded": OTHER},
            r"codes of shape \(6, 2\) are not drawn from posteriors of shape \(6, 3\)",
        ),
    ],
)
def test_a_record_without_what_is_compared_is_refused(loss, fields, message):
    with pytest.raises(InputError, match=message):
        pay(loss, record(**fields))
