"""Decoded images of a folder's files, and their cache.

The cache has one array file for each set of contents and each `Resize`. It is looked up
by the metadata of every file (name, size, times, inode), so a second start need not
read the files. If the metadata have changed, it is looked up by the contents.
"""

import contextlib
import dataclasses
import errno
import hashlib
import logging
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import numpy as np
import PIL
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from jaxgan.data.datasets import CHUNK, Dataset, as_dataset
from jaxgan.data.readers.cache import (
    check_writable,
    default_cache,
    make_once,
    open_entry,
    read_notes,
    seal,
    write_notes,
)
from jaxgan.data.readers.decode import (
    DEEPEST,
    Decoded,
    Resize,
    decode_image,
    deepest_value,
    is_gray,
    load_resized,
)
from jaxgan.data.readers.files import Files, digest_contents, hash_contents
from jaxgan.errors import InputError, as_path, check_choice, check_instance
from jaxgan.progress import progress_bar
from jaxgan.types import Batch

OnError = Literal["raise", "skip"]
"""Policy for files that cannot be used: raise an error or skip them."""

CACHE_FORMAT = 3
"""Version of the cache's contents; increment it if decoding changes."""

LOOKED_AT = 64
"""Files that are looked at for 16-bit images, where not all are decoded at once."""

PERMANENT = (None, errno.ENOENT, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ELOOP)
"""Values of errno that do not go away on a retry; None stands for a decoder error."""

logger = logging.getLogger(__name__)


class _Images(NamedTuple):
    """Decoded images, and what was found out about their files."""

    pixels: NDArray[np.uint8]
    errors: dict[str, str]  # reason for each unreadable file, by name
    deepest: tuple[int, str]  # largest value of all 16-bit images, and its file
    contents: str  # digest of the files' names and contents
    listed: Path  # the file that lists the errors


def decode_files(
    files: Files,
    resize: Resize,
    on_error: OnError,
    cache: Path | str | None,
    stream: bool,
) -> tuple[list[str], Dataset]:
    """Decode all files; return the names of the readable ones and their images."""
    check_instance("resize", resize, Resize, "Resize(64)")
    check_choice("on_error", on_error, get_args(OnError))
    if stream and on_error == "skip":
        raise InputError(
            "on_error: streamed images cannot be skipped, because unreadable ones are "
            "only found by decoding; set stream=False."
        )
    if stream:
        look_for_dark(files)
        return files.names, _stream(files, _infer_channels(files, resize))
    cache = default_cache() if cache is None else as_path("cache", cache)
    images = _load_cached(files, resize, cache)
    _report_errors(files, images, on_error)
    _warn_if_dark(files.root, *images.deepest)
    kept = [name for name in files.names if name not in images.errors]
    held = as_dataset(Batch(images.pixels))
    return kept, dataclasses.replace(held, reads=(lambda: images.contents,))


