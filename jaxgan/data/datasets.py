"""Data sets: how many examples there are, and a function that gathers any of them.

That is all a `Dataset` is, so whatever has examples can be one: arrays, files that are
decoded when they are wanted, pairs and tuples drawn from other sets. What is made from
a set is again one, and lazy: `map` changes examples when they are gathered. `in_memory`
computes all of them once. A data set knows no order and no chance; `sources` adds both.
"""

import dataclasses
from collections.abc import Callable, Iterator

import jax
import numpy as np
import psutil
from numpy.typing import NDArray
from tqdm import tqdm

from jaxgan.errors import InputError, check_weights
from jaxgan.types import Batch, Tree

CHUNK = 256
"""Examples gathered at once where a whole set is computed."""


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A finite set of examples.

    size:    how many.
    gather:  `(indices (b,)) -> Batch`: those examples, in that order, b in front.
    arrays:  all examples, where they are held; None where they are computed when they
             are gathered.
    classes: the names that an integer label in the condition counts, or none.

        >>> import numpy as np
        >>> from jaxgan import Batch
        >>> from jaxgan.data import Dataset
        >>> squares = Dataset(5, lambda i: Batch(i**2.0))
        >>> squares.gather(np.array([4, 0, 2])).real.tolist()
        [16.0, 0.0, 4.0]
    """

    size: int
    gather: Callable[[NDArray[np.int64]], Batch]
    arrays: Batch | None = None
    classes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return self.size


def as_dataset(data: Dataset | Batch, classes: tuple[str, ...] = ()) -> Dataset:
    """Arrays as a data set; a data set as it is.

    Raises:
        InputError: if it is neither, the arrays differ in length or hold nothing, or a
            weight is negative or not finite.
    """
    if isinstance(data, Dataset):
        return data
    if not isinstance(data, Batch):
        raise InputError(
            f"data must be a Dataset or a Batch of arrays, got {type(data).__name__}; "
            "wrap arrays as Batch(images) or Batch(images, (labels,))."
        )
    if data.weight is not None:
        check_weights("data.weight", data.weight)
    sizes = lengths(data)
    if len(sizes) != 1:
        raise InputError(f"data: all arrays need one length, got lengths {sizes}.")
    [size] = sizes
    if not size:
        raise InputError("data: the arrays hold no examples.")
    return Dataset(size, lambda indices: _rows(data, indices), data, classes)


def in_memory(data: Dataset | Batch) -> Dataset:
    """The same examples, computed once and held as arrays.

    Raises:
        InputError: if they need more than half of the memory that is free.
    """
    data = as_dataset(data)
    if data.arrays is not None:
        return data
    if not fits_in_memory(data):
        raise InputError(
            f"data: {len(data):,} examples need {total_bytes(data) / 2**30:.1f} GiB, "
            f"and {psutil.virtual_memory().available / 2**30:.1f} GiB are free; leave "
            "in_memory out, and they are computed as they are gathered."
        )
    one = data.gather(np.zeros(1, np.int64))
    # The first text does not say how long the others are.
    kinds = jax.tree.map(lambda x: object if x.dtype.kind in "SU" else x.dtype, one)
    arrays = jax.tree.map(
        lambda x, k: np.empty((len(data), *x.shape[1:]), k), one, kinds
    )
    for rows, part in chunks(data, "into memory"):
        jax.tree.map(
            lambda whole, some, at=rows: np.copyto(whole[at], some), arrays, part
        )
    arrays = jax.tree.map(
        lambda x, k, whole: whole.astype(x.dtype.kind) if k is object else whole,
        *(one, kinds, arrays),
    )
    return as_dataset(arrays, data.classes)


def chunks(data: Dataset, doing: str) -> Iterator[tuple[slice, Batch]]:
    """All examples, some at a time, with the rows they are; a bar if it takes long."""
    starts = range(0, len(data), CHUNK)
    for start in tqdm(starts, doing, unit=f"×{CHUNK}", delay=2, leave=False):
        rows = slice(start, min(start + CHUNK, len(data)))
        yield rows, data.gather(np.arange(rows.start, rows.stop))


def classes_after(
    classes: tuple[str, ...], before: Batch, after: Batch
) -> tuple[str, ...]:
    """The classes' names, unless a change made something else of the conditions."""
    return classes if len(before.condition) == len(after.condition) else ()


def fits_in_memory(data: Dataset) -> bool:
    """True if all examples need at most half of the memory that is free."""
    return total_bytes(data) <= psutil.virtual_memory().available / 2


def total_bytes(data: Dataset) -> int:
    """What all examples need, if each needs as much as the first."""
    one = data.gather(np.zeros(1, np.int64))
    return len(data) * sum(leaf.nbytes for leaf in jax.tree.leaves(one))


def _rows(data: Batch, indices: NDArray[np.int64]) -> Batch:
    return jax.tree.map(lambda leaf: leaf[indices], data)


def lengths(tree: Tree) -> list[int]:
    """The different lengths of all arrays; -1 of what has none."""
    leaves = jax.tree.leaves(tree)
    return sorted({np.shape(leaf)[0] if np.shape(leaf) else -1 for leaf in leaves})
