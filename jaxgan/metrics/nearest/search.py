"""Exact k-nearest-neighbor search among features.

Distances are computed in float64 and in blocks of pairs, so memory never holds the
matrix of all pairs. For the symmetric matrix of one set only one half is computed.
Squared distances come from one matrix product,

    ‖x - y‖² = ‖x‖² + ‖y‖² - 2 x·y

This loses digits for points that are close together and far from the origin. Features
are therefore centered first. Where the rounding error could still change the order of
the neighbors, a point is compared with all others by direct differences. All returned
distances are recomputed from differences, so a copy is at distance 0.
"""

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxgan.metrics.nearest.top_k import TopK, empty, merged

BLOCK = 1280
"""Maximum number of rows in a block."""

FEW = 32
"""Pairs whose differences are computed at once, so that they fit in the CPU cache."""

PANEL = 8
"""Blocks of the first set that stay centered while the second set is scanned."""

ROUNDING = 1e-13
"""Rounding error of a square relative to ‖x‖² + ‖y‖²: 450 units in the last place."""

EXACT = 1e-9
"""Relative error of squared distances that is tolerated."""


Sides = Int[np.ndarray, "q parts"]
"""The side of every part of the examples, in each of q divisions.

Part p holds the examples p, p + parts, p + 2 parts, … Neighbors are searched among the
examples on the same side.
"""

ALL = np.zeros((1, 1), int)
"""The trivial division: all examples are on one side."""


class Neighbors(NamedTuple):
    """The k nearest neighbors of each of m points, nearest first."""

    indices: Int[np.ndarray, "m k"]
    distances: Float[np.ndarray, "m k"]


def nearest(
    x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "m d"], k: int
) -> Neighbors:
    """Find the k points of x nearest to each point of y.

    Args:
        x, y: float64 features validated by `checked`.
        k: number of neighbors, from 1 to n.

        >>> import numpy as np
        >>> from jaxgan.metrics.nearest.search import nearest
        >>> found = nearest(np.array([[0.0], [3.0], [7.0]]), np.array([[4.0]]), k=2)
        >>> found.indices, found.distances
        (array([[1, 2]]), array([[1., 3.]]))
    """
    [found] = _search(x, y, k)
    distances = exact_distances(x, y, found)
    order = np.argsort(distances, axis=1, kind="stable")  # by exact distances
    return Neighbors(
        np.take_along_axis(found, order, axis=1),
        np.take_along_axis(distances, order, axis=1),
    )


def radii(x: Float[np.ndarray, "n d"], ks: tuple[int, ...]) -> Float[np.ndarray, "r n"]:
    """Compute each point's distance to its k-th nearest neighbor, for each k.

    A point is not its own neighbor. Its duplicates are neighbors at distance 0.

    Args:
        x: float64 features validated by `checked`.
        ks: numbers of neighbors, from 1 to n - 1.

        >>> import numpy as np
        >>> from jaxgan.metrics.nearest.search import radii
        >>> radii(np.array([[0.0], [3.0], [7.0]]), (1, 2))
        array([[3., 3., 4.],
               [7., 4., 7.]])
    """
    return radii_within(x, ks, ALL)[0]


def radii_within(
    x: Float[np.ndarray, "n d"], ks: tuple[int, ...], sides: Sides
) -> Float[np.ndarray, "q r n"]:
    """Compute `radii` among the points on the same side, for each division.

    Args:
        x: float64 features validated by `checked`.
        ks: numbers of neighbors, below the number of points on the smallest side.
        sides: the divisions.
    """
    ranks = [k - 1 for k in ks]
    found = _search(x, x, max(ks), sides, same=True)
    return np.stack([exact_distances(x, x, indices[:, ranks]).T for indices in found])


