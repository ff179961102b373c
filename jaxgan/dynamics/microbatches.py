"""Gradient accumulation: a batch that is too large for memory, played share by share.

The gradient of a batch is the mean of its shares' gradients, as long as nothing in the
round couples the examples of a batch.
"""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxgan.errors import InputError, check_positive_int
from jaxgan.types import Game, Tree

T = TypeVar("T")


def microbatched(game: Game, microbatches: int) -> Game:
    """Play every round in shares, one after the other, and average the gradients.

    Whatever the dynamics, each gradient is the mean over so many shares of the batch,
    and what a forward pass leaves for the backward one is kept for one share only;
    dynamics that differentiate gradients compute it again. Latents, and all that is
    drawn through `round.draw`, are those of the whole batch, so the gradient is the
    whole batch's, where nothing couples its examples. What does couple them sees a
    share: BatchNorm, and losses that read `round.mean` or `round.gather` for more than
    their payment. New statistics and new states of the loss are the mean of what the
    shares, each from the same beginning, would make of them.

    The shares run in a `scan`, in which convolutions on a CPU are slow.

    Args:
        game: any, under a view without state.
        microbatches: how many shares; they must divide reals and fakes.

    Raises:
        InputError: if it is not an integer of at least 1, or, when dynamics are built
            on the game, if it does not divide a batch, or the view has a state.

        >>> from jaxgan import microbatched, gan, mlp, non_saturating, priors
        >>> game = gan(mlp((2,)), mlp(()), non_saturating(), priors.normal(16))
        >>> microbatched(game, 4).microbatches
        4
    """
    check_positive_int("microbatched: microbatches", microbatches)
    return game._replace(microbatches=microbatches)


@partial(jax.tree_util.register_dataclass, data_fields=["index"], meta_fields=["count"])
@dataclasses.dataclass(frozen=True)
class Share:
    """The examples index, index + count, index + 2·count, … of a batch.

    So a device that holds a block of the batch keeps a part of every share, without
    asking others for examples, if the devices divide a share evenly.
    """

    index: Array | int
    count: int


WHOLE = Share(0, 1)


def share_of(batch: Tree, share: Share) -> Tree:
    """That share of every leaf of a batch."""

    def take(x: Array) -> Array:
        rows = x.reshape(x.shape[0] // share.count, share.count, *x.shape[1:])
        return jax.lax.dynamic_index_in_dim(rows, share.index, axis=1, keepdims=False)

    return batch if share.count == 1 else jax.tree.map(take, batch)


def accumulate(compute: Callable[[Share], T], count: int) -> T:
    """The mean over all shares; of what is not a float, the last."""
    if count == 1:
        return compute(WHOLE)

    @jax.checkpoint
    def of_share(index: Array) -> T:
        return compute(Share(index, count))

    def add(total: T, index: Array) -> tuple[T, None]:
        return jax.tree.map(_plus(count), total, of_share(index)), None

    shapes = jax.eval_shape(of_share, jnp.int32(0))
    start = jax.tree.map(jnp.zeros_like, shapes)
    total, _ = jax.lax.scan(add, start, jnp.arange(count))
    return total


def _plus(count: int) -> Callable[[Array, Array], Array]:
    def plus(total: Array, new: Array) -> Array:
        is_float = jnp.issubdtype(new.dtype, jnp.floating)
        return total + new / count if is_float else new

    return plus


def check_microbatches(game: Game, sizes: dict[str, int], view: Tree) -> None:
    """Refuse shares that do not divide a batch, or a view that they would move.

    Args:
        game: the game.
        sizes: of the batches, by what they are of.
        view: its state.

    Raises:
        InputError: if so.
    """
    count = game.microbatches
    for name, size in sizes.items():
        if size % count:
            raise InputError(
                f"microbatched: {count} microbatches do not divide {size} {name}; "
                f"use a multiple of {count}."
            )
    if count > 1 and jax.tree.leaves(view):
        raise InputError(
            "microbatched: the view has a state, which microbatches would move several "
            "times; use a view without state, or no microbatches."
        )
