"""Checks of a game, its optimizers and an example batch, made before compilation.

A game and an example batch determine all shapes, so everything is checked with
`jax.eval_shape`. Nothing is computed, and a mistake is reported within a second.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxgan.dynamics.field import (
    Optimizers,
    Outcome,
    Problem,
    init_views,
    make_turn,
    play_round,
    state_shapes,
    zeros_like,
)
from jaxgan.dynamics.microbatches import check_microbatches
from jaxgan.errors import (
    InputError,
    check_instance,
    check_mapping,
    check_positive_int,
    check_weights,
    is_array,
    is_known,
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


def check_problem(
    game: Game,
    optimizers: Optimizers,
    example: Batch,
    fake_batch_sizes: Mapping[PlayerName, int] | None = None,
) -> Problem:
    """Check that a game, its optimizers and an example batch fit together.

    Args:
        example: a batch as training will give it, of arrays or of their shapes.
        fake_batch_sizes: number of latents that a player's substep draws, by player; by
            default the number of reals.

    Raises:
        InputError: naming the cause: players that do not partition the networks, a
            player without optimizer, a network that cannot take its inputs, generated
            images unlike the data, a loss that charges an unknown player or an
            amount that is not a scalar, a player that no term charges.
    """
    check_game(game)
    fake_batch_sizes = {} if fake_batch_sizes is None else fake_batch_sizes
    check_mapping("fake_batch_sizes", fake_batch_sizes, '{"generator": 128}')
    _check_players(game, "fake_batch_sizes", fake_batch_sizes)
    for player, count in fake_batch_sizes.items():
        check_positive_int(f"fake_batch_sizes[{player!r}]", count)
    _check_ownership(game)
    check_optimizers(game, optimizers)
    _check_example(example)
    shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), example)
    batch_size = _batch_size(shapes)
    sizes = {
        player: fake_batch_sizes.get(player, batch_size) for player in game.players
    }
    latent = _latent_shapes(game, shapes)
    known = _known_values(example)
    inputs = _input_shapes(game, known._replace(real=shapes.real), latent)
    problem = Problem(
        game=game,
        optimizers=optimizers,
        example=shapes,
        input_shapes=inputs,
        output_networks=(),
        fake_batch_sizes=sizes,
        state_owners={},
        lazy_intervals={},
    )

    state = state_shapes(problem)
    variables = state.variables | state.frozen
    called = called_by_outputs(game, variables, latent, shapes)
    problem = problem._replace(output_networks=called)
    check_microbatches(
        game,
        {"reals": batch_size}
        | {f"fakes of {player!r}": size for player, size in sizes.items()},
        state.view_states,
    )
    _check_views(game, state)
    charged: dict[TermName, set[PlayerName]] = {name: set() for name in game.loss.terms}
    for player in game.players:
        outcome = _outcome_shapes(problem, state, [player], known)
        _check_losses(game, player, outcome)
        _check_stats(game, state, outcome)
        for payer, terms in outcome.losses.items():
            for name in terms:
                charged[name].add(payer)
    _check_mentions(game, charged)
    state_owners = _state_owners(game, charged)
    return problem._replace(
        state_owners=state_owners,
        lazy_intervals=_lazy_intervals(game, charged, state_owners),
    )


def check_joint_problem(
    game: Game,
    optimizers: Optimizers,
    example: Batch,
    fake_batch_size: int | None = None,
) -> Problem:
    """Check a problem for dynamics that update all players after one round.

    Args:
        fake_batch_size: number of latents that a round draws; by default the number of
            reals.

    Raises:
        InputError: as for `check_problem`.
    """
    check_game(game)
    sizes: dict[PlayerName, int] = {}
    if fake_batch_size is not None:
        check_positive_int("fake_batch_size", fake_batch_size)
        sizes = dict.fromkeys(game.players, fake_batch_size)
    problem = check_problem(game, optimizers, example, sizes)
    _outcome_shapes(problem, state_shapes(problem), list(game.players))
    return problem


def check_game(game: Game) -> None:
    """Check that dynamics get a game.

    Raises:
        InputError: if not.
    """
    check_instance("game", game, Game, "gan(…)")


def check_order(
    game: Game, order: Sequence[PlayerName], argument: str = "order"
) -> None:
    """Check that an order of updates is not empty and names players of the game.

    Raises:
        InputError: if not.
    """
    if isinstance(order, str) or not isinstance(order, Sequence) or not order:
        raise InputError(f"{argument} must be a tuple of players, got {order!r}.")
    _check_players(game, argument, order)


def check_step(substeps: int, state: State, batches: Sequence[Batch]) -> None:
    """Check that a step gets a state and one batch for each substep.

    Raises:
        InputError: if not, or if a known weight is negative or not finite.
    """
    check_instance("state", state, State, "algorithm.init(key)")
    many = isinstance(batches, tuple | list)  # of which a Batch is one
    if isinstance(batches, Batch) or not many or len(batches) != substeps:
        several = many and not isinstance(batches, Batch)
        count = len(batches) if several else f"a single {type(batches).__name__}"
        raise InputError(
            f"batches: a step of {substeps} substeps takes a tuple of {substeps} "
            f"batches, got {count}."
        )
    for batch in batches:
        check_instance("batches: each", batch, Batch, "Batch(images)")
        for leaf in jax.tree.leaves(batch):
            if not (is_array(leaf) and leaf.shape):
                raise InputError(
                    "batches: every leaf of a batch must be an array (b, …) of NumPy "
                    f"or JAX, got {type(leaf).__name__}."
                )
        if batch.weight is not None:
            check_weights("batches: weight", batch.weight)


def _outcome_shapes(
    problem: Problem,
    state: State,
    movers: Sequence[PlayerName],
    known: Batch | None = None,
) -> Outcome:
    """Infer the shapes of a round's outcome, of values where they are known."""

    def play(state: State, batch: Batch, key: Array) -> Outcome:
        if known is not None:
            batch = jax.tree.map(
                lambda x, traced: x if isinstance(x, jax.Array) else traced,
                known,
                batch,
            )
        return play_round(problem, state, movers, batch, key)[1]

    return jax.eval_shape(play, state, problem.example, jax.random.key(0))


