"""Tests of the minibatch standard deviation, against NumPy."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import PartitionSpec
from jax.test_util import check_grads

from jaxgan import (
    Batch,
    InputError,
    alternating,
    chain,
    data_parallel,
    from_linen,
    gan,
    hinge,
    mlp,
    priors,
    r1,
)
from jaxgan.batch_axis import BATCH_AXIS
from jaxgan.networks import minibatch_stddev
from tests.builders import assert_close, random, unchecked

X = random(0, 8, 3, 5, 6)


def reference(x, group, channels):
    """By loops over groups, and over blocks of channels."""
    x = np.asarray(x, np.float64)
    count, height, width, depth = x.shape
    appended = np.zeros((count, height, width, channels))
    for start in range(0, count, group):
        rows = slice(start, start + group)
        for i, block in enumerate(np.split(np.arange(depth), channels)):
            variance = x[rows][..., block].var(axis=0)
            appended[rows, ..., i] = np.sqrt(variance + 1e-8).mean()
    return np.concatenate([x, appended], axis=-1)


@pytest.mark.parametrize(("group", "channels"), [(4, 1), (2, 3), (1, 6)])
def test_channels_are_appended_as_by_loops(group, channels):
    found = minibatch_stddev(X, group, channels)
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, reference(X, group, channels), rtol=1e-5)
    np.testing.assert_array_equal(found[..., :6], X)


def test_groups_of_consecutive_examples_are_independent():
    other = X.at[4:].set(0.0)
    found, changed = minibatch_stddev(X), minibatch_stddev(other)
    np.testing.assert_array_equal(found[:4], changed[:4])
    np.testing.assert_allclose(changed[4:, ..., -1], 1e-4, rtol=1e-5)
    assert found[4, 0, 0, -1] > 0.5


def test_equal_examples_have_finite_derivatives_of_both_orders():
    def total(x):
        return jnp.sum(minibatch_stddev(x) ** 2)

    equal = jnp.tile(X[:1], (8, 1, 1, 1))
    assert np.isfinite(jax.grad(total)(equal)).all()
    products = jax.jvp(jax.grad(total), (equal,), (X,))[1]
    assert np.isfinite(products).all()


@pytest.mark.slow
def test_derivatives_are_those_of_finite_differences():
    def total(x):
        return jnp.sum(minibatch_stddev(x) ** 2)

    with jax.enable_x64(True):
        x = jnp.asarray(np.asarray(X[:4, :2, :2]), jnp.float64)
        check_grads(jax.jit(total), (x,), order=2)


def test_narrow_maps_are_reduced_in_float32():
    narrow = (X + 100).astype(jnp.bfloat16)
    found = minibatch_stddev(narrow)
    assert found.dtype == jnp.bfloat16
    expected = reference(np.asarray(narrow, np.float32), 4, 1)
    np.testing.assert_allclose(np.asarray(found, np.float32), expected, rtol=0.01)


def test_members_and_devices_have_the_groups_of_one():
    x = random(1, 16, 2, 2, 3)
    expected = minibatch_stddev(x, 2)
    pair = jax.vmap(lambda x: minibatch_stddev(x, 2))(jnp.stack([x, 2 * x]))
    assert_close(pair[0], expected)
    assert_close(pair[1], minibatch_stddev(2 * x, 2))
    rows = PartitionSpec(BATCH_AXIS)
    mesh = jax.sharding.Mesh(np.array(jax.devices()[:8]), (BATCH_AXIS,))
    mapped = jax.shard_map(
        lambda x: minibatch_stddev(x, 2), mesh=mesh, in_specs=rows, out_specs=rows
    )
    assert_close(jax.jit(mapped)(x), expected)


class Diverse(nn.Module):
    """A discriminator that sees the diversity of pairs of images."""

    group: int = 2

    @nn.compact
    def __call__(self, x):
        x = nn.tanh(nn.Conv(4, (3, 3))(x))
        x = minibatch_stddev(x, self.group)
        return nn.Dense(1)(nn.tanh(x.reshape(len(x), -1)))[:, 0]


def game(group=2):
    loss = chain(hinge(), r1(1.0))
    discriminator = from_linen(Diverse(group))
    return gan(mlp((4, 4, 1), (4,)), discriminator, loss, priors.normal(3))


def images(seed, n=16):
    return Batch(random(seed, n, 4, 4, 1))


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jit", "shard_map", "pmap"])
def test_a_game_on_eight_devices_is_that_on_one(backend):
    states = []
    optimizers = {player: optax.sgd(0.02) for player in game().players}
    for count, how in ((1, "jit"), (8, backend)):
        algorithm = data_parallel(
            lambda own: alternating(own, optimizers, images(0)),
            game(),
            jax.devices()[:count],
            backend=how,
        )
        state = algorithm.init(jax.random.key(0))
        for i in range(3):
            state, _ = algorithm.step(state, (images(2 * i), images(2 * i + 1)))
        states.append(state.variables)
    assert_close(states[0], states[1], atol=1e-5)


def test_a_group_that_does_not_divide_the_batch_is_refused():
    optimizers = {player: optax.sgd(0.1) for player in game().players}
    match = r"minibatch_stddev: group=3 does not divide a batch of 16; use a divisor"
    with pytest.raises(InputError, match=match):
        alternating(game(3), optimizers, images(0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((X, 0), "minibatch_stddev: group must be an integer of at least 1"),
        ((X, 4, 0), "minibatch_stddev: channels must be an integer of at least 1"),
        ((X, 16), "group=16 does not divide a batch of 8"),
        ((X, 4, 4), "channels=4 does not divide the 6 channels of x"),
        ((X[0], 1), r"x must be feature maps \(b, h, w, c\), got \(3, 5, 6\)"),
        ((None,), r"x must be feature maps \(b, h, w, c\), got None"),
    ],
)
def test_bad_input_is_refused(arguments, message):
    with unchecked(), pytest.raises(InputError, match=message):
        minibatch_stddev(*arguments)
