"""Checks of what loss terms charge to players, and owners of their states."""

from collections.abc import Mapping

import jax.numpy as jnp

from jaxgan.dynamics.field import Outcome
from jaxgan.dynamics.players import check_players
from jaxgan.errors import InputError
from jaxgan.types import Game, PlayerName, TermName


def check_charges(game: Game, mover: PlayerName, outcome: Outcome) -> None:
    """Check who is charged by a round, and what.

    Raises:
        InputError: if a term charges something else, or an amount that is not a scalar
            of at least float32, or none charges the mover.
    """
    for name in game.frozen:
        if name in outcome.losses and name not in game.players:
            raise InputError(
                f"loss terms {sorted(outcome.losses[name])} charge {name!r}, a frozen "
                "network that no player trains; charge a player, or unfreeze it."
            )
    check_players(game, f"loss {sorted(game.loss.terms)} charges", outcome.losses)
    if mover not in outcome.losses:
        raise InputError(
            f"loss: no term of {sorted(game.loss.terms)} charges {mover!r}, "
            "so its parameters would never be trained."
        )
    for player, terms in outcome.losses.items():
        for name, amount in terms.items():
            wide = jnp.issubdtype(amount.dtype, jnp.floating) and (
                jnp.finfo(amount.dtype).bits >= 32
            )
            if amount.shape != () or not wide:
                raise InputError(
                    f"loss term {name!r} charges {player!r} {amount.dtype} of shape "
                    f"{amount.shape}; it must be a scalar of at least float32."
                )


def check_mentions(game: Game, charged: Mapping[TermName, set[PlayerName]]) -> None:
    """Check that the names given to `focus` and `rename` are those of something.

    Raises:
        InputError: if not.
    """
    players = set().union(*charged.values())
    for name, term in game.loss.terms.items():
        unknown = sorted({*term.mentions} - players - charged.keys())
        if unknown:
            raise InputError(
                f"loss term {name!r}: focus or rename was given {unknown[0]!r}, but no "
                "term has that name, old or new, and none charges such a player; the "
                f"terms are {sorted(charged)}, the players {sorted(players)}."
            )


def choose_state_owners(
    game: Game, charged: Mapping[TermName, set[PlayerName]]
) -> dict[TermName, PlayerName]:
    """Choose the player whose substeps update each term's state.

    By default it is the first player, by name, that the term charges.

    Raises:
        InputError: if there is none, or what a term names is no player.
    """
    unowned = sorted(
        name
        for name, term in game.loss.terms.items()
        if not (term.state_owner or charged[name])
    )
    if unowned:
        raise InputError(
            f"loss terms {unowned} charge no player: name the player whose substeps "
            "update their state, with state_owner=…."
        )
    state_owners = {
        name: term.state_owner or min(charged[name])
        for name, term in game.loss.terms.items()
    }
    check_players(game, "state_owner", state_owners.values())
    return state_owners


def lazy_intervals_of(
    game: Game,
    charged: Mapping[TermName, set[PlayerName]],
    state_owners: Mapping[TermName, PlayerName],
) -> dict[PlayerName, dict[TermName, int]]:
    """Collect the intervals of the lazy terms that concern each player.

    A term concerns the players that it charges and the player that updates its state.
    """
    intervals = {
        name: term.interval
        for name, term in game.loss.terms.items()
        if term.interval > 1
    }
    return {
        player: {
            name: interval
            for name, interval in intervals.items()
            if player in charged[name] or player == state_owners[name]
        }
        for player in game.players
    }
