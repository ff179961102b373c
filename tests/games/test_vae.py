"""The variational autoencoder: who pays what, outputs, and several draws."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import Batch, Variables, alternating, chain, mlp
from jaxgan.errors import InputError
from jaxgan.games import vae
from jaxgan.losses import importance_weighted, kl_to_prior, likelihoods, likeness
from jaxgan.networks import labeled
from tests.builders import assert_close, unchecked

P = likelihoods.bernoulli()
DATA = jnp.sign(jax.random.normal(jax.random.key(0), (5, 2, 2, 1)))
ELBO = chain(likeness(P), kl_to_prior())


def tiny(loss=ELBO, **changes):
    arguments = {"encoder": mlp((4,), (8,)), "decoder": mlp((2, 2, 1), (8,))}
    return vae(
        **(arguments | {"loss": loss, "latent_size": 2, "image": P.image} | changes)
    )


def begun(game, data=DATA, **fields):
    optimizers = {"coder": optax.sgd(0.1)}
    algorithm = alternating(game, optimizers, example=Batch(data, **fields))
    return algorithm, algorithm.init(jax.random.key(1))


def calls(game, variables, train=False):
    def call(name):
        return lambda *inputs: game.networks[name].apply(
            variables[name], *inputs, train=train
        )[0]

    return {name: call(name) for name in game.networks}


def noise_of(game, algorithm, state):
    """The latents of a step, found by a loss that tells them."""
    seen = []
    spy = game._replace(
        play=lambda call, turn: (
            jax.debug.callback(lambda z: seen.append(np.asarray(z)), turn.latent),
            game.play(call, turn),
        )[1]
    )
    algorithm, _ = begun(spy)
    algorithm.step(state, (Batch(DATA),))
    return seen[-1]


def test_the_coder_pays_the_negative_bound_and_follows_its_slope():
    game = tiny()
    algorithm, state = begun(game)
    moved, info = jax.jit(algorithm.step)(state, (Batch(DATA),))
    noise = noise_of(game, algorithm, state)

    def by_hand(params):
        call = calls(game, {n: Variables(p) for n, p in params.items()}, train=True)
        mean, log_scale = jnp.split(call["encoder"](DATA), 2, axis=1)
        logits = call["decoder"](mean + jnp.exp(log_scale) * noise)
        x = (DATA + 1) / 2
        likely = x * jax.nn.log_sigmoid(logits) + (1 - x) * jax.nn.log_sigmoid(-logits)
        kl = (mean**2 + jnp.exp(2 * log_scale) - 1 - 2 * log_scale).sum(axis=1) / 2
        return (kl - likely.sum(axis=(1, 2, 3))).mean()

    params = {name: v.params for name, v in state.variables.items()}
    paid, slope = jax.value_and_grad(by_hand)(params)
    assert_close(sum(info.losses["coder"].values()), paid, rtol=1e-5)
    for name, variables in moved.variables.items():
        wanted = jax.tree.map(lambda w, g: w - 0.1 * g, params[name], slope[name])
        jax.tree.map(
            lambda a, b: assert_close(a, b, atol=1e-6), variables.params, wanted
        )


def test_outputs_are_images_of_the_prior_and_of_the_codes_means():
    game = tiny()
    _, state = begun(game)
    call, z = calls(game, state.variables), jax.random.normal(jax.random.key(2), (5, 2))
    made = game.outputs["samples"](call, z, Batch(DATA))
    assert_close(made, P.image(call["decoder"](z)))
    mean = call["encoder"](DATA)[:, :2]
    again = game.outputs["reconstructions"](call, z, Batch(DATA))
    assert_close(again, P.image(call["decoder"](mean)))


def test_draws_have_an_axis_and_outputs_the_first_of_them():
    loss = importance_weighted(P)
    game = tiny(loss, draws=3)
    algorithm, state = begun(game)
    _, info = jax.jit(algorithm.step)(state, (Batch(DATA),))
    assert np.isfinite(info.losses["coder"]["importance_weighted"])
    call = calls(game, state.variables)
    z = jax.random.normal(jax.random.key(2), (5, 3, 2))
    made = game.outputs["samples"](call, z, Batch(DATA))
    assert_close(made, P.image(call["decoder"](z[:, 0])))


def test_more_draws_give_a_higher_bound():
    bounds = []
    for draws in (1, 64):
        game = tiny(importance_weighted(P), draws=draws)
        data = jnp.tile(DATA, (100, 1, 1, 1))
        algorithm, state = begun(game, data)
        _, info = jax.jit(algorithm.step)(state, (Batch(data),))
        bounds.append(-float(info.losses["coder"]["importance_weighted"]))
    assert bounds[0] < bounds[1]


def test_conditions_reach_both_networks_also_for_several_draws():
    label = jnp.arange(5) % 3
    game = tiny(
        importance_weighted(P),
        encoder=labeled(mlp((4,), (8,)), 3),
        decoder=labeled(mlp((2, 2, 1), (8,)), 3),
        draws=2,
    )
    algorithm, state = begun(game, condition=(label,))
    moved, _ = jax.jit(algorithm.step)(state, (Batch(DATA, (label,)),))
    for name in game.networks:
        before, after = (s.variables[name].params for s in (state, moved))
        assert not np.array_equal(
            jax.tree.leaves(before)[1], jax.tree.leaves(after)[1]
        ), name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encoder": None}, "vae: encoder must be"),
        ({"decoder": mlp}, "vae: decoder must be"),
        ({"loss": P}, "vae: loss must be"),
        ({"latent_size": 0}, "vae: latent_size must be"),
        ({"image": 3}, "vae: image must be"),
        ({"draws": 0}, "vae: draws must be"),
    ],
)
def test_bad_arguments_are_refused(changes, message):
    with unchecked(), pytest.raises(InputError, match=message):
        tiny(**changes)


@pytest.mark.parametrize(
    ("changes", "data", "message"),
    [
        ({"latent_size": 3}, DATA, "unlike the prior: for latent_size=3 it must give"),
        ({}, DATA / 2, "bernoulli: data must be binarized, each value -1 or 1, got"),
        (
            {"loss": chain(likeness(likelihoods.gaussian(1.0)), kl_to_prior())},
            128 + 127 * DATA,
            r"gaussian: data must be in \[-1, 1\], got from 1 to 255",
        ),
        ({"decoder": mlp((2, 2, 3))}, DATA, "the output must have shape"),
    ],
)
def test_what_does_not_fit_is_refused_before_compiling(changes, data, message):
    with unchecked(), pytest.raises(InputError, match=message):
        begun(tiny(**changes), data)
