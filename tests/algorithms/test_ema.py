from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import InputError, ema
from tests.builders import algorithm_of, batches, bits, small_game

NETWORKS = ("discriminator", "generator")


@pytest.fixture(scope="module")
def plain():
    return algorithm_of(small_game(normed=NETWORKS), optax.adam(3e-2))


def walk(algorithm, iterations):
    """The states after 0, 1, 2, … iterations."""
    states = [algorithm.init(jax.random.key(0))]
    step = jax.jit(algorithm.step)
    for number in range(iterations):
        states.append(step(states[-1], batches(seed=number))[0])
    return states


# The ramp (1 + t) / (10 + t) passes 0.4 after t = 5.
def test_the_average_is_that_of_a_plain_loop(plain):
    states = walk(ema(plain, 0.4, networks=NETWORKS), 8)
    for name in NETWORKS:
        average = jax.tree.map(
            lambda x: np.asarray(x, "f8"), states[0].variables[name].params
        )
        for t, state in enumerate(states):
            d = min(0.4, (1 + t) / (10 + t))
            new, old = state.variables[name], state.ema[name]
            if t:
                average = jax.tree.map(
                    lambda a, p, d=d: d * a + (1 - d) * np.asarray(p, "f8"),
                    average,
                    new.params,
                )
            jax.tree.map(
                partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6),
                old.params,
                average,
            )
            assert bits(old.stats) == bits(new.stats)


def test_training_is_the_same_bit_for_bit(plain):
    without, with_average = walk(plain, 3)[-1], walk(ema(plain), 3)[-1]
    assert set(with_average.ema) == {"generator"}
    assert without.ema == {}
    assert bits(with_average._replace(ema={})) == bits(without)


def test_an_average_may_be_donated(plain):
    algorithm = ema(plain, networks=NETWORKS)
    step = jax.jit(algorithm.step, donate_argnums=0)
    expected = walk(algorithm, 2)[-1]
    state = algorithm.init(jax.random.key(0))
    aliased = state._replace(ema={"generator": state.variables["generator"]})
    with pytest.raises(Exception, match="donate the same buffer twice"):
        jax.jit(lambda s: s, donate_argnums=0)(aliased)
    state = algorithm.init(jax.random.key(0))
    for number in range(2):
        params = state.ema["generator"].params
        state, _ = step(state, batches(seed=number))
        assert all(x.is_deleted() for x in jax.tree.leaves(params))
    assert bits(state) == bits(expected)


@pytest.mark.slow
def test_the_decay_may_be_traced(plain):
    start = walk(plain, 1)[-1]

    def average(decay):
        algorithm = ema(plain, decay)
        state = start._replace(ema=algorithm.init(jax.random.key(1)).ema)
        return algorithm.step(state, batches())[0].ema

    swept = jax.jit(jax.vmap(average))(jnp.array([0.1, 0.2]))
    for i, decay in enumerate((0.1, 0.2)):
        single = jax.jit(average)(decay)
        jax.tree.map(
            lambda s, x, i=i: np.testing.assert_allclose(s[i], x, rtol=1e-5, atol=1e-6),
            swept,
            single,
        )


@pytest.mark.parametrize("decay", [-0.1, 1.0, 1.5, float("nan")])
def test_a_decay_must_be_in_its_range(plain, decay):
    with pytest.raises(InputError, match=rf"ema: decay .* \[0, 1\), got {decay}"):
        ema(plain, decay)


def test_an_averaged_network_must_exist(plain):
    algorithm = ema(plain, networks=("generator", "encoder"))
    with pytest.raises(InputError, match=r"ema: networks \['encoder'\] are not"):
        algorithm.init(jax.random.key(0))
