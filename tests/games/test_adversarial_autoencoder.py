"""The adversarial autoencoder: who pays what, weights, priors and shapes of codes."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.nn import softplus

from jaxgan import (
    Batch,
    Variables,
    chain,
    focus,
    mlp,
    non_saturating,
    priors,
    rename,
    simultaneous,
)
from jaxgan.data import synthetic
from jaxgan.errors import InputError
from jaxgan.games import adversarial_autoencoder
from jaxgan.losses import likeness
from jaxgan.networks import labeled
from tests.builders import assert_close, unchecked

DATA = jax.random.normal(jax.random.key(0), (6, 3))
DRAWN = jax.random.normal(jax.random.key(1), (6, 2))
PAPER = chain(
    likeness(),
    rename(focus(non_saturating(), on="codes"), names={"generator": "coder"}),
)


def tiny(**changes):
    arguments = {
        "encoder": mlp((2,), (8,)),
        "decoder": mlp((3,), (8,)),
        "discriminator": mlp((), (8,)),
        "loss": PAPER,
        "prior": lambda key, n, condition: DRAWN[:n],
    }
    return adversarial_autoencoder(**(arguments | changes))


def step_of(game, batch):
    optimizers = {player: optax.sgd(0.1) for player in game.players}
    algorithm = simultaneous(game, optimizers, example=batch)
    state = algorithm.init(jax.random.key(2))
    return state, *jax.jit(algorithm.step)(state, (batch,))


def by_hand(networks, params, data=DATA):
    """Losses of the two players, written anew."""

    def call(name, x):
        return networks[name].apply(Variables(params[name]), x)[0]

    code = call("encoder", data)
    fake, real = (call("discriminator", z) for z in (code, DRAWN))
    error = jnp.mean((data - call("decoder", code)) ** 2)
    return {
        "coder": error + softplus(-fake).mean(),
        "discriminator": softplus(-real).mean() + softplus(fake).mean(),
    }


def test_the_coder_decodes_and_deceives_and_the_discriminator_tells_codes_apart():
    game = tiny()
    state, moved, info = step_of(game, Batch(DATA))
    params = {name: v.params for name, v in state.variables.items()}
    for player, amount in by_hand(game.networks, params).items():
        assert_close(sum(info.losses[player].values()), amount, rtol=1e-5)
        slope = jax.grad(lambda own, p=player: by_hand(game.networks, own)[p])(params)
        for name in game.players[player]:
            wanted = jax.tree.map(lambda w, g: w - 0.1 * g, params[name], slope[name])
            jax.tree.map(
                lambda a, b: assert_close(a, b, atol=1e-6),
                moved.variables[name].params,
                wanted,
            )


def test_an_absent_example_has_no_code_and_the_prior_is_drawn_in_full():
    game = tiny()
    weight = jnp.array([2.0, 2, 2, 0, 0, 0])
    state, _, info = step_of(game, Batch(DATA, weight=weight))
    params = {name: v.params for name, v in state.variables.items()}
    for player, amount in by_hand(game.networks, params, DATA[:3]).items():
        assert_close(sum(info.losses[player].values()), amount, rtol=1e-5)


@pytest.mark.parametrize(
    "prior",
    [
        priors.normal(2),
        priors.mixture(synthetic.ring(10).means, 0.1),
        priors.swiss_roll(),
    ],
)
def test_any_prior_will_do(prior):
    game = tiny(prior=prior)
    _, _, info = step_of(game, Batch(DATA))
    assert all(
        np.isfinite(list(terms.values())).all() for terms in info.losses.values()
    )


def test_labels_reach_all_networks():
    networks = {
        "encoder": labeled(mlp((2,), (8,)), 3),
        "decoder": labeled(mlp((3,), (8,)), 3),
        "discriminator": labeled(mlp((), (8,)), 3),
    }
    label = jnp.arange(6) % 3
    state, moved, _ = step_of(tiny(**networks), Batch(DATA, (label,)))
    for name in networks:
        before, after = (s.variables[name].params for s in (state, moved))
        assert any(
            bool((a != b).any())
            for a, b in zip(
                jax.tree.leaves(before), jax.tree.leaves(after), strict=True
            )
        )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"discriminator": None}, "adversarial_autoencoder: discriminator must be"),
        ({"prior": 2}, "adversarial_autoencoder: prior must be a function"),
        ({"loss": "hinge"}, "adversarial_autoencoder: loss must be a Loss"),
        (
            {"encoder": mlp((5,))},
            r"the encoder makes codes of shape \(5,\), unlike the prior, .* \(2,\)",
        ),
        ({"prior": priors.together(z=priors.normal(2))}, "unlike the prior"),
        ({"decoder": mlp((4,))}, "compares things of one shape"),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    with unchecked(), pytest.raises(InputError, match=message):
        step_of(tiny(**changes), Batch(DATA))
