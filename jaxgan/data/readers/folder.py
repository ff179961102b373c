"""Readers of image folders: single folders and paired ones."""

import dataclasses
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from jaxgan.data.datasets import Dataset, as_dataset
from jaxgan.data.readers.decode import Resize
from jaxgan.data.readers.files import Files
from jaxgan.data.readers.image_files import OnError, decode_files
from jaxgan.data.readers.labels import Labeling, Labels
from jaxgan.data.transforms.combine import paired, select
from jaxgan.errors import InputError, as_path, check_choice, check_flag, check_function
from jaxgan.types import Batch


def folder(
    path: Path | str,
    resize: Resize,
    *,
    labels: Labeling | None = None,
    on_error: OnError = "raise",
    cache: Path | str | None = None,
    stream: bool = False,
) -> Dataset:
    """Read all images of a folder and its sub-folders that Pillow reads, by name.

    `real` is uint8 (b, size, size, c), memory-mapped from the cache. The condition
    consists of the columns of `labels`. Of an animation it is the first frame.

    Links are followed, and every image is read once, under one name. Files and folders
    that begin with a dot or belong to a system, such as `@eaDir` and `__MACOSX`, are
    skipped. Other files that are no images are counted in one line of the log.

    Args:
        path: path of the folder.
        resize: size, shape and channels of the images.
        labels: `by_folder`, `by_table(…)`, or your own function from the names of all
            images, in order, to `Labels`.
        on_error: what to do about images that cannot be read: `"raise"` an error or
            `"skip"` them with a warning. Both name the first five and a file that lists
            all. A streamed image that cannot be read always raises, when gathered.
        cache: folder for decoded images; by default $JAXGAN_CACHE or, if it is unset,
            the user's cache folder.
        stream: decode images each time they are gathered, without a cache.

    Raises:
        InputError: if there is no folder or no image in it, an image cannot be read,
            gray and color images are mixed and `resize.channels` is None, the labels do
            not match the images, or the cache cannot be written.

        >>> import tempfile
        >>> from pathlib import Path
        >>> from PIL import Image
        >>> from jaxgan.data import Resize, folder
        >>> with tempfile.TemporaryDirectory() as name:
        ...     Image.new("RGB", (40, 30), "red").save(Path(name, "red.png"))
        ...     red = folder(name, Resize(16), stream=True).gather(np.array([0])).real
        >>> red.shape, red[0, 0, 0].tolist()
        ((1, 16, 16, 3), [255, 0, 0])
    """
    if labels is not None:
        check_function("labels", labels, "data.by_folder")
    check_flag("stream", stream)
    files = Files.of(as_path("path", path))
    # Before decoding, and for all files: a skipped image has its row in a table too.
    found = None if labels is None else labels(files.names)
    if labels is not None:
        _check_labels(found, len(files.names))
    kept, data = decode_files(files, resize, on_error, cache, stream)
    if found is None:
        return data
    positions = {name: i for i, name in enumerate(files.names)}
    rows = np.array([positions[name] for name in kept])
    return _add_condition(
        data, tuple(column[rows] for column in found.columns), found.classes
    )


def paired_folders(
    first: Path | str,
    second: Path | str,
    resize: Resize,
    *,
    unmatched: OnError = "raise",
    on_error: OnError = "raise",
    cache: Path | str | None = None,
    stream: bool = False,
) -> Dataset:
    """Pair the images of two folders by name, without the ending.

    `real` is (images of the first folder, images of the second). Other arguments are as
    in `folder`. Use `zip_sources` for unpaired folders.

    Args:
        unmatched: what to do about images without a partner: `"raise"` or `"skip"`.

    Raises:
        InputError: as `folder`, and if an image has no partner, several images of a
            folder could be its partner, or there is no pair of readable images.
    """
    check_choice("unmatched", unmatched, get_args(OnError))
    check_flag("stream", stream)
    sides = [
        Files.of(as_path(name, path), name)
        for name, path in (("first", first), ("second", second))
    ]
    stems = [_index_by_stem(side) for side in sides]
    common = sorted(set(stems[0]) & set(stems[1]))
    for side, own, other in zip(sides, stems, reversed(sides), strict=True):
        alone = sorted(set(own) - set(common))
        if alone and (unmatched == "raise" or not common):
            raise InputError(
                f"{side.root / own[alone[0]]} has no partner in {other.root} "
                f"({len(alone):,} such images); add or remove them, or set "
                "unmatched='skip'."
            )
    parts = [
        decode_files(
            side.select([own[stem] for stem in common]),
            resize,
            on_error,
            cache,
            stream,
        )
        for side, own in zip(sides, stems, strict=True)
    ]
    complete = set.intersection(*({_stem(name) for name in kept} for kept, _ in parts))
    if not complete:
        raise InputError(
            f"{first} and {second}: there is no pair whose images can both be read; "
            "repair or replace them."
        )
    return paired(*(_select_stems(kept, data, complete) for kept, data in parts))


def _check_labels(found: object, count: int) -> None:
    if not isinstance(found, Labels):
        raise InputError(
            f"labels must return Labels((array, …)), got {type(found).__name__}."
        )
    for column in found.columns:
        if np.shape(column)[:1] != (count,):
            raise InputError(
                f"labels returned values of shape {np.shape(column)} for {count:,} "
                "images."
            )


def _add_condition(
    data: Dataset, columns: tuple[NDArray, ...], classes: tuple[str, ...]
) -> Dataset:
    """Add a condition to a data set of images."""
    if data.arrays is not None:
        held = as_dataset(Batch(data.arrays.real, columns), classes)
        return dataclasses.replace(held, reads=data.reads)
    return Dataset(
        len(data),
        lambda i: Batch(data.gather(i).real, tuple(x[i] for x in columns)),
        classes=classes,
        reads=data.reads,
    )


def _stem(name: str) -> str:
    return name.rsplit(".", 1)[0]


def _index_by_stem(files: Files) -> dict[str, str]:
    """Map the names without their endings to the names."""
    found: dict[str, str] = {}
    for name in files.names:
        other = found.setdefault(_stem(name), name)
        if other != name:
            raise InputError(
                f"{files.root} holds {other} and {name}; either could be the partner, "
                "so remove one."
            )
    return found


def _select_stems(kept: list[str], data: Dataset, stems: set[str]) -> Dataset:
    """Select images by stem; return `data` itself if all are selected."""
    rows = np.array([i for i, name in enumerate(kept) if _stem(name) in stems])
    if len(rows) == len(kept):
        return data
    return select(data, rows)
