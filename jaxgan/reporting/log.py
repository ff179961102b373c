"""Read and write a run's log: JSON Lines and TensorBoard event files."""

import contextlib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from jaxgan.types import Info

Row = dict[str, float]

Log = Callable[[int, Row], None]
"""`(step, row)`; a function that writes a row of a log."""


def flatten(info: Info) -> Row:
    """Flatten a step's report to names such as `discriminator/r1`."""
    row: Row = {}
    for player, terms in info.losses.items():
        row |= {f"{player}/{term}": float(value) for term, value in terms.items()}
        row[f"{player}/gradient"] = float(info.gradient_norms[player])
        diagnostics = info.diagnostics[player]
        row |= {f"{player}/{name}": float(value) for name, value in diagnostics.items()}
    return row


def write_row(path: Path, step: int, row: Mapping[str, float]) -> None:
    """Append a line to `metrics.jsonl`; values that are not finite become null."""
    numbers = {name: float(value) for name, value in row.items()}
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"step": step, **finite_or_none(numbers)}) + "\n")


def finite_or_none(row: Row) -> dict[str, float | None]:
    """Replace values that are not finite, which JSON cannot represent, by None."""
    return {k: v if math.isfinite(v) else None for k, v in row.items()}


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Read all complete lines of `metrics.jsonl`; skip truncated or damaged ones."""
    rows = []
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    for line in text.splitlines():
        with contextlib.suppress(json.JSONDecodeError):
            row = json.loads(line)
            if isinstance(row, dict) and isinstance(row.get("step"), int):
                rows.append(row)
    return rows


def rewind(path: Path, step: int) -> None:
    """Delete the lines after a step, which a resumed run will write again."""
    kept = [row for row in read_rows(path) if row["step"] <= step]
    if path.exists():
        fresh = path.with_suffix(".tmp")
        fresh.write_text("".join(json.dumps(row) + "\n" for row in kept), "utf-8")
        fresh.replace(path)


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

        yield log
