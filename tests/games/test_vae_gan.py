"""The VAE-GAN: each term is paid by whom the paper says, and by nobody else."""

import jax
import jax.numpy as jnp
import optax
import pytest
from jax.nn import softplus

from jaxgan import (
    Batch,
    Variables,
    chain,
    focus,
    from_linen,
    minimax,
    mlp,
    r1,
    simultaneous,
)
from jaxgan.errors import InputError
from jaxgan.games import vae_gan
from jaxgan.losses import features_of, kl_to_prior, likeness
from jaxgan.networks import concatenated, labeled, unconditional
from tests.builders import Normed, assert_close, unchecked

DATA = jax.random.normal(jax.random.key(0), (5, 3))
GAMMA = 0.25
ONE = {"encoder": 1.0}
CODE, NOISE = jax.random.normal(jax.random.key(1), (2, 5, 2))


def decoded(record):
    return record.decoded


PAPER = chain(
    focus(minimax(), on="decoded"),
    focus(minimax(), on="sampled"),
    kl_to_prior(player="encoder"),
    likeness(of=features_of(decoded), weights={"encoder": 1.0, "generator": GAMMA}),
)


def tiny(loss=PAPER, **changes):
    arguments = {
        "encoder": mlp((4,), (8,)),
        "generator": mlp((3,), (8,)),
        "discriminator": mlp((), (8, 6), features=True),
        "loss": loss,
        "latent_size": 2,
    }
    game = vae_gan(**(arguments | changes))
    return game._replace(prior=lambda key, n, condition: {"code": CODE, "noise": NOISE})


def step_of(game, **fields):
    """One simultaneous step with a rate of 0.1: before, after and its report."""
    optimizers = {player: optax.sgd(0.1) for player in game.players}
    batch = Batch(DATA, **fields)
    algorithm = simultaneous(game, optimizers, example=batch)
    state = algorithm.init(jax.random.key(2))
    return state, *jax.jit(algorithm.step)(state, (batch,))


def by_hand(networks, params):
    """Losses of the three players, written anew from algorithm 1."""

    def call(name, *inputs):
        return networks[name].apply(Variables(params[name]), *inputs)[0]

    mean, log_scale = jnp.split(call("encoder", DATA), 2, axis=1)
    again = call("generator", mean + jnp.exp(log_scale) * NOISE)
    made = call("generator", CODE)
    real, fake, drawn = (call("discriminator", x) for x in (DATA, again, made))
    deceived = -softplus(fake.logits).mean() - softplus(drawn.logits).mean()
    judged = 2 * -softplus(-real.logits).mean() + deceived
    unlike = jnp.mean((real.features[-1] - fake.features[-1]) ** 2)
    kl = (mean**2 + jnp.exp(2 * log_scale) - 1 - 2 * log_scale).sum(axis=1) / 2
    return {
        "encoder": kl.mean() + unlike,
        "generator": GAMMA * unlike + deceived,
        "discriminator": -judged,
    }


def test_each_player_pays_and_follows_what_the_paper_says():
    game = tiny()
    state, moved, info = step_of(game)
    params = {name: v.params for name, v in state.variables.items()}
    paid = by_hand(game.networks, params)
    for player, amount in paid.items():
        found = sum(info.losses[player].values())
        assert_close(found, amount, rtol=1e-5)
        slope = jax.grad(lambda own, p=player: by_hand(game.networks, own)[p])(params)
        wanted = jax.tree.map(lambda w, g: w - 0.1 * g, params[player], slope[player])
        jax.tree.map(
            lambda a, b: assert_close(a, b, atol=1e-6),
            moved.variables[player].params,
            wanted,
        )


def test_outputs_are_made_of_codes_and_of_the_means():
    game = tiny()
    state, *_ = step_of(game)
    call = {
        name: (
            lambda *x, n=name: game.networks[n].apply(
                state.variables[n], *x, train=False
            )[0]
        )
        for name in game.networks
    }
    latent = {"code": CODE, "noise": NOISE}
    made = game.outputs["samples"](call, latent, Batch(DATA))
    assert_close(made, call["generator"](CODE))
    again = game.outputs["reconstructions"](call, latent, Batch(DATA))
    assert_close(again, call["generator"](call["encoder"](DATA)[:, :2]))


def test_penalties_labels_and_statistics_take_part():
    label = jnp.arange(5) % 3
    loss = chain(PAPER, focus(r1(1.0), on="sampled"))
    game = tiny(
        loss,
        encoder=labeled(mlp((4,), (8,)), 3),
        generator=labeled(concatenated(from_linen(Normed((3,)))), 3),
        discriminator=unconditional(mlp((), (8,), features=True)),
    )
    state, moved, info = step_of(game, condition=(label,))
    assert info.losses["discriminator"]["sampled_r1"] > 0
    before, after = (s.variables["generator"].stats for s in (state, moved))
    changed = jax.tree.map(lambda a, b: bool((a != b).any()), before, after)
    assert all(jax.tree.leaves(changed))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encoder": "mlp"}, "vae_gan: encoder must be a Network"),
        ({"loss": None}, "vae_gan: loss must be a Loss"),
        ({"view": None}, "vae_gan: view must be a View"),
        ({"latent_size": 0}, "vae_gan: latent_size must be"),
        ({"encoder": mlp((3,))}, "the encoder makes codes of shape .5, 3., unlike"),
        ({"discriminator": mlp(())}, "features_of needs the discriminator's features"),
        (
            {"loss": likeness(of=features_of(decoded, layer=5), weights=ONE)},
            "layer is 5, but the discriminator returns features of 1 only",
        ),
        (
            {"loss": likeness(of=features_of(), weights=ONE)},
            "likeness: of cannot be read from a CodedRound",
        ),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    with unchecked(), pytest.raises(InputError, match=message):
        step_of(tiny(**changes))
