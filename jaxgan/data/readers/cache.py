"""Cache of arrays on disk, computed once and then memory-mapped.

An entry is a `.npy` file. Because it is memory-mapped, the processes on one machine
share its memory. It is written under a lock and renamed when it is complete.
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import platformdirs
from filelock import FileLock
from numpy.typing import NDArray

from jaxgan.errors import InputError


def default_cache() -> Path:
    """Return $JAXGAN_CACHE or, if it is unset, the user's cache folder."""
    return Path(os.environ.get("JAXGAN_CACHE") or platformdirs.user_cache_dir("jaxgan"))


def check_writable(cache: Path, needed: int) -> None:
    """Check in advance that a cache folder is writable and has enough free space.

    Args:
        cache: the folder, which is created if it does not exist.
        needed: number of bytes to write.

    Raises:
        InputError: if no file can be created in it, or its disk is too full.
    """
    advice = "name another folder, there or in JAXGAN_CACHE, or stream the images"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=cache).close()
    except OSError as error:
        raise InputError(
            f"cache: {cache} cannot be written ({error.strerror or error}); {advice}."
        ) from error
    if needed > (free := shutil.disk_usage(cache).free):
        raise InputError(
            f"cache: {needed / 2**30:.1f} GiB of images do not fit in {cache}, where "
            f"{free / 2**30:.1f} GiB are free; {advice}."
        )


def make_once(entry: Path, compute: Callable[[Path], None]) -> None:
    """Create a cache entry unless it exists.

    Args:
        entry: path in a writable folder. Its name must be a function of everything that
            the array depends on.
        compute: `(path) -> None`; writes the array to `path` as `.npy`.
    """
    if entry.exists():
        return
    with FileLock(entry.with_suffix(".lock")):
        if not entry.exists():  # another process may have created it meanwhile
            unfinished = entry.with_suffix(".tmp")
            try:
                compute(unfinished)
                unfinished.replace(entry)
            finally:
                unfinished.unlink(missing_ok=True)


def open_entry(entry: Path) -> NDArray[np.uint8]:
    """Memory-map the array of a cache entry.

    Raises:
        InputError: if the file is damaged.
    """
    try:
        return np.asarray(np.load(entry, mmap_mode="r"))
    except (ValueError, EOFError) as error:
        raise InputError(
            f"cache: {entry} is damaged; remove it to have it created again: {error}"
        ) from error
