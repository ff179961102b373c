"""Image files of a folder and the cache of their decoded images.

The cache has one array file for each set of contents and each `Resize`. It is looked up
by the metadata of every file (name, size, times, inode), so a second start need not
read the files. If the metadata have changed, it is looked up by the contents.
"""

import errno
import hashlib
import json
import logging
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import numpy as np
import PIL
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from tqdm import tqdm

from jaxgan.data.datasets import Dataset, as_dataset
from jaxgan.data.readers.cache import (
    check_writable,
    default_cache,
    make_once,
    open_entry,
)
from jaxgan.data.readers.decode import Resize, is_gray, load_resized
from jaxgan.errors import InputError
from jaxgan.types import Batch

ENDINGS = (".png", ".jpg", ".jpeg", ".webp")

UNSUPPORTED = (
    ".avif",
    ".bmp",
    ".gif",
    ".heic",
    ".jp2",
    ".pgm",
    ".ppm",
    ".tif",
    ".tiff",
)
"""Endings of images that are left out with a warning."""

OnError = Literal["raise", "skip"]
"""Policy for files that cannot be used: raise an error or skip them."""

CACHE_FORMAT = 1
"""Version of the cache's contents; increment it if decoding changes."""

PERMANENT = (None, errno.ENOENT, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ELOOP)
"""Values of errno that do not go away on a retry; None stands for a decoder error."""


class Files(NamedTuple):
    """Image files of a folder with their metadata from the file system."""

    root: Path
    names: list[str]  # paths relative to the folder, with slashes, sorted
    states: list[tuple[int, ...]]  # size, times of modification and change, inode

    @classmethod
    def of(cls, root: Path) -> "Files":
        """Find all images of a folder and its sub-folders, except hidden ones.

        Raises:
            InputError: if there is no folder or no image in it.
        """
        if not root.is_dir():
            raise InputError(f"path: {root} is not a folder.")
        others: Counter[str] = Counter()
        found = sorted(_walk(root, "", others))
        if not found:
            raise InputError(
                f"path: {root} holds no images; they must end in {', '.join(ENDINGS)}."
            )
        if others:
            kinds = ", ".join(f"{count} {kind}" for kind, count in others.items())
            logging.getLogger(__name__).warning(
                "path: %s holds images that are left out: %s.", root, kinds
            )
        return cls(root, [name for name, _ in found], [state for _, state in found])

    def select(self, names: Sequence[str]) -> "Files":
        """Select files by name, in the order given."""
        states = dict(zip(self.names, self.states, strict=True))
        return Files(self.root, list(names), [states[name] for name in names])


def decode_files(
    files: Files,
    resize: Resize,
    on_error: OnError,
    cache: Path | str | None,
    stream: bool,
) -> tuple[list[str], Dataset]:
    """Decode all files; return the names of the readable ones and their images."""
    if not isinstance(resize, Resize):
        raise InputError(
            f"resize must be a Resize, such as Resize(64), got {resize!r}."
        )
    resize.check()
    check_on_error("on_error", on_error)
    if stream and on_error == "skip":
        raise InputError(
            "on_error: streamed images cannot be skipped, because unreadable ones are "
            "only found by decoding; set stream=False."
        )
    if stream:
        return files.names, _stream(files, _infer_channels(files, resize))
    cache = default_cache() if cache is None else Path(cache)
    images, errors, listed = _load_cached(files, resize, cache)
    if errors:
        shown = "; ".join(f"{name} ({why})" for name, why in list(errors.items())[:5])
        more = f"; all of them are listed in {listed}" if len(errors) > 5 else ""
        if on_error == "raise" or not len(images):
            raise InputError(
                f"{files.root}: {len(errors):,} of {len(files.names):,} images cannot "
                f"be read: {shown}{more}. Repair or remove them, or set "
                "on_error='skip'."
            )
        logging.getLogger(__name__).warning(
            "%s: left out %d images that cannot be read: %s%s",
            files.root,
            len(errors),
            shown,
            more,
        )
    kept = [name for name in files.names if name not in errors]
    return kept, as_dataset(Batch(images))


def _stream(files: Files, resize: Resize) -> Dataset:
    """Build a data set that decodes images each time they are gathered."""
    paths = [os.path.join(files.root, name) for name in files.names]

    def gather(indices: NDArray[np.int64]) -> Batch:
        images = []
        for path in (paths[i] for i in indices):
            try:
                images.append(load_resized(path, resize))
            except Exception as error:
                raise InputError(
                    f"{path} cannot be read; repair or remove it: {error}"
                ) from error
        return Batch(np.stack(images))

    return Dataset(len(files.names), gather)


