"""Deterministic operations on data sets: take, split, concatenate, map, pair.

All are lazy except `take` of arrays. `in_memory` computes the result once, so that it
can be held on a device.
"""

import dataclasses
from collections.abc import Callable

import jax
import numpy as np
from numpy.typing import NDArray

from jaxgan.data.datasets import Dataset, as_dataset, classes_after, lengths
from jaxgan.errors import (
    InputError,
    check_fraction,
    check_function,
    check_positive_int,
    check_seed,
)
from jaxgan.types import Batch


def take(data: Dataset | Batch, n: int) -> Dataset:
    """Take the first n examples.

    Raises:
        InputError: if `n` is not an integer of at least 1, or exceeds the size.
    """
    data = as_dataset(data)
    check_positive_int("take: n", n)
    if n > len(data):
        raise InputError(f"take: n is {n:,}, but there are {len(data):,} examples.")
    if data.arrays is not None:
        return as_dataset(jax.tree.map(lambda x: x[:n], data.arrays), data.classes)
    return dataclasses.replace(data, size=n)


def split(
    data: Dataset | Batch, share: float, seed: int = 0
) -> tuple[Dataset, Dataset]:
    """Split examples at random into two parts: a share of them, and the rest.

        >>> import numpy as np
        >>> from jaxgan import Batch
        >>> from jaxgan.data import split
        >>> train, held_out = split(Batch(np.arange(10.0)), 0.8)
        >>> len(train), len(held_out)
        (8, 2)

    Raises:
        InputError: if the share is not between 0 and 1, or leaves a part empty.
    """
    data = as_dataset(data)
    check_seed("split: seed", seed)
    check_fraction("split: share", share)
    first = round(share * len(data)) if 0 < share < 1 else 0
    if not 0 < first < len(data):
        raise InputError(
            f"split: a share of {share} of {len(data):,} examples leaves a part empty; "
            "give a share between 0 and 1."
        )
    order = np.random.default_rng(seed).permutation(len(data))
    return select(data, order[:first]), select(data, order[first:])


def concatenate(*parts: Dataset | Batch) -> Dataset:
    """Concatenate data sets, one after the other.

    Raises:
        InputError: if there is no part, or their examples differ in shape, type or
            classes.
    """
    if not parts:
        raise InputError("concatenate: give at least one data set.")
    sets = [as_dataset(part, name=f"parts[{i}]") for i, part in enumerate(parts)]
    first = _describe_example(sets[0])
    for number, part in enumerate(sets[1:], start=1):
        if (other := _describe_example(part)) != first:
            raise InputError(
                f"concatenate: examples of part {number} are {other}, but those of "
                f"part 0 are {first}; convert them to one format with `map`."
            )
        if part.classes != sets[0].classes:
            raise InputError(
                f"concatenate: part {number} has the classes {part.classes}, but part "
                f"0 has {sets[0].classes}; the same label would mean two classes."
            )
    ends = np.cumsum([len(part) for part in sets])

    def gather(indices: NDArray[np.int64]) -> Batch:
        owner = np.searchsorted(ends, indices, side="right")
        pieces = [
            part.gather(indices[owner == number] - (ends[number] - len(part)))
            for number, part in enumerate(sets)
            if (owner == number).any()
        ]
        places = np.argsort(np.argsort(owner, kind="stable"))
        return jax.tree.map(lambda *rows: np.concatenate(rows)[places], *pieces)

    return Dataset(int(ends[-1]), gather, classes=sets[0].classes, reads=tuple(sets))


