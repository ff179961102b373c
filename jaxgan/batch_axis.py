"""Batches that are split over a mapped axis, as `shard_map` and `pmap` split them.

Under a sharded `jit` a batch is global by itself. Under the others each device runs
the step on its own rows, so averages, random numbers and comparisons of all examples
must go over the axis. Outside of it these functions do nothing more than NumPy's.

JAX tracks under `shard_map` what varies between devices, and sums the gradients of what
does not by itself. Under `pmap` it tracks nothing, so `shared` averages them.
"""

import contextlib
import contextvars
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from jaxgan.types import Tree

BATCH_AXIS = "data"
"""The name of the mapped axis.

One of another name is taken for independent runs, such as a population's members.
"""


def batch_axis() -> str | None:
    """Return the name of the axis over which the batch is split here, if it is.

    A layer that averages over the batch takes it, such as Flax's `BatchNorm` as its
    `axis_name`; without it, each device normalizes its own rows. It is to be called
    where the layer is applied, not where it is made.

        >>> from jaxgan.algorithms import batch_axis
        >>> batch_axis() is None  # outside of `shard_map` and `pmap`
        True
    """
    return None if _hidden.get() else _axis()


_hidden = contextvars.ContextVar("hidden", default=False)
_whole = contextvars.ContextVar("whole", default=False)


def no_batch_axis() -> contextlib.AbstractContextManager[None]:
    """Let the layers that are applied in the block see the rows of one device."""
    return _set(_hidden)


def whole_batch() -> contextlib.AbstractContextManager[None]:
    """Trace a block in which layers see the whole batch, which the compiler splits."""
    return _set(_whole)


@contextlib.contextmanager
def _set(flag: contextvars.ContextVar[bool]) -> Iterator[None]:
    token = flag.set(True)
    try:
        yield
    finally:
        flag.reset(token)


def is_whole_batch() -> bool:
    """Return True in a block of `whole_batch`."""
    return _whole.get()


def _axis() -> str | None:
    try:
        lax.axis_size(BATCH_AXIS)
    except NameError:
        return None
    return BATCH_AXIS


def global_mean(x: Array, axis: int | None = None) -> Array:
    """Average over the rows of all devices, or over all axes."""
    mean = jnp.mean(x, axis=axis)
    return mean if _axis() is None else lax.pmean(mean, BATCH_AXIS)


def all_rows(tree: Tree) -> Tree:
    """Gather the rows of all devices, in the order of the batch."""
    if _axis() is None:
        return tree

    def gather(x: Array) -> Array:
        # A sum, whose result is known to be the same everywhere, and so is the loss.
        rows, count = len(x), lax.axis_size(BATCH_AXIS)
        whole = jnp.zeros((rows * count, *x.shape[1:]), x.dtype)
        start = lax.axis_index(BATCH_AXIS) * rows
        placed = lax.dynamic_update_slice_in_dim(_varying(whole), x, start, axis=0)
        return lax.psum(placed, BATCH_AXIS)

    return jax.tree.map(gather, tree)


def own_rows(tree: Tree) -> Tree:
    """Select the rows of this device from those of all."""
    if _axis() is None:
        return tree

    def select(x: Array) -> Array:
        rows = len(x) // lax.axis_size(BATCH_AXIS)
        start = lax.axis_index(BATCH_AXIS) * rows
        return lax.dynamic_slice_in_dim(x, start, rows)

    return jax.tree.map(select, tree)


def draw_rows(
    sampler: Callable[..., Array], key: Array, shape: tuple[int, ...]
) -> Array:
    """Draw random numbers for the rows of all devices, and select this one's.

    Args:
        sampler: `(key, shape) -> array`.
        key: the same on all devices.
        shape: of this device's numbers; the first axis is the batch's.
    """
    if _axis() is None:
        return sampler(key, shape)
    count = lax.axis_size(BATCH_AXIS)
    return own_rows(sampler(key, (shape[0] * count, *shape[1:])))


def agreed(tree: Tree) -> Tree:
    """Average what differs between devices, such as statistics of their own rows."""
    if _axis() is None:
        return tree
    tracked = _is_tracked()

    def agree(x: Any) -> Any:
        differs = _varies(x) if tracked else jnp.issubdtype(x.dtype, jnp.inexact)
        return lax.pmean(x, BATCH_AXIS) if differs else x

    return jax.tree.map(agree, tree)


def shared(tree: Tree) -> Tree:
    """Mark parameters that all devices share, so that they share its gradients too.

    It changes no values. Derivatives with respect to them are averaged over devices, of
    any order, where JAX does not do so by itself.
    """
    if _axis() is None or _is_tracked():
        return tree
    return _shared(tree)


@jax.custom_jvp
def _shared(tree: Tree) -> Tree:
    return tree


@_shared.defjvp
def _(primals: tuple[Tree], tangents: tuple[Tree]) -> tuple[Tree, Tree]:
    (tree,), (tangent,) = primals, tangents
    averaged = jax.tree.map(lambda t: lax.pmean(t, BATCH_AXIS), tangent)
    return _shared(tree), averaged  # marked again, for derivatives of this one


def _is_tracked() -> bool:
    """Return True if JAX tracks what varies between devices: not under `pmap`."""
    return _varies(lax.axis_index(BATCH_AXIS))


def _varies(x: Array) -> bool:
    return BATCH_AXIS in jax.typeof(x).manual_axis_type.varying


def _varying(x: Array) -> Array:
    return x if _varies(x) else lax.pcast(x, BATCH_AXIS, to="varying")
