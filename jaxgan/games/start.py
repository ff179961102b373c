"""Start a game from trained networks, and freeze some of them."""

from collections.abc import Collection, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jaxgan.errors import InputError, check_instance, check_mapping, check_names
from jaxgan.types import Game, Network, NetworkName, R, Tree, Variables


def start_from(
    game: Game[R],
    networks: Mapping[NetworkName, Variables],
    frozen: Collection[NetworkName] = (),
) -> Game[R]:
    """Let networks of a game begin with given variables, instead of random ones.

    Optimizers, averages and all other states begin anew.

    Args:
        game: the game.
        networks: variables by the names of the game's networks; others are left out.
        frozen: names of those that are not trained.

    Raises:
        InputError: if the game has none of the networks, a frozen one is not among
            them, or a player would have nothing to train; from `init`, if a network has
            other shapes.

        >>> import jax, jax.numpy as jnp
        >>> from jaxgan import gan, mlp, priors, wasserstein
        >>> from jaxgan.games import start_from
        >>> game = gan(mlp((2,)), mlp(()), wasserstein(), priors.normal(3))
        >>> latent, keys = jnp.ones((1, 3)), jax.random.split(jax.random.key(0))
        >>> trained = game.networks["generator"].init(keys[0], latent)
        >>> begun = start_from(game, {"generator": trained})
        >>> first = begun.networks["generator"].init(keys[1], latent)
        >>> jax.tree.all(jax.tree.map(jnp.array_equal, first, trained))
        True
    """
    check_instance("start_from: game", game, Game, "jg.gan(…)")
    check_mapping("start_from: networks", networks, '{"generator": variables}')
    check_names("start_from: frozen", frozen)
    shared = game.networks.keys() & networks.keys()
    if not shared:
        raise InputError(
            f"start_from: networks are {sorted(networks)}, but those of the game are "
            f"{sorted(game.networks)}; none has the same name."
        )
    if absent := sorted({*frozen} - shared):
        raise InputError(
            f"start_from: frozen: {absent[0]!r} is not among the networks that both "
            f"have, {sorted(shared)}."
        )
    owned = {
        player: tuple(name for name in names if name not in frozen)
        for player, names in game.players.items()
    }
    if idle := [player for player, names in owned.items() if not names]:
        raise InputError(
            f"start_from: frozen: {game.players[idle[0]][0]!r} is all that the player "
            f"{idle[0]!r} owns; leave it something to train."
        )
    begun = {
        name: _beginning(name, game.networks[name], networks[name]) for name in shared
    }
    return game._replace(
        networks={name: begun.get(name, old) for name, old in game.networks.items()},
        players=owned,
        frozen=(*game.frozen, *(name for name in frozen if name not in game.frozen)),
    )


def _beginning(name: NetworkName, network: Network, given: Variables) -> Network:
    def init(key: jax.Array, *inputs: Tree) -> Variables:
        wanted = jax.eval_shape(network.init, key, *inputs)
        shapes = [jax.tree.map(_shape, each) for each in (given, wanted)]
        if shapes[0] != shapes[1]:
            raise InputError(
                f"start_from: the network {name!r} to begin with has parameters of "
                "other names, shapes or types than the game's; give one of the same "
                "architecture."
            )
        return jax.tree.map(jnp.asarray, given)

    return network._replace(init=init)


def _shape(x: Any) -> tuple[tuple[int, ...], str]:
    return x.shape, str(x.dtype)
