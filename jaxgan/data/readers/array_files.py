"""Arrays in NumPy's files."""

import zlib
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from jaxgan.data.datasets import Dataset, as_dataset
from jaxgan.errors import InputError, check_names
from jaxgan.types import Batch


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
    check_names("condition", condition)
    if not path.is_file():
        raise InputError(f"path: {path} is not a file; give a .npy or .npz file.")
    try:
        stored = np.load(path, mmap_mode="r")
    except (ValueError, OSError, EOFError, BadZipFile) as error:
        raise InputError(
            f"path: {path} cannot be read as .npy or .npz; write it with numpy.save or "
            f"numpy.savez, without objects: {error}"
        ) from error
    if isinstance(stored, np.ndarray):
        if real is not None or condition:
            raise InputError(
                f"{path} holds a single array without a name; leave `real` and "
                "`condition` out, or save several with numpy.savez."
            )
        return as_dataset(Batch(_native(stored)))
    with stored:
        there = sorted(stored.files)
        if real is None and len(there) != 1:
            raise InputError(f"real: {path} holds {there}; name one array.")
        names = (there[0] if real is None else real, *condition)
        for name in names:
            if name not in there:
                raise InputError(f"{path} holds no array {name!r}, only {there}.")
        try:
            images, *rest = (_native(stored[name]) for name in names)
        except (ValueError, BadZipFile, zlib.error) as error:  # objects, wrong bytes
            raise InputError(f"path: {path} cannot be read: {error}") from error
    return as_dataset(Batch(images, tuple(rest)))


def _native(array: NDArray) -> NDArray:
    """In the order of bytes that JAX takes; a memory-mapped array stays one."""
    return np.asarray(array, array.dtype.newbyteorder("="))
