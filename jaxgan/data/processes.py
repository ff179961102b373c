"""Gathering in other processes, where one cannot decode as fast as a GAN trains.

Threads decode large images side by side, since Pillow lets go of Python's lock while it
works; small ones spend most of their time in Python, and need processes. They are
started afresh (by loky) and import nothing of the script that starts them, so it needs
no `if __name__ == "__main__"`. What is gathered in them should be NumPy's: JAX would
start on their devices too.
"""

import weakref
from collections.abc import Callable

import cloudpickle
import numpy as np
from loky import ProcessPoolExecutor
from numpy.typing import NDArray

from jaxgan.data.datasets import Dataset, as_dataset
from jaxgan.errors import check_positive_int
from jaxgan.types import Batch


def multiprocess(data: Dataset | Batch, count: int) -> Dataset:
    """The same examples, gathered by some other processes; one gathers a batch.

    The processes end with this one, or when the set is no longer used.

    Args:
        data: whose `gather` must be of NumPy, and bear to be pickled (by cloudpickle).
        count: how many processes.

    Raises:
        InputError: if the count is not an integer of at least 1.
    """
    data = as_dataset(data)
    check_positive_int("multiprocess: count", count)
    pool = ProcessPoolExecutor(
        count, initializer=_begin, initargs=(cloudpickle.dumps(data.gather),)
    )

    def gather(indices: NDArray[np.int64]) -> Batch:
        return pool.submit(_gather, indices).result()

    weakref.finalize(gather, pool.shutdown, kill_workers=True)
    return Dataset(len(data), gather, classes=data.classes)


_own: list[Callable[[NDArray[np.int64]], Batch]] = []


def _begin(gather: bytes) -> None:
    _own.append(cloudpickle.loads(gather))


def _gather(indices: NDArray[np.int64]) -> Batch:
    return _own[-1](indices)
