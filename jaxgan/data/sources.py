"""Sources: `(seed, step) -> batches`, one `Batch` for each substep.

A source is a pure function, so a run's position in its data is its step: nothing about
the data is saved, and a resumed run sees what the interrupted one would have seen. All
chance in data is here: the order of the examples, and what `random_transform` draws.

Where several processes train together, each makes only its own rows of every batch: the
batches are the same however many there are.
"""

import os
import sys
import zlib
from collections.abc import Callable
from functools import lru_cache, partial

import jax
import numpy as np
from jaxtyping import Array
from numpy.typing import NDArray

from jaxgan.data.datasets import Dataset, as_dataset, total_bytes
from jaxgan.data.transforms.combine import together
from jaxgan.errors import InputError, check_function, check_positive_int, check_seed
from jaxgan.types import Batch, Tree

Source = Callable[[int, int], tuple[Batch, ...]]

Change = Callable[[Array, Batch], Batch]
"""`(key, example) -> example`: a random change of one example, in JAX, without b."""

DECODERS = 1 + (os.cpu_count() or 1)
"""Threads that gather coming batches of examples that are not held in memory."""

SEEDS = 8
"""Number of seeds to keep a prefetch stream for; `zip_sources` may use one source under
several."""


def shuffled(
    data: Dataset | Batch,
    batch_size: int,
    substeps: int = 2,
    on_device: bool | None = None,
) -> Source:
    """Batches without replacement.

    Batch i of step s is number s·substeps + i of an endless sequence in which each
    epoch is a permutation of the examples, drawn from (seed, epoch); the few examples
    left at the end of an epoch wait for the next. Images held as uint8 come out as
    float32 in [-1, 1], (x - 127.5) / 127.5; everything else as it is, in the types that
    JAX has: float32 and int32 for 64 bits, unless x64 is enabled.

    The batches do not depend on where the examples are: on the device, in memory, or
    nowhere, to be computed when they are gathered, which some threads then do ahead.

    Args:
        data: all examples.
        batch_size: of each substep, over all processes.
        substeps: how many batches a step takes, `len(order)`.
        on_device: hold the examples on the device. By default if they are arrays in
            memory and an accelerator has four times the room.

    Raises:
        InputError: if a count is not an integer of at least 1, the arrays differ in
            length, a weight is negative or not finite, the batch is larger than the
            data or does not split evenly over the processes, or something is not a
            number; by the source, if the seed is not an integer from 0 to 2³² - 1.

        >>> import numpy as np
        >>> from jaxgan import Batch, shuffled
        >>> source = shuffled(Batch(np.arange(10.0)), batch_size=4, substeps=1)
        >>> [batch] = source(0, 3)
        >>> batch.real.shape
        (4,)
    """
    check_positive_int("batch_size", batch_size)
    check_positive_int("substeps", substeps)
    data = as_dataset(data)
    if batch_size > len(data):
        raise InputError(
            f"batch_size is {batch_size}, but the data hold only {len(data)} examples; "
            f"use at most {len(data)}."
        )
    _check_numbers(data)
    own = _own_rows(_check_share(batch_size))
    gather = _gathering(data, on_device)
    per_epoch = len(data) // batch_size

    @lru_cache(maxsize=4)
    def permutation(seed: int, epoch: int) -> NDArray[np.int64]:
        return np.random.default_rng((seed, epoch)).permutation(len(data))

    def source(seed: int, step: int) -> tuple[Batch, ...]:
        check_seed("seed", seed)
        if step < 0:
            raise InputError(f"step must be at least 0, got {step}.")
        batches = []
        for number in range(step * substeps, (step + 1) * substeps):
            epoch, place = divmod(number, per_epoch)
            chosen = permutation(seed, epoch)[place * batch_size :][:batch_size]
            batches.append(gather(chosen[own]))
        return tuple(batches)

    return source if data.arrays is not None else prefetch(source, DECODERS)


