"""Read and write a run's log: a line of JSON a step, and TensorBoard's files."""

import contextlib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from jaxgan.types import Info

Row = dict[str, float]

Log = Callable[[int, Row], None]
"""`(step, row)`, writes a row somewhere."""


def flatten(info: Info) -> Row:
    """Everything a step reports, by name: `discriminator/r1`, `generator/gradient`."""
    row: Row = {}
    for player, terms in info.losses.items():
        row |= {f"{player}/{term}": float(value) for term, value in terms.items()}
        row[f"{player}/gradient"] = float(info.gradient_norms[player])
        told = info.diagnostics[player]
        row |= {f"{player}/{name}": float(value) for name, value in told.items()}
    return row


def write_row(path: Path, step: int, row: Mapping[str, float]) -> None:
    """Append a line to `metrics.jsonl`; values that are not finite become null."""
    numbers = {name: float(value) for name, value in row.items()}
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"step": step, **finite_or_none(numbers)}) + "\n")


def finite_or_none(row: Row) -> dict[str, float | None]:
    """A row as JSON can hold it, which knows no infinity."""
    return {k: v if math.isfinite(v) else None for k, v in row.items()}


def read_rows(path: Path) -> list[dict[str, Any]]:
    """All whole lines of `metrics.jsonl`; a torn or damaged line is left out."""
    rows = []
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    for line in text.splitlines():
        with contextlib.suppress(json.JSONDecodeError):
            row = json.loads(line)
            if isinstance(row, dict) and isinstance(row.get("step"), int):
                rows.append(row)
    return rows


def rewind(path: Path, step: int) -> None:
    """Forget the lines after a step, which a resumed run will write again."""
    kept = [row for row in read_rows(path) if row["step"] <= step]
    if path.exists():
        fresh = path.with_suffix(".tmp")
        fresh.write_text("".join(json.dumps(row) + "\n" for row in kept), "utf-8")
        fresh.replace(path)


@contextlib.contextmanager
def event_file(directory: Path, step: int) -> Iterator[Log]:
    """TensorBoard's log, a scalar for each name; what it had after `step` is forgotten.

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

        yield log
