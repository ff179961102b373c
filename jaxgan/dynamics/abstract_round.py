"""The shapes of a round, inferred from a game and an example batch.

Nothing is computed: all of it is `jax.eval_shape`.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxgan.dynamics.field import (
    Outcome,
    Problem,
    init_views,
    make_turn,
    play_round,
    zeros_like,
)
from jaxgan.errors import InputError, is_known
from jaxgan.games.calls import input_shapes
from jaxgan.types import Batch, Calls, Game, NetworkName, PlayerName, State, Tree


def outcome_shapes(
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


def known_values(example: Batch) -> Batch:
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


def latent_shapes(game: Game, example: Batch) -> Tree:
    """Infer the shapes of one latent for each example.

    Raises:
        InputError: if the prior gives another number.
    """
    count = batch_size_of(example)
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


def round_inputs(
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


def batch_size_of(batch: Batch, name: str = "example") -> int:
    """Check that all leaves have the same number of examples, and return it.

    Raises:
        InputError: if they have not, or there is none.
    """
    reals = {leaf.shape[0] for leaf in jax.tree.leaves(batch.real)}
    for number, condition in enumerate(batch.condition):
        own = {leaf.shape[0] for leaf in jax.tree.leaves(condition)}
        if own != reals:
            raise InputError(
                f"{name}.condition[{number}] is of {sorted(own)} examples and "
                f"{name}.real of {sorted(reals)}; give a condition to each real."
            )
    sizes = {leaf.shape[0] for leaf in jax.tree.leaves(batch)}
    if len(sizes) != 1 or 0 in sizes:
        raise InputError(
            f"{name}: every leaf of a batch needs the same number of examples, at "
            f"least 1, in front; got {sorted(sizes)}."
        )
    return sizes.pop()


def _fill(tree: Tree) -> Tree:
    """Make zeros of shapes, and keep values."""
    return jax.tree.map(
        lambda x: x if isinstance(x, jax.Array) else jnp.zeros(x.shape, x.dtype), tree
    )


class _NoParams(dict[NetworkName, Tree]):
    """A stand-in for the parameters before any network is initialized."""

    def __missing__(self, name: NetworkName) -> Tree:
        raise InputError(
            f"play reads turn.params[{name!r}], which does not exist yet when play is "
            "run to find the networks' input shapes; let the loss read record.params."
        )