def zip_sources(*sources: Source) -> Source:
    """Batches of several sources side by side: real = (of the first, of the second, …).

    Each source keeps its own order, drawn from a seed of its own, so examples meet
    others in every epoch; the same source may be given several times.

    Raises:
        InputError: if there is no source; by the source, if they differ in substeps
            or batch sizes.

        >>> import numpy as np
        >>> from jaxgan import Batch, shuffled, zip_sources
        >>> zebras, horses = (Batch(np.zeros((n, 8, 8, 3))) for n in (10, 20))
        >>> source = zip_sources(shuffled(zebras, 4), shuffled(horses, 4))
        >>> [x.shape for x in source(0, 0)[0].real]
        [(4, 8, 8, 3), (4, 8, 8, 3)]
    """
    if not sources:
        raise InputError("zip_sources: give at least one source.")
    for part in sources:
        check_function("zip_sources: a source", part, "shuffled(data, 64)")

    def source(seed: int, step: int) -> tuple[Batch, ...]:
        check_seed("seed", seed)
        seeds = np.random.SeedSequence(seed).generate_state(len(sources))
        made = [part(int(own), step) for part, own in zip(sources, seeds, strict=True)]
        sizes = [[_length(batch) for batch in batches] for batches in made]
        if any(size != sizes[0] for size in sizes):
            raise InputError(
                f"zip_sources: the sources make batches of {sizes}; give all the same "
                "batch_size and substeps."
            )
        return tuple(together(list(batches)) for batches in zip(*made, strict=True))

    return source


def random_transform(source: Source, *changes: Change) -> Source:
    """Change every example at random, anew each time it is drawn.

    A change is a function `(key, example) -> example` of one example, without b, in
    JAX; the room `changes` has some. An example's key is a function of the seed, the
    step, the substep, its row and the place of the change, and of nothing else. Give
    several changes to one call: two calls, one around the other, draw alike.

        >>> import jax, numpy as np
        >>> from jaxgan import Batch, random_transform, shuffled
        >>> def noisy(key, example):
        ...     noise = jax.random.normal(key, example.real.shape)
        ...     return example._replace(real=example.real + 0.1 * noise)
        >>> source = random_transform(shuffled(Batch(np.zeros((10, 2))), 4), noisy)
        >>> source(0, 0)[0].real.shape
        (4, 2)

    Raises:
        InputError: if the source or a change is not a function.
    """
    check_function("random_transform: source", source, "shuffled(data, 64)")
    for change in changes:
        check_function("random_transform: a change", change, "data.random_flip")

    @jax.jit
    def changed(key: Array, rows: Array, batch: Batch) -> Batch:
        for number, change in enumerate(changes):
            own = jax.random.fold_in(key, number)
            keys = jax.vmap(partial(jax.random.fold_in, own))(rows)
            batch = jax.vmap(change)(keys, batch)
        return batch

    def changed_source(seed: int, step: int) -> tuple[Batch, ...]:
        batches = source(seed, step)
        key = jax.random.fold_in(jax.random.key(seed), zlib.crc32(b"augmented"))
        key = jax.random.fold_in(key, step)
        return tuple(
            changed(jax.random.fold_in(key, i), _own_rows(_length(batch)), batch)
            for i, batch in enumerate(batches)
        )

    return changed_source


def prefetch(source: Source, threads: int = 1, depth: int | None = None) -> Source:
    """The same source, of which threads make the coming steps while one is used.

    Steps may be asked for in any order; those after the last one are made ahead, for
    each of the last few seeds.

    Args:
        source: which must bear to be called from another thread.
        threads: how many make steps at once; one for a source that reads ahead itself,
            as those do whose examples are not held.
        depth: how many steps to be ahead; by default one more than threads.

    Raises:
        InputError: if a count is not an integer of at least 1.
    """
    import grain  # a quarter of a second

    check_positive_int("threads", threads)
    depth = threads + 1 if depth is None else depth
    check_positive_int("depth", depth)
    ahead = grain.ReadOptions(threads, depth)
    coming: dict[int, tuple[int, grain.DatasetIterator]] = {}

    def start(seed: int, step: int) -> grain.DatasetIterator:
        steps = grain.MapDataset.range(step, sys.maxsize)
        return iter(steps.map(partial(source, seed)).to_iter_dataset(ahead))

    def made_ahead(seed: int, step: int) -> tuple[Batch, ...]:
        expected, stream = coming.pop(seed, (step, None))
        if stream is not None and expected != step:
            stream.close()
            stream = None
        stream = start(seed, step) if stream is None else stream
        batches = next(stream)  # after an error the stream is not used again
        coming[seed] = step + 1, stream
        if len(coming) > SEEDS:
            _, forgotten = coming.pop(next(iter(coming)))
            forgotten.close()
        return batches

    return made_ahead


