from functools import partial

import jax
import numpy as np
import optax
import pytest

from jaxgan import (
    InputError,
    alternating,
    chain,
    data_parallel,
    gradient_penalty,
    r1,
    wasserstein,
)
from jaxgan.algorithms.data_parallel import replicated
from tests.builders import (
    algorithm_of,
    assert_close,
    batches,
    bits,
    reals,
    small_game,
    tiered,
)

pytestmark = pytest.mark.usefixtures("optimized")

LOSS = chain(wasserstein(), gradient_penalty(10.0), r1(0.3))


def spread(game, devices=None, optimizer=None, n=16, donate=False, **options):
    dynamics = partial(algorithm_of, optimizer=optimizer, n=n, **options)
    return data_parallel(dynamics, game, devices, donate=donate)


@pytest.fixture(scope="module")
def game():
    return small_game(LOSS, normed=("generator",))


@pytest.fixture(scope="module")
def alone(game):
    """One device's algorithm, which may reuse memory."""
    # SGD, since Adam turns rounding into differences of the size of its step.
    return spread(game, jax.devices()[:1], optax.sgd(0.02), donate=True)


@pytest.mark.slow
def test_eight_devices_do_what_one_does(game, alone):
    assert jax.local_device_count() == 8
    finals = {}
    for count in (1, 8):
        algorithm = alone if count == 1 else spread(game, None, optax.sgd(0.02))
        state = algorithm.init(jax.random.key(0))
        before = np.asarray(state.variables["generator"].params["Dense_0"]["kernel"])
        for number in range(5):
            state, info = algorithm.step(state, batches(2, 16, seed=number))
        leaf = state.variables["generator"].params["Dense_0"]["kernel"]
        assert leaf.sharding.is_fully_replicated
        assert len(leaf.sharding.device_set) == count
        assert abs(np.asarray(leaf) - before).max() > 1e-3
        finals[count] = state._replace(key=jax.random.key_data(state.key)), info
    assert_close(finals[1], finals[8])


def test_one_device_does_what_the_plain_algorithm_does_and_may_reuse_memory(
    game, alone
):
    plain = algorithm_of(game, optax.sgd(0.02), n=16)
    state, given = jax.jit(plain.init)(jax.random.key(0)), alone.init(jax.random.key(0))
    assert bits(state) == bits(given)
    after, _ = alone.step(given, batches(2, 16))
    expected, _ = jax.jit(plain.step)(state, batches(2, 16))
    assert_close(after.variables, expected.variables)
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(given.variables))


def test_eight_devices_share_the_work():
    n = 1024
    game = small_game(LOSS, width=128, latent=16)
    compiled = {}
    for count in (1, 8):
        algorithm = spread(game, jax.devices()[:count], n=n)
        state = jax.eval_shape(algorithm.init, jax.random.key(0))
        compiled[count] = algorithm.step.lower(state, batches(2, n)).compile()
    work = {count: c.cost_analysis()["flops"] for count, c in compiled.items()}
    assert 0.9 / 8 <= work[8] / work[1] <= 1.1 / 8
    text = compiled[8].as_text()
    assert "all-reduce(" in text or "all-reduce-start(" in text
    assert "all-gather" not in text
    assert "all-reduce" not in compiled[1].as_text()


def test_the_state_may_be_put_on_every_device():
    x = jax.device_put(np.arange(3.0), replicated())
    assert x.sharding.is_fully_replicated and len(x.sharding.device_set) == 8


@pytest.mark.parametrize(
    ("n", "fakes", "message"),
    [
        (
            12,
            None,
            "latents of 12 does not split evenly over 8 devices; use a",
        ),
        (16, {"generator": 12}, "latents of 12 does not split evenly over 8 devices"),
    ],
)
def test_latents_must_split_evenly(game, n, fakes, message):
    with pytest.raises(InputError, match=message):
        spread(small_game(wasserstein()), n=n, fake_batch_sizes=fakes)


def test_batches_must_split_evenly():
    algorithm = spread(small_game())
    state = jax.eval_shape(algorithm.init, jax.random.key(0))
    with pytest.raises(InputError, match="a batch of 12 does not split evenly over 8"):
        algorithm.step.lower(state, batches(2, 12))


@pytest.mark.parametrize("platform", tiered(["tpu", "cuda"], ["tpu"]))
def test_a_step_exports_for_accelerators(game, platform):
    optimizers = {player: optax.adam(1e-3) for player in game.players}
    algorithm = alternating(game, optimizers, reals(0, 16))
    state = jax.eval_shape(algorithm.init, jax.random.key(0))
    exported = jax.export.export(jax.jit(algorithm.step), platforms=[platform])(
        state, batches(2, 16)
    )
    assert exported.platforms == (platform,)
    assert "stablehlo.dot_general" in exported.mlir_module()
