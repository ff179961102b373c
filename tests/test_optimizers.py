import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import InputError, wasserstein
from jaxgan.optimizers import clip_weights, project_orthogonal
from tests.builders import algorithm_of, batches, random, small_game

PARAMS = {"kernel": random(0, 6, 3), "wide": random(1, 2, 5), "bias": random(2, 3)}
GRADIENT = jax.tree.map(lambda x: 0.3 * x[::-1], PARAMS)


def stepped(*transforms, params=PARAMS, gradient=GRADIENT):
    optimizer = optax.chain(*transforms)
    updates, _ = optimizer.update(gradient, optimizer.init(params), params)
    return optax.apply_updates(params, updates)


def test_clipping_is_that_of_the_sum():
    plain, clipped = stepped(optax.sgd(1.0)), stepped(optax.sgd(1.0), clip_weights(0.5))
    assert max(abs(x).max() for x in jax.tree.leaves(plain)) > 1
    for x, y in zip(jax.tree.leaves(plain), jax.tree.leaves(clipped), strict=True):
        np.testing.assert_allclose(y, np.clip(x, -0.5, 0.5), atol=1e-7)


@pytest.mark.parametrize("name", ["kernel", "wide"])
def test_projected_kernels_are_the_nearest_orthogonal_ones(name):
    moved = np.asarray(stepped(optax.sgd(1.0))[name], "f8")
    projected = np.asarray(stepped(optax.sgd(1.0), project_orthogonal())[name], "f8")
    small = min(projected.shape)
    gram = (
        projected.T @ projected
        if projected.shape[1] == small
        else (projected @ projected.T)
    )
    np.testing.assert_allclose(gram, np.eye(small), atol=1e-5)
    # Higham 1986: the polar factor, here by the inverse root of the Gram matrix.
    tall = moved if moved.shape[1] == small else moved.T
    values, vectors = np.linalg.eigh(tall.T @ tall)
    polar = tall @ vectors @ np.diag(values**-0.5) @ vectors.T
    expected = polar if moved.shape[1] == small else polar.T
    np.testing.assert_allclose(projected, expected, atol=1e-5)


def test_biases_move_as_usual_and_convolutions_are_matrices():
    after = stepped(optax.sgd(1.0), project_orthogonal())
    np.testing.assert_allclose(
        after["bias"], stepped(optax.sgd(1.0))["bias"], rtol=1e-6
    )
    conv = {"conv": random(3, 3, 3, 2, 4)}
    after = stepped(optax.sgd(1.0), project_orthogonal(), params=conv, gradient=conv)[
        "conv"
    ]
    assert after.shape == (3, 3, 2, 4)


def test_a_clipped_critic_stays_in_its_box():
    game = small_game(wasserstein())
    optimizers = {
        "discriminator": optax.chain(optax.rmsprop(5e-2), clip_weights(0.02)),
        "generator": optax.rmsprop(5e-2),
    }
    algorithm = algorithm_of(game, optimizers)
    state, step = algorithm.init(jax.random.key(0)), jax.jit(algorithm.step)
    for seed in range(3):
        state, _ = step(state, batches(seed=seed))
        leaves = jax.tree.leaves(state.variables["discriminator"].params)
        assert max(float(abs(x).max()) for x in leaves) <= 0.02 * (1 + 1e-6)
    free = jax.tree.leaves(state.variables["generator"].params)
    assert max(float(abs(x).max()) for x in free) > 0.1


@pytest.mark.parametrize("wrong", [0.0, -0.1, float("nan")])
def test_a_limit_must_be_positive(wrong):
    with pytest.raises(InputError, match=f"clip_weights: limit must be .* got {wrong}"):
        clip_weights(wrong)


@pytest.mark.parametrize("transform", [clip_weights(0.1), project_orthogonal()])
def test_parameters_are_needed(transform):
    with pytest.raises(InputError, match="needs the parameters too"):
        transform.update(GRADIENT, transform.init(PARAMS))


def test_the_limit_may_be_traced():
    tops = jax.vmap(lambda limit: abs(stepped(clip_weights(limit))["kernel"]).max())(
        jnp.array([0.1, 0.4])
    )
    np.testing.assert_allclose(tops, [0.1, 0.4], rtol=1e-6)
