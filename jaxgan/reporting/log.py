"""Read and write a run's log: JSON Lines and TensorBoard event files."""

import contextlib
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from jaxgan.errors import InputError, as_path, naming
from jaxgan.sealed_lines import is_sound

Row = dict[str, float]

BLOCK = 2**16
"""Bytes that are read at once from the end of a log."""

Log = Callable[[int, Row], None]
"""`(step, row)`; a function that writes a row of a log."""


def write_row(path: Path, step: int, row: Mapping[str, float]) -> None:
    """Append a line to `metrics.jsonl`; values that are not finite become null."""
    numbers = {name: float(value) for name, value in row.items()}
    with naming(path), path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"step": step, **finite_or_none(numbers)}) + "\n")


def finite_or_none(row: Row) -> dict[str, float | None]:
    """Replace values that are not finite, which JSON cannot represent, by None."""
    return {k: v if math.isfinite(v) else None for k, v in row.items()}


def read_rows(path: Path | str) -> list[dict[str, Any]]:
    """Read all complete lines of `metrics.jsonl`; skip truncated or damaged ones."""
    path = as_path("path", path)
    if path.is_dir():
        raise InputError(f"path: {path} is a folder; give a .jsonl file.")
    if not path.exists():
        return []
    with path.open("rb") as file:
        return [row for row in map(_parse, file) if row is not None]


def last_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the complete lines of a log from the last to the first, as they are read.

    So the end of a log of any length is found at once.
    """
    for _, line in _lines_backwards(path):
        if (row := _parse(line)) is not None:
            yield row


def last_row_of(path: Path, step: int) -> dict[str, Any] | None:
    """Return the last complete line of a log if it is that of a step, else None."""
    row = next(last_rows(path), None)
    return row if row is not None and row["step"] == step else None


def rewind(path: Path, step: int) -> None:
    """Cut off the lines after a step, which a resumed run will write again.

    An incomplete last line, of a process that was killed, is cut off too.
    """
    for end, line in _lines_backwards(path):
        row = _parse(line)
        if row is not None and row["step"] <= step and line.endswith(b"\n"):
            os.truncate(path, end)
            return
    if path.exists():
        os.truncate(path, 0)


def _parse(line: bytes) -> dict[str, Any] | None:
    """Parse a line; None if it is truncated or damaged."""
    try:
        row = json.loads(line)
    except ValueError:  # of JSON or of UTF-8
        return None
    valid = isinstance(row, dict) and isinstance(row.get("step"), int)
    return row if valid and is_sound(line) else None


def _lines_backwards(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield `(end, line)` from the last line to the first; `end` is a file position."""
    if not path.exists():
        return
    with path.open("rb") as file:
        start = end = file.seek(0, os.SEEK_END)
        rest = b""
        while start:
            size = min(BLOCK, start)
            start = file.seek(start - size)
            first, *lines = (file.read(size) + rest).splitlines(keepends=True)
            for line in reversed(lines):
                yield end, line
                end -= len(line)
            rest = first
        if rest:
            yield end, rest


@contextlib.contextmanager
def event_file(directory: Path, step: int) -> Iterator[Log]:
    """Open a TensorBoard log of scalars; entries after `step` are purged.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from jaxgan.reporting.log import event_file
    >>> with tempfile.TemporaryDirectory() as name:
    ...     with event_file(Path(name), step=0) as log:
    ...         log(100, {"generator/loss": 0.7})
    ...     len([*Path(name).glob("events.out.tfevents.*")])
    1
    """
    from tensorboardX import SummaryWriter

    with SummaryWriter(str(directory), purge_step=step + 1) as writer:

        def log(step: int, row: Row) -> None:
            for name, value in row.items():
                writer.add_scalar(name, value, step)
            writer.flush()  # so that a process that is killed has written it

        yield log
