"""Sources: `(seed, step) -> batches`, one `Batch` for each substep.

A source is a pure function of the seed and the step, so the step alone determines the
position of a run in its data. Nothing about the data is saved, and a resumed run sees
the same batches as an uninterrupted one. The order of the examples and the randomness
of `random_transform` are decided here.

When several processes train together, each makes only its own rows of every batch. The
batches do not depend on the number of processes.
"""

import contextlib
import contextvars
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from functools import lru_cache, partial

import jax
import numpy as np
from jaxtyping import Array
from numpy.typing import NDArray

from jaxgan.data.checks import check_numeric
from jaxgan.data.datasets import Dataset, as_dataset, total_bytes
from jaxgan.data.transforms.combine import zip_batches
from jaxgan.errors import (
    InputError,
    check_count_or_0,
    check_flag,
    check_function,
    check_positive_int,
    check_seed,
)
from jaxgan.types import Batch, Tree

Source = Callable[[int, int], tuple[Batch, ...]]
"""`(seed, step) -> batches`, one for each substep of a step."""

Transform = Callable[[Array, Batch], Batch]
"""`(key, example) -> example`: a random transform of one example, without a batch axis.
It is written in JAX."""

PREFETCH_THREADS = 1 + (os.cpu_count() or 1)
"""Number of threads that prefetch batches of examples that are not held in memory."""

MAX_STREAMS = 8
"""Number of seeds to keep a prefetch stream for; `zip_sources` may use one source under
several."""


