"""The image files of a folder, decoded once.

The decoded images are kept in a cache, one array file for each content and `Resize`. It
is found again by what the file system says of every file (name, size, times, number),
so a second start need not read them; where that has changed, by the contents.
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
from jaxgan.data.readers.cache import check_writable, default_cache, make_once, read
from jaxgan.data.readers.decode import Resize, fitted, is_gray
from jaxgan.errors import InputError
from jaxgan.types import Batch

ENDINGS = (".png", ".jpg", ".jpeg", ".webp")

OTHERS = (".avif", ".bmp", ".gif", ".heic", ".jp2", ".pgm", ".ppm", ".tif", ".tiff")
"""Endings of images that are left out, which is said."""

OnError = Literal["raise", "skip"]

FORMAT = 1
"""Of what the cache holds: to be raised when the same files decode otherwise."""

LASTING = (None, errno.ENOENT, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ELOOP)
"""Errors of a file that will be there the next time too; None is the decoder's."""


class Files(NamedTuple):
    """Some images of a folder, and what the file system says of each."""

    root: Path
    names: list[str]  # paths inside the folder, with slashes, sorted
    states: list[tuple[int, ...]]  # size, times of change, number

    @classmethod
    def of(cls, root: Path) -> "Files":
        """All images of a folder and its sub-folders, but for hidden ones.

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

    def only(self, names: Sequence[str]) -> "Files":
        """Some of them, in the order given."""
        states = dict(zip(self.names, self.states, strict=True))
        return Files(self.root, list(names), [states[name] for name in names])


def decoded(
    files: Files, fit: Resize, corrupt: OnError, cache: Path | str | None, stream: bool
) -> tuple[list[str], Dataset]:
    """The images that can be read, and their names."""
    if not isinstance(fit, Resize):
        raise InputError(f"fit must be a Fit, such as Fit(64), got {fit!r}.")
    fit.check()
    check_trouble("corrupt", corrupt)
    if stream and corrupt == "skip":
        raise InputError(
            "corrupt: only decoding says which images are corrupt, so streamed ones "
            "cannot be left out; say stream=False."
        )
    if stream:
        return files.names, _streamed(files, _with_channels(files, fit))
    cache = default_cache() if cache is None else Path(cache)
    images, unread, listed = _from_cache(files, fit, cache)
    if unread:
        told = "; ".join(f"{name} ({why})" for name, why in list(unread.items())[:5])
        more = f"; all of them are listed in {listed}" if len(unread) > 5 else ""
        if corrupt == "raise" or not len(images):
            raise InputError(
                f"{files.root}: {len(unread):,} of {len(files.names):,} images cannot "
                f"be read: {told}{more}. Mend or remove them, or say corrupt='skip'."
            )
        logging.getLogger(__name__).warning(
            "%s: left out %d images that cannot be read: %s%s",
            *(files.root, len(unread), told, more),
        )
    kept = [name for name in files.names if name not in unread]
    return kept, as_dataset(Batch(images))


def _streamed(files: Files, fit: Resize) -> Dataset:
    paths = [os.path.join(files.root, name) for name in files.names]

    def gather(indices: NDArray[np.int64]) -> Batch:
        images = []
        for path in (paths[i] for i in indices):
            try:
                images.append(fitted(path, fit))
            except Exception as error:
                raise InputError(
                    f"{path} cannot be read; mend or remove it: {error}"
                ) from error
        return Batch(np.stack(images))

    return Dataset(len(files.names), gather)


def _from_cache(
    files: Files, fit: Resize, cache: Path
) -> tuple[NDArray[np.uint8], dict[str, str], Path]:
    """The images, those that cannot be read with the reason of each, and their list."""
    known = cache / f"{_digest(files.names, files.states, fit)}.key"
    entry = cache / f"{known.read_text() if known.exists() else ''}.npy"
    if not (entry.exists() and entry.with_suffix(".json").exists()):
        fit = _with_channels(files, fit)
        check_writable(cache, len(files.names) * fit.size**2 * (fit.channels or 3))
        names = tqdm(files.names, "hashing", unit=" files", delay=2, leave=False)
        contents = [_content(files.root / name) for name in names]
        entry = cache / f"{_digest(files.names, contents, fit)}.npy"
        if entry.exists() and not entry.with_suffix(".json").exists():
            entry.unlink()  # it is written after its list, which somebody removed
        make_once(entry, lambda path: _decode(files, fit, path))
        known.write_text(entry.stem)
    listed = entry.with_suffix(".json")
    return read(entry), json.loads(listed.read_text("utf-8")), listed


def _decode(files: Files, fit: Resize, path: Path) -> None:
    """Write all images that can be read to `path`, and why others cannot beside it."""
    shape = (fit.size, fit.size, fit.channels or 3)
    images = open_memmap(path, "w+", np.uint8, (len(files.names), *shape))
    unread = {}

    def decode(name: str) -> NDArray[np.uint8] | str:
        try:
            return fitted(files.root / name, fit)
        except Exception as error:  # whatever a decoder says of damaged bytes
            passing = isinstance(error, OSError) and error.errno not in LASTING
            if passing or isinstance(error, MemoryError):
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
                unread[name] = result.replace(str(files.root) + os.sep, "")
            else:
                images[count] = result
                count += 1
    images.flush()
    if unread:
        whole = path.with_suffix(".whole")
        path.replace(whole)
        images = np.load(whole, mmap_mode="r")
        whole.unlink()
        with path.open("wb") as file:
            np.save(file, images[:count])
    path.with_suffix(".json").write_text(json.dumps(unread), "utf-8")


def _with_channels(files: Files, fit: Resize) -> Resize:
    """The colors that all images have, where none are asked for."""
    if fit.channels is not None:
        return fit
    kinds: dict[bool, str] = {}
    for name in files.names:
        try:
            kinds.setdefault(is_gray(files.root / name), name)
        except Exception:  # told with all that cannot be read
            continue
    if len(kinds) == 2:
        raise InputError(
            f"channels: {files.root} mixes gray images ({kinds[True]}) and color "
            f"({kinds[False]}); say channels=1 or channels=3."
        )
    return fit._replace(channels=1 if True in kinds else 3)


def check_trouble(name: str, value: str) -> None:
    """Refuse another way of dealing with trouble.

    Raises:
        InputError: if it is none.
    """
    if value not in get_args(OnError):
        raise InputError(f"{name} must be 'raise' or 'skip', got {value!r}.")


def _walk(
    root: Path, inside: str, others: Counter[str], above: tuple[Path, ...] = ()
) -> Iterator[tuple[str, tuple[int, ...]]]:
    here = (root / inside).resolve()
    if here in above:
        return  # a link to a folder that it is in
    with os.scandir(root / inside) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                yield from _walk(root, f"{inside}{entry.name}/", others, (*above, here))
            elif entry.name.lower().endswith(ENDINGS):
                broken = entry.is_symlink() and not os.path.exists(entry)
                seen = entry.stat(follow_symlinks=not broken)
                state = (seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino)
                yield inside + entry.name, state
            elif (ending := os.path.splitext(entry.name)[1].lower()) in OTHERS:
                others[ending] += 1


def _content(file: Path) -> str:
    """What changes with a file's contents, or with why it cannot be read."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        return str(error)


def _digest(*parts: object) -> str:
    known = (FORMAT, PIL.__version__, *parts)
    return hashlib.sha256(repr(known).encode()).hexdigest()[:32]
