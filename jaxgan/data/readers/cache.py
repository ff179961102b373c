"""Arrays that were computed once and are read from a file ever after.

An entry is a `.npy` file that is memory-mapped, so it takes no memory of its own and
processes on one machine share it. It is made under a lock and renamed when it is whole.
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
    """$JAXGAN_CACHE, or the folder for caches of this user and operating system."""
    return Path(os.environ.get("JAXGAN_CACHE") or platformdirs.user_cache_dir("jaxgan"))


def check_writable(cache: Path, needed: int) -> None:
    """Refuse a cache that cannot be written, before there is something to write.

    Args:
        needed: bytes.

    Raises:
        InputError: if no file can be made in it, or its disk has no room.
    """
    cure = "name another folder, there or in JAXGAN_CACHE, or stream the images"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=cache).close()
    except OSError as error:
        raise InputError(
            f"cache: {cache} cannot be written ({error.strerror or error}); {cure}."
        ) from error
    if needed > (free := shutil.disk_usage(cache).free):
        raise InputError(
            f"cache: {needed / 2**30:.1f} GiB of images do not fit in {cache}, where "
            f"{free / 2**30:.1f} GiB are free; {cure}."
        )


def make_once(entry: Path, compute: Callable[[Path], None]) -> None:
    """Make an entry of a cache, unless it is there.

    Args:
        entry: in a writable folder; its name is a function of all that it depends on.
        compute: `(path)`, writes the array as `.npy`.
    """
    if entry.exists():
        return
    with FileLock(entry.with_suffix(".lock")):
        if not entry.exists():  # another process may have made it meanwhile
            unfinished = entry.with_suffix(".tmp")
            try:
                compute(unfinished)
                unfinished.replace(entry)
            finally:
                unfinished.unlink(missing_ok=True)


def read(entry: Path) -> NDArray[np.uint8]:
    """The array of an entry, memory-mapped.

    Raises:
        InputError: if it is damaged.
    """
    try:
        return np.asarray(np.load(entry, mmap_mode="r"))
    except (ValueError, EOFError) as error:
        raise InputError(
            f"cache: {entry} is damaged; remove it, and it is made anew: {error}"
        ) from error