def shuffled(
    data: Dataset | Batch,
    batch_size: int,
    substeps: int = 2,
    on_device: bool | None = None,
) -> Source:
    """Shuffle examples every epoch and deal them out as batches, without replacement.

    Batch i of step s is number s·substeps + i of an endless sequence in which each
    epoch is a permutation of the examples, drawn from (seed, epoch). Examples that do
    not fill a batch at the end of an epoch are dropped for that epoch. Images stored as
    uint8 are scaled to float32 in [-1, 1], (x - 127.5) / 127.5. Other arrays keep their
    type, but 64 bits become 32 unless x64 is enabled, as in JAX.

    The batches do not depend on where the examples are held: on the device, in memory,
    or nowhere. In the last case they are computed when gathered, by prefetch threads.

    Args:
        data: all examples.
        batch_size: batch size of each substep, over all processes.
        substeps: number of batches in a step, `len(order)`.
        on_device: hold the examples on the device. By default, arrays in memory are if
            an accelerator has at least four times their size in memory.

    Raises:
        InputError: if a count is not an integer of at least 1, the arrays differ in
            length, a weight is negative or not finite, the batch is larger than the
            data or does not split evenly over the processes, or an array is not
            numeric or holds floats that are not finite. The source raises it if the
            seed is not an integer from 0 to 2³² - 1.

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
    if on_device is not None:
        check_flag("on_device", on_device)
    check_numeric(data)
    _rows_per_process(batch_size)  # which must be whole
    gather = _make_gather(data, on_device)
    per_epoch = len(data) // batch_size

    @lru_cache(maxsize=4)
    def permutation(seed: int, epoch: int) -> NDArray[np.int64]:
        return np.random.default_rng((seed, epoch)).permutation(len(data))

    def source(seed: int, step: int) -> tuple[Batch, ...]:
        _check_asked(seed, step)
        own_rows = process_rows(_rows_per_process(batch_size))
        batches = []
        for number in range(step * substeps, (step + 1) * substeps):
            epoch, i = divmod(number, per_epoch)
            indices = permutation(seed, epoch)[i * batch_size :][:batch_size]
            batches.append(gather(indices[own_rows]))
        return tuple(batches)

    if data.arrays is None:
        return reading(prefetch(source, PREFETCH_THREADS), data)
    return reading(source, data)


def zip_sources(*sources: Source) -> Source:
    """Zip several sources into one of unpaired examples: real = (first, second, …).

    Each source is shuffled with its own seed, so its examples are combined with other
    ones in every epoch. The same source may be given several times.

    Raises:
        InputError: if there is no source. The returned source raises it if the sources
            differ in substeps or batch sizes.

        >>> import numpy as np
        >>> from jaxgan import Batch, shuffled
        >>> from jaxgan.data import zip_sources
        >>> zebras, horses = (Batch(np.zeros((n, 8, 8, 3))) for n in (10, 20))
        >>> source = zip_sources(shuffled(zebras, 4), shuffled(horses, 4))
        >>> [x.shape for x in source(0, 0)[0].real]
        [(4, 8, 8, 3), (4, 8, 8, 3)]
    """
    if not sources:
        raise InputError("zip_sources: sources: give at least one.")
    for one in sources:
        check_function("zip_sources: every source", one, "shuffled(data, 64)")

    def source(seed: int, step: int) -> tuple[Batch, ...]:
        _check_asked(seed, step)
        seeds = np.random.SeedSequence(seed).generate_state(len(sources))
        made = [one(int(own), step) for one, own in zip(sources, seeds, strict=True)]
        sizes = [[_batch_size(batch) for batch in batches] for batches in made]
        if any(size != sizes[0] for size in sizes):
            raise InputError(
                f"zip_sources: the sources make batches of {sizes}; give all the same "
                "batch_size and substeps."
            )
        return tuple(zip_batches(list(batches)) for batches in zip(*made, strict=True))

    return reading(source, *sources)


def random_transform(source: Source, *transforms: Transform) -> Source:
    """Apply random transforms to every example, with new randomness each time.

    A transform is a JAX function `(key, example) -> example` of a single example, with
    no batch axis; `jaxgan.data` has several. The key of an example depends only on the
    seed, the step, the substep, the row and the position of the transform. Pass several
    transforms to one call: nested calls would use the same keys.

        >>> import jax, numpy as np
        >>> from jaxgan import Batch, shuffled
        >>> from jaxgan.data import random_transform
        >>> def noisy(key, example):
        ...     noise = jax.random.normal(key, example.real.shape)
        ...     return example._replace(real=example.real + 0.1 * noise)
        >>> source = random_transform(shuffled(Batch(np.zeros((10, 2))), 4), noisy)
        >>> source(0, 0)[0].real.shape
        (4, 2)

    Raises:
        InputError: if the source or a transform is not a function.
    """
    check_function("random_transform: source", source, "shuffled(data, 64)")
    for transform in transforms:
        check_function("random_transform: a transform", transform, "data.random_flip")

    @jax.jit
    def apply(key: Array, rows: Array, batch: Batch) -> Batch:
        for number, transform in enumerate(transforms):
            own = jax.random.fold_in(key, number)
            keys = jax.vmap(partial(jax.random.fold_in, own))(rows)
            batch = jax.vmap(transform)(keys, batch)
        return batch

    def transformed(seed: int, step: int) -> tuple[Batch, ...]:
        _check_asked(seed, step)
        batches = source(seed, step)
        key = jax.random.fold_in(jax.random.key(seed), zlib.crc32(b"augmented"))
        key = jax.random.fold_in(key, step)
        return tuple(
            apply(jax.random.fold_in(key, i), process_rows(_batch_size(batch)), batch)
            for i, batch in enumerate(batches)
        )

    return reading(transformed, source)


def prefetch(source: Source, threads: int = 1, depth: int | None = None) -> Source:
    """Prefetch upcoming batches in background threads.

    Steps may be requested in any order. After each request the following steps are
    prefetched, separately for each of the last few seeds.

    Args:
        source: must be safe to call from other threads.
        threads: number of steps to make at once. Use one for a source that prefetches
            itself, as `shuffled` does for examples that are not held in memory.
        depth: number of steps to prefetch; by default one more than `threads`.

    Raises:
        InputError: if a count is not an integer of at least 1.
    """
    import grain  # a quarter of a second

    check_function("prefetch: source", source, "shuffled(data, 64)")
    check_positive_int("threads", threads)
    depth = threads + 1 if depth is None else depth
    check_positive_int("depth", depth)
    options = grain.ReadOptions(threads, depth)
    streams: dict[tuple[int, bool], tuple[int, grain.DatasetIterator]] = {}

    def start(seed: int, step: int) -> grain.DatasetIterator:
        steps = grain.MapDataset.range(step, sys.maxsize)
        here = contextvars.copy_context()  # whether whole batches are asked for

        def make(at: int) -> tuple[Batch, ...]:
            return here.copy().run(source, seed, at)

        return iter(steps.map(make).to_iter_dataset(options))

    def prefetched(seed: int, step: int) -> tuple[Batch, ...]:
        _check_asked(seed, step)
        key = seed, _whole.get()
        expected, stream = streams.pop(key, (step, None))
        if stream is not None and expected != step:
            stream.close()
            stream = None
        stream = start(seed, step) if stream is None else stream
        batches = next(stream)  # after an error the stream is not used again
        streams[key] = step + 1, stream
        if len(streams) > MAX_STREAMS:
            _, oldest = streams.pop(next(iter(streams)))
            oldest.close()
        return batches

    return reading(prefetched, source)


def _check_asked(seed: int, step: int) -> None:
    """Check what a source is asked for."""
    check_seed("seed", seed)
    check_count_or_0("step", step)


def reading(source: Source, *reads: Dataset | Source) -> Source:
    """Note on a source the data sets and sources that it reads, for `fingerprint`."""
    vars(source)["reads"] = reads
    return source


def sets_read(source: Source) -> Iterator[Dataset]:
    """Iterate over the data sets that a source reads, as far as they are noted."""
    for each in getattr(source, "reads", ()):
        yield from (each,) if isinstance(each, Dataset) else sets_read(each)


def as_float(images: Tree) -> Tree:
    """Scale uint8 images to float32 in [-1, 1]; return other types unchanged.

    Multiplies by 1 / 127.5, because XLA and NumPy round a division differently.
    """
    if images.dtype != np.uint8:
        return images
    scaled = images.astype(np.float32)
    scaled -= np.float32(127.5)  # in place for a NumPy array
    scaled *= np.float32(1 / 127.5)
    return scaled


def _make_gather(
    data: Dataset, on_device: bool | None
) -> Callable[[NDArray[np.int64]], Batch]:
    """Build the function that gathers rows, on the device or in NumPy."""
    if on_device is None:
        on_device = data.arrays is not None and _fits_on_device(total_bytes(data))
    if not on_device:
        return lambda indices: batch_as_float(data.gather(indices))
    if data.arrays is None:
        raise InputError(
            "on_device: the examples are computed when they are gathered; hold them "
            "with data.in_memory first."
        )
    held = jax.device_put(data.arrays)

    @jax.jit
    def rows(held: Batch, indices: Array) -> Batch:
        return batch_as_float(jax.tree.map(lambda leaf: leaf[indices], held))

    return lambda indices: rows(held, indices)


def _fits_on_device(size: int) -> bool:
    device = jax.local_devices()[0]
    memory = None if device.platform == "cpu" else device.memory_stats()
    return memory is not None and size <= memory["bytes_limit"] / 4


def batch_as_float(batch: Batch) -> Batch:
    """Scale uint8 images to [-1, 1] and convert all arrays to JAX's default types.

    A condition array is scaled only if it has at least 4 axes, as images (b, h, w, c).
    """
    floats = batch._replace(
        real=jax.tree.map(as_float, batch.real),
        condition=jax.tree.map(
            lambda x: as_float(x) if x.ndim >= 4 else x, batch.condition
        ),
    )
    # A device array has these types anyway; batches of NumPy arrays get the same.
    return jax.tree.map(
        lambda x: x.astype(jax.dtypes.canonicalize_dtype(x.dtype), copy=False), floats
    )


_whole = contextvars.ContextVar("whole", default=False)


@contextlib.contextmanager
def whole_batches() -> Iterator[None]:
    """Let sources that are asked in the block give each process all rows."""
    token = _whole.set(True)
    try:
        yield
    finally:
        _whole.reset(token)


def _rows_per_process(batch_size: int) -> int:
    """Divide the batch size by the number of processes.

    Raises:
        InputError: if the batch does not split evenly.
    """
    processes = jax.process_count()
    if batch_size % processes:
        raise InputError(
            f"batch_size of {batch_size} does not split evenly over {processes} "
            f"processes; use a multiple of {processes}."
        )
    return batch_size if _whole.get() else batch_size // processes


def process_rows(count: int) -> NDArray[np.int64]:
    """Return the positions of this process's `count` rows in the whole batch."""
    first = 0 if _whole.get() else jax.process_index() * count
    return first + np.arange(count)


def of_process(source: Source, whole: tuple[Batch, ...]) -> Source:
    """Select this process's rows of the batches of a source that makes whole ones.

    What a source such as `shuffled` makes, which reads no other rows, is left as it is.

    Args:
        source: the source.
        whole: the shapes of the whole batches of a step.
    """
    if jax.process_count() == 1:
        return source
    sizes = [_batch_size(batch) for batch in whole]
    rows = [process_rows(_rows_per_process(size)) for size in sizes]

    def own(seed: int, step: int) -> tuple[Batch, ...]:
        return tuple(
            jax.tree.map(lambda x, r=r: x[r], batch)
            if _batch_size(batch) == size
            else batch
            for batch, size, r in zip(source(seed, step), sizes, rows, strict=True)
        )

    return own


def _batch_size(batch: Batch) -> int:
    return len(jax.tree.leaves(batch)[0])
