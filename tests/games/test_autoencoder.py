"""The autoencoder: one player; linear networks find the principal components."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import Batch, Network, Variables, alternating, mlp, priors
from jaxgan.errors import InputError
from jaxgan.games import autoencoder
from jaxgan.losses import likeness, squared_error
from tests.builders import assert_close, unchecked


def linear(size, shape):
    """A matrix, without a bias."""

    def init(key, x):
        flat = x.reshape(len(x), -1)
        w = jax.random.normal(key, (flat.shape[1], size)) / flat.shape[1] ** 0.5
        return Variables(w)

    def apply(variables, x, *, key=None, train=True):
        made = x.reshape(len(x), -1) @ variables.params
        return made.reshape(len(x), *shape), variables.stats

    return Network(init, apply)


def test_linear_networks_find_the_principal_subspace():
    """The best linear code of d numbers spans the first d principal components."""
    rng = np.random.default_rng(0)
    basis, _ = np.linalg.qr(rng.normal(size=(6, 6)))
    x = rng.normal(size=(64, 6)) * [3, 2, 1.5, 0.3, 0.2, 0.1] @ basis.T
    x = jnp.asarray(x - x.mean(axis=0), jnp.float32)
    game = autoencoder(linear(3, (3,)), linear(6, (6,)), likeness(), priors.normal(3))
    rate = optax.cosine_decay_schedule(0.03, 4000)
    algorithm = alternating(game, {"coder": optax.adam(rate)}, example=Batch(x))
    state = algorithm.init(jax.random.key(0))
    state = jax.jit(
        lambda s: jax.lax.fori_loop(
            0, 4000, lambda _, s: algorithm.step(s, (Batch(x),))[0], s
        )
    )(state)
    decoder = np.asarray(state.variables["decoder"].params).T  # (6, 3)
    _, _, components = np.linalg.svd(np.asarray(x), full_matrices=False)
    span, _ = np.linalg.qr(decoder)
    cosines = np.linalg.svd(components[:3] @ span, compute_uv=False)
    assert_close(cosines, np.ones(3), atol=1e-4)
    code = x @ state.variables["encoder"].params
    error = np.mean((np.asarray(x) - np.asarray(code) @ decoder.T) ** 2)
    rest = np.asarray(x) - np.asarray(x) @ components[:3].T @ components[:3]
    assert_close(error, np.mean(rest**2), rtol=1e-4)


def tiny():
    return autoencoder(mlp((2,), (8,)), mlp((3,), (8,)), likeness(), priors.normal(2))


def test_the_coder_pays_the_mean_squared_error_of_what_is_decoded():
    game, x = tiny(), jax.random.normal(jax.random.key(0), (5, 3))
    algorithm = alternating(game, {"coder": optax.sgd(0.1)}, example=Batch(x))
    state = algorithm.init(jax.random.key(1))
    moved, info = jax.jit(algorithm.step)(state, (Batch(x),))

    def by_hand(params):
        e, d = (
            lambda v, z, n=name: game.networks[n].apply(Variables(v), z)[0]
            for name in ("encoder", "decoder")
        )
        decoded = d(params["decoder"], e(params["encoder"], x))
        return jnp.mean((x - decoded) ** 2)

    params = {name: v.params for name, v in state.variables.items()}
    paid, slope = jax.value_and_grad(by_hand)(params)
    assert_close(info.losses["coder"]["likeness"], paid, rtol=1e-6)
    for name, variables in moved.variables.items():
        wanted = jax.tree.map(lambda w, g: w - 0.1 * g, params[name], slope[name])
        jax.tree.map(
            lambda a, b: assert_close(a, b, atol=1e-6), variables.params, wanted
        )


def test_outputs_are_reconstructions_and_decoded_random_codes():
    game, x = tiny(), jax.random.normal(jax.random.key(0), (5, 3))
    algorithm = alternating(game, {"coder": optax.sgd(0.1)}, example=Batch(x))
    variables = algorithm.init(jax.random.key(1)).variables

    def call(name):
        return lambda *inputs: game.networks[name].apply(
            variables[name], *inputs, train=False
        )[0]

    calls, z = {name: call(name) for name in variables}, jnp.ones((5, 2))
    again = game.outputs["reconstructions"](calls, z, Batch(x))
    assert_close(again, calls["decoder"](calls["encoder"](x)))
    assert_close(game.outputs["samples"](calls, z, Batch(x)), calls["decoder"](z))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encoder": "mlp"}, "autoencoder: encoder must be"),
        ({"decoder": None}, "autoencoder: decoder must be"),
        ({"loss": squared_error}, "autoencoder: loss must be"),
        ({"prior": 2}, "autoencoder: prior must be"),
    ],
)
def test_bad_arguments_are_refused(changes, message):
    parts = {
        "encoder": mlp((2,)),
        "decoder": mlp((3,)),
        "loss": likeness(),
        "prior": priors.normal(2),
    }
    with unchecked(), pytest.raises(InputError, match=message):
        autoencoder(**(parts | changes))


def test_what_is_decoded_must_be_like_the_data():
    game = autoencoder(mlp((2,)), mlp((4,)), likeness(), priors.normal(2))
    with pytest.raises(InputError, match="squared_error compares things of one shape"):
        alternating(game, {"coder": optax.sgd(0.1)}, example=Batch(jnp.zeros((5, 3))))
