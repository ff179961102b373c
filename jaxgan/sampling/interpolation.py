"""Interpolation between latents (lerp, slerp), and traversal of one latent leaf."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import NDArray

from jaxgan.data.datasets import lengths
from jaxgan.errors import (
    InputError,
    as_numbers,
    check_function,
    check_instance,
    check_positive_int,
    is_concrete,
)
from jaxgan.sampling.outputs import check_condition
from jaxgan.types import Game, Tree

DRAWS = 1000
"""Number of prior samples drawn to determine the range of a leaf."""

Path = Callable[[Array, Array, Array], Array]
"""`(start, end, t) -> point`: `lerp` or `slerp`."""


def lerp(
    start: Float[Array, "... d"], end: Float[Array, "... d"], t: float | Array
) -> Float[Array, "... d"]:
    """Interpolate linearly: (1 - t)·start + t·end.

    In many dimensions normal latents lie near a sphere, which the line leaves: its
    midpoint is shorter than either end by a factor of about √2.

        >>> import jax.numpy as jnp
        >>> from jaxgan.sampling import lerp
        >>> lerp(jnp.array([1.0, 0.0]), jnp.array([0.0, 1.0]), 0.5).tolist()
        [0.5, 0.5]
    """
    _check_ends(start, end, t)
    return (1 - t) * start + t * end


def slerp(
    start: Float[Array, "... d"], end: Float[Array, "... d"], t: float | Array
) -> Float[Array, "... d"]:
    """Interpolate spherically, for normal latents.

        sin((1-t)ω)/sin ω · start + sin(tω)/sin ω · end,  ω the angle between them

    Where ω is 0 or π, so that the latents are on a line through the origin, `lerp` is
    used.

    Reference: White 2016, arXiv:1609.04468.

        >>> import jax.numpy as jnp
        >>> from jaxgan.sampling import slerp
        >>> middle = slerp(jnp.array([1.0, 0.0]), jnp.array([0.0, 1.0]), 0.5)
        >>> [round(float(x), 4) for x in middle]
        [0.7071, 0.7071]
    """
    _check_ends(start, end, t)
    u, v = (x / jnp.maximum(_length(x), 1e-12) for x in (start, end))
    # The arccosine would lose half of all digits near 0 and π.
    angle = 2 * jnp.arctan2(_length(u - v), _length(u + v))
    straight = jnp.sin(angle) < 1e-4
    sine = jnp.where(straight, 1.0, jnp.sin(angle))
    arc = (jnp.sin((1 - t) * angle) * start + jnp.sin(t * angle) * end) / sine
    return jnp.where(straight, lerp(start, end, t), arc)


def _check_ends(start: Array, end: Array, t: float | Array) -> None:
    """Check that all are numbers, or arrays of them; any may be traced.

    Raises:
        InputError: if one is not.
    """
    for name, value in (("start", start), ("end", end), ("t", t)):
        if is_concrete(value):
            as_numbers(name, value)


def _length(x: Float[Array, "*n d"]) -> Float[Array, "*n 1"]:
    return jnp.linalg.norm(x, axis=-1, keepdims=True)


def interpolate(latents: Tree, path: Path, steps: int) -> Tree:
    """Interpolate from each latent of the first half to one of the second half.

    Args:
        latents: 2·n latents.
        path: `lerp` or `slerp`, applied along the last axis of each leaf.
        steps: number of points on each path, both ends included.

    Returns:
        n·steps latents, path after path.
    """

    check_function("path", path, "slerp")
    check_positive_int("steps", steps)
    _check_rows(latents, 2)

    def walk(leaf: Array) -> Array:
        if not jnp.issubdtype(
            leaf.dtype, jnp.floating
        ):  # such as classes: keep those of the start
            return jnp.repeat(jnp.asarray(leaf)[: len(leaf) // 2], steps, axis=0)
        starts, ends = jnp.split(jnp.asarray(leaf, jnp.float32)[:, None], 2)
        t = jnp.linspace(0, 1, steps).reshape(1, steps, *(1,) * (leaf.ndim - 1))
        return path(starts, ends, t).reshape(-1, *leaf.shape[1:])

    return jax.tree.map(walk, latents)


def _check_rows(latents: Tree, multiple: int = 1) -> None:
    """Check that latents are arrays of numbers with rows, a multiple of some number.

    Raises:
        InputError: if they are not.
    """
    counts = lengths(latents) if all(map(_is_array, jax.tree.leaves(latents))) else []
    if len(counts) != 1 or counts[0] < 1 or counts[0] % multiple:
        raise InputError(
            "latents must be arrays of numbers with as many rows in each"
            + (f", a multiple of {multiple}." if multiple > 1 else ".")
        )


def _is_array(leaf: object) -> bool:
    return hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, np.number)


def traverse(
    game: Game,
    latents: Tree,
    name: str,
    steps: int,
    condition: tuple[Tree, ...] = (),
) -> tuple[Tree, int]:
    """Vary one leaf of the latents over the same values in each row (traversal).

    A one-hot leaf takes all its classes, a single number spans the middle 98 % of the
    prior, and any other leaf is interpolated between two draws of the prior.

    Args:
        game: the game, whose prior determines the values of the leaf.
        latents: n latents, the start of each row.
        name: name of the leaf: its key, or keys joined by dots.
        steps: number of values, unless the leaf is one-hot.
        condition: n conditions for the prior, of which the first is used.

    Returns:
        n·columns latents, row after row, and the number of columns.

    Raises:
        InputError: if there is no such leaf.
    """
    check_instance("game", game, Game, "gan(…)")
    check_positive_int("steps", steps)
    check_condition(condition)
    _check_rows(latents)
    given = jax.tree.map(lambda c: np.repeat(c[:1], DRAWS, axis=0), condition)
    draws = game.prior(jax.random.key(0), DRAWS, given)
    if leaf_names(latents) != leaf_names(draws):
        raise InputError("latents must be like those of the game's prior, but differ.")
    leaves = dict(zip(leaf_names(latents), jax.tree.leaves(draws), strict=True))
    if not isinstance(name, str) or name not in leaves or not name:
        known = [each for each in leaves if each] or "only one, without a name"
        raise InputError(f"name: the latents have no leaf {name!r}; they have {known}.")
    values = _values(np.asarray(leaves[name]), steps)
    columns, rows = len(values), len(jax.tree.leaves(latents)[0])

    def move(own: str, leaf: Array) -> Array:
        if own != name:
            return jnp.repeat(jnp.asarray(leaf), columns, axis=0)
        return jnp.tile(values, (rows, *(1,) * (values.ndim - 1))).astype(leaf.dtype)

    moved = map(move, leaf_names(latents), jax.tree.leaves(latents))
    return jax.tree.unflatten(jax.tree.structure(latents), list(moved)), columns


def leaf_names(tree: Tree) -> list[str]:
    """Return the name of each leaf of a tree: its keys, joined by dots."""
    paths = (path for path, _ in jax.tree_util.tree_leaves_with_path(tree))
    return [jax.tree_util.keystr(path, simple=True, separator=".") for path in paths]


def _values(draws: NDArray, steps: int) -> Array:
    one_hot = draws.ndim == 2 and ((draws == 0) | (draws == 1)).all()
    if one_hot and draws.shape[1] > 1 and (draws.sum(axis=1) == 1).all():
        return jnp.eye(draws.shape[1])
    ends = draws[:2]
    if draws[0].size == 1:
        ends = np.quantile(draws, [0.01, 0.99], axis=0).astype(draws.dtype)
    t = jnp.linspace(0, 1, steps).reshape(steps, *(1,) * (draws.ndim - 1))
    return lerp(jnp.asarray(ends[:1]), jnp.asarray(ends[1:]), t)
