"""Data sets: how many examples there are, and a function that gathers any of them.

That is all a `Dataset` is, so whatever has examples can be one: arrays, files that are
decoded when they are wanted, pairs and tuples drawn from other sets. What is made from
a set is again one, and lazy: `map` changes examples when they are gathered. `in_memory`
computes all of them once. A data set knows no order and no chance; `sources` adds both.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import psutil
from numpy.typing import NDArray
from tqdm import tqdm

from jaxgan.errors import (
    InputError,
    check_positive_int,
    check_seed,
    check_weights,
)
from jaxgan.types import Batch

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
        InputError: if the arrays differ in length or hold nothing, or a weight is
            negative or not finite.
    """
    if isinstance(data, Dataset):
        return data
    if data.weight is not None:
        check_weights("data.weight", data.weight)
    sizes = {len(leaf) for leaf in jax.tree.leaves(data)}
    if len(sizes) != 1:
        raise InputError(
            f"data: all arrays need one length, got lengths {sorted(sizes)}."
        )
    [size] = sizes
    if not size:
        raise InputError("data: the arrays hold no examples.")
    return Dataset(size, lambda indices: _rows(data, indices), data, classes)


def array_file(
    path: Path | str, real: str | None = None, condition: tuple[str, ...] = ()
) -> Dataset:
    """The arrays of a `.npy` or `.npz` file, examples along the first axis.

    A `.npy` file stays on the disk and is read as its examples are gathered.

    Args:
        path: of the file.
        real: which array of an `.npz` file holds the examples; needless where there is
            only one.
        condition: which hold what goes with each example: labels, captions.

    Raises:
        InputError: if the file is missing or no such file, lacks an array that is
            named, or holds several and none is named.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"path: {path} is not a file; give a .npy or .npz file.")
    try:
        stored = np.load(path, mmap_mode="r")
    except (ValueError, OSError, EOFError) as error:
        raise InputError(
            f"path: {path} cannot be read as .npy or .npz ({error}); write it with "
            "numpy.save or numpy.savez, without objects."
        ) from error
    if isinstance(stored, np.ndarray):
        if real is not None or condition:
            raise InputError(
                f"{path} holds a single array without a name; leave `real` and "
                "`condition` out, or save several with numpy.savez."
            )
        return as_dataset(Batch(np.asarray(stored)))
    with stored:
        there = sorted(stored.files)
        if real is None and len(there) > 1:
            raise InputError(f"real: {path} holds {there}; name one of them.")
        names = (there[0] if real is None else real, *condition)
        for name in names:
            if name not in there:
                raise InputError(f"{path} holds no array {name!r}, only {there}.")
        try:
            images, *rest = (stored[name] for name in names)
        except ValueError as error:  # an array of objects
            raise InputError(f"{path} cannot be read: {error}.") from error
    return as_dataset(Batch(images, tuple(rest)))


def in_memory(data: Dataset) -> Dataset:
    """The same examples, computed once and held as arrays.

    Raises:
        InputError: if they need more than half of the memory that is free.
    """
    if data.arrays is not None:
        return data
    if not fits_in_memory(data):
        raise InputError(
            f"data: {len(data):,} examples need {total_bytes(data) / 2**30:.1f} GiB, "
            f"and {psutil.virtual_memory().available / 2**30:.1f} GiB are free; leave "
            "in_memory out, and they are computed as they are gathered."
        )
    one = data.gather(np.zeros(1, np.int64))
    arrays = jax.tree.map(lambda x: np.empty((len(data), *x.shape[1:]), x.dtype), one)
    starts = range(0, len(data), CHUNK)
    for start in tqdm(starts, "into memory", unit=f"×{CHUNK}", delay=2, leave=False):
        part = data.gather(np.arange(start, min(start + CHUNK, len(data))))
        jax.tree.map(
            lambda whole, some, at=start: np.copyto(whole[at : at + len(some)], some),
            arrays,
            part,
        )
    return as_dataset(arrays, data.classes)


def fits_in_memory(data: Dataset) -> bool:
    """True if all examples need at most half of the memory that is free."""
    return total_bytes(data) <= psutil.virtual_memory().available / 2


def total_bytes(data: Dataset) -> int:
    """What all examples need, if each needs as much as the first."""
    one = data.gather(np.zeros(1, np.int64))
    return len(data) * sum(leaf.nbytes for leaf in jax.tree.leaves(one))


def take(data: Dataset | Batch, n: int) -> Dataset:
    """The first n examples.

    Raises:
        InputError: if `n` is not an integer of at least 1, or there are not so many.
    """
    data = as_dataset(data)
    check_positive_int("take: n", n)
    if n > len(data):
        raise InputError(f"take: n is {n:,}, but there are only {len(data):,} examples")
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
    first = round(share * len(data)) if 0 < share < 1 else 0
    if not 0 < first < len(data):
        raise InputError(
            f"split: a share of {share} of {len(data):,} examples leaves a part empty; "
            "give a share between 0 and 1."
        )
    order = np.random.default_rng(seed).permutation(len(data))
    return _chosen(data, order[:first]), _chosen(data, order[first:])


def concatenate(*parts: Dataset | Batch) -> Dataset:
    """The examples of all parts, one part after the other.

    Raises:
        InputError: if there is no part, or their examples differ in shape, type or
            classes.
    """
    if not parts:
        raise InputError("concatenate: give at least one data set.")
    sets = [as_dataset(part) for part in parts]
    kinds = [(_kind(part), part.classes) for part in sets]
    for number, kind in enumerate(kinds):
        if kind != kinds[0]:
            raise InputError(
                f"concatenate: examples of part {number} are {kind}, those of part 0 "
                f"{kinds[0]}; make them alike with `map`."
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
    example is the same each time; for chance there is `sources.augmented`. Images are
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
    one = change(data.gather(np.zeros(1, np.int64)))
    lengths = {len(leaf) for leaf in jax.tree.leaves(one)}
    if not isinstance(one, Batch) or lengths != {1}:
        raise InputError(
            "map: change must give a Batch of as many examples as it is given; of one "
            f"it made {type(one).__name__} of lengths {sorted(lengths)}."
        )
    return Dataset(len(data), lambda i: change(data.gather(i)), classes=data.classes)


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
            "need as many of both, and sets that do not belong together are `unpaired`."
        )
    return Dataset(
        len(first),
        lambda indices: together([first.gather(indices), second.gather(indices)]),
        classes=first.classes or second.classes,
    )


def tuples(data: Dataset | Batch, k: int, n: int, seed: int = 0) -> Dataset:
    """n tuples of k examples each, drawn once and with replacement.

    real = (k reals), and the condition is that of the first, the second, …

    Raises:
        InputError: if a count is not an integer of at least 1.
    """
    data = as_dataset(data)
    check_positive_int("tuples: k", k)
    check_positive_int("tuples: n", n)
    check_seed("tuples: seed", seed)
    members = np.random.default_rng(seed).integers(len(data), size=(n, k))
    return Dataset(
        n,
        lambda indices: together([data.gather(i) for i in members[indices].T]),
        classes=data.classes,
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


def _chosen(data: Dataset, chosen: NDArray[np.int64]) -> Dataset:
    return Dataset(len(chosen), lambda i: data.gather(chosen[i]), classes=data.classes)


def _rows(data: Batch, indices: NDArray[np.int64]) -> Batch:
    return jax.tree.map(lambda leaf: leaf[indices], data)


def _kind(data: Dataset) -> str:
    """Structure, types and shapes of the examples, to be compared and read."""
    one = data.gather(np.zeros(1, np.int64))
    described = jax.tree.map(lambda x: f"{x.dtype}{list(x.shape[1:])}", one)
    return str(jax.tree.map(str, described))
