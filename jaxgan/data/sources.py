"""Sources: `(seed, step) -> batches`, one `Batch` for each substep.

A source is a pure function, so a run's position in its data is its step: nothing about
the data is saved, and a resumed run sees what the interrupted one would have seen.
"""

from collections.abc import Callable
from functools import lru_cache

import jax
import numpy as np
from numpy.typing import NDArray

from jaxgan.errors import InputError, check_positive_int, check_seed, check_weights
from jaxgan.types import Batch, Tree

Source = Callable[[int, int], tuple[Batch, ...]]


def in_memory(data: Batch, batch_size: int, substeps: int = 2) -> Source:
    """Batches without replacement from arrays in memory.

    Batch i of step s is number s·substeps + i of an endless sequence in which each
    epoch is a permutation of the examples, drawn from (seed, epoch); the few examples
    left at the end of an epoch wait for the next. Images held as uint8 come out as
    float32 in [-1, 1], everything else as it is.

    Args:
        data: all examples, b = how many there are.
        batch_size: of each substep.
        substeps: how many batches a step takes, `len(order)`.

    Raises:
        InputError: if a count is not an integer of at least 1, the arrays differ in
            length, a weight is negative or not finite, or the batch is larger than the
            data; by the source, if the seed is not an integer from 0 to 2³² - 1.

        >>> import numpy as np
        >>> from jaxgan import Batch, in_memory
        >>> source = in_memory(Batch(np.arange(10.0)), batch_size=4, substeps=1)
        >>> [batch] = source(0, 3)
        >>> batch.real.shape
        (4,)
    """
    check_positive_int("batch_size", batch_size)
    check_positive_int("substeps", substeps)
    if data.weight is not None:
        check_weights("data.weight", data.weight)
    sizes = {len(leaf) for leaf in jax.tree.leaves(data)}
    if len(sizes) != 1:
        raise InputError(
            f"data: all arrays need one length, got lengths {sorted(sizes)}."
        )
    [size] = sizes
    if batch_size > size:
        raise InputError(
            f"batch_size is {batch_size}, but the data hold only {size} examples."
        )
    per_epoch = size // batch_size

    @lru_cache(maxsize=2)
    def permutation(seed: int, epoch: int) -> NDArray[np.int64]:
        return np.random.default_rng((seed, epoch)).permutation(size)

    def batch(seed: int, number: int) -> Batch:
        epoch, place = divmod(number, per_epoch)
        chosen = permutation(seed, epoch)[place * batch_size :][:batch_size]
        return jax.tree.map(lambda leaf: leaf[chosen], data)

    def source(seed: int, step: int) -> tuple[Batch, ...]:
        check_seed("seed", seed)
        first = step * substeps
        batches = (batch(seed, first + i) for i in range(substeps))
        return tuple(b._replace(real=jax.tree.map(as_float, b.real)) for b in batches)

    return source


def as_float(images: Tree) -> Tree:
    """uint8 images as float32 in [-1, 1]; anything else unchanged."""
    if images.dtype == np.uint8:
        return images.astype(np.float32) / np.float32(127.5) - np.float32(1)
    return images
