"""A folder of images, of any sizes and kinds, made alike and decoded once.

The decoded images are kept in a cache, one array file for each content and `Fit`. It is
found again by what the file system says of every file (name, size, times, number), so a
second start need not read them; where that has changed, by the contents themselves.
"""

import hashlib
import json
import logging
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import PIL
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from tqdm import tqdm

from jaxgan.data.cache import cached, check_writable, default_cache
from jaxgan.data.datasets import Dataset, as_dataset, paired
from jaxgan.data.labels import Labelling
from jaxgan.data.pixels import Fit, fitted, is_grey
from jaxgan.errors import InputError
from jaxgan.types import Batch

ENDINGS = (".png", ".jpg", ".jpeg", ".webp")

Trouble = Literal["raise", "skip"]


def folder(
    path: Path | str,
    fit: Fit,
    *,
    labels: Labelling | None = None,
    corrupt: Trouble = "raise",
    cache: Path | None = None,
    stream: bool = False,
) -> Dataset:
    """All PNG, JPEG and WebP images of a folder and its sub-folders, by name.

    real is uint8 (b, size, size, c), memory-mapped from the cache; the condition is
    what `labels` gives.

    Args:
        path: of the folder.
        fit: how the images become alike.
        labels: `by_folder`, `by_table(…)`, or a function of your own.
        corrupt: what to do about images that cannot be read: stop and name them all, or
            leave them out and name them.
        cache: where decoded images are kept; by default in $JAXGAN_CACHE or, without
            it, the user's folder for caches.
        stream: decode images each time they are gathered, and keep nothing.

    Raises:
        InputError: if there is no folder or no image in it, an image cannot be read,
            grey and colour are mixed and `fit.channels` does not say what to make of
            them, the labels do not fit, or the cache cannot be written.

        >>> import tempfile
        >>> from pathlib import Path
        >>> from PIL import Image
        >>> from jaxgan.data import Fit, folder
        >>> with tempfile.TemporaryDirectory() as name:
        ...     Image.new("RGB", (40, 30), "red").save(Path(name, "red.png"))
        ...     red = folder(name, Fit(16), stream=True).gather(np.array([0])).real
        >>> red.shape, red[0, 0, 0].tolist()
        ((1, 16, 16, 3), [255, 0, 0])
    """
    files = Files.of(Path(path))
    kept, data = decoded(files, fit, corrupt, cache, stream)
    if labels is None:
        return data
    found = labels(files.names)  # of all, so that no skipped image lacks its file
    place = {name: i for i, name in enumerate(files.names)}
    rows = np.array([place[name] for name in kept])
    return with_condition(
        data, tuple(column[rows] for column in found.columns), found.classes
    )


def paired_folders(
    first: Path | str,
    second: Path | str,
    fit: Fit,
    *,
    unmatched: Trouble = "raise",
    corrupt: Trouble = "raise",
    cache: Path | None = None,
    stream: bool = False,
) -> Dataset:
    """Images of two folders that have the same name, but for the ending.

    real = (of the first folder, of the second); other arguments as of `folder`. For
    folders that do not belong together, image by image, there is `unpaired`.

    Args:
        unmatched: what to do about images without a partner.

    Raises:
        InputError: as `folder`, and if an image has no partner.
    """
    sides = [Files.of(Path(first)), Files.of(Path(second))]
    stems = [{_stem(name): name for name in side.names} for side in sides]
    common = sorted(set(stems[0]) & set(stems[1]))
    for side, own, other in zip(sides, stems, reversed(sides), strict=True):
        alone = sorted(set(own) - set(common))
        if alone and (unmatched == "raise" or not common):
            raise InputError(
                f"{side.root / own[alone[0]]} has no partner in {other.root} "
                f"({len(alone):,} such images); add or remove them, or say "
                "unmatched='skip'."
            )
    parts = [
        decoded(side.only([own[stem] for stem in common]), fit, corrupt, cache, stream)
        for side, own in zip(sides, stems, strict=True)
    ]
    whole = set.intersection(*({_stem(name) for name in kept} for kept, _ in parts))
    return paired(*(_only(kept, data, whole) for kept, data in parts))


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
        found = sorted(_walk(root, ""))
        if not found:
            raise InputError(
                f"path: {root} holds no images; they must end in {', '.join(ENDINGS)}."
            )
        return cls(root, [name for name, _ in found], [state for _, state in found])

    def only(self, names: Sequence[str]) -> "Files":
        """Some of them, in the order given."""
        states = dict(zip(self.names, self.states, strict=True))
        return Files(self.root, list(names), [states[name] for name in names])


