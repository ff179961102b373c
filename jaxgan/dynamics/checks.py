"""The checks made before anything compiles.

All shapes are known as soon as a game meets an example batch, so everything is checked
there with `jax.eval_shape`: nothing is computed, and a mistake costs a second instead
of a compilation or a night.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxgan.dynamics.field import (
    Optimizers,
    Outcome,
    Setting,
    init_views,
    play_out,
    state_shapes,
    turn_of,
    zeros_like,
)
from jaxgan.dynamics.microbatches import check_microbatches
from jaxgan.errors import (
    InputError,
    check_positive_int,
    check_weights,
)
from jaxgan.games.calls import called_by_outputs, input_shapes
from jaxgan.types import (
    Batch,
    Calls,
    Game,
    NetworkName,
    PlayerName,
    State,
    TermName,
    Tree,
)


def set_up(
    game: Game,
    optimizers: Optimizers,
    example: Batch,
    fakes: Mapping[PlayerName, int] | None = None,
) -> Setting:
    """Check that everything fits together.

    Args:
        example: a batch as training will give it, of arrays or of their shapes.
        fakes: how many latents a player's substep draws; for a player not named, as
            many as there are reals.

    Raises:
        InputError: naming the culprit: players that do not partition the networks, a
            player without optimizer, a network that cannot take its inputs, generated
            images unlike the data, a loss that charges an unknown player, a payment
            that is not a scalar, a player whom nothing charges.
    """
    fakes = fakes or {}
    _check_players(game, "fakes", fakes)
    for player, count in fakes.items():
        check_positive_int(f"fakes[{player!r}]", count)
    _check_ownership(game)
    check_optimizers(game, optimizers)
    _check_example(example)
    shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), example)
    sizes = {player: fakes.get(player, _count(shapes)) for player in game.players}
    latent = _latent_shapes(game, shapes)
    inputs = _input_shapes(game, shapes, latent)
    setting = Setting(game, optimizers, shapes, inputs, (), sizes, {}, {})

    state = state_shapes(setting)
    variables = state.variables | state.frozen
    setting = setting._replace(shown=called_by_outputs(game, variables, latent, shapes))
    check_microbatches(
        game,
        {"reals": _count(shapes)}
        | {f"fakes of {player!r}": size for player, size in sizes.items()},
        state.view,
    )
    _check_views(game, state)
    charged: dict[TermName, set[PlayerName]] = {name: set() for name in game.loss.terms}
    for player in game.players:
        outcome = _outcome(setting, state, [player])
        _check_payments(game, player, outcome)
        _check_stats(game, state, outcome)
        for payer, terms in outcome.paid.items():
            for name in terms:
                charged[name].add(payer)
    advances = _advances(game, charged)
    return setting._replace(advances=advances, lazy=_lazy(game, charged, advances))


def set_up_together(
    game: Game, optimizers: Optimizers, example: Batch, fakes: int | None = None
) -> Setting:
    """The same for dynamics in which all players move after one round.

    Args:
        fakes: how many latents a round draws; by default as many as there are reals.

    Raises:
        InputError: as `set_up`.
    """
    if fakes is not None:
        check_positive_int("fakes", fakes)
    counts = {} if fakes is None else dict.fromkeys(game.players, fakes)
    setting = set_up(game, optimizers, example, counts)
    _outcome(setting, state_shapes(setting), list(game.players))
    return setting


def check_order(
    game: Game, order: Sequence[PlayerName], argument: str = "order"
) -> None:
    """Refuse an order of moves that is empty or names someone who does not play.

    Raises:
        InputError: if so.
    """
    if isinstance(order, str) or not order:
        raise InputError(f"{argument} must be a tuple of players, got {order!r}.")
    _check_players(game, argument, order)


def check_batches(substeps: int, batches: Sequence[Batch]) -> None:
    """Refuse a step's batches if they are not one for each substep.

    Raises:
        InputError: if so.
    """
    if isinstance(batches, Batch) or len(batches) != substeps:
        count = "a single Batch" if isinstance(batches, Batch) else len(batches)
        raise InputError(
            f"batches: a step of {substeps} substeps takes a tuple of {substeps} "
            f"batches, got {count}."
        )


def _outcome(setting: Setting, state: State, movers: Sequence[PlayerName]) -> Outcome:
    return jax.eval_shape(
        lambda *given: play_out(setting, given[0], movers, *given[1:])[1],
        state,
        setting.example,
        jax.random.key(0),
    )


def _latent_shapes(game: Game, example: Batch) -> Tree:
    """The shapes of as many latents as there are examples."""
    count = _count(example)
    return jax.eval_shape(
        lambda condition: game.prior(jax.random.key(0), count, condition),
        example.condition,
    )


def _input_shapes(
    game: Game, example: Batch, latent: Tree
) -> dict[NetworkName, tuple[Tree, ...]]:
    """What each network takes, found by playing a round in shapes alone."""

    def play(call: Calls) -> Any:
        batch, key = zeros_like(example), jax.random.key(0)
        views = init_views(game, batch)
        player = next(iter(game.players))
        given = (player, batch, zeros_like(latent), _NoParams(), views, jnp.int32(0))
        return game.play(call, turn_of(*given, key))

    return input_shapes(game, play)


class _NoParams(dict[NetworkName, Tree]):
    """The parameters before any network is initialized."""

    def __missing__(self, name: NetworkName) -> Tree:
        raise InputError(
            f"play reads turn.params[{name!r}], which is not known before the shapes "
            "of the networks are; let the loss read record.params."
        )


def _check_example(example: Batch) -> None:
    if not isinstance(example, Batch):
        raise InputError(
            f"example must be a Batch(real, condition, weight), got {type(example)}."
        )
    for leaf in jax.tree.leaves(example.real):
        if not (hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jnp.floating)):
            raise InputError(
                "example.real must hold floating-point arrays, got "
                f"{getattr(leaf, 'dtype', type(leaf))}."
            )
    if example.weight is not None:
        check_weights("example.weight", example.weight)
    for leaf in jax.tree.leaves(example):
        if not getattr(leaf, "shape", ()):
            raise InputError("example: every leaf of a batch must be an array (b, …).")


def _check_ownership(game: Game) -> None:
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
                "would train it; take it from the player, or let it train."
            )
    orphans = sorted(set(game.networks) - set(owner) - set(game.frozen))
    if orphans:
        raise InputError(
            f"networks {orphans} are owned by no player; give them one, or name them "
            "in `frozen` if nobody is to train them."
        )


def check_optimizers(game: Game, optimizers: Optimizers) -> None:
    """Refuse optimizers that are not one for each player.

    Raises:
        InputError: if so.
    """
    _check_players(game, "optimizers", optimizers)
    missing = sorted(set(game.players) - set(optimizers))
    if missing:
        raise InputError(f"optimizers: players {missing} have none.")
    for player, optimizer in optimizers.items():
        if not (hasattr(optimizer, "init") and hasattr(optimizer, "update")):
            raise InputError(
                f"optimizers[{player!r}] must be an optax.GradientTransformation, "
                f"got {optimizer!r}."
            )


def _check_players(game: Game, argument: str, named: Iterable[PlayerName]) -> None:
    unknown = sorted(set(named) - set(game.players))
    if unknown:
        raise InputError(
            f"{argument}: {unknown} do not play; the players are "
            f"{sorted(game.players)}."
        )


def _check_views(game: Game, state: State) -> None:
    for name, view in game.views.items():
        if view.advances is not None:
            _check_players(game, f"view {name!r} advances", [view.advances])
        elif jax.tree.leaves(state.view[name]):
            raise InputError(
                f"view {name!r} has a state; name the player whose substeps move it, "
                "with advances=…."
            )


def _check_payments(game: Game, mover: PlayerName, outcome: Outcome) -> None:
    for name in game.frozen:
        if name in outcome.paid and name not in game.players:
            raise InputError(
                f"loss terms {sorted(outcome.paid[name])} charge {name!r}, a frozen "
                "network that nobody trains; charge a player, or let it train."
            )
    _check_players(game, f"loss {sorted(game.loss.terms)} charges", outcome.paid)
    if mover not in outcome.paid:
        raise InputError(
            f"loss: no term of {sorted(game.loss.terms)} charges {mover!r}, "
            "who would never learn."
        )
    for player, terms in outcome.paid.items():
        for name, amount in terms.items():
            wide = jnp.issubdtype(amount.dtype, jnp.floating) and (
                jnp.finfo(amount.dtype).bits >= 32
            )
            if amount.shape != () or not wide:
                raise InputError(
                    f"loss term {name!r} charges {player!r} {amount.dtype} of shape "
                    f"{amount.shape}; it must be a scalar of at least float32."
                )


def _check_stats(game: Game, state: State, outcome: Outcome) -> None:
    for name, variables in state.variables.items():
        if name not in outcome.stats:
            raise InputError(
                f"play returns no statistics of network {name!r}; return those that "
                "its last call gave."
            )
        before, after = variables.stats, outcome.stats[name]
        if jax.tree.map(_signature, before) != jax.tree.map(_signature, after):
            raise InputError(
                f"network {name!r} returns statistics of other shapes than those it "
                "was initialized with."
            )


def _signature(x: jax.ShapeDtypeStruct) -> tuple:
    return x.shape, x.dtype


def _advances(
    game: Game, charged: Mapping[TermName, set[PlayerName]]
) -> dict[TermName, PlayerName]:
    """By default a term advances with the first player, by name, that it charges."""
    idle = sorted(
        name
        for name, term in game.loss.terms.items()
        if not (term.advances or charged[name])
    )
    if idle:
        raise InputError(
            f"loss terms {idle} charge nobody: name the player whose substeps move "
            "their state, with advances=…."
        )
    advances = {
        name: term.advances or min(charged[name])
        for name, term in game.loss.terms.items()
    }
    _check_players(game, "advances", advances.values())
    return advances


def _lazy(
    game: Game,
    charged: Mapping[TermName, set[PlayerName]],
    advances: Mapping[TermName, PlayerName],
) -> dict[PlayerName, dict[TermName, int]]:
    """The intervals of the lazy terms that each player pays or moves."""
    intervals = {n: p.interval for n, p in game.loss.terms.items() if p.interval > 1}
    return {
        player: {
            name: interval
            for name, interval in intervals.items()
            if player in charged[name] or player == advances[name]
        }
        for player in game.players
    }


def _count(batch: Batch) -> int:
    reals = {leaf.shape[0] for leaf in jax.tree.leaves(batch.real)}
    for number, condition in enumerate(batch.condition):
        own = {leaf.shape[0] for leaf in jax.tree.leaves(condition)}
        if own != reals:
            raise InputError(
                f"example.condition[{number}] is of {sorted(own)} examples and "
                f"example.real of {sorted(reals)}; give a condition to each real."
            )
    sizes = {leaf.shape[0] for leaf in jax.tree.leaves(batch)}
    if len(sizes) != 1 or 0 in sizes:
        raise InputError(
            "example: every leaf of a batch needs the same number of examples, at "
            f"least 1, in front; got {sorted(sizes)}."
        )
    return sizes.pop()
