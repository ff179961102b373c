"""Games that begin with trained networks, some of them frozen."""

import jax
import jax.numpy as jnp
import optax
import pytest

from jaxgan import InputError, alternating, ema
from jaxgan.games import start_from
from jaxgan.types import Variables
from tests.builders import bits
from tests.zoo import ZOO

EXHIBIT = ZOO["vae_gan"]
NONE = Variables(())


def algorithm_of(game, exhibit=EXHIBIT):
    optimizers = {player: optax.adam(1e-2) for player in game.players}
    return ema(alternating(game, optimizers, exhibit.examples(8, 0)), 0.5)


@pytest.fixture(scope="module")
def trained():
    """Networks unlike any that the keys of the tests make."""
    state = algorithm_of(EXHIBIT.game()).init(jax.random.key(7))
    return jax.tree.map(lambda x: x + jnp.ones_like(x), state.variables)


def test_networks_begin_as_given_and_all_else_anew(trained):
    given = {"encoder": trained["encoder"], "of another game": NONE}
    state = algorithm_of(start_from(EXHIBIT.game(), given)).init(jax.random.key(0))
    plain = algorithm_of(EXHIBIT.game()).init(jax.random.key(0))
    assert bits(state.variables["encoder"]) == bits(trained["encoder"])
    assert bits(state.ema["encoder"]) == bits(trained["encoder"])
    for name in ("generator", "discriminator"):
        assert bits(state.variables[name]) == bits(plain.variables[name])
    assert bits(state.opt_states) == bits(plain.opt_states)


def test_a_frozen_network_stays_and_the_others_are_trained(trained):
    exhibit = ZOO["vae"]
    networks = algorithm_of(exhibit.game(), exhibit).init(jax.random.key(7)).variables
    game = start_from(exhibit.game(), networks, frozen=("encoder",))
    assert game.players == {"coder": ("decoder",)} and game.frozen == ("encoder",)
    algorithm = algorithm_of(game, exhibit)
    state = algorithm.init(jax.random.key(0))
    after, _ = jax.jit(algorithm.step)(state, (exhibit.examples(8, 1),))
    assert bits(after.frozen["encoder"]) == bits(networks["encoder"])
    assert bits(after.variables["decoder"]) != bits(networks["decoder"])


@pytest.mark.parametrize(
    ("networks", "frozen", "message"),
    [
        ({"critic": NONE}, (), r"networks are \['critic'\], but those of the game are"),
        ({"encoder": NONE}, ("generator",), "frozen: 'generator' is not among"),
        ({"encoder": NONE}, "encoder", "frozen must be a tuple of names"),
        ({"encoder": NONE}, ("encoder",), "'encoder' is all that the player 'encoder'"),
    ],
)
def test_networks_that_the_game_has_not_are_refused(networks, frozen, message):
    with pytest.raises(InputError, match=message):
        start_from(EXHIBIT.game(), networks, frozen)


def test_networks_of_other_shapes_are_refused(trained):
    other = jax.tree.map(lambda x: x[..., :1], trained["encoder"])
    with pytest.raises(InputError, match="'encoder' to begin with has parameters of"):
        algorithm_of(start_from(EXHIBIT.game(), {"encoder": other}))
