"""Reader of NumPy's `.npy` and `.npz` files."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jaxgan.data.datasets import Dataset, as_dataset
from jaxgan.errors import InputError, as_path, check_name, check_names
from jaxgan.types import Batch


def array_file(
    path: Path | str, real: str | None = None, condition: tuple[str, ...] = ()
) -> Dataset:
    """Read a data set from a `.npy` or `.npz` file, examples along the first axis.

    A `.npy` file is memory-mapped: it stays on disk, and examples are read when they
    are gathered.

    Args:
        path: path of the file.
        real: name of the array of an `.npz` file that holds the examples; optional if
            there is only one array.
        condition: names of the arrays of conditions, such as labels or captions.

    Raises:
        InputError: if the file is missing or not in this format, lacks a named array,
            or holds several arrays and none is named.
    """
    path = as_path("path", path)
    if real is not None:
        check_name("real", real)
    check_names("condition", condition)
    if not path.is_file():
        raise InputError(f"path: {path} is not a file; give a .npy or .npz file.")
    try:
        stored = np.load(path, mmap_mode="r")
    except Exception as error:  # a damaged file can fail in any way
        raise InputError(
            f"path: {path} cannot be read as .npy or .npz; write it with numpy.save or "
            f"numpy.savez, without objects: {error}"
        ) from error
    if isinstance(stored, np.ndarray):
        if real is not None or condition:
            raise InputError(
                f"{path} holds a single array without a name; leave out `real` and "
                "`condition`, or save several arrays with numpy.savez."
            )
        return as_dataset(Batch(_native_byte_order(stored)))
    with stored:
        present = sorted(stored.files)
        if real is None and len(present) != 1:
            raise InputError(f"real: {path} holds {present}; name one array.")
        names = (present[0] if real is None else real, *condition)
        for i, name in enumerate(names):
            if name not in present:
                raise InputError(
                    f"{'condition' if i else 'real'}: {path} holds no array {name!r}, "
                    f"only {present}."
                )
        try:
            images, *rest = (_native_byte_order(stored[name]) for name in names)
        except Exception as error:  # objects, bad bytes, an unknown compression
            raise InputError(f"path: {path} cannot be read: {error}") from error
    return as_dataset(Batch(images, tuple(rest)))


def _native_byte_order(array: NDArray) -> NDArray:
    """Convert to native byte order, as JAX requires; keep a memory-mapped array."""
    return np.asarray(array, array.dtype.newbyteorder("="))
