"""Gradient accumulation over microbatches, for batches that are too large for memory.

The gradient of a batch is the mean of its microbatches' gradients, as long as nothing
in the round couples the examples of a batch.
"""

import dataclasses
from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxgan.errors import InputError, check_instance, check_positive_int
from jaxgan.types import Game, Tree

T = TypeVar("T")


def microbatched(game: Game, microbatches: int) -> Game:
    """Accumulate gradients over microbatches in every round of the game.

    In all dynamics each gradient becomes the mean over the microbatches. Activations
    are kept in memory for one microbatch at a time; dynamics that differentiate
    gradients recompute them. Latents, and all numbers drawn through `record.draw`, are
    those of the whole batch. So the gradient is the whole batch's if nothing couples
    its examples. Whatever couples them sees one microbatch: BatchNorm, and losses that
    use `record.mean` or `record.gather` for more than the average that a player pays.
    Each microbatch starts from the same statistics and states of the loss, and the new
    ones are the mean over the microbatches.

    The microbatches run in a `scan`, in which convolutions on a CPU are slow.

    Args:
        game: any, under a view without state.
        microbatches: number of microbatches; it must divide the numbers of reals and
            fakes.

    Raises:
        InputError: if it is not an integer of at least 1, or, when dynamics are built
            on the game, if it does not divide a batch, or the view has a state.

        >>> from jaxgan import microbatched, gan, mlp, non_saturating, priors
        >>> game = gan(mlp((2,)), mlp(()), non_saturating(), priors.normal(16))
        >>> microbatched(game, 4).microbatches
        4
    """
    check_instance("microbatched: game", game, Game, "gan(…)")
    check_positive_int("microbatched: microbatches", microbatches)
    return game._replace(microbatches=microbatches)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Microbatch:
    """The examples index, index + count, index + 2·count, … of a batch.

    With this stride, a device that holds a block of the batch holds a part of every
    microbatch. So no examples are exchanged if the devices divide a microbatch evenly.
    """

    index: Array | int
    count: int = dataclasses.field(metadata={"static": True})


WHOLE_BATCH = Microbatch(0, 1)


def take_microbatch(batch: Tree, microbatch: Microbatch) -> Tree:
    """Select the examples of a microbatch from every leaf of a batch."""
    index, count = microbatch.index, microbatch.count

    def take(x: Array) -> Array:
        rows = x.reshape(x.shape[0] // count, count, *x.shape[1:])
        return jax.lax.dynamic_index_in_dim(rows, index, axis=1, keepdims=False)

    return batch if count == 1 else jax.tree.map(take, batch)


def accumulate(compute: Callable[[Microbatch], T], count: int) -> T:
    """Average `compute` over all microbatches; of non-floats, keep the last."""
    if count == 1:
        return compute(WHOLE_BATCH)

    @jax.checkpoint
    def compute_part(index: Array) -> T:
        return compute(Microbatch(index, count))

    def add(total: T, index: Array) -> tuple[T, None]:
        return jax.tree.map(_add_mean(count), total, compute_part(index)), None

    shapes = jax.eval_shape(compute_part, jnp.int32(0))
    start = jax.tree.map(jnp.zeros_like, shapes)
    total, _ = jax.lax.scan(add, start, jnp.arange(count))
    return total


def _add_mean(count: int) -> Callable[[Array, Array], Array]:
    def add(total: Array, new: Array) -> Array:
        is_float = jnp.issubdtype(new.dtype, jnp.floating)
        return total + new / count if is_float else new

    return add


def check_microbatches(game: Game, sizes: dict[str, int], view: Tree) -> None:
    """Check that microbatches divide the batches and that the view has no state.

    Args:
        game: the game.
        sizes: of the batches, by what they hold.
        view: the view's state.

    Raises:
        InputError: if not.
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
            "microbatched: the view has a state, which each microbatch would update; "
            "use a view without state, or no microbatches."
        )