def look_for_dark(files: Files) -> None:
    """Warn of dark 16-bit images, by some that are evenly spaced in the folder."""
    chosen = files.names[:: -(-len(files.names) // LOOKED_AT)]
    found = (0, "")
    for name in chosen:
        with contextlib.suppress(Exception):  # which who decodes it reports
            found = max(found, (deepest_value(files.root / name), name))
    _warn_if_dark(files.root, *found)


def _warn_if_dark(root: Path, deepest: int, name: str) -> None:
    """Warn if the largest 16-bit value of images is at most half of the range."""
    if 0 < deepest <= DEEPEST // 2:
        logger.warning(
            "%s: the 16-bit images reach only %s of %s (in %s), so they are dark; "
            "multiply their values by %d.",
            root,
            f"{deepest:,}",
            f"{DEEPEST:,}",
            name,
            (DEEPEST + 1) // (deepest + 1),
        )


def _report_errors(files: Files, images: _Images, on_error: OnError) -> None:
    """Raise an error for the files that cannot be read, or log them."""
    errors = images.errors
    if not errors:
        return
    shown = "; ".join(f"{name} ({why})" for name, why in list(errors.items())[:5])
    more = f"; all of them are listed in {images.listed}" if len(errors) > 5 else ""
    if on_error == "raise" or not len(images.pixels):
        raise InputError(
            f"{files.root}: {len(errors):,} of {len(files.names):,} images cannot "
            f"be read: {shown}{more}. Repair or remove them, or set on_error='skip'."
        )
    logger.warning(
        "%s: left out %d images that cannot be read: %s%s",
        files.root,
        len(errors),
        shown,
        more,
    )


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

    return Dataset(len(files.names), gather, reads=(files.digest,))


def _load_cached(files: Files, resize: Resize, cache: Path) -> _Images:
    """Load images from the cache, decoding them first if necessary."""
    key = cache / f"{_digest(files.names, files.states, resize)}.key"
    entry = cache / f"{_read_key(key)}.npy"
    images = _read(entry)
    if images is None:
        resize = _infer_channels(files, resize)
        needed = len(files.names) * resize.size**2 * (resize.channels or 3)
        check_writable(cache, needed)
        names = progress_bar(
            files.names, "hashing", unit=" files", delay=2, leave=False
        )
        contents = [hash_contents(files.root / name) for name in names]
        entry = cache / f"{_digest(files.names, contents, resize)}.npy"
        if entry.exists() and _read(entry) is None:
            logger.warning(
                "cache: %s is damaged; decoding the images of %s again.",
                entry,
                files.root,
            )
        make_once(
            entry,
            lambda path: _decode_to(path, files, contents, resize),
            lambda path: _read(path) is not None,
        )
        key.write_text(entry.stem)
        images = _read(entry)
    if images is None:
        raise InputError(
            f"cache: {entry} is damaged as soon as it is written; name another folder, "
            "there or in JAXGAN_CACHE."
        )
    return images


def _read_key(key: Path) -> str:
    """Read the name of an entry; empty if there is none, or the file is damaged."""
    found = key.read_bytes() if key.exists() else b""
    return found.decode() if re.fullmatch(rb"[0-9a-f]{32}", found) else ""


def _read(entry: Path) -> _Images | None:
    """Read an entry of the cache; None if it is missing or damaged."""
    listed = entry.with_suffix(".json")
    if not (entry.exists() and listed.exists()):
        return None
    pixels, notes = open_entry(entry), read_notes(listed)
    if pixels is None or notes is None:
        return None
    deepest = tuple(notes["deepest"])
    return _Images(pixels, notes["errors"], deepest, notes["contents"], listed)


def _decode_to(path: Path, files: Files, contents: list[str], resize: Resize) -> None:
    """Write all readable images to `path`, and what is found out next to it."""
    shape = (resize.size, resize.size, resize.channels or 3)
    images = open_memmap(path, "w+", np.uint8, (len(files.names), *shape))
    errors: dict[str, str] = {}
    deepest, count = (0, ""), 0
    progress = progress_bar(
        total=len(files.names), desc="decoding", unit=" images", delay=2, leave=False
    )
    with ThreadPoolExecutor() as threads, progress:
        for start in range(0, len(files.names), CHUNK):  # what waits takes memory
            names = files.names[start:][:CHUNK]
            results = threads.map(lambda name: _try_decode(files, name, resize), names)
            for name, result in zip(names, results, strict=True):
                progress.update()
                if isinstance(result, str):
                    errors[name] = result
                    continue
                images[count] = result.pixels
                deepest = max(deepest, (result.deepest, name))
                count += 1
    images.flush()
    if errors:
        _shorten(path, count)
    seal(path)
    digest = digest_contents(files.names, contents)
    notes = {"errors": errors, "deepest": deepest, "contents": digest}
    write_notes(path.with_suffix(".json"), notes)


def _try_decode(files: Files, name: str, resize: Resize) -> Decoded | str:
    """Decode an image, or return why it cannot be read.

    Raises:
        InputError: if the reason may go away, as a lack of memory.
    """
    try:
        return decode_image(files.root / name, resize)
    except Exception as error:  # decoders raise various exceptions
        reason = str(error) or type(error).__name__
        transient = isinstance(error, OSError) and error.errno not in PERMANENT
        if transient or isinstance(error, MemoryError):
            raise InputError(
                f"{files.root / name} cannot be decoded now: {reason}."
            ) from error
        return reason.replace(str(files.root) + os.sep, "")


def _shorten(path: Path, count: int) -> None:
    """Keep the first images of an array file."""
    whole = path.with_suffix(".whole")
    path.replace(whole)
    images = np.load(whole, mmap_mode="r")
    whole.unlink()
    with path.open("wb") as file:
        np.save(file, images[:count])


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
    return dataclasses.replace(resize, channels=1 if True in kinds else 3)


def _digest(*parts: object) -> str:
    """Compute the cache key of `parts`, the cache format and the version of Pillow."""
    versioned = (CACHE_FORMAT, PIL.__version__, *parts)
    return hashlib.sha256(repr(versioned).encode()).hexdigest()[:32]
