"""What goes with each image of a folder: its class, or a row of a table."""

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxgan.errors import InputError

DELIMITERS = {".csv": ",", ".tsv": "\t"}


class Labels(NamedTuple):
    """The conditions of some files, in their order."""

    columns: tuple[NDArray, ...]
    classes: tuple[str, ...] = ()  # what the integers of the first column count


Labelling = Callable[[Sequence[str]], Labels]
"""`(names of files) -> Labels`; a name is the path inside the folder, with slashes."""


def by_folder(names: Sequence[str]) -> Labels:
    """A class for each sub-folder: int32, in the order of the folders' names.

    Raises:
        InputError: if a file lies in no sub-folder.

        >>> from jaxgan.data import by_folder
        >>> labels = by_folder(["cat/1.png", "dog/1.png", "dog/2.png"])
        >>> labels.columns[0].tolist(), labels.classes
        ([0, 1, 1], ('cat', 'dog'))
    """
    for name in names:
        if "/" not in name:
            raise InputError(
                f"labels: {name} lies in no sub-folder; give every class a folder of "
                "its own."
            )
    return _classes([name.split("/")[0] for name in names])


def by_table(
    path: Path | str,
    label: str | None = None,
    caption: str | None = None,
    file: str = "file",
) -> Labelling:
    """A row for each file, in a `.csv`, `.tsv` or `.jsonl` file.

    The first line of a `.csv` or `.tsv` file names the columns; each line of a `.jsonl`
    file is an object. A row names its file by the path inside the folder, with or
    without the ending.

    Args:
        path: of the table.
        label: the column of classes: integers are kept, names become int32 in
            alphabetical order.
        caption: the column of texts; they come out as NumPy strings, which `map` must
            encode before they are trained on.
        file: the column of the files' names.

    Raises:
        InputError: if the table is missing, empty or cannot be read, lacks a column,
            or neither label nor caption is asked for; when the folder is read, if a row
            has no file or a file no row.
    """
    path = Path(path)
    wanted = [name for name in (label, caption) if name is not None]
    if not wanted:
        raise InputError("by_table: name a column as label, as caption, or both.")
    rows = _rows(path)
    for column in (file, *wanted):
        for number, row in rows:
            if row.get(column) is None:
                raise InputError(
                    f"{path}, line {number}: there is no {column!r}; the columns are "
                    f"{sorted(k for k, value in row.items() if k and value)}."
                )

    def labelling(names: Sequence[str]) -> Labels:
        found = _by_file(path, file, rows, names)
        made = Labels(())
        if label is not None:
            made = _classes([found[name][label] for name in names])
        if caption is not None:
            texts = np.array([str(found[name][caption]) for name in names])
            made = made._replace(columns=(*made.columns, texts))
        return made

    return labelling


def _rows(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """Every row with the line where it ends."""
    if not path.is_file():
        raise InputError(f"by_table: {path} is not a file.")
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            if path.suffix in DELIMITERS:
                reader = csv.DictReader(lines, delimiter=DELIMITERS[path.suffix])
                rows = [(reader.line_num, row) for row in reader]
            elif path.suffix == ".jsonl":
                numbered = enumerate(lines, start=1)
                rows = [_json_row(path, *item) for item in numbered if item[1].strip()]
            else:
                raise InputError(f"by_table: {path} must end in .csv, .tsv or .jsonl.")
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"by_table: {path} cannot be read: {error}.") from error
    if not rows:
        raise InputError(f"by_table: {path} has no rows.")
    return rows


def _json_row(path: Path, number: int, line: str) -> tuple[int, dict[str, Any]]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise InputError(f"{path}, line {number}: {error.msg}.") from error
    if not isinstance(row, dict):
        raise InputError(f"{path}, line {number}: {line.strip()} is not an object.")
    return number, row


def _by_file(
    path: Path,
    file: str,
    rows: Iterable[tuple[int, dict[str, Any]]],
    names: Sequence[str],
) -> dict[str, dict[str, Any]]:
    """The row of every file, and no row or file left over."""
    whole = {name: name for name in names}
    bare = {str(PurePosixPath(name).with_suffix("")): name for name in names}
    found: dict[str, dict[str, Any]] = {}
    for number, row in rows:
        named = str(row[file])
        name = whole.get(named) or bare.get(named)
        if name is None:
            raise InputError(
                f"{path}, line {number}: there is no image {named!r} in the folder; "
                "remove the row, or add the image."
            )
        if name in found:
            raise InputError(f"{path}, line {number}: a second row for {name}.")
        found[name] = row
    missing = [name for name in names if name not in found]
    if missing:
        raise InputError(
            f"{path} has no row for {missing[0]}"
            + (f" and {len(missing) - 1:,} other images" if missing[1:] else "")
            + "; add one for each, or remove the images."
        )
    return found


def _classes(values: Sequence[Any]) -> Labels:
    """Integers as they are; anything else as classes, counted by name."""
    try:
        return Labels((np.array([int(str(value)) for value in values], np.int32),))
    except ValueError:
        classes, counted = np.unique([str(v) for v in values], return_inverse=True)
        return Labels((counted.astype(np.int32),), tuple(map(str, classes)))
    except OverflowError as error:
        raise InputError(
            f"labels: {error}; give classes smaller numbers, or names."
        ) from error
