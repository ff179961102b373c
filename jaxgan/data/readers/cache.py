"""Cache of arrays on disk, computed once and then memory-mapped.

An entry is a `.npy` file with a digest behind the array, which is checked whenever the
entry is opened. Because it is memory-mapped, the processes on one machine share its
memory. It is written under a lock and renamed when it is complete.
"""

import hashlib
import json
import mmap
import os
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from filelock import FileLock
from numpy.typing import NDArray

from jaxgan.errors import InputError

DIGEST = 32
"""Bytes of a digest."""

PIECE = 2**24
"""Bytes of a file that are hashed at a time; the pieces are hashed in parallel."""


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


def make_once(
    entry: Path,
    compute: Callable[[Path], None],
    is_whole: Callable[[Path], bool] = Path.exists,
) -> None:
    """Create a cache entry unless it exists.

    Args:
        entry: path in a writable folder. Its name must be a function of everything that
            the array depends on.
        compute: `(path) -> None`; writes the array to `path` as `.npy`.
        is_whole: returns False if the entry has to be created, again perhaps.
    """
    if is_whole(entry):
        return
    with FileLock(entry.with_suffix(".lock")):
        if not is_whole(entry):  # another process may have created it meanwhile
            unfinished = entry.with_suffix(".tmp")
            try:
                compute(unfinished)
                unfinished.replace(entry)
            finally:
                unfinished.unlink(missing_ok=True)


def seal(path: Path) -> None:
    """Append the digest of a file's content to it, which `open_entry` checks."""
    digest = _digest(path, path.stat().st_size)
    with path.open("ab") as file:
        file.write(digest)


def open_entry(entry: Path) -> NDArray[np.uint8] | None:
    """Memory-map the array of a cache entry; None if it is damaged."""
    size = entry.stat().st_size - DIGEST
    if size < 1:
        return None
    with entry.open("rb") as file:
        file.seek(size)
        if file.read() != _digest(entry, size):
            return None
    return np.asarray(np.load(entry, mmap_mode="r"))


def write_notes(path: Path, notes: Any) -> None:
    """Write notes as JSON, with a digest that `read_notes` checks."""
    sealed = {"notes": notes, "digest": _digest_of_notes(notes)}
    path.write_text(json.dumps(sealed, indent=1), "utf-8")


def read_notes(path: Path) -> Any:
    """Read notes that `write_notes` wrote; None if they are damaged."""
    try:
        sealed = json.loads(path.read_bytes())
        notes, digest = sealed["notes"], sealed["digest"]
    except (ValueError, KeyError, TypeError):  # no JSON, or other JSON
        return None
    return notes if digest == _digest_of_notes(notes) else None


def _digest_of_notes(notes: Any) -> str:
    return hashlib.sha256(json.dumps(notes, sort_keys=True).encode()).hexdigest()


def _digest(path: Path, size: int) -> bytes:
    """Compute the SHA-256 of the SHA-256 of each piece of a file's first bytes."""
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        memoryview(mapped) as view,
        ThreadPoolExecutor() as threads,
    ):
        starts = range(0, size, PIECE)
        pieces = [view[start : min(start + PIECE, size)] for start in starts]
        found = threads.map(lambda piece: hashlib.sha256(piece).digest(), pieces)
        whole = hashlib.sha256(b"".join(found)).digest()
        for piece in pieces:
            piece.release()
    return whole
