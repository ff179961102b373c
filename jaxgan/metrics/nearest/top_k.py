"""The k least of each column of a matrix that comes in blocks of rows."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

GROUP = 16
"""Rows of a group, of which only the least is looked at first."""


Least = tuple[Float[Array, "k c"], Int[Array, "k c"]]
"""The k least values of each column so far, the least first, and their rows."""


def none_yet(k: int, columns: int) -> Least:
    """Infinities, which every number is less than."""
    return jnp.full((k, columns), jnp.inf), jnp.zeros((k, columns), int)


@jax.jit
def merged(
    least: Least,
    square: Float[Array, "b c"],
    first: Int[Array, ""] | int,
    step: Int[Array, ""] | int,
) -> Least:
    """The k least of each column of those so far and of a block's.

    These k lie in the k groups of rows whose least are least, so other rows are spared.
    """
    k, (rows, columns) = len(least[0]), square.shape
    indices = jnp.broadcast_to(jnp.arange(rows)[:, None], square.shape)
    if k * GROUP < rows:
        whole = rows // GROUP * GROUP
        groups = square[:whole].reshape(-1, GROUP, columns)
        numbers = jnp.arange(len(groups))[:, None]
        _, best = _insert(none_yet(k, columns), groups.min(axis=1), numbers)
        of_best = best[:, None]
        near = jnp.take_along_axis(groups, of_best, axis=0).reshape(-1, columns)
        within = of_best * GROUP + jnp.arange(GROUP)[None, :, None]
        square = jnp.concatenate([near, square[whole:]])
        indices = jnp.concatenate([within.reshape(-1, columns), indices[whole:]])
    return _insert(least, square, first + step * indices)


def _insert(least: Least, square: Float[Array, "b c"], indices: Array) -> Least:
    """Put each row where it belongs among the least of each column."""

    def insert(least: Least, new: tuple[Array, Array]) -> tuple[Least, None]:
        (values, rows), (value, row) = least, new
        above = jnp.roll(values, 1, axis=0).at[0].set(-jnp.inf)
        stays, comes = values <= value, above <= value
        moved = jnp.where(comes, row, jnp.roll(rows, 1, axis=0))
        return (
            jnp.where(stays, values, jnp.where(comes, value, above)),
            jnp.where(stays, rows, moved),
        ), None

    return jax.lax.scan(insert, least, (square[:, None], indices[:, None]))[0]
