"""Labels for the images of a folder: classes by sub-folder, or columns of a table."""

import csv
import dataclasses
import difflib
import json
import posixpath
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxgan.data.readers.files import printable
from jaxgan.errors import InputError, as_path, check_instance, check_name, check_names

DELIMITERS = {".csv": ",", ".tsv": "\t"}


@dataclasses.dataclass(frozen=True)
class Labels:
    """Condition arrays for a list of files, in the same order."""

    columns: tuple[NDArray, ...]
    classes: tuple[str, ...] = ()  # names of the integers of the first column

    def __post_init__(self) -> None:
        check_instance("columns", self.columns, tuple, "(array, …)")
        for column in self.columns:
            check_instance("columns: each", column, np.ndarray, "np.array([0, 1])")
        check_names("classes", self.classes)


Labeling = Callable[[Sequence[str]], Labels]
"""`(file names) -> Labels`; a name is the path relative to the folder, with slashes."""


def by_folder(names: Sequence[str]) -> Labels:
    """Label images by sub-folder: int32, 0, 1, … in the order of the folders' names.

    Names that are all integers are sorted as integers.

    Raises:
        InputError: if a file lies in no sub-folder.

        >>> from jaxgan.data import by_folder
        >>> labels = by_folder(["cat/1.png", "dog/1.png", "dog/2.png"])
        >>> labels.columns[0].tolist(), labels.classes
        ([0, 1, 1], ('cat', 'dog'))
    """
    check_names("by_folder: names", names)
    for name in names:
        if "/" not in name:
            raise InputError(
                f"labels, of the images' names: {name} is not in a sub-folder; put "
                "every class in a sub-folder of its own."
            )
    folders = [name.split("/")[0] for name in names]
    return _encode_classes(folders, key=int if all(map(_is_integer, folders)) else None)


def by_table(
    path: Path | str,
    label: str | None = None,
    caption: str | None = None,
    file: str = "file",
) -> Labeling:
    """Label images by a `.csv`, `.tsv` or `.jsonl` table with a row for each file.

    The first line of a `.csv` or `.tsv` file names the columns. Each line of a `.jsonl`
    file is an object. A row names its file by the path relative to the folder, with or
    without the ending. Paths may have backslashes, and may all begin with the same
    folders, as absolute ones do.

    Args:
        path: path of the table.
        label: column of classes, as int32. Integers are kept; names are numbered in
            alphabetical order.
        caption: column of texts. They become NumPy strings, which `map` must encode
            before training.
        file: column of the file names.

    Raises:
        InputError: if the table is missing, empty or cannot be read, lacks a column,
            a row has more or fewer values than there are columns, labels are blank or
            mix integers and names, or neither `label` nor `caption` is given. When the
            folder is read, it is raised if a row has no file or a file has no row.
    """
    path = as_path("by_table: path", path)
    for given in (label, caption):
        if given is not None:
            check_name("by_table: label and caption, if given,", given)
    check_name("by_table: file", file)
    wanted = [name for name in (label, caption) if name is not None]
    if not wanted:
        raise InputError("by_table: name a column as label, as caption, or both.")
    rows = _read_rows(path)
    columns = {"file": file, "label": label, "caption": caption}
    for option, column in columns.items():
        for number, row in rows:
            if column is not None and row.get(column) is None:
                raise InputError(
                    f"{option}: {path}, line {number}: there is no {column!r}; the "
                    "columns are "
                    f"{sorted(k for k, value in row.items() if k and value)}."
                )
    if label is not None:
        _check_labels(path, [(number, row[label]) for number, row in rows])

    def labeling(names: Sequence[str]) -> Labels:
        found = _match_rows(path, file, rows, names)
        made = Labels(())
        if label is not None:
            values = [str(found[name][label]) for name in names]
            made = (
                _integer_labels(values)
                if _is_integer(values[0])
                else _encode_classes(values)
            )
        if caption is not None:
            texts = np.array([str(found[name][caption]) for name in names])
            made = Labels((*made.columns, texts), made.classes)
        return made

    return labeling


def _read_rows(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """Read all rows, each with the number of its last line."""
    if not path.is_file():
        raise InputError(f"by_table: path {path} is not a file.")
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            if path.suffix in DELIMITERS:
                reader = csv.DictReader(lines, delimiter=DELIMITERS[path.suffix])
                rows = [(reader.line_num, row) for row in reader]
                _check_columns(path, reader.fieldnames or (), rows)
            elif path.suffix == ".jsonl":
                numbered = enumerate(lines, start=1)
                rows = [
                    _parse_json(path, *item) for item in numbered if item[1].strip()
                ]
            else:
                raise InputError(
                    f"by_table: path {path} must end in .csv, .tsv or .jsonl."
                )
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"by_table: {path} cannot be read: {error}.") from error
    if not rows:
        raise InputError(f"by_table: {path} has no rows.")
    return rows