def decoded(
    files: Files, fit: Fit, corrupt: Trouble, cache: Path | None, stream: bool
) -> tuple[list[str], Dataset]:
    """The images that can be read, and their names."""
    fit.check()
    if stream:
        return files.names, _streamed(files, _with_channels(files, fit))
    cache = default_cache() if cache is None else cache
    images, unread = _from_cache(files, fit, cache)
    if unread:
        told = "; ".join(f"{name} ({why})" for name, why in list(unread.items())[:5])
        more = f"; and {len(unread) - 5:,} more" if len(unread) > 5 else ""
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


def with_condition(
    data: Dataset, columns: tuple[NDArray, ...], classes: tuple[str, ...]
) -> Dataset:
    """A set of bare images with what goes with each."""
    if data.arrays is not None:
        return as_dataset(Batch(data.arrays.real, columns), classes)
    return Dataset(
        len(data),
        lambda i: Batch(data.gather(i).real, tuple(x[i] for x in columns)),
        classes=classes,
    )


def _streamed(files: Files, fit: Fit) -> Dataset:
    def gather(indices: NDArray[np.int64]) -> Batch:
        images = []
        for name in (files.names[i] for i in indices):
            try:
                images.append(fitted(files.root / name, fit))
            except Exception as error:
                raise InputError(
                    f"{files.root / name} cannot be read: {error}. Mend or remove it."
                ) from error
        return Batch(np.stack(images))

    return Dataset(len(files.names), gather)


def _from_cache(
    files: Files, fit: Fit, cache: Path
) -> tuple[NDArray[np.uint8], dict[str, str]]:
    """The images, and those that cannot be read with the reason of each."""
    known = cache / f"{_digest(files.names, files.states, fit)}.key"
    if not (known.exists() and (cache / f"{known.read_text()}.npy").exists()):
        fit = _with_channels(files, fit)
        check_writable(cache, len(files.names) * fit.size**2 * (fit.channels or 3))
        contents = [
            hashlib.sha256((files.root / name).read_bytes()).hexdigest()
            for name in files.names
        ]
        key = _digest(files.names, contents, fit, PIL.__version__)
        cached(cache, key, lambda path: _decode(files, fit, path, cache / key))
        known.write_text(key)
    key = known.read_text()
    unread = json.loads((cache / f"{key}.json").read_text("utf-8"))
    return cached(cache, key, lambda path: None), unread


def _decode(files: Files, fit: Fit, path: Path, entry: Path) -> None:
    """Write all images that can be read to `path`, and why others cannot beside it."""
    shape = (fit.size, fit.size, fit.channels or 3)
    images = open_memmap(path, "w+", np.uint8, (len(files.names), *shape))
    unread = {}

    def decode(name: str) -> NDArray[np.uint8] | str:
        try:
            return fitted(files.root / name, fit)
        except Exception as error:  # whatever a decoder says of damaged bytes
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
    entry.with_suffix(".json").write_text(json.dumps(unread), "utf-8")


def _with_channels(files: Files, fit: Fit) -> Fit:
    """The colours that all images have, where none are asked for."""
    if fit.channels is not None:
        return fit
    kinds: dict[bool, str] = {}
    for name in files.names:
        try:
            kinds.setdefault(is_grey(files.root / name), name)
        except Exception:  # told with all that cannot be read
            continue
    if len(kinds) == 2:
        raise InputError(
            f"channels: {files.root} mixes grey images ({kinds[True]}) and colour "
            f"({kinds[False]}); say channels=1 or channels=3."
        )
    return fit._replace(channels=1 if True in kinds else 3)


def _walk(root: Path, inside: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    with os.scandir(root / inside) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                yield from _walk(root, f"{inside}{entry.name}/")
            elif entry.name.lower().endswith(ENDINGS):
                seen = entry.stat()
                state = (seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino)
                yield inside + entry.name, state


def _stem(name: str) -> str:
    return name.rsplit(".", 1)[0]


def _only(kept: list[str], data: Dataset, stems: set[str]) -> Dataset:
    """The images of some stems; as it is, if those are all."""
    rows = np.array([i for i, name in enumerate(kept) if _stem(name) in stems])
    if len(rows) == len(kept):
        return data
    return Dataset(len(rows), lambda i: data.gather(rows[i]))


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]
