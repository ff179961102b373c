"""Nearest neighbors among features.

Distances are computed in float64, a block of pairs at a time, so that no matrix of all
pairs is ever held; and of the symmetric matrix of one set only a half is made. The
squares come from one matrix product,

    ‖x - y‖² = ‖x‖² + ‖y‖² - 2 x·y

which loses the digits of points that are close together and far from the origin. So the
features are centered first; where what is lost may still change who is nearest, a point
is compared with all others by their differences; and all distances handed out are
computed again from differences: a copy is at distance 0.
"""

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxgan.metrics.nearest.top_k import Least, merged, none_yet

BLOCK = 1280
"""Rows of a block, at most."""

FEW = 32
"""Pairs of which the differences are made at once, so that they stay in the cache."""

PANEL = 8
"""Blocks of the first set that are centered once for all blocks of the second."""

ROUNDING = 1e-13
"""What a square may lose, as a share of ‖x‖² + ‖y‖²: 450 units in the last place."""

EXACT = 1e-9
"""A relative error of squared distances that does not matter."""


Sides = Int[np.ndarray, "q parts"]
"""Divisions of the examples: on which side, in each of q of them, every part is.

Part p holds the examples p, p + parts, p + 2 parts, …
"""

ALL = np.zeros((1, 1), int)
"""No division: all examples are on one side."""


class Neighbors(NamedTuple):
    """The k nearest of each of m points, the nearest first."""

    indices: Int[np.ndarray, "m k"]
    distances: Float[np.ndarray, "m k"]


def nearest(
    x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "m d"], k: int
) -> Neighbors:
    """The k points of x that are nearest to each point of y.

    Args:
        x, y: float64 features that `checked` let through.
        k: from 1 to n.

        >>> import numpy as np
        >>> from jaxgan.metrics.nearest.search import nearest
        >>> found = nearest(np.array([[0.0], [3.0], [7.0]]), np.array([[4.0]]), k=2)
        >>> found.indices, found.distances
        (array([[1, 2]]), array([[1., 3.]]))
    """
    [found] = _search(x, y, k)
    distances = measure(x, y, found)
    order = np.argsort(distances, axis=1, kind="stable")  # now without rounding
    return Neighbors(
        np.take_along_axis(found, order, axis=1),
        np.take_along_axis(distances, order, axis=1),
    )


