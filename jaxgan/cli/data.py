"""`jaxgan data`."""

import dataclasses
from collections import Counter
from pathlib import Path
from typing import Annotated

import jax
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tyro.conf import Positional, arg

from jaxgan.cli.options import Names
from jaxgan.data.datasets import Dataset, chunks
from jaxgan.data.readers.array_files import array_file
from jaxgan.data.readers.decode import Filter, Resize, Shape
from jaxgan.data.readers.folder import folder
from jaxgan.data.readers.image_files import OnError
from jaxgan.data.readers.labels import Labeling, by_folder, by_table
from jaxgan.data.readers.tfds import feature_names, tfds
from jaxgan.data.sources import as_float
from jaxgan.errors import InputError, naming
from jaxgan.reporting.figures import check_picture, image_grid
from jaxgan.training.near_runs import RUNS

SHOWN = 64
"""Examples on a contact sheet, evenly spaced."""

MOST_CLASSES = 1000
"""Integers of more different values are not counted as classes."""

ENDINGS = (".npy", ".npz")

Column = Annotated[str | None, arg(metavar="COLUMN")]

FITTING = {"size", "shape", "filter", "channels", "background"}
TABLE = {"table", "file", "label", "caption"}
FOLDER = FITTING | TABLE | {"by_folder", "on_error", "cache"}
FILE = {"real", "condition"}
TFDS = FITTING | {"split", "data_dir", "real", "condition"}
"""The options that apply to each kind of data, besides `spec` and `out`."""


@dataclasses.dataclass(frozen=True)
class Data:
    """Inspect data: number of examples, shapes, ranges, class counts, a contact sheet.

    Example: jaxgan data photos --size 64

    A folder's images are decoded and cached as they would be for training; a TFDS set
    that is not prepared is prepared.
    """

    spec: Annotated[Positional[str], arg(metavar="SPEC")]
    """A folder of images, a .npy or .npz file, or the name of a TFDS data set."""

    split: Annotated[str, arg(metavar="SPLIT")] = "train"
    """Split of a TFDS set."""

    data_dir: Annotated[Path | None, arg(metavar="DIR")] = None
    """Directory of prepared TFDS sets; $TFDS_DATA_DIR or ~/tensorflow_datasets."""

    real: Annotated[str | None, arg(metavar="NAME")] = None
    """Feature or array that holds the examples; `image` of a TFDS set."""

    condition: Names = ()
    """Features or arrays of conditions; `label` of a TFDS set that has one."""

    size: Annotated[int | None, arg(metavar="INT")] = None
    """Side in pixels of the squares that images are resized to; 64 for a folder."""

    shape: Shape = "crop"
    """Crop, pad or stretch images that are not square."""

    filter: Filter = "lanczos"
    """Resizing filter."""

    channels: Annotated[int | None, arg(metavar="INT")] = None
    """Number of channels: 1 for gray, 3 for RGB; by default as the images are."""

    background: Annotated[str, arg(metavar="COLOR")] = "white"
    """Color behind transparent images and of padding."""

    by_folder: bool = False
    """Take the sub-folders for classes."""

    table: Annotated[Path | None, arg(metavar="FILE")] = None
    """Table with a row for each image of a folder: a .csv, .tsv or .jsonl file."""

    file: Column = None
    """Column of the table with file names; `file` by default."""

    label: Column = None
    """Column of the table with classes."""

    caption: Column = None
    """Column of the table with captions."""

    on_error: OnError = "raise"
    """Stop at images of a folder that cannot be read, or skip them."""

    cache: Annotated[Path | None, arg(metavar="DIR")] = None
    """Directory for the decoded images of a folder."""

    out: Annotated[Path | None, arg(metavar="FILE")] = None
    """The contact sheet; runs/NAME-data.png by default."""

    def execute(self) -> None:
        """Print the summary, and write the contact sheet."""
        spec = Path(self.spec)
        name = spec.resolve().stem if spec.exists() else self.spec
        out = self.out or RUNS / f"{name.replace('/', '-').replace(':', '-')}-data.png"
        check_picture("--out", out)
        if spec.is_dir() and out.resolve().is_relative_to(spec.resolve()):
            raise InputError(f"--out: {out} would be an image of {spec}; name another.")
        data = open_data(self)
        print(summary(data))
        sheet = contact_sheet(data)
        if sheet is None:
            print("no contact sheet: these are no images of 1 or 3 channels")
            return
        out.parent.mkdir(parents=True, exist_ok=True)
        with naming(out):
            sheet.save(out)
        print(f"contact sheet: {out}")