def _load_cached(
    files: Files, resize: Resize, cache: Path
) -> tuple[NDArray[np.uint8], dict[str, str], Path]:
    """Load images from the cache, decoding them first if necessary.

    Returns:
        The decoded images, the reason for each unreadable file by name, and the path of
        the file that lists these reasons.
    """
    key = cache / f"{_digest(files.names, files.states, resize)}.key"
    entry = cache / f"{key.read_text() if key.exists() else ''}.npy"
    if not (entry.exists() and entry.with_suffix(".json").exists()):
        resize = _infer_channels(files, resize)
        needed = len(files.names) * resize.size**2 * (resize.channels or 3)
        check_writable(cache, needed)
        names = tqdm(files.names, "hashing", unit=" files", delay=2, leave=False)
        contents = [_hash_contents(files.root / name) for name in names]
        entry = cache / f"{_digest(files.names, contents, resize)}.npy"
        if entry.exists() and not entry.with_suffix(".json").exists():
            entry.unlink()  # its list, which is written first, was removed since
        make_once(entry, lambda path: _decode_to(path, files, resize))
        key.write_text(entry.stem)
    listed = entry.with_suffix(".json")
    return open_entry(entry), json.loads(listed.read_text("utf-8")), listed


def _decode_to(path: Path, files: Files, resize: Resize) -> None:
    """Write all readable images to `path`, and the other files' errors next to it."""
    shape = (resize.size, resize.size, resize.channels or 3)
    images = open_memmap(path, "w+", np.uint8, (len(files.names), *shape))
    errors = {}

    def decode(name: str) -> NDArray[np.uint8] | str:
        try:
            return load_resized(files.root / name, resize)
        except Exception as error:  # decoders raise various exceptions
            transient = isinstance(error, OSError) and error.errno not in PERMANENT
            if transient or isinstance(error, MemoryError):
                raise
            return str(error) or type(error).__name__

    count = 0
    with ThreadPoolExecutor() as threads:
        results = threads.map(decode, files.names)
        progress = tqdm(
            results, "decoding", len(files.names), unit=" images", delay=2, leave=False
        )
        for name, result in zip(files.names, progress, strict=True):
            if isinstance(result, str):
                errors[name] = result.replace(str(files.root) + os.sep, "")
            else:
                images[count] = result
                count += 1
    images.flush()
    if errors:
        whole = path.with_suffix(".whole")
        path.replace(whole)
        images = np.load(whole, mmap_mode="r")
        whole.unlink()
        with path.open("wb") as file:
            np.save(file, images[:count])
    path.with_suffix(".json").write_text(json.dumps(errors), "utf-8")


def _infer_channels(files: Files, resize: Resize) -> Resize:
    """Infer `channels` from the images, if it is None.

    Raises:
        InputError: if gray and color images are mixed.
    """
    if resize.channels is not None:
        return resize
    kinds: dict[bool, str] = {}  # the first gray and the first color image
    for name in files.names:
        try:
            kinds.setdefault(is_gray(files.root / name), name)
        except Exception:  # reported later, with all unreadable files
            continue
    if len(kinds) == 2:
        raise InputError(
            f"channels: {files.root} mixes gray images ({kinds[True]}) and color "
            f"({kinds[False]}); set channels=1 or channels=3."
        )
    return resize._replace(channels=1 if True in kinds else 3)


def check_on_error(name: str, value: str) -> None:
    """Check that an argument is "raise" or "skip".

    Raises:
        InputError: if it is neither.
    """
    if value not in get_args(OnError):
        raise InputError(f"{name} must be 'raise' or 'skip', got {value!r}.")


def _walk(
    root: Path, inside: str, others: Counter[str], above: tuple[Path, ...] = ()
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Iterate over the images in a folder: yields (name, metadata); counts `others`."""
    here = (root / inside).resolve()
    if here in above:
        return  # a symbolic link to a parent folder
    with os.scandir(root / inside) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                yield from _walk(root, f"{inside}{entry.name}/", others, (*above, here))
            elif entry.name.lower().endswith(ENDINGS):
                broken = entry.is_symlink() and not os.path.exists(entry)
                stat = entry.stat(follow_symlinks=not broken)
                state = (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)
                yield inside + entry.name, state
            elif (ending := os.path.splitext(entry.name)[1].lower()) in UNSUPPORTED:
                others[ending] += 1


def _hash_contents(file: Path) -> str:
    """Hash a file's contents; return the error message if it cannot be read."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        return str(error)


def _digest(*parts: object) -> str:
    """Compute the cache key of `parts`, the cache format and the version of Pillow."""
    versioned = (CACHE_FORMAT, PIL.__version__, *parts)
    return hashlib.sha256(repr(versioned).encode()).hexdigest()[:32]
