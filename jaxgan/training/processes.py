"""Several processes that train one run, as on TPU pods and GPU clusters.

JAX's own runtime connects them. Each makes the same calls in the same order. The first
process, the leader, writes all files but the checkpoints, which all write together.
What the leader finds, and what it raises, is told to all, so that none waits for one
that has left.
"""

import contextlib
import os
import pickle
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NoReturn, TypeVar

import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from jaxgan.errors import InputError, RunError
from jaxgan.types import Tree

Value = TypeVar("Value")


class LostProcess(RunError):
    """Error of a process that waits for one that is gone."""


OUT_OF_MEMORY = "RESOURCE_EXHAUSTED"
"""The word by which JAX tells this error from others."""

LAST = 1.0
"""Seconds by which the leader leaves last, since the others end when it is gone."""


def are_several() -> bool:
    """Return True if several processes have joined."""
    return jax.distributed.is_initialized() and jax.process_count() > 1


def leads() -> bool:
    """Return True in the process that writes, and where there is only one."""
    return not are_several() or jax.process_index() == 0


def leave(status: int) -> NoReturn:
    """End a process that cannot go on, without waiting for the others."""
    sys.stdout.flush()
    sys.stderr.flush()
    if leads():
        time.sleep(LAST)
    os._exit(status)


def exchange(value: Value) -> list[Value]:
    """Give each process the values of all, in their order; a value must be picklable.

    Every process must call it.
    """
    if not are_several():
        return [value]
    from jax.experimental.multihost_utils import process_allgather

    data = np.frombuffer(pickle.dumps(value), np.uint8)
    with lost_if_gone():
        sizes = process_allgather(np.array(len(data)))
        room = 1 << int(sizes.max() - 1).bit_length()  # few sizes, so few programs
        rows = process_allgather(np.pad(data, (0, room - len(data))))
    return [
        pickle.loads(row[:size].tobytes())
        for row, size in zip(rows, sizes, strict=True)
    ]


@contextlib.contextmanager
def lost_if_gone() -> Iterator[None]:
    """Convert what JAX raises when another process is gone to a `LostProcess`."""
    try:
        yield
    except (RuntimeError, ValueError) as error:
        of_jax = isinstance(error, jax.errors.JaxRuntimeError) or "Gloo" in str(error)
        if not are_several() or not of_jax or OUT_OF_MEMORY in str(error):
            raise
        reason = str(error).strip().splitlines()[0]
        raise LostProcess(
            "another process is gone, or devices have failed, so this one ends "
            f"({reason}); start all again to go on from the last checkpoint."
        ) from error


def lead(function: Callable[[], Value]) -> Value:
    """Call a function in the leader, and return or raise its result in all processes.

    Every process must call it.
    """
    if not are_several():
        return function()
    value, error = _attempt(function if leads() else None)
    shown, told = exchange((value, _portable(error)))[0]
    _raise_first(error, [told])
    return shown


def in_turn(function: Callable[[], Value]) -> Value:
    """Call a function in the leader and then in all others; an error ends all.

    Every process must call it.
    """
    if not are_several():
        return function()
    value, error = _attempt(function if leads() else None)
    _raise_first(error, exchange(_portable(error)))
    if not leads():
        value, error = _attempt(function)
    _raise_first(error, exchange(_portable(error)))
    return value


def own_copy(tree: Tree) -> Tree:
    """Copy global arrays to this process, so that it can compute with them alone.

    Every process must call it.
    """
    if not are_several():
        return tree

    def copy(x: Any) -> Any:
        if not isinstance(x, jax.Array) or x.is_fully_addressable:
            return x
        if not x.is_fully_replicated:
            assert isinstance(x.sharding, NamedSharding)
            x = _gather(NamedSharding(x.sharding.mesh, PartitionSpec()))(x)
        return x.addressable_data(0)

    return jax.tree.map(copy, tree)


@cache
def _gather(sharding: NamedSharding) -> Callable[[jax.Array], jax.Array]:
    return jax.jit(lambda x: x, out_shardings=sharding)


def is_told(error: BaseException) -> bool:
    """Return True if an error, or its cause, is another process's, which reports it."""
    told = TOLD in getattr(error, "__notes__", [])
    return told or (error.__cause__ is not None and is_told(error.__cause__))


TOLD = "told by another process"


def _attempt(function: Callable[[], Any] | None) -> tuple[Any, Exception | None]:
    if function is None:
        return None, None
    try:
        return function(), None
    except Exception as error:  # whatever it is, the others must know
        return None, error


def _portable(error: Exception | None) -> Exception | None:
    """Return an error of the same class, or a RuntimeError, that can be pickled."""
    if error is None:
        return None
    if type(error) in (InputError, RunError):
        return type(error)(f"process {jax.process_index()}: {error}")
    if isinstance(error, OSError):
        return OSError(error.errno, error.strerror, error.filename)
    return RuntimeError(f"{type(error).__name__}: {error}")


def _raise_first(own: Exception | None, told: list[Exception | None]) -> None:
    if own is not None:
        raise own
    for error in filter(None, told):
        error.add_note(TOLD)
        raise error