def squares(
    x: Float[np.ndarray, "n d"],
    y: Float[np.ndarray, "m d"],
    center: Float[np.ndarray, " d"],
    parts: int = 1,
    same: bool = False,
) -> Iterator[tuple[slice, slice, Float[Array, "b c"]]]:
    """Yield ‖x - y‖² in blocks: rows of x, rows of y, and their squared distances.

    Each block has rows of one part. Iterate under `jax.enable_x64(True)`. If x and y
    are the `same`, only the upper triangle is computed, with infinity on its diagonal.
    """
    x_blocks, y_blocks = _blocks(len(x), parts), _blocks(len(y), parts)
    for first in range(0, len(x_blocks), PANEL):
        panel = x_blocks[first : first + PANEL]
        centered = [_centered(x[rows], center) for rows in panel]
        for j in range(first if same else 0, len(y_blocks)):
            b = _centered(y[y_blocks[j]], center)
            for i, a in enumerate(centered, first):
                if same and i > j:
                    continue
                square = _squared_distances(*a, *b)
                square = _mask_diagonal(square) if same and i == j else square
                yield x_blocks[i], y_blocks[j], square


def same_side(sides: Sides, a: slice, b: slice) -> Int[np.ndarray, " h"]:
    """Find the divisions in which two blocks of `squares` are on the same side."""
    parts = sides.shape[1]
    return np.flatnonzero(sides[:, a.start % parts] == sides[:, b.start % parts])


def exact_distances(
    x: Float[np.ndarray, "n d"],
    y: Float[np.ndarray, "m d"],
    indices: Int[np.ndarray, "m k"],
) -> Float[np.ndarray, "m k"]:
    """Compute ‖x[indices[i, j]] - y[i]‖ from differences, without cancellation."""
    found = np.empty(indices.shape)
    ranks = range(indices.shape[1])
    for start, rank in itertools.product(range(0, len(y), FEW), ranks):
        rows = slice(start, start + FEW)
        neighbors = x[indices[rows, rank]]
        found[rows, rank] = np.sqrt(_squared_lengths(neighbors - y[rows]))
    return found


def exact_pair_distances(
    x: Float[np.ndarray, "n d"],
    y: Float[np.ndarray, "m d"],
    i: Int[np.ndarray, " p"],
    j: Int[np.ndarray, " p"],
) -> Float[np.ndarray, " p"]:
    """Compute ‖x[i] - y[j]‖ for each pair (i, j) from differences."""
    found = np.empty(len(i))
    for start in range(0, len(i), FEW):
        pairs = slice(start, start + FEW)
        found[pairs] = np.sqrt(_squared_lengths(x[i[pairs]] - y[j[pairs]]))
    return found


def squared_norms(
    x: Float[np.ndarray, "n d"], center: Float[np.ndarray, " d"]
) -> Float[np.ndarray, " n"]:
    """Compute each point's squared distance to the center."""
    starts = range(0, len(x), BLOCK)
    return np.concatenate([_squared_lengths(x[i : i + BLOCK] - center) for i in starts])


