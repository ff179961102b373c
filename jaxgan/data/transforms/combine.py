"""Data sets made of data sets, without chance.

All are lazy, but for `take` of arrays: `in_memory` computes them once, and lets them
be held on a device.
"""

import dataclasses
from collections.abc import Callable

import jax
import numpy as np
from numpy.typing import NDArray

from jaxgan.data.datasets import Dataset, as_dataset, classes_after, lengths
from jaxgan.errors import InputError, check_fraction, check_positive_int, check_seed
from jaxgan.types import Batch


def take(data: Dataset | Batch, n: int) -> Dataset:
    """The first n examples.

    Raises:
        InputError: if `n` is not an integer of at least 1, or there are not so many.
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
    """Two parts, drawn at random: a share of the examples, and all others.

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
    return chosen(data, order[:first]), chosen(data, order[first:])


def concatenate(*parts: Dataset | Batch) -> Dataset:
    """The examples of all parts, one part after the other.

    Raises:
        InputError: if there is no part, or their examples differ in shape, type or
            classes.
    """
    if not parts:
        raise InputError("concatenate: give at least one data set.")
    sets = [as_dataset(part) for part in parts]
    first = _kind(sets[0])
    for number, part in enumerate(sets[1:], start=1):
        if (kind := _kind(part)) != first:
            raise InputError(
                f"concatenate: examples of part {number} are {kind}, those of part 0 "
                f"{first}; make them alike with `map`."
            )
        if part.classes != sets[0].classes:
            raise InputError(
                f"concatenate: part {number} has the classes {part.classes}, part 0 "
                f"{sets[0].classes}; labels would mean two things."
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

    return Dataset(int(ends[-1]), gather, classes=sets[0].classes)


def map(data: Dataset | Batch, change: Callable[[Batch], Batch]) -> Dataset:
    """Change examples as they are gathered.

    The change is of NumPy arrays with b in front, and without chance, so that an
    example is the same each time; for chance there is `random_transform`. Images are
    as they are held, often uint8.

        >>> import numpy as np
        >>> from jaxgan import Batch, data
        >>> images = Batch(np.zeros((6, 28, 28, 1), np.uint8))
        >>> flat = data.map(images, lambda batch: Batch(batch.real.reshape(-1, 784)))
        >>> flat.gather(np.arange(2)).real.shape
        (2, 784)

    Raises:
        InputError: if the change gives something else than a `Batch` of as many
            examples.
    """
    data = as_dataset(data)

    def gather(indices: NDArray[np.int64]) -> Batch:
        made = change(data.gather(indices))
        if not isinstance(made, Batch) or lengths(made) != [len(indices)]:
            raise InputError(
                "map: change must give a Batch of as many examples as it is given; of "
                f"{len(indices)} it made {type(made).__name__} of lengths "
                f"{lengths(made)}."
            )
        return made

    one = np.zeros(1, np.int64)
    classes = classes_after(data.classes, data.gather(one), gather(one))
    return Dataset(len(data), gather, classes=classes)


def paired(first: Dataset | Batch, second: Dataset | Batch) -> Dataset:
    """Examples of two sets that belong together: real = (of the first, of the second).

    The condition is that of the first, then that of the second. For a game that draws
    the second under the first, such as pix2pix, `map` makes the one the condition:
    `map(paired(a, b), lambda x: Batch(x.real[1], (x.real[0],)))`.

    Raises:
        InputError: if the sets differ in size, or both have weights.
    """
    first, second = as_dataset(first), as_dataset(second)
    if len(first) != len(second):
        raise InputError(
            f"paired: the sets have {len(first):,} and {len(second):,} examples; pairs "
            "need as many of both; unrelated sets go to `zip_sources`."
        )
    return _lazy(
        len(first),
        lambda indices: together([first.gather(indices), second.gather(indices)]),
        first.classes or second.classes,
    )


def sample_tuples(data: Dataset | Batch, k: int, n: int, seed: int = 0) -> Dataset:
    """n tuples of k examples each, drawn once and with replacement.

    real = (k reals), and the condition is that of the first, the second, …

    Raises:
        InputError: if a count is not an integer of at least 1, or the set has weights.
    """
    data = as_dataset(data)
    check_positive_int("sample_tuples: k", k)
    check_positive_int("sample_tuples: n", n)
    check_seed("sample_tuples: seed", seed)
    members = np.random.default_rng(seed).integers(len(data), size=(n, k))
    return _lazy(
        n,
        lambda indices: together([data.gather(i) for i in members[indices].T]),
        data.classes,
    )


def together(batches: list[Batch]) -> Batch:
    """One batch of several: a tuple of their reals, the conditions in turn.

    Raises:
        InputError: if more than one has weights.
    """
    weights = [batch.weight for batch in batches if batch.weight is not None]
    if len(weights) > 1:
        raise InputError("weight: of examples that go together only one may have it.")
    return Batch(
        tuple(batch.real for batch in batches),
        sum((batch.condition for batch in batches), ()),
        weights[0] if weights else None,
    )


def chosen(data: Dataset, rows: NDArray[np.int64]) -> Dataset:
    """Some examples, in the order given."""
    return Dataset(len(rows), lambda i: data.gather(rows[i]), classes=data.classes)


def _lazy(
    size: int, gather: Callable[[NDArray[np.int64]], Batch], classes: tuple[str, ...]
) -> Dataset:
    """What does not fit together is refused now, and not when it is gathered."""
    gather(np.zeros(1, np.int64))
    return Dataset(size, gather, classes=classes)


def _kind(data: Dataset) -> str:
    """Names, types and shapes of an example's arrays, to be compared and read."""
    one = jax.tree_util.tree_leaves_with_path(data.gather(np.zeros(1, np.int64)))
    return ", ".join(
        f"{jax.tree_util.keystr(path).lstrip('.')} {leaf.dtype} {leaf.shape[1:]}"
        for path, leaf in one
    )
