"""Worker processes that gather examples in parallel.

Threads suffice for large images: Pillow releases the global interpreter lock while it
decodes. Small images spend most of their time in Python and need processes. The workers
are started afresh (by loky) and do not import the script that starts them, so it needs
no `if __name__ == "__main__"`. `gather` should use NumPy only: JAX would initialize the
devices in every worker.
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
    """Gather examples in worker processes, one batch per worker at a time.

    The workers end with this process, or when the data set is garbage-collected.

    Args:
        data: its `gather` must use NumPy only and be picklable by cloudpickle.
        count: number of processes.

    Raises:
        InputError: if the count is not an integer of at least 1.
    """
    data = as_dataset(data)
    check_positive_int("multiprocess: count", count)
    pool = ProcessPoolExecutor(
        count,
        initializer=_initialize_worker,
        initargs=(cloudpickle.dumps(data.gather),),
    )

    def gather(indices: NDArray[np.int64]) -> Batch:
        return pool.submit(_gather_in_worker, indices).result()

    weakref.finalize(gather, pool.shutdown, kill_workers=True)
    return Dataset(len(data), gather, classes=data.classes, reads=(data,))


_worker_gather: list[Callable[[NDArray[np.int64]], Batch]] = []


def _initialize_worker(gather: bytes) -> None:
    _worker_gather.append(cloudpickle.loads(gather))


def _gather_in_worker(indices: NDArray[np.int64]) -> Batch:
    return _worker_gather[-1](indices)