def _squared_lengths(x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
    return np.einsum("nd,nd->n", x, x)


def _blocks(n: int, parts: int) -> list[slice]:
    """Split the rows into blocks of about equal size, one part after another."""
    made = []
    for part in range(parts):
        count = len(range(part, n, parts))
        step = -(-count // -(-count // BLOCK)) * parts
        made += [
            slice(start, min(start + step, part + count * parts), parts)
            for start in range(part, n, step)
        ]
    return made


def _centered(
    x: Float[np.ndarray, "b d"], center: Float[np.ndarray, " d"]
) -> tuple[Float[Array, "b d"], Float[Array, " b"]]:
    """Center points and compute their squared norms once for all pairs of blocks."""
    points = x - center
    return jnp.asarray(points), jnp.asarray(_squared_lengths(points))


@jax.jit
def _squared_distances(
    a: Float[Array, "b d"],
    a_norms: Float[Array, " b"],
    b: Float[Array, "c d"],
    b_norms: Float[Array, " c"],
) -> Float[Array, "b c"]:
    return a_norms[:, None] + b_norms[None, :] - 2 * (a @ b.T)


@jax.jit
def _mask_diagonal(square: Float[Array, "b b"]) -> Float[Array, "b b"]:
    return jnp.fill_diagonal(square, jnp.inf, inplace=False)


def _search(
    x: Float[np.ndarray, "n d"],
    y: Float[np.ndarray, "m d"],
    k: int,
    sides: Sides = ALL,
    same: bool = False,
) -> Int[np.ndarray, "q m k"]:
    """Find the k points of x nearest to each point of y on the same side.

    One more neighbor is found, to check whether rounding could have misplaced it.
    """
    parts, center = sides.shape[1], x.mean(axis=0)
    found = _top_k_by_part(x, y, k + 1, center, parts, same)
    values = np.empty((len(sides), len(y), k + 1))
    indices = np.empty((len(sides), len(y), k + 1), int)
    for columns in _blocks(len(y), parts):
        by_part = [found[columns.start, part] for part in range(parts)]
        smallest, rows = (np.stack(each).T for each in zip(*by_part, strict=True))
        for q, side in enumerate(sides):
            own = side == side[columns.start % parts]
            near, which = (
                each[..., own].reshape(len(each), -1) for each in (smallest, rows)
            )
            order = near.argsort(axis=1, kind="stable")[:, : k + 1]
            values[q, columns] = np.take_along_axis(near, order, axis=1)
            indices[q, columns] = np.take_along_axis(which, order, axis=1)
    nearest = indices[..., :k]
    rounding = 3 * ROUNDING * squared_norms(y, center)
    _resolve(x, y, nearest, _ambiguous(values, rounding), sides, same)
    return nearest


def _top_k_by_part(
    x: Float[np.ndarray, "n d"],
    y: Float[np.ndarray, "m d"],
    k: int,
    center: Float[np.ndarray, " d"],
    parts: int,
    same: bool,
) -> dict[tuple[int, int], TopK]:
    """Find the k smallest squared distances for each block of y and part of x.

    Keys are (first row of the block of y, part of x).
    """
    found: dict[tuple[int, int], TopK] = {}

    def merge(square: Array, rows: slice, columns: slice) -> None:
        key = columns.start, rows.start % parts
        before = found.get(key, empty(k, square.shape[1]))
        found[key] = merged(before, square, rows.start, rows.step)

    with jax.enable_x64(True):
        for rows, columns, square in squares(x, y, center, parts, same):
            merge(square, rows, columns)
            if same and rows != columns:
                merge(square.T, columns, rows)
    return found


def _resolve(
    x: Float[np.ndarray, "n d"],
    y: Float[np.ndarray, "m d"],
    nearest: Int[np.ndarray, "q m k"],
    ambiguous: Bool[np.ndarray, "q m"],
    sides: Sides,
    same: bool,
) -> None:
    """Search again, by differences, where rounding may have changed the order."""
    for rows_of_division, chosen in zip(ambiguous, nearest, strict=True):
        rows = np.flatnonzero(rows_of_division)
        distances = exact_distances(x, y[rows], chosen[rows])
        rows_of_division[rows] = distances.any(axis=1)  # at distance 0, none is nearer
    parts = np.arange(len(x)) % sides.shape[1]
    with jax.enable_x64(True):
        points = jnp.asarray(x) if ambiguous.any() else None
        for row in np.flatnonzero(ambiguous.any(axis=0)):
            square = np.array(_squared_differences(points, y[row]))
            if same:
                square[row] = np.inf
            for q in np.flatnonzero(ambiguous[:, row]):
                own = sides[q, parts] == sides[q, row % sides.shape[1]]
                order = np.where(own, square, np.inf).argsort(kind="stable")
                nearest[q, row] = order[: nearest.shape[2]]


def _ambiguous(
    values: Float[np.ndarray, "q m k"], rounding: Float[np.ndarray, " m"]
) -> Bool[np.ndarray, "q m"]:
    """Find points whose neighbors are so close that rounding may order them."""
    possible = 2 * rounding[:, None]
    close = values[..., 1:] < values[..., :-1] + possible
    return (close & (possible > EXACT * values[..., :-1])).any(axis=-1)


@jax.jit
def _squared_differences(
    points: Float[Array, "n d"], point: Float[Array, " d"]
) -> Float[Array, " n"]:
    return jnp.square(points - point[None]).sum(axis=1)