def open_data(options: Data) -> Dataset:
    """Open the data set that the options name.

    Raises:
        InputError: as the function that makes it.
    """
    path = Path(options.spec)
    resize = Resize(
        size=64 if options.size is None else options.size,
        shape=options.shape,
        filter=options.filter,
        channels=options.channels,
        background=options.background,
    )
    if path.is_dir():
        _check_apply(options, FOLDER)
        return folder(
            path,
            resize,
            labels=_labeling(options),
            on_error=options.on_error,
            cache=options.cache,
        )
    if path.suffix in ENDINGS:
        _check_apply(options, FILE)
        return array_file(path, options.real, options.condition)
    _check_apply(options, TFDS)
    if path.exists() or "." in path.name.split(":")[0] or path.is_absolute():
        raise InputError(
            f"spec: {path} is neither a folder, a .npy or .npz file, nor the name of a "
            "TFDS data set."
        )
    there = feature_names(options.spec, options.data_dir)
    return tfds(
        options.spec,
        options.split,
        real=options.real or "image",
        condition=options.condition or (("label",) if "label" in there else ()),
        data_dir=options.data_dir,
        resize=None if options.size is None else resize,
    )


def summary(data: Dataset) -> str:
    """Describe shapes, types and ranges of all arrays, and count the classes."""
    one = data.gather(np.zeros(1, np.int64))
    leaves = jax.tree_util.tree_leaves_with_path(one)
    names = [jax.tree_util.keystr(path).lstrip(".") for path, _ in leaves]
    ranges: dict[str, tuple[float, float]] = {}
    counts: dict[str, Counter[int]] = {name: Counter() for name in names}
    for _, part in chunks(data, "reading"):
        for name, leaf in zip(names, jax.tree.leaves(part), strict=True):
            if leaf.dtype.kind in "biuf":
                low, high = ranges.get(name, (np.inf, -np.inf))
                # NumPy's, which do not pass over what is not a number
                ranges[name] = np.minimum(low, leaf.min()), np.maximum(high, leaf.max())
            if leaf.dtype.kind in "iu" and leaf.ndim == 1:
                counts[name].update(leaf.tolist())
    lines = [f"{len(data):,} examples"]
    for name, (_, leaf) in zip(names, leaves, strict=True):
        least, most = ranges.get(name, (np.nan, np.nan))
        reach = f", {least:.6g} to {most:.6g}" if name in ranges else ""
        lines.append(f"  {name:14} {leaf.dtype} {leaf.shape[1:]}{reach}")
        if leaf.dtype.kind == "f" and name.startswith("real") and least >= 0:
            lines.append("    never below 0: the generators here make -1 to 1")
        if 0 < len(counts[name]) <= MOST_CLASSES:
            classes = data.classes if name == "condition[0]" else ()
            lines.append("    " + _counted(counts[name], classes))
    return "\n".join(lines)


def contact_sheet(data: Dataset) -> Image.Image | None:
    """Draw some examples, evenly spaced, pairs side by side; None if not images."""
    chosen = np.linspace(0, len(data) - 1, min(SHOWN, len(data))).astype(np.int64)
    images = [
        _rgb(as_float(leaf))
        for leaf in jax.tree.leaves(data.gather(chosen).real)
        if leaf.ndim == 4 and leaf.shape[-1] in (1, 3)
    ]
    heights = {image.shape[1] for image in images}
    if not images:
        return None
    return image_grid(
        np.concatenate(images if len(heights) == 1 else images[:1], axis=2)
    )


def _check_apply(options: Data, kind: set[str]) -> None:
    for field in dataclasses.fields(options):
        given = getattr(options, field.name) != field.default
        if given and field.name not in kind | {"spec", "out"}:
            name = field.name.replace("_", "-")
            raise InputError(f"--{name}: does not apply to {options.spec}.")


def _labeling(options: Data) -> Labeling | None:
    columns = (options.file, options.label, options.caption)
    if options.table is None:
        if any(columns):
            raise InputError("--table: name the file that has the columns.")
        return by_folder if options.by_folder else None
    if options.by_folder:
        raise InputError("--table: give either a table or --by-folder.")
    if not any(columns[1:]):
        raise InputError("--table: name one of its columns by --label or --caption.")
    return by_table(
        options.table, options.label, options.caption, options.file or "file"
    )


def _counted(counts: Counter[int], classes: tuple[str, ...]) -> str:
    named = [
        f"{classes[value] if 0 <= value < len(classes) else value}: {count:,}"
        for value, count in sorted(counts.items())
    ]
    rows = (named[i : i + 8] for i in range(0, len(named), 8))
    return "\n    ".join("   ".join(row) for row in rows)


def _rgb(images: NDArray) -> NDArray[np.float32]:
    return np.broadcast_to(images, (*images.shape[:-1], 3)).astype(np.float32)
