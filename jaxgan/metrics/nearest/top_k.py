"""Running top-k: the k smallest values of each column, over blocks of rows."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

GROUP = 16
"""Rows in a group; at first only the minimum of each group is compared."""


TopK = tuple[Float[Array, "k c"], Int[Array, "k c"]]
"""The k smallest values of each column so far, in ascending order, and their rows."""


def empty(k: int, columns: int) -> TopK:
    """Start a top-k that holds no values: all are infinite."""
    return jnp.full((k, columns), jnp.inf), jnp.zeros((k, columns), int)


@jax.jit
def merged(
    top: TopK,
    square: Float[Array, "b c"],
    first: Int[Array, ""] | int,
    step: Int[Array, ""] | int,
) -> TopK:
    """Merge a block of rows into a top-k.

    The k smallest values of a block lie in the k groups of rows whose minima are
    smallest, so only the rows of these groups are compared one by one.

    Args:
        top: the k smallest so far.
        square: the block.
        first: index of the block's first row in the whole matrix.
        step: distance between the indices of its consecutive rows.
    """
    k, (rows, columns) = len(top[0]), square.shape
    indices = jnp.broadcast_to(jnp.arange(rows)[:, None], square.shape)
    if k * GROUP < rows:
        whole = rows // GROUP * GROUP
        groups = square[:whole].reshape(-1, GROUP, columns)
        numbers = jnp.arange(len(groups))[:, None]
        _, best = _insert(empty(k, columns), groups.min(axis=1), numbers)
        best = best[:, None]
        near = jnp.take_along_axis(groups, best, axis=0).reshape(-1, columns)
        within = best * GROUP + jnp.arange(GROUP)[None, :, None]
        square = jnp.concatenate([near, square[whole:]])
        indices = jnp.concatenate([within.reshape(-1, columns), indices[whole:]])
    return _insert(top, square, first + step * indices)


def _insert(top: TopK, square: Float[Array, "b c"], indices: Array) -> TopK:
    """Insert rows one after another into the sorted top-k of each column."""

    def insert(top: TopK, new: tuple[Array, Array]) -> tuple[TopK, None]:
        (values, rows), (value, row) = top, new
        above = jnp.roll(values, 1, axis=0).at[0].set(-jnp.inf)
        stays, comes = values <= value, above <= value
        moved = jnp.where(comes, row, jnp.roll(rows, 1, axis=0))
        return (
            jnp.where(stays, values, jnp.where(comes, value, above)),
            jnp.where(stays, rows, moved),
        ), None

    return jax.lax.scan(insert, top, (square[:, None], indices[:, None]))[0]