def _parse_json(path: Path, number: int, line: str) -> tuple[int, dict[str, Any]]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise InputError(f"{path}, line {number}: {error.msg}.") from error
    if not isinstance(row, dict):
        raise InputError(f"{path}, line {number}: {line.strip()} is not an object.")
    return number, row


def _match_rows(
    path: Path,
    file: str,
    rows: Sequence[tuple[int, dict[str, Any]]],
    names: Sequence[str],
) -> dict[str, dict[str, Any]]:
    """Map every file name to its row.

    Raises:
        InputError: if a row has no file, or a file has no row or several.
    """
    known = {_normal(name): name for name in names}
    bare = {str(PurePosixPath(name).with_suffix("")): name for name in known}

    def find(path: PurePosixPath, dropped: int) -> str | None:
        own = str(PurePosixPath(*path.parts[dropped:]))
        return known.get(own) or known.get(bare.get(own, ""))

    given = [PurePosixPath(_normal(str(row[file]))) for _, row in rows]
    dropped = _shared_folders(given, find)
    found: dict[str, dict[str, Any]] = {}
    for (number, row), own in zip(rows, given, strict=True):
        name = find(own, dropped)
        if name is None:
            raise InputError(
                f"{path}, line {number}: there is no image {str(row[file])!r} in the "
                f"folder; the nearest is {_nearest(own, names)!r}. Correct or remove "
                "the row, or add the image."
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


def _normal(name: str) -> str:
    """Write a path as the names of files are: with slashes, and without `.`.

    Letters with accents are composed, as they are not on every system.
    """
    composed = unicodedata.normalize("NFC", name.strip().replace("\\", "/"))
    return posixpath.normpath(composed)


def _shared_folders(
    paths: Sequence[PurePosixPath],
    find: Callable[[PurePosixPath, int], str | None],
) -> int:
    """Count the folders that all paths begin with, and the names of files do not.

    Paths may begin at the root, or with the name of the folder of images. Dropping
    different folders of different rows could find other images of the same name.
    """
    levels = zip(*(path.parts[:-1] for path in paths), strict=False)
    shared = list(takewhile(lambda level: len(set(level)) == 1, levels))
    found = [
        sum(find(path, dropped) is not None for path in paths)
        for dropped in range(len(shared) + 1)
    ]
    return found.index(max(found))


def _nearest(path: PurePosixPath, names: Sequence[str]) -> str:
    """Find the name most like a path, one with the same last part if there is any."""
    like = [name for name in names if PurePosixPath(name).stem == path.stem]
    return max(
        like or names[:10_000],  # which takes a second or two
        key=lambda name: difflib.SequenceMatcher(None, str(path), name).ratio(),
    )


def _check_columns(
    path: Path, columns: Sequence[str], rows: Iterable[tuple[int, dict[str, Any]]]
) -> None:
    twice = {name for name in columns if list(columns).count(name) > 1}
    if twice:
        raise InputError(f"{path}: two columns are named {min(twice)!r}.")
    for number, row in rows:
        if None in row:  # DictReader puts extra values under None
            raise InputError(
                f"{path}, line {number}: there are more values than the "
                f"{len(columns)} columns; put texts that hold a delimiter in quotes."
            )


def _check_labels(path: Path, values: Sequence[tuple[int, Any]]) -> None:
    first = values[0][1]
    for number, value in values:
        if not isinstance(value, int | str) or not str(value).strip():
            raise InputError(
                f"{path}, line {number}: a label must be an integer or a name, "
                f"got {value!r}."
            )
        if _is_integer(value) != _is_integer(first):
            raise InputError(
                f"{path}, line {number}: labels must be all integers or all names, got "
                f"{first!r} and {value!r}."
            )


def _is_integer(value: Any) -> bool:
    """Check for an integer as Python prints it; 01 and 1_0 are names."""
    try:
        return str(int(value)) == str(value)
    except ValueError:
        return False


def _integer_labels(values: Sequence[str]) -> Labels:
    try:
        return Labels((np.array([int(value) for value in values], np.int32),))
    except OverflowError as error:
        raise InputError(
            f"labels: {error}; use smaller numbers or names for the classes."
        ) from error


def _encode_classes(
    values: Sequence[str], key: Callable[[str], int] | None = None
) -> Labels:
    """Number the classes 0, 1, … in sorted order."""
    classes = sorted(set(values), key=key)
    numbers = {name: number for number, name in enumerate(classes)}
    encoded = np.array([numbers[value] for value in values], np.int32)
    return Labels((encoded,), tuple(map(printable, classes)))
