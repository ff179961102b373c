"""Checks of a game, its optimizers and an example batch, made before compilation.

A game and an example batch determine all shapes, so everything is checked with
`jax.eval_shape`. Nothing is computed, and a mistake is reported within a second.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxgan.dynamics.abstract_round import (
    batch_size_of,
    known_values,
    latent_shapes,
    outcome_shapes,
    round_inputs,
)
from jaxgan.dynamics.charges import (
    check_charges,
    check_mentions,
    choose_state_owners,
    lazy_intervals_of,
)
from jaxgan.dynamics.field import Optimizers, Outcome, Problem, state_shapes
from jaxgan.dynamics.microbatches import check_microbatches
from jaxgan.dynamics.players import (
    check_game,
    check_optimizers,
    check_ownership,
    check_players,
)
from jaxgan.errors import (
    InputError,
    check_instance,
    check_mapping,
    check_positive_int,
    check_weights,
    is_array,
)
from jaxgan.games.calls import called_by_outputs
from jaxgan.types import Batch, Game, PlayerName, State, TermName, Tree


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
    check_players(game, "fake_batch_sizes", fake_batch_sizes)
    for player, count in fake_batch_sizes.items():
        check_positive_int(f"fake_batch_sizes[{player!r}]", count)
    check_ownership(game)
    check_optimizers(game, optimizers)
    _check_example(example)
    shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), example)
    batch_size = batch_size_of(shapes)
    sizes = {
        player: fake_batch_sizes.get(player, batch_size) for player in game.players
    }
    latent = latent_shapes(game, shapes)
    known = known_values(example)
    inputs = round_inputs(game, known._replace(real=shapes.real), latent)
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
        outcome = outcome_shapes(problem, state, [player], known)
        check_charges(game, player, outcome)
        _check_stats(game, state, outcome)
        for payer, terms in outcome.losses.items():
            for name in terms:
                charged[name].add(payer)
    check_mentions(game, charged)
    state_owners = choose_state_owners(game, charged)
    return problem._replace(
        state_owners=state_owners,
        lazy_intervals=lazy_intervals_of(game, charged, state_owners),
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
    outcome_shapes(problem, state_shapes(problem), list(game.players))
    return problem


def check_step(
    problem: Problem, substeps: int, state: State, batches: Sequence[Batch]
) -> None:
    """Check that a step gets a state and, for each substep, a batch like the example.

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
    wanted = _shapes_of_one(problem.example)
    for batch in batches:
        check_instance("batches: each", batch, Batch, "Batch(images)")
        _check_leaves("batches", batch)
        if batch.weight is not None:
            check_weights("batches: weight", batch.weight)
        if (found := _shapes_of_one(batch)) != wanted:
            raise InputError(
                f"batches: each must be like the example that the dynamics were built "
                f"with, an example of real and condition {wanted}, got {found}."
            )
        batch_size_of(batch, "batches")


def _shapes_of_one(batch: Batch) -> tuple[Tree, Tree]:
    """Describe one example's real and condition, in any precision."""

    def describe(x: Any) -> str:
        kind = "float" if jnp.issubdtype(x.dtype, jnp.floating) else str(x.dtype)
        return f"{kind} {x.shape[1:]}"

    return jax.tree.map(describe, (batch.real, batch.condition))


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
    _check_leaves("example", example)


def _check_leaves(name: str, batch: Batch) -> None:
    for leaf in jax.tree.leaves(batch):
        if not (is_array(leaf) and leaf.shape):
            raise InputError(
                f"{name}: every leaf of a batch must be an array (b, …) of NumPy or "
                f"JAX, got {type(leaf).__name__}."
            )


def _check_views(game: Game, state: State) -> None:
    for name, view in game.views.items():
        if view.state_owner is not None:
            check_players(game, f"view {name!r} state_owner", [view.state_owner])
        elif jax.tree.leaves(state.view_states[name]):
            raise InputError(
                f"view {name!r} has a state; name the player whose substeps update it, "
                "with state_owner=…."
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
