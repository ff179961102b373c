"""Data sets: a number of examples and a function that gathers any of them by index.

Arrays, image files that are decoded on demand, and pairs or tuples of other sets are
all a `Dataset`. A function of a data set returns another one and is lazy: `map`
transforms examples when they are gathered, and `in_memory` computes all of them once. A
data set has no order of its own and no randomness; `sources` adds both.
"""

import dataclasses
from collections.abc import Callable, Iterator

import jax
import numpy as np
import psutil
from numpy.typing import NDArray

from jaxgan.errors import (
    InputError,
    check_function,
    check_instance,
    check_names,
    check_positive_int,
    check_weights,
)
from jaxgan.progress import progress_bar
from jaxgan.types import Batch, Tree

CHUNK = 256
"""Number of examples to gather at once when computing a whole set."""


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A finite set of examples.

    size:    number of examples.
    gather:  `(indices (b,)) -> Batch`: returns these examples in this order, with the
             batch axis first.
    arrays:  all examples, or None if they are computed when gathered.
    classes: class names; an integer label in the condition is an index into them.
    reads:   what the examples are computed of, for `fingerprint`: data sets, and
             functions that digest what else it is, such as files.

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
    reads: tuple["Dataset | Callable[[], str]", ...] = ()

    def __post_init__(self) -> None:
        check_positive_int("size", self.size)
        check_function("gather", self.gather, "lambda indices: Batch(images[indices])")
        check_names("classes", self.classes)
        if self.arrays is not None:
            check_instance("arrays", self.arrays, Batch, "Batch(images)")
        check_instance("reads", self.reads, tuple, "(data,)")
        for each in self.reads:
            if not isinstance(each, Dataset):
                check_function("reads: each that is no Dataset", each, "lambda: digest")

    def __len__(self) -> int:
        return self.size


def as_dataset(
    data: Dataset | Batch, classes: tuple[str, ...] = (), name: str = "data"
) -> Dataset:
    """Wrap arrays as a data set; return a data set unchanged.

    Args:
        data: the data set, or arrays.
        classes: names of the classes of arrays.
        name: name of the argument, for messages.

    Raises:
        InputError: if `data` is neither a `Dataset` nor a `Batch`, the arrays differ in
            length, are empty or are no arrays, or a weight is negative or not finite.
    """
    if isinstance(data, Dataset):
        return data
    if not isinstance(data, Batch):
        raise InputError(
            f"{name} must be a Dataset or a Batch of arrays, got "
            f"{type(data).__name__}; wrap arrays as Batch(images) or "
            "Batch(images, (labels,))."
        )
    if data.weight is not None:
        check_weights(f"{name}.weight", data.weight)
    if not all(
        np.ndim(leaf) and hasattr(leaf, "dtype") for leaf in jax.tree.leaves(data)
    ):
        raise InputError(
            f"{name} must hold arrays, with the examples along the first axis; wrap "
            "numbers as Batch(np.array(numbers))."
        )
    sizes = lengths(data)
    if len(sizes) != 1:
        raise InputError(f"{name}: all arrays need one length, got lengths {sizes}.")
    [size] = sizes
    if not size:
        raise InputError(f"{name}: the arrays hold no examples.")
    return Dataset(size, lambda indices: _gather_rows(data, indices), data, classes)


def in_memory(data: Dataset | Batch) -> Dataset:
    """Compute all examples once and hold them as arrays.

    Raises:
        InputError: if they need more than half of the free memory.
    """
    data = as_dataset(data)
    if data.arrays is not None:
        return data
    if not fits_in_memory(data):
        raise InputError(
            f"data: {len(data):,} examples need {total_bytes(data) / 2**30:.1f} GiB, "
            f"and {psutil.virtual_memory().available / 2**30:.1f} GiB are free; leave "
            "out in_memory to compute them when they are gathered."
        )
    one = data.gather(np.zeros(1, np.int64))
    # Strings vary in length, so the dtype of the first one may be too short.
    dtypes = jax.tree.map(lambda x: object if x.dtype.kind in "SU" else x.dtype, one)
    arrays = jax.tree.map(
        lambda x, dtype: np.empty((len(data), *x.shape[1:]), dtype), one, dtypes
    )
    for rows, part in chunks(data, "into memory"):
        jax.tree.map(
            lambda whole, some, at=rows: np.copyto(whole[at], some), arrays, part
        )
    arrays = jax.tree.map(
        lambda x, dtype, whole: (
            whole.astype(x.dtype.kind) if dtype is object else whole
        ),
        one,
        dtypes,
        arrays,
    )
    return as_dataset(arrays, data.classes)


def chunks(data: Dataset, description: str) -> Iterator[tuple[slice, Batch]]:
    """Iterate over all examples in chunks: yields (rows, batch), shows progress."""
    starts = range(0, len(data), CHUNK)
    for start in progress_bar(
        starts, description, unit=f"×{CHUNK}", delay=2, leave=False
    ):
        rows = slice(start, min(start + CHUNK, len(data)))
        yield rows, data.gather(np.arange(rows.start, rows.stop))


def classes_after(
    classes: tuple[str, ...], before: Batch, after: Batch
) -> tuple[str, ...]:
    """Keep the class names unless a transform changed the number of conditions."""
    return classes if len(before.condition) == len(after.condition) else ()


def fits_in_memory(data: Dataset) -> bool:
    """Check that all examples need at most half of the free memory."""
    return total_bytes(data) <= psutil.virtual_memory().available / 2


def total_bytes(data: Dataset) -> int:
    """Estimate the memory of all examples in bytes from the size of the first."""
    one = data.gather(np.zeros(1, np.int64))
    return len(data) * sum(leaf.nbytes for leaf in jax.tree.leaves(one))


def _gather_rows(data: Batch, indices: NDArray[np.int64]) -> Batch:
    return jax.tree.map(lambda leaf: leaf[indices], data)


def lengths(tree: Tree) -> list[int]:
    """Return the distinct lengths of the first axes, sorted; -1 for a scalar."""
    leaves = jax.tree.leaves(tree)
    return sorted({np.shape(leaf)[0] if np.shape(leaf) else -1 for leaf in leaves})