def _known_values(example: Batch) -> Batch:
    """Keep the values of reals and of labels, and the shapes of all else.

    So what reads them in an abstract round can refuse those that are not valid.
    """

    def keep(x: Any, integers_only: bool = False) -> Any:
        if is_known(x) and (not integers_only or jnp.issubdtype(x.dtype, jnp.integer)):
            return jnp.asarray(x)
        return jax.ShapeDtypeStruct(x.shape, x.dtype)

    shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), example)
    return shapes._replace(
        real=jax.tree.map(keep, example.real),
        condition=jax.tree.map(partial(keep, integers_only=True), example.condition),
    )


def _fill(tree: Tree) -> Tree:
    """Make zeros of shapes, and keep values."""
    return jax.tree.map(
        lambda x: x if isinstance(x, jax.Array) else jnp.zeros(x.shape, x.dtype), tree
    )


def _latent_shapes(game: Game, example: Batch) -> Tree:
    """Infer the shapes of one latent for each example."""
    count = _batch_size(example)
    latents = jax.eval_shape(
        lambda condition: game.prior(jax.random.key(0), count, condition),
        example.condition,
    )
    for each in jax.tree.leaves(latents):
        if each.shape[:1] != (count,):
            raise InputError(
                f"prior must give a latent for each of the {count} examples that it is "
                f"asked for, got an array of shape {each.shape}."
            )
    return latents


def _input_shapes(
    game: Game, example: Batch, latent: Tree
) -> dict[NetworkName, tuple[Tree, ...]]:
    """Infer the input shapes of each network from an abstract round."""

    def play(call: Calls) -> Any:
        batch = _fill(example)
        turn = make_turn(
            player=next(iter(game.players)),
            batch=batch,
            latent=zeros_like(latent),
            params=_NoParams(),
            view_states=init_views(game, batch),
            step=jnp.int32(0),
            key=jax.random.key(0),
        )
        return game.play(call, turn)

    return input_shapes(game, play)


class _NoParams(dict[NetworkName, Tree]):
    """A stand-in for the parameters before any network is initialized."""

    def __missing__(self, name: NetworkName) -> Tree:
        raise InputError(
            f"play reads turn.params[{name!r}], which does not exist yet when play is "
            "run to find the networks' input shapes; let the loss read record.params."
        )


def _check_example(example: Batch) -> None:
    if not isinstance(example, Batch):
        raise InputError(
            f"example must be a Batch(real, condition, weight), got {type(example)}."
        )
    for leaf in jax.tree.leaves(example.real):
        if not (is_array(leaf) and jnp.issubdtype(leaf.dtype, jnp.floating)):
            raise InputError(
                "example.real must hold floating-point arrays, got "
                f"{getattr(leaf, 'dtype', type(leaf))}."
            )
    if example.weight is not None:
        check_weights("example.weight", example.weight)
    for leaf in jax.tree.leaves(example):
        if not (is_array(leaf) and leaf.shape):
            raise InputError(
                "example: every leaf of a batch must be an array (b, …) of NumPy or "
                f"JAX, got {type(leaf).__name__}."
            )


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
    unknown = sorted(set(named) - set(game.players), key=str)
    if unknown:
        raise InputError(
            f"{argument}: {unknown} do not play; the players are "
            f"{sorted(game.players)}."
        )


def _check_views(game: Game, state: State) -> None:
    for name, view in game.views.items():
        if view.state_owner is not None:
            _check_players(game, f"view {name!r} state_owner", [view.state_owner])
        elif jax.tree.leaves(state.view_states[name]):
            raise InputError(
                f"view {name!r} has a state; name the player whose substeps update it, "
                "with state_owner=…."
            )


def _check_losses(game: Game, mover: PlayerName, outcome: Outcome) -> None:
    for name in game.frozen:
        if name in outcome.losses and name not in game.players:
            raise InputError(
                f"loss terms {sorted(outcome.losses[name])} charge {name!r}, a frozen "
                "network that no player trains; charge a player, or unfreeze it."
            )
    _check_players(game, f"loss {sorted(game.loss.terms)} charges", outcome.losses)
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


def _check_mentions(game: Game, charged: Mapping[TermName, set[PlayerName]]) -> None:
    """Check that the names given to `focus` and `rename` are those of something."""
    players = set().union(*charged.values())
    for name, term in game.loss.terms.items():
        unknown = sorted({*term.mentions} - players - charged.keys())
        if unknown:
            raise InputError(
                f"loss term {name!r}: focus or rename was given {unknown[0]!r}, but no "
                "term has that name, old or new, and none charges such a player; the "
                f"terms are {sorted(charged)}, the players {sorted(players)}."
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


def _state_owners(
    game: Game, charged: Mapping[TermName, set[PlayerName]]
) -> dict[TermName, PlayerName]:
    """Choose the player whose substeps update each term's state.

    By default it is the first player, by name, that the term charges.
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
    _check_players(game, "state_owner", state_owners.values())
    return state_owners


def _lazy_intervals(
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


def _batch_size(batch: Batch) -> int:
    """Check that all leaves have the same number of examples, and return it."""
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
