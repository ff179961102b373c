"""Fingerprints of data, by which a run can notice that its data have changed.

A fingerprint depends on what the examples are, not on where they lie: a folder that was
moved or is streamed has the same. Of large data a part is read, so that the time is
bounded by some seconds.
"""

import hashlib
import math
from collections.abc import Iterator

import jax
import numpy as np

from jaxgan.data.datasets import CHUNK, Dataset, as_dataset, total_bytes
from jaxgan.data.digest import digest_of
from jaxgan.data.sources import Source, sets_read
from jaxgan.errors import check_function, check_seed
from jaxgan.types import Batch

COMPUTED = 512
"""Examples that are drawn from a source, or gathered of a set that is computed."""

LIMIT = 2**28
"""Bytes that are read, though never fewer than 64 examples or 2 steps."""


def fingerprint(data: Dataset | Batch | Source, seed: int = 0) -> str:
    """Compute a fingerprint of a data set, or of the batches that a source draws.

    Of arrays it is a hash of all examples, or of evenly spaced ones if they need more
    than 256 MiB. Of a set that is computed it is a hash of 512 evenly spaced examples
    and of what they are computed of: other sets, or the names, sizes and contents of
    image files (sizes and times of their last change instead of contents, if the files
    that are streamed hold more than 256 MiB). The number of examples and the class
    names count too.

    Of a source, which may be any function, it is a hash of the batches of its first
    steps, as many as hold 512 examples or 256 MiB, and of the data sets that it is made
    of by the functions of `jaxgan.data`. Of your own function it sees the batches
    alone: if a fraction f of the examples was replaced, it differs with a probability
    of 1 - (1 - f)^512, which is 0.994 for 1 %.

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
    if isinstance(data, Dataset | Batch):
        data = as_dataset(data)
        whole.update(repr((len(data), data.classes)).encode())
        batches, reads = _rows(data), data.reads
    else:
        batches, reads = _drawn(data, seed), tuple(sets_read(data))
    for batch in batches:
        whole.update(str(jax.tree.structure(batch)).encode())
        whole.update(digest_of(batch).encode())
    for each in reads:
        found = fingerprint(each) if isinstance(each, Dataset) else each()
        whole.update(found.encode())
    return whole.hexdigest()[:32]


def _rows(data: Dataset) -> Iterator[Batch]:
    """Iterate over all examples of a data set, or over evenly spaced ones."""
    most = max(64, LIMIT // max(1, total_bytes(data) // len(data)))
    if data.reads or data.arrays is None:
        most = min(most, COMPUTED)
    count = min(len(data), most)
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
