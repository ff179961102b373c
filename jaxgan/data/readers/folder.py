"""A folder of images, of any sizes and kinds, made alike."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jaxgan.data.datasets import Dataset, as_dataset
from jaxgan.data.readers.decode import Resize
from jaxgan.data.readers.image_files import Files, OnError, check_trouble, decoded
from jaxgan.data.readers.labels import Labeling, Labels
from jaxgan.data.transforms.combine import chosen, paired
from jaxgan.errors import InputError
from jaxgan.types import Batch


def folder(
    path: Path | str,
    fit: Resize,
    *,
    labels: Labeling | None = None,
    corrupt: OnError = "raise",
    cache: Path | str | None = None,
    stream: bool = False,
) -> Dataset:
    """All PNG, JPEG and WebP images of a folder and its sub-folders, by name.

    real is uint8 (b, size, size, c), memory-mapped from the cache; the condition is
    what `labels` gives.

    Args:
        path: of the folder.
        fit: how the images become alike.
        labels: `by_folder`, `by_table(…)`, or a function of your own from the names
            of all images, in order, to `Labels`.
        corrupt: what to do about images that cannot be read: stop and name them, or
            leave them out and name them: the first five, and a file that lists all.
            Streamed ones stop when they are gathered.
        cache: where decoded images are kept; by default in $JAXGAN_CACHE or, without
            it, the user's folder for caches.
        stream: decode images each time they are gathered, and keep nothing.

    Raises:
        InputError: if there is no folder or no image in it, an image cannot be read,
            gray and color are mixed and `fit.channels` does not say what to make of
            them, the labels do not fit, or the cache cannot be written.

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
    files = Files.of(Path(path))
    # Of all, so that no skipped image lacks its file; and before they are decoded.
    found = None if labels is None else labels(files.names)
    if found is not None:
        _check_labels(found, len(files.names))
    kept, data = decoded(files, fit, corrupt, cache, stream)
    if found is None:
        return data
    place = {name: i for i, name in enumerate(files.names)}
    rows = np.array([place[name] for name in kept])
    return _with_condition(
        data, tuple(column[rows] for column in found.columns), found.classes
    )


def paired_folders(
    first: Path | str,
    second: Path | str,
    fit: Resize,
    *,
    unmatched: OnError = "raise",
    corrupt: OnError = "raise",
    cache: Path | str | None = None,
    stream: bool = False,
) -> Dataset:
    """Images of two folders that have the same name, but for the ending.

    real = (of the first folder, of the second); other arguments as of `folder`. For
    folders that do not belong together, image by image, there is `zip_sources`.

    Args:
        unmatched: what to do about images without a partner.

    Raises:
        InputError: as `folder`, and if an image has no partner, several of a folder
            could be its partner, or no pair can be read.
    """
    check_trouble("unmatched", unmatched)
    sides = [Files.of(Path(first)), Files.of(Path(second))]
    stems = [_by_stem(side) for side in sides]
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
    if not whole:
        raise InputError(
            f"{first} and {second}: there is no pair of which both images can be read; "
            "mend or replace them."
        )
    return paired(*(_only(kept, data, whole) for kept, data in parts))


def _check_labels(found: object, count: int) -> None:
    if not isinstance(found, Labels):
        raise InputError(
            f"labels must return Labels((array, …)), got {type(found).__name__}."
        )
    for column in found.columns:
        if len(column) != count:
            raise InputError(
                f"labels returned {len(column):,} values for {count:,} images."
            )


def _with_condition(
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


def _stem(name: str) -> str:
    return name.rsplit(".", 1)[0]


def _by_stem(files: Files) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in files.names:
        other = found.setdefault(_stem(name), name)
        if other != name:
            raise InputError(
                f"{files.root} holds {other} and {name}, of which either could be a "
                "partner; remove one."
            )
    return found


def _only(kept: list[str], data: Dataset, stems: set[str]) -> Dataset:
    """The images of some stems; as it is, if those are all."""
    rows = np.array([i for i, name in enumerate(kept) if _stem(name) in stems])
    if len(rows) == len(kept):
        return data
    return chosen(data, rows)
