"""Fingerprints of data, by which a run can notice that its data have changed.

A fingerprint depends on what the examples are, not on where they lie: a folder that was
moved or a set that is streamed has the same. Of large data a part is read, so that the
time is bounded by some seconds.
"""

import hashlib
import math
from collections.abc import Iterator

import jax
import numpy as np

from jaxgan.data.datasets import CHUNK, Dataset, as_dataset, total_bytes
from jaxgan.data.digest import digest_of
from jaxgan.data.sources import Source
from jaxgan.errors import check_function, check_seed
from jaxgan.types import Batch

COMPUTED = 512
"""Examples that are drawn from a source, or computed of a set that is not in memory."""

LIMIT = 2**28
"""Bytes that are read, though never fewer than 64 examples or 2 steps."""


def fingerprint(data: Dataset | Batch | Source, seed: int = 0) -> str:
    """Compute a fingerprint of a data set, or of the batches that a source draws.

    Of a data set it is a hash of the number of examples, the class names, and all
    examples, or evenly spaced ones if they need more than 256 MiB or, where they are
    computed when gathered, are more than 512.

    Of a source, which may be any function, it is a hash of the batches of its first
    steps: as many as hold 512 examples or 256 MiB. If a fraction f of the examples was
    replaced, it differs with a probability of 1 - (1 - f)^512, which is 0.994 for 1 %.
    `shuffled` deals in another order if the number of examples changes, so it always
    differs then.

    Transforms that compute floats may round differently on another machine or with
    another version of JAX, and then the fingerprint differs too.

    Args:
        data: data set, arrays, or source.
        seed: seed that a source is asked with.

    Raises:
        InputError: if `data` is none of these, or cannot be read.

        >>> import numpy as np
        >>> from jaxgan import Batch, shuffled
        >>> from jaxgan.data import fingerprint
        >>> images = np.zeros((40, 8, 8, 1), np.uint8)
        >>> before = fingerprint(shuffled(Batch(images), 16))
        >>> images[30:] = 255
        >>> before == fingerprint(shuffled(Batch(images), 16))
        False
    """
    check_seed("fingerprint: seed", seed)
    whole = hashlib.sha256()
    for batch in (
        _rows(data) if isinstance(data, Dataset | Batch) else _drawn(data, seed)
    ):
        whole.update(str(jax.tree.structure(batch)).encode())
        whole.update(digest_of(batch).encode())
    if isinstance(data, Dataset | Batch):
        data = as_dataset(data)
        whole.update(repr((len(data), data.classes)).encode())
    return whole.hexdigest()[:32]


def _rows(data: Dataset | Batch) -> Iterator[Batch]:
    """Iterate over all examples of a data set, or over evenly spaced ones."""
    data = as_dataset(data)
    most = max(64, LIMIT // max(1, total_bytes(data) // len(data)))
    count = min(len(data), most if data.arrays is not None else min(most, COMPUTED))
    chosen = np.linspace(0, len(data) - 1, count).round().astype(np.int64)
    for start in range(0, count, CHUNK):
        yield data.gather(chosen[start : start + CHUNK])


def _drawn(source: Source, seed: int) -> Iterator[Batch]:
    """Iterate over the batches of a source's first steps."""
    check_function("fingerprint: data", source, "shuffled(data, 64)")
    step = examples = size = 0
    while step < 2 or (examples < COMPUTED and size < LIMIT):
        for batch in source(seed, step):
            leaves = jax.tree.leaves(batch)
            examples += len(leaves[0])
            size += sum(math.prod(x.shape) * x.dtype.itemsize for x in leaves)
            yield batch
        step += 1
