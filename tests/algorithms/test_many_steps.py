import jax
import jax.numpy as jnp
import optax
import pytest

from jaxgan import InputError, chain, ema, gradient_penalty, wasserstein
from jaxgan.algorithms import many_steps
from tests.builders import algorithm_of, assert_close, batches, small_game


@pytest.fixture(scope="module")
def one():
    game = small_game(
        chain(wasserstein(), gradient_penalty(10.0)), normed=("generator",)
    )
    return ema(algorithm_of(game, optax.sgd(0.02), n=16), 0.9)


def test_many_steps_are_the_same_steps_one_by_one(one):
    state, step = one.init(jax.random.key(0)), jax.jit(one.step)
    made = [batches(2, 16, seed=number) for number in range(5)]
    after, infos = state, []
    for each in made:
        after, info = step(after, each)
        infos.append(info)
    stacked = jax.tree.map(lambda *x: jnp.stack(x), *made)
    found, info = jax.jit(many_steps(one, 5).step)(state, stacked)
    assert int(found.step) == 5
    data = jax.random.key_data
    assert_close(
        found._replace(key=data(found.key)), after._replace(key=data(after.key))
    )
    assert_close(info, jax.tree.map(lambda *x: jnp.stack(x), *infos))


@pytest.mark.parametrize("n", [0, -1, True])
def test_the_number_of_steps_is_a_count(one, n):
    with pytest.raises(InputError, match="many_steps: n must be an integer of at leas"):
        many_steps(one, n)


def test_batches_need_the_steps_as_their_first_axis(one):
    state = jax.eval_shape(one.init, jax.random.key(0))
    with pytest.raises(InputError, match=r"needs a leading axis of 3 steps, got shape"):
        jax.eval_shape(many_steps(one, 3).step, state, batches(2, 16))
