"""Checks of a game's players: the networks they own, their optimizers and moves."""

from collections.abc import Iterable, Sequence

from jaxgan.dynamics.field import Optimizers
from jaxgan.errors import InputError, check_instance, check_mapping
from jaxgan.types import Game, PlayerName


def check_game(game: Game) -> None:
    """Check that dynamics get a game.

    Raises:
        InputError: if not.
    """
    check_instance("game", game, Game, "gan(…)")


def check_ownership(game: Game) -> None:
    """Check that each network has one owner, or is frozen.

    Raises:
        InputError: if not.
    """
    owner: dict[str, PlayerName] = {}
    for player, names in game.players.items():
        for name in names:
            if name not in game.networks:
                raise InputError(
                    f"player {player!r} owns {name!r}, which is not a network of the "
                    f"game; its networks are {sorted(game.networks)}."
                )
            if name in owner:
                raise InputError(
                    f"network {name!r} is owned by {owner[name]!r} and {player!r}; "
                    "give it one owner."
                )
            owner[name] = player
    for name in game.frozen:
        if name not in game.networks:
            raise InputError(
                f"frozen: {name!r} is not a network of the game; its networks are "
                f"{sorted(game.networks)}."
            )
        if name in owner:
            raise InputError(
                f"frozen: network {name!r} is owned by player {owner[name]!r}, who "
                "would train it; remove it from the player or from `frozen`."
            )
    orphans = sorted(set(game.networks) - set(owner) - set(game.frozen))
    if orphans:
        raise InputError(
            f"networks {orphans} are owned by no player; give them one, or name them "
            "in `frozen` if they are not to be trained."
        )


def check_optimizers(game: Game, optimizers: Optimizers) -> None:
    """Check that there is one optimizer for each player.

    Raises:
        InputError: if not.
    """
    check_game(game)
    check_mapping("optimizers", optimizers, '{"generator": optax.adam(2e-4), …}')
    check_players(game, "optimizers", optimizers)
    missing = sorted(set(game.players) - set(optimizers))
    if missing:
        raise InputError(f"optimizers: players {missing} have none.")
    for player, optimizer in optimizers.items():
        if not (hasattr(optimizer, "init") and hasattr(optimizer, "update")):
            raise InputError(
                f"optimizers[{player!r}] must be an optax.GradientTransformation, "
                f"got {optimizer!r}."
            )


def check_order(
    game: Game, order: Sequence[PlayerName], argument: str = "order"
) -> None:
    """Check that an order of updates is not empty and names players of the game.

    Raises:
        InputError: if not.
    """
    if isinstance(order, str) or not isinstance(order, Sequence) or not order:
        raise InputError(f"{argument} must be a tuple of players, got {order!r}.")
    check_players(game, argument, order)


def check_players(game: Game, argument: str, named: Iterable[PlayerName]) -> None:
    """Check that all who are named by an argument are players.

    Raises:
        InputError: if not.
    """
    unknown = sorted(set(named) - set(game.players), key=str)
    if unknown:
        raise InputError(
            f"{argument}: {unknown} do not play; the players are "
            f"{sorted(game.players)}."
        )