def radii(x: Float[np.ndarray, "n d"], ks: tuple[int, ...]) -> Float[np.ndarray, "r n"]:
    """How far each point is from the k-th nearest of the others, for each k.

    A point is no neighbor of itself; its duplicates are, at distance 0.

    Args:
        x: float64 features that `checked` let through.
        ks: from 1 to n - 1.

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
    """The `radii` among all points of one side, for each division.

    Args:
        x: float64 features that `checked` let through.
        ks: below the number of points of the smallest side.
        sides: of each division.
    """
    ranks = [k - 1 for k in ks]
    found = _search(x, x, max(ks), sides, same=True)
    return np.stack([measure(x, x, indices[:, ranks]).T for indices in found])


def squares(
    x: Float[np.ndarray, "n d"],
    y: Float[np.ndarray, "m d"],
    center: Float[np.ndarray, " d"],
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
        centered = [_centered(x[rows], center) for rows in panel]
        for j in range(first if same else 0, len(y_blocks)):
            b = _centered(y[y_blocks[j]], center)
            for i, a in enumerate(centered, first):
                if same and i > j:
                    continue
                square = _square(*a, *b)
                square = _without_itself(square) if same and i == j else square
                yield x_blocks[i], y_blocks[j], square


def together(sides: Sides, a: slice, b: slice) -> Int[np.ndarray, " h"]:
    """The divisions in which rows that `squares` gave are on one side."""
    parts = sides.shape[1]
    return np.flatnonzero(sides[:, a.start % parts] == sides[:, b.start % parts])


def measure(
    x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "m d"], of: Int[np.ndarray, "m k"]
) -> Float[np.ndarray, "m k"]:
    """How far each point of y is from the points of x with the indices beside it."""
    found = np.empty(of.shape)
    for start, rank in itertools.product(range(0, len(y), FEW), range(of.shape[1])):
        some = slice(start, start + FEW)
        found[some, rank] = np.sqrt(_lengths(x[of[some, rank]] - y[some]))
    return found


def apart(
    x: Float[np.ndarray, "n d"],
    y: Float[np.ndarray, "m d"],
    i: Int[np.ndarray, " p"],
    j: Int[np.ndarray, " p"],
) -> Float[np.ndarray, " p"]:
    """How far x[i] is from y[j], pair by pair, from their differences."""
    found = np.empty(len(i))
    for start in range(0, len(i), FEW):
        some = slice(start, start + FEW)
        found[some] = np.sqrt(_lengths(x[i[some]] - y[j[some]]))
    return found


def squared_norms(
    x: Float[np.ndarray, "n d"], center: Float[np.ndarray, " d"]
) -> Float[np.ndarray, " n"]:
    """How far each point is from the center, squared."""
    starts = range(0, len(x), BLOCK)
    return np.concatenate([_lengths(x[i : i + BLOCK] - center) for i in starts])


def _lengths(x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
    return np.einsum("nd,nd->n", x, x)


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


def _centered(
    x: Float[np.ndarray, "b d"], center: Float[np.ndarray, " d"]
) -> tuple[Float[Array, "b d"], Float[Array, " b"]]:
    """Points and their squared norms, which XLA would compute anew for each pair."""
    points = x - center
    return jnp.asarray(points), jnp.asarray(_lengths(points))


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
    sides: Sides = ALL,
    same: bool = False,
) -> Int[np.ndarray, "q m k"]:
    """The k points of x nearest to each of y among those of its side.

    One point more is found, to see whether it might have been nearer.
    """
    parts, center = sides.shape[1], x.mean(axis=0)
    found = _least_of_parts(x, y, k + 1, center, parts, same)
    values = np.empty((len(sides), len(y), k + 1))
    indices = np.empty((len(sides), len(y), k + 1), int)
    for columns in _blocks(len(y), parts):
        of_parts = [found[columns.start, part] for part in range(parts)]
        least, rows = (np.stack(each).T for each in zip(*of_parts, strict=True))
        for q, side in enumerate(sides):
            own = side == side[columns.start % parts]
            near, which = (
                each[..., own].reshape(len(each), -1) for each in (least, rows)
            )
            order = near.argsort(axis=1, kind="stable")[:, : k + 1]
            values[q, columns] = np.take_along_axis(near, order, axis=1)
            indices[q, columns] = np.take_along_axis(which, order, axis=1)
    nearest = indices[..., :k]
    lost = 3 * ROUNDING * squared_norms(y, center)
    _settle(x, y, nearest, _unsure(values, lost), sides, same)
    return nearest


def _least_of_parts(
    x: Float[np.ndarray, "n d"],
    y: Float[np.ndarray, "m d"],
    k: int,
    center: Float[np.ndarray, " d"],
    parts: int,
    same: bool,
) -> dict[tuple[int, int], Least]:
    """The least squares to each part of x, for some points of y, named by the first."""
    found: dict[tuple[int, int], Least] = {}

    def merge(square: Array, rows: slice, columns: slice) -> None:
        key = columns.start, rows.start % parts
        before = found.get(key, none_yet(k, square.shape[1]))
        found[key] = merged(before, square, rows.start, rows.step)

    with jax.enable_x64(True):
        for rows, columns, square in squares(x, y, center, parts, same):
            merge(square, rows, columns)
            if same and rows != columns:
                merge(square.T, columns, rows)
    return found


def _settle(
    x: Float[np.ndarray, "n d"],
    y: Float[np.ndarray, "m d"],
    nearest: Int[np.ndarray, "q m k"],
    unsure: Bool[np.ndarray, "q m"],
    sides: Sides,
    same: bool,
) -> None:
    """Find again by differences what rounding may have put in a wrong order."""
    for of_side, chosen in zip(unsure, nearest, strict=True):
        some = np.flatnonzero(of_side)
        of_side[some] = measure(x, y[some], chosen[some]).any(axis=1)  # else copies
    of_x = np.arange(len(x)) % sides.shape[1]
    with jax.enable_x64(True):
        points = jnp.asarray(x) if unsure.any() else None
        for row in np.flatnonzero(unsure.any(axis=0)):
            square = np.array(_differences(points, y[row]))
            if same:
                square[row] = np.inf
            for q in np.flatnonzero(unsure[:, row]):
                own = sides[q, of_x] == sides[q, row % sides.shape[1]]
                order = np.where(own, square, np.inf).argsort(kind="stable")
                nearest[q, row] = order[: nearest.shape[2]]


def _unsure(
    values: Float[np.ndarray, "q m k"], lost: Float[np.ndarray, " m"]
) -> Bool[np.ndarray, "q m"]:
    """Where least values lie so close that their order may be one of rounding."""
    possible = 2 * lost[:, None]
    close = values[..., 1:] < values[..., :-1] + possible
    return (close & (possible > EXACT * values[..., :-1])).any(axis=-1)


@jax.jit
def _differences(
    points: Float[Array, "n d"], point: Float[Array, " d"]
) -> Float[Array, " n"]:
    return jnp.square(points - point[None]).sum(axis=1)