def as_float(images: Tree) -> Tree:
    """uint8 images as float32 in [-1, 1]; anything else unchanged.

    By a product and not a quotient, which XLA rounds otherwise than NumPy.
    """
    if images.dtype != np.uint8:
        return images
    scaled = images.astype(np.float32)
    scaled -= np.float32(127.5)  # in place, where it is NumPy's
    scaled *= np.float32(1 / 127.5)
    return scaled


def _gathering(
    data: Dataset, on_device: bool | None
) -> Callable[[NDArray[np.int64]], Batch]:
    """How rows are gathered and made floats: on the device, or by NumPy."""
    if on_device is None:
        on_device = data.arrays is not None and _has_room(total_bytes(data))
    if not on_device:
        return lambda indices: as_floats(data.gather(indices))
    if data.arrays is None:
        raise InputError(
            "on_device: the examples are computed when they are gathered; hold them "
            "with data.in_memory first."
        )
    held = jax.device_put(data.arrays)

    @jax.jit
    def rows(held: Batch, indices: Array) -> Batch:
        return as_floats(jax.tree.map(lambda leaf: leaf[indices], held))

    return lambda indices: rows(held, indices)


def _has_room(size: int) -> bool:
    device = jax.local_devices()[0]
    memory = None if device.platform == "cpu" else device.memory_stats()
    return memory is not None and size <= memory["bytes_limit"] / 4


def as_floats(batch: Batch) -> Batch:
    """Of the condition only what has the axes of images (b, h, w, c) or more."""
    floats = batch._replace(
        real=jax.tree.map(as_float, batch.real),
        condition=jax.tree.map(
            lambda x: as_float(x) if x.ndim >= 4 else x, batch.condition
        ),
    )
    # On the device it would be so anyway; the batches are the same from anywhere.
    return jax.tree.map(
        lambda x: x.astype(jax.dtypes.canonicalize_dtype(x.dtype), copy=False), floats
    )


def _check_share(batch_size: int) -> int:
    """How many rows of a batch this process makes."""
    processes = jax.process_count()
    if batch_size % processes:
        raise InputError(
            f"batch_size of {batch_size} does not split evenly over {processes} "
            f"processes; use a multiple of {processes}."
        )
    return batch_size // processes


def _own_rows(own: int) -> NDArray[np.int64]:
    """Where the rows of this process are in the whole batch."""
    return jax.process_index() * own + np.arange(own)


def _length(batch: Batch) -> int:
    return len(jax.tree.leaves(batch)[0])


def _check_numbers(data: Dataset) -> None:
    one = data.gather(np.zeros(1, np.int64))
    for path, leaf in jax.tree_util.tree_leaves_with_path(one):
        known = leaf.dtype.kind in "biufc"
        if not (known or jax.dtypes.issubdtype(leaf.dtype, np.floating)):  # bfloat16
            raise InputError(
                f"data{jax.tree_util.keystr(path)} holds {leaf.dtype}, which no "
                "network takes; encode it as numbers with data.map."
            )
    for path, leaf in jax.tree_util.tree_leaves_with_path(data.arrays):
        kind = jax.dtypes.canonicalize_dtype(leaf.dtype)
        if kind != leaf.dtype and kind.kind in "iu" and not _fits(leaf, kind):
            raise InputError(
                f"data{jax.tree_util.keystr(path)} holds integers that {kind} cannot; "
                "make them smaller with data.map, or enable x64."
            )


def _fits(integers: NDArray, kind: np.dtype) -> bool:
    held = np.iinfo(kind)
    return bool(held.min <= integers.min() and integers.max() <= held.max)