def map(data: Dataset | Batch, transform: Callable[[Batch], Batch]) -> Dataset:
    """Apply a deterministic function to examples when they are gathered.

    `transform` takes a batch of NumPy arrays, with the batch axis first, and must not
    be random, so that an example is the same each time; use `random_transform` for
    random transforms. Images have the type they are stored in, often uint8.

        >>> import numpy as np
        >>> from jaxgan import Batch, data
        >>> images = Batch(np.zeros((6, 28, 28, 1), np.uint8))
        >>> flat = data.map(images, lambda batch: Batch(batch.real.reshape(-1, 784)))
        >>> flat.gather(np.arange(2)).real.shape
        (2, 784)

    Raises:
        InputError: if `transform` does not return a `Batch` of as many examples.
    """
    data = as_dataset(data)
    check_function("map: transform", transform, "lambda batch: batch")

    def gather(indices: NDArray[np.int64]) -> Batch:
        made = transform(data.gather(indices))
        if not isinstance(made, Batch) or lengths(made) != [len(indices)]:
            raise InputError(
                "map: transform must return a Batch of as many examples as it is "
                f"given; for {len(indices)} it returned {type(made).__name__} of "
                f"lengths {lengths(made)}."
            )
        return made

    one = np.zeros(1, np.int64)
    classes = classes_after(data.classes, data.gather(one), gather(one))
    return Dataset(len(data), gather, classes=classes, reads=(data,))


def paired(first: Dataset | Batch, second: Dataset | Batch) -> Dataset:
    """Pair the examples of two data sets by index: real = (first, second).

    The conditions of the first set precede those of the second. For a conditional game
    such as pix2pix, which generates the second from the first, `map` turns the first
    into the condition: `map(paired(a, b), lambda x: Batch(x.real[1], (x.real[0],)))`.

    Raises:
        InputError: if the sets differ in size, or both have weights.
    """
    first, second = as_dataset(first, name="first"), as_dataset(second, name="second")
    if len(first) != len(second):
        raise InputError(
            f"paired: the sets have {len(first):,} and {len(second):,} examples; pairs "
            "need as many of both; use `zip_sources` for unpaired sets."
        )
    return _checked_dataset(
        len(first),
        lambda indices: zip_batches([first.gather(indices), second.gather(indices)]),
        first.classes or second.classes,
        (first, second),
    )


def sample_tuples(data: Dataset | Batch, k: int, n: int, seed: int = 0) -> Dataset:
    """Sample n tuples of k examples each, once and with replacement.

    `real` is a tuple of k arrays. The conditions of the k examples follow each other in
    the same order.

    Raises:
        InputError: if a count is not an integer of at least 1, or the set has weights.
    """
    data = as_dataset(data)
    check_positive_int("sample_tuples: k", k)
    check_positive_int("sample_tuples: n", n)
    check_seed("sample_tuples: seed", seed)
    members = np.random.default_rng(seed).integers(len(data), size=(n, k))
    return _checked_dataset(
        n,
        lambda indices: zip_batches([data.gather(i) for i in members[indices].T]),
        data.classes,
        (data,),
    )


def zip_batches(batches: list[Batch]) -> Batch:
    """Zip batches into one: a tuple of their reals, and their conditions in order.

    Raises:
        InputError: if more than one has weights.
    """
    weights = [batch.weight for batch in batches if batch.weight is not None]
    if len(weights) > 1:
        raise InputError("weight: at most one of the zipped batches may have weights.")
    return Batch(
        tuple(batch.real for batch in batches),
        sum((batch.condition for batch in batches), ()),
        weights[0] if weights else None,
    )


def select(data: Dataset, rows: NDArray[np.int64]) -> Dataset:
    """Select examples by index, in the order given."""
    return Dataset(
        len(rows),
        lambda i: data.gather(rows[i]),
        classes=data.classes,
        reads=(data,),
    )


def _checked_dataset(
    size: int,
    gather: Callable[[NDArray[np.int64]], Batch],
    classes: tuple[str, ...],
    reads: tuple[Dataset, ...],
) -> Dataset:
    """Gather one example now, so that incompatible sets fail at construction."""
    gather(np.zeros(1, np.int64))
    return Dataset(size, gather, classes=classes, reads=reads)


def _describe_example(data: Dataset) -> str:
    """Describe the names, dtypes and shapes of an example's arrays, as text."""
    one = jax.tree_util.tree_leaves_with_path(data.gather(np.zeros(1, np.int64)))
    return ", ".join(
        f"{jax.tree_util.keystr(path).lstrip('.')} {leaf.dtype} {leaf.shape[1:]}"
        for path, leaf in one
    )
