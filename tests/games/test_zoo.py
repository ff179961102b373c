"""Every game on every dynamics, in shares, on devices and in populations."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import (
    InputError,
    alternating,
    data_parallel,
    ema,
    extragradient,
    gradient_penalty,
    microbatched,
    non_saturating,
    population,
    priors,
    r1,
    simultaneous,
    wasserstein,
)
from jaxgan.algorithms import lookahead, select_member
from jaxgan.dynamics import (
    consensus,
    optimistic,
    past_extragradient,
    proximal_point,
    symplectic_adjustment,
    unrolled,
)
from jaxgan.losses import feature_matching
from tests.builders import assert_close, bits, tiered
from tests.losses.catalog import ADVERSARIAL, CONDITIONAL, PENALTIES
from tests.zoo import PERSONS, ZOO, crowd_gan, crowds


def of_games(*first):
    """Every game, of which these are played in the first tier."""
    return pytest.mark.parametrize("name", tiered(ZOO, first))


JOINT = {
    "simultaneous": (simultaneous, 1),
    "extragradient": (extragradient, 2),
    "past_extragradient": (past_extragradient, 1),
    "optimistic": (optimistic, 1),
    "consensus": (partial(consensus, weight=0.1), 1),
    "symplectic_adjustment": (symplectic_adjustment, 1),
    "proximal_point": (partial(proximal_point, iterations=1), 1),
}


def sgd(game):
    return {player: optax.sgd(0.01) for player in game.players}


def played(name, dynamics=alternating, substeps=None, steps=2, game=None, n=8):
    """The state after some steps of a game of the zoo."""
    exhibit = ZOO[name]
    game = exhibit.game() if game is None else game
    algorithm = dynamics(game, sgd(game), exhibit.examples(n, 0))
    state, step = algorithm.init(jax.random.key(0)), jax.jit(algorithm.step)
    substeps = len(game.players) if substeps is None else substeps
    for t in range(steps):
        batches = tuple(exhibit.examples(n, 10 * t + i) for i in range(substeps))
        state, info = step(state, batches)
    assert all(bool(jnp.isfinite(x).all()) for x in jax.tree.leaves(info))
    return state


def test_the_players_move_in_the_order_of_the_game():
    game = ZOO["vae_gan"].game()
    algorithm = alternating(game, sgd(game), ZOO["vae_gan"].examples(4, 0))
    with pytest.raises(InputError, match="a step of 3 substeps"):
        algorithm.step(algorithm.init(jax.random.key(0)), ())


@of_games("vae_gan")
def test_a_step_writes_what_its_player_owns(name):
    exhibit = ZOO[name]
    game = exhibit.game()
    for mover in game.players:
        algorithm = alternating(game, sgd(game), exhibit.examples(4, 0), order=(mover,))
        state = algorithm.init(jax.random.key(0))
        after, _ = jax.jit(algorithm.step)(state, (exhibit.examples(4, 1),))
        for network in state.variables:
            same = bits(state.variables[network]) == bits(after.variables[network])
            assert same == (network not in game.players[mover])


@pytest.mark.parametrize("dynamics", tiered(JOINT, ["simultaneous"]))
@of_games("vae", "crowd_gan", "cycle_gan_with_pool")
def test_dynamics_in_which_all_move_play_every_game(name, dynamics):
    build, substeps = JOINT[dynamics]
    if ZOO[name].pools:
        with pytest.raises(InputError, match=r"keeps earlier fakes.*use alternating"):
            played(name, build, substeps)
    else:
        assert played(name, build, substeps, steps=1).step == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", tiered(["vae_gan", "cycle_gan_with_pool"], ["vae_gan"])
)
def test_one_player_may_foresee_the_others(name):
    foreseeing = partial(unrolled, unroll_steps=1)
    assert played(name, foreseeing, steps=1).step == 1


def test_a_player_alone_has_nobody_to_foresee():
    with pytest.raises(InputError, match="'coder' is the only player"):
        played("vae", partial(unrolled, unroll_steps=1))


@pytest.mark.slow
@of_games("vae_gan")
def test_wrapped_algorithms_play_every_game(name):
    def wrapped(*given):
        return ema(lookahead(alternating(*given), period=2), 0.5)

    state = played(name, wrapped)
    shown = {
        "labeled": {"generator"},
        "classified": {"generator"},
        "vae": {"encoder", "decoder"},
        "perceptual_vae": {"encoder", "decoder"},
        "vae_gan": {"encoder", "generator"},
        "cycle_gan": {"forth", "back"},
        "cycle_gan_with_pool": {"forth", "back"},
        "crowd_gan": {"generator"},
    }
    assert set(state.ema) == shown[name]


@pytest.mark.slow
@of_games("crowd_gan", "cycle_gan_with_pool")
def test_microbatches_give_the_whole_batchs_step(name):
    game = ZOO[name].game()
    if ZOO[name].pools:
        with pytest.raises(InputError, match="microbatched: the view has a state"):
            played(name, game=microbatched(game, 4))
    else:
        whole, shares = (played(name, game=g) for g in (game, microbatched(game, 4)))
        assert_close(whole.variables, shares.variables)


@of_games()
def test_eight_devices_do_as_one(name):
    exhibit = ZOO[name]
    states = []
    for devices in (1, 8):
        game = exhibit.game()
        algorithm = data_parallel(
            lambda game: alternating(game, sgd(game), exhibit.examples(8, 0)),
            game,
            jax.devices()[:devices],
        )
        state = algorithm.init(jax.random.key(0))
        for t in range(2):
            batches = tuple(exhibit.examples(8, 10 * t + i) for i in range(3))
            state, _ = algorithm.step(state, batches[: len(game.players)])
        states.append(state)
    assert_close(states[0].variables, states[1].variables)
    assert_close(states[0].view_states, states[1].view_states)


@of_games()
def test_members_of_a_population_are_games_alone(name):
    exhibit = ZOO[name]

    def build(hypers):
        game = exhibit.game(hypers["gamma"])
        return alternating(game, sgd(game), exhibit.examples(4, 0))

    gammas = np.array([0.1, 0.5], np.float32)
    substeps = len(exhibit.game().players)
    batches = tuple(exhibit.examples(4, i) for i in range(substeps))
    algorithm = population(build, {"gamma": gammas})
    state = algorithm.init(jax.vmap(jax.random.key)(jnp.arange(2)))
    state, _ = algorithm.step(state, jax.tree.map(lambda x: np.stack([x, x]), batches))
    for i, gamma in enumerate(gammas):
        alone = build({"gamma": float(gamma)})
        expected, _ = jax.jit(alone.step)(alone.init(jax.random.key(i)), batches)
        assert_close(select_member(state, i).variables, expected.variables)


# Masks

MASKED = ADVERSARIAL | {
    name: non_saturating() + loss
    for name, loss in PENALTIES.items()
    if name not in CONDITIONAL  # whose labels are of examples, not of places
}


FIRST = {"mmd", "gradient_penalty"}


@pytest.mark.parametrize("loss", tiered(MASKED, FIRST))
def test_what_fills_empty_places_changes_no_bit(loss):
    def trained(rubbish):
        game = crowd_gan(MASKED[loss])
        algorithm = alternating(game, sgd(game), crowds(4))
        state = algorithm.init(jax.random.key(0))
        batches = crowds(4, 1, rubbish), crowds(4, 2, rubbish)
        return jax.jit(algorithm.step)(state, batches)

    clean, dirty = trained(0.0), trained(1e4)
    assert bits(clean) == bits(dirty)


@pytest.mark.slow
def test_padding_with_empty_places_changes_no_penalty():
    """R1 of the same persons is the same however many empty places there are."""

    def padded(batch, places):
        def pad(x):
            return np.pad(x, [(0, 0), (0, places)] + [(0, 0)] * (x.ndim - 2))

        return jax.tree.map(pad, batch)

    paid = []
    for places in (0, 4):
        loss = non_saturating() + r1(1.0)
        game = crowd_gan(loss, priors.several(PERSONS + places, priors.normal(2)))
        batch = padded(crowds(4, 1), places)
        algorithm = alternating(game, sgd(game), batch)
        state = algorithm.init(jax.random.key(0))
        _, info = jax.jit(algorithm.step)(state, (batch, batch))
        paid.append(info.losses["discriminator"]["r1"])
    share = PERSONS / (PERSONS + 4)
    np.testing.assert_allclose(paid[1], paid[0] * share, rtol=1e-4)


def test_features_are_matched_by_those_who_are_there():
    """If all features are one and the same, nobody pays for who is absent."""
    game = crowd_gan(non_saturating() + feature_matching())
    plain = game.networks["discriminator"]

    def same(variables, *inputs, **mode):
        score, stats = plain.apply(variables, *inputs, **mode)
        ones = jax.tree.map(jnp.ones_like, score.features)
        return score._replace(features=ones), stats

    network = plain._replace(apply=same)
    game = game._replace(networks=game.networks | {"discriminator": network})
    batch = crowds(4, 1)
    algorithm = alternating(game, sgd(game), batch)
    state = algorithm.init(jax.random.key(0))
    weighed = batch._replace(weight=batch.weight * np.float32([[1], [2], [3], [4]]))
    _, info = jax.jit(algorithm.step)(state, (weighed, weighed))
    assert float(info.losses["generator"]["feature_matching"]) < 1e-10


def test_weights_count_once_under_a_condition():
    batch = crowds(4, 1)
    double = batch._replace(weight=2 * batch.weight)
    loss = wasserstein() + gradient_penalty()
    game = crowd_gan(loss)
    algorithm = alternating(game, sgd(game), batch)
    state, step = algorithm.init(jax.random.key(0)), jax.jit(algorithm.step)
    one, two = (
        step(state, (each, each))[1].losses["discriminator"] for each in (batch, double)
    )
    for name in loss.terms:
        np.testing.assert_allclose(two[name], 2 * one[name], rtol=1e-5)


def test_what_empty_places_hold_in_a_condition_is_hidden_too():
    def trained(rubbish):
        batch = crowds(4, 1)
        past, present = batch.condition
        past = np.where(present[..., None], past, np.float32(rubbish))
        batch = batch._replace(condition=(past, present))
        game = crowd_gan(non_saturating())
        algorithm = alternating(game, sgd(game), batch)
        state = algorithm.init(jax.random.key(0))
        return jax.jit(algorithm.step)(state, (batch, batch))

    assert bits(trained(0.0)) == bits(trained(np.nan))


def test_a_mask_changes_what_is_learned():
    game = crowd_gan(non_saturating() + r1(1.0))
    algorithm = alternating(game, sgd(game), crowds(4))
    state = algorithm.init(jax.random.key(0))
    batch = crowds(4, 1)
    step = jax.jit(algorithm.step)
    masked, _ = step(state, (batch, batch))
    whole = batch._replace(weight=np.ones_like(batch.weight))
    plain, _ = step(state, (whole, whole))
    assert bits(masked.variables) != bits(plain.variables)
