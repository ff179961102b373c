"""Nearest neighbours among features.

Here is the one place where distances of features are computed: in float64, a block of
pairs at a time, so that no matrix of all pairs is ever held; and of the symmetric
matrix of one set only a half is made. The squares come from one matrix product,

    ‖x - y‖² = ‖x‖² + ‖y‖² - 2 x·y

which loses the digits of points that are close together and far from the origin. So the
features are centred first, and the distances handed out are computed again from the
differences: a copy is at distance 0.
"""

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

BLOCK = 1024
"""Rows of a block, at most."""

GROUP = 8
"""Rows of a group, of which only the least is looked at first."""


class Neighbours(NamedTuple):
    """The k nearest of each of m points, the nearest first."""

    indices: Int[np.ndarray, "m k"]
    distances: Float[np.ndarray, "m k"]


Least = tuple[Float[Array, "k c"], Int[Array, "k c"]]
"""The k least values of each column so far, the least first, and their rows."""


def nearest(
    x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "m d"], k: int
) -> Neighbours:
    """The k points of x that are nearest to each point of y.

    Args:
        x, y: float64 features that `checked` let through.
        k: from 1 to n.

        >>> import numpy as np
        >>> from jaxgan.metrics.neighbours import nearest
        >>> found = nearest(np.array([[0.0], [3.0], [7.0]]), np.array([[4.0]]), k=2)
        >>> found.indices, found.distances
        (array([[1, 2]]), array([[1., 3.]]))
    """
    found = _search(squares(x, y, x.mean(axis=0)), k)
    distances = measure(x, y, found)
    order = np.argsort(distances, axis=1, kind="stable")  # now without rounding
    return Neighbours(
        np.take_along_axis(found, order, axis=1),
        np.take_along_axis(distances, order, axis=1),
    )


def radii(x: Float[np.ndarray, "n d"], ks: tuple[int, ...]) -> Float[np.ndarray, "r n"]:
    """How far each point is from the k-th nearest of the others, for each k.

    A point is no neighbour of itself; its duplicates are, at distance 0.

    Args:
        x: float64 features that `checked` let through.
        ks: from 1 to n - 1.

        >>> import numpy as np
        >>> from jaxgan.metrics.neighbours import radii
        >>> radii(np.array([[0.0], [3.0], [7.0]]), (1, 2))
        array([[3., 3., 4.],
               [7., 4., 7.]])
    """
    pairs = squares(x, x, x.mean(axis=0), same=True)
    found = _search(pairs, max(ks), same=True)
    return measure(x, x, found[:, [k - 1 for k in ks]]).T


def squares(
    x: Float[np.ndarray, "n d"],
    y: Float[np.ndarray, "m d"],
    centre: Float[np.ndarray, " d"],
    same: bool = False,
) -> Iterator[tuple[int, int, Float[Array, "b c"]]]:
    """‖x - y‖² of a block of x and a block of y at a time, and where the two start.

    To be read under `jax.enable_x64(True)`. If x and y are the `same`, only the upper
    half comes, with infinity on its diagonal.
    """
    step_x, step_y = _step(len(x)), _step(len(y))
    for i in range(0, len(x), step_x):
        a = _centred(x[i : i + step_x], centre)
        for j in range(i if same else 0, len(y), step_y):
            square = _square(*a, *_centred(y[j : j + step_y], centre))
            yield i, j, _without_itself(square) if same and i == j else square


def measure(
    x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "m d"], of: Int[np.ndarray, "m k"]
) -> Float[np.ndarray, "m k"]:
    """How far each point of y is from the points of x with the indices beside it."""
    found = np.empty(of.shape)
    for start, rank in itertools.product(range(0, len(y), BLOCK), range(of.shape[1])):
        part = slice(start, start + BLOCK)
        apart = x[of[part, rank]] - y[part]
        found[part, rank] = np.sqrt(np.einsum("md,md->m", apart, apart))
    return found


def _step(n: int) -> int:
    """Rows of a block, so that all blocks are about alike."""
    return -(-n // -(-n // BLOCK))


def _centred(
    x: Float[np.ndarray, "b d"], centre: Float[np.ndarray, " d"]
) -> tuple[Float[np.ndarray, "b d"], Float[np.ndarray, " b"]]:
    """Points and their squared norms, which XLA would compute anew for each pair."""
    points = x - centre
    return points, np.einsum("nd,nd->n", points, points)


@jax.jit
def _square(
    a: Float[Array, "b d"],
    a_norms: Float[Array, " b"],
    b: Float[Array, "c d"],
    b_norms: Float[Array, " c"],
) -> Float[Array, "b c"]:
    return a_norms[:, None] + b_norms[None, :] - 2 * (a @ b.T)


@jax.jit
def _without_itself(square: Float[Array, "b b"]) -> Float[Array, "b b"]:
    return jnp.fill_diagonal(square, jnp.inf, inplace=False)


def _search(
    pairs: Iterator[tuple[int, int, Array]], k: int, same: bool = False
) -> Int[np.ndarray, "m k"]:
    """The k least rows of each column of a matrix that comes in blocks."""
    found: dict[int, Least] = {}

    def merge(column: int, square: Array, row: int) -> None:
        least = found.get(column, _empty(k, square.shape[1]))
        found[column] = _merge(least, square, jnp.asarray(row))

    with jax.enable_x64(True):
        for i, j, square in pairs:
            merge(j, square, i)
            if same and i != j:
                merge(i, square.T, j)
        rows = [np.asarray(found[column][1]) for column in sorted(found)]
    return np.concatenate(rows, axis=1).T


def _empty(k: int, columns: int) -> Least:
    return jnp.full((k, columns), jnp.inf), jnp.zeros((k, columns), int)


@jax.jit
def _merge(least: Least, square: Float[Array, "b c"], first: Int[Array, ""]) -> Least:
    """The k least of each column of those so far and of a block's.

    These k lie in the k groups of rows whose least are least, so other rows are spared.
    """
    k, (rows, columns) = len(least[0]), square.shape
    indices = jnp.arange(rows)[:, None]
    if k * GROUP < rows:
        fill = jnp.pad(square, ((0, -rows % GROUP), (0, 0)), constant_values=jnp.inf)
        groups = fill.reshape(-1, GROUP, columns)
        numbers = jnp.arange(len(groups))[:, None]
        _, best = _insert(_empty(k, columns), groups.min(axis=1), numbers)
        square = jnp.take_along_axis(groups, best[:, None], axis=0)
        square = square.reshape(-1, columns)
        within = jnp.arange(GROUP)[None, :, None]
        indices = (best[:, None] * GROUP + within).reshape(-1, columns)
    return _insert(least, square, first + indices)


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
