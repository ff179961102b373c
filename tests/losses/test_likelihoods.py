"""Likelihoods against SciPy's distributions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy import stats

from jaxgan.errors import InputError
from jaxgan.losses import likelihoods
from tests.builders import assert_close

KEY = jax.random.key(0)
OUTPUT = jax.random.normal(KEY, (4, 3, 2, 2))
GRAY = jnp.round(jax.random.uniform(jax.random.key(1), (4, 3, 2, 2)) * 255) / 127.5 - 1
BINARY = jnp.sign(GRAY + 1e-6)


def total(values):
    return -np.sum(values, axis=(1, 2, 3))


def doubled():
    scales = jax.random.normal(jax.random.key(2), OUTPUT.shape) - 1
    return jnp.concatenate([OUTPUT, scales], axis=-1)


def test_bernoulli():
    p = 1 / (1 + np.exp(-np.asarray(OUTPUT, np.float64)))
    wanted = total(stats.bernoulli.logpmf(np.asarray(BINARY) > 0, p))
    assert_close(likelihoods.bernoulli()(BINARY, OUTPUT), wanted, rtol=1e-5)
    assert_close(likelihoods.bernoulli().image(OUTPUT), 2 * p - 1, atol=1e-6)


def test_gaussians_of_a_fixed_and_of_a_learned_deviation():
    wanted = total(stats.norm.logpdf(GRAY, OUTPUT, 0.3))
    assert_close(likelihoods.gaussian(0.3)(GRAY, OUTPUT), wanted, rtol=1e-5)
    mean, log_scale = np.split(np.asarray(doubled()), 2, axis=-1)
    wanted = total(stats.norm.logpdf(GRAY, mean, np.exp(log_scale)))
    assert_close(likelihoods.gaussian()(GRAY, doubled()), wanted, rtol=1e-4)
    assert_close(likelihoods.gaussian().image(doubled()), np.clip(mean, -1, 1))


def test_a_discretized_logistic_is_a_difference_of_distribution_functions():
    mean, log_scale = np.split(np.asarray(doubled(), np.float64), 2, axis=-1)
    x, half = np.asarray(GRAY, np.float64), 1 / 255
    upper, lower = (
        stats.logistic.cdf(x + side, mean, np.exp(log_scale)) for side in (half, -half)
    )
    upper, lower = np.where(x > 1 - half, 1, upper), np.where(x < -1 + half, 0, lower)
    p = likelihoods.discretized_logistic()
    assert_close(p(GRAY, doubled()), total(np.log(upper - lower)), rtol=1e-4)


@pytest.mark.parametrize("levels", [2, 16])
def test_the_probabilities_of_all_levels_add_to_one(levels):
    x = jnp.linspace(-1, 1, levels)[:, None]
    p = likelihoods.discretized_logistic(levels)
    for output in ([0.3, -2.0], [-1.5, 1.0], [5.0, -9.0]):
        nats = p(x, jnp.broadcast_to(jnp.array(output), (levels, 2)))
        assert_close(jnp.exp(-nats).sum(), 1.0, rtol=1e-5)


EVERY = {
    "bernoulli": (likelihoods.bernoulli(), BINARY, OUTPUT),
    "gaussian": (likelihoods.gaussian(), GRAY, doubled()),
    "of a scale": (likelihoods.gaussian(0.5), GRAY, OUTPUT),
    "logistic": (likelihoods.discretized_logistic(), GRAY, doubled()),
}


@pytest.mark.parametrize("name", EVERY)
def test_gradients_are_those_of_differences_and_finite_far_away(name):
    p, data, output = EVERY[name]
    check_grads(
        lambda y: p(data, jnp.asarray(y)), (output,), 1, modes=["rev"], rtol=2e-2
    )
    for far in (1e3, -1e3):
        nats, slope = jax.value_and_grad(lambda y: p(data, y).sum())(output * far)
        assert np.isfinite(nats) and np.isfinite(slope).all()


@pytest.mark.parametrize("name", EVERY)
def test_what_is_computed_in_bfloat16_is_summed_in_float32(name):
    p, data, output = EVERY[name]
    found = p(data.astype(jnp.bfloat16), output.astype(jnp.bfloat16))
    assert found.dtype == jnp.float32


@pytest.mark.parametrize(
    ("compute", "message"),
    [
        (lambda: likelihoods.gaussian(0.0), "gaussian: scale"),
        (lambda: likelihoods.discretized_logistic(1), "levels must be at least 2"),
        (
            lambda: likelihoods.bernoulli()(GRAY, OUTPUT),
            "bernoulli: data must be binarized, each value -1 or 1, got",
        ),
        (
            lambda: likelihoods.gaussian(1.0)(255 * GRAY, OUTPUT),
            r"gaussian: data must be in \[-1, 1\], got from -2",
        ),
        (
            lambda: likelihoods.discretized_logistic()(GRAY * jnp.nan, doubled()),
            r"discretized_logistic: data must be in \[-1, 1\], got from nan",
        ),
        (
            lambda: likelihoods.discretized_logistic()(GRAY, OUTPUT),
            r"the output must have shape \(4, 3, 2, 4\), got \(4, 3, 2, 2\)",
        ),
    ],
)
def test_bad_input_is_refused(compute, message):
    with pytest.raises(InputError, match=message):
        compute()
