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

BLOCK = 1280
"""Rows of a block, at most."""

PANEL = 8
"""Blocks of the first set that are centred once for all blocks of the second."""

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
    [found] = _search(x, y, k)
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
    [whole] = radii_in_parts(x, ks, 1)
    return whole


def radii_in_parts(
    x: Float[np.ndarray, "n d"], ks: tuple[int, ...], parts: int
) -> list[Float[np.ndarray, "r n"]]:
    """The `radii` among all points and, of several parts, those within each.

    Part p holds the points p, p + parts, p + 2 parts, … The second radius of a point is
    that to the k-th nearest of the others of its part.
    """
    ranks = [k - 1 for k in ks]
    found = _search(x, x, max(ks), parts, same=True)
    return [measure(x, x, indices[:, ranks]).T for indices in found]


def squares(
    x: Float[np.ndarray, "n d"],
    y: Float[np.ndarray, "m d"],
    centre: Float[np.ndarray, " d"],
    parts: int = 1,
    same: bool = False,
) -> Iterator[tuple[slice, slice, Float[Array, "b c"]]]:
    """‖x - y‖² of some rows of x and some of y at a time, each of one part.

    To be read under `jax.enable_x64(True)`. If x and y are the `same`, only the upper
    half comes, with infinity on its diagonal.
    """
    x_blocks, y_blocks = _blocks(len(x), parts), _blocks(len(y), parts)
    for first in range(0, len(x_blocks), PANEL):
        panel = x_blocks[first : first + PANEL]
        centred = [_centred(x[rows], centre) for rows in panel]
        for j in range(first if same else 0, len(y_blocks)):
            b = _centred(y[y_blocks[j]], centre)
            for i, a in enumerate(centred, first):
                if same and i > j:
                    continue
                square = _square(*a, *b)
                square = _without_itself(square) if same and i == j else square
                yield x_blocks[i], y_blocks[j], square


def in_one_part(a: slice, b: slice) -> bool:
    """Whether rows that `squares` gave are of the same part."""
    return a.start % a.step == b.start % b.step


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


def _blocks(n: int, parts: int) -> list[slice]:
    """The rows of one part after the other, in blocks of about one size."""
    made = []
    for part in range(parts):
        count = len(range(part, n, parts))
        step = -(-count // -(-count // BLOCK)) * parts
        made += [
            slice(start, min(start + step, part + count * parts), parts)
            for start in range(part, n, step)
        ]
    return made


def _centred(
    x: Float[np.ndarray, "b d"], centre: Float[np.ndarray, " d"]
) -> tuple[Float[Array, "b d"], Float[Array, " b"]]:
    """Points and their squared norms, which XLA would compute anew for each pair."""
    points = x - centre
    norms = np.einsum("nd,nd->n", points, points)
    return jnp.asarray(points), jnp.asarray(norms)


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
    x: Float[np.ndarray, "n d"],
    y: Float[np.ndarray, "m d"],
    k: int,
    parts: int = 1,
    same: bool = False,
) -> list[Int[np.ndarray, "m k"]]:
    """The k points of x nearest to each of y: of all and, of several parts, of its own.

    Points of y are known to `found` by the first row of their block.
    """
    found: list[dict[int, Least]] = [{} for _ in range(min(parts, 2))]

    def merge(square: Array, rows: slice, columns: slice) -> None:
        for least in found if in_one_part(rows, columns) else found[:1]:
            before = least.get(columns.start, _empty(k, square.shape[1]))
            least[columns.start] = _merge(before, square, rows.start, rows.step)

    with jax.enable_x64(True):
        for rows, columns, square in squares(x, y, x.mean(axis=0), parts, same):
            merge(square, rows, columns)
            if same and rows != columns:
                merge(square.T, columns, rows)
        indices = np.empty((len(found), len(y), k), int)
        for columns in _blocks(len(y), parts):
            for own, least in zip(indices, found, strict=True):
                own[columns] = np.asarray(least[columns.start][1]).T
    return list(indices)


def _empty(k: int, columns: int) -> Least:
    return jnp.full((k, columns), jnp.inf), jnp.zeros((k, columns), int)


@jax.jit
def _merge(
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
        _, best = _insert(_empty(k, columns), groups.min(axis=1), numbers)
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
