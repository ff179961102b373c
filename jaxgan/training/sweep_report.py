"""Write and read sweep.json, the state of a sweep; format its table and curves."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pydantic

from jaxgan.errors import InputError
from jaxgan.reporting.figures import curves
from jaxgan.reporting.log import Row
from jaxgan.reporting.tables import mean_and_error
from jaxgan.training.records import read_record, write_record

Values = dict[str, float]

SWEEP = "sweep.json"
"""The name of the file that makes a directory a sweep."""


class SweepMember(pydantic.BaseModel):
    """A member of a sweep, and what it measured last."""

    run: str  # the name of its run directory
    seed: int
    values: Values  # of the swept fields
    diverged: int | None = None  # the step at which it was seen to have diverged
    kept: bool = True  # as a run, when the sweep is finished
    measured: dict[str, float | None] = {}  # last, scores included; None: not finite


class SweepRecord(pydantic.BaseModel):
    """The contents of sweep.json."""

    experiment: str
    grid: dict[str, list[float]]
    seeds: int
    config: dict[str, Any]  # of the first member
    sequential: bool
    keep: int | None  # how many members are kept as runs; None: all
    members: list[SweepMember]
    finished: bool = False
    best: str | None = None  # the run of the best member, where members are ranked


def write_sweep(directory: Path, sweep: SweepRecord) -> None:
    """Write sweep.json, whole or not at all."""
    write_record(directory / SWEEP, sweep)


def read_sweep(directory: Path) -> SweepRecord:
    """Read the sweep.json of a directory.

    Raises:
        InputError: if there is none, or it is damaged.
    """
    try:
        return read_record(SweepRecord, directory / SWEEP)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(
            f"{directory} is not the directory of a sweep: it has no {SWEEP}."
        ) from error


def check_no_member(directory: Path) -> None:
    """Check that a run is not a member of a sweep that still trains it.

    Raises:
        InputError: if it is.
    """
    command = command_to_go_on(directory)
    if command.startswith("jaxgan sweep"):
        raise InputError(
            f"{directory} is a member of a sweep that is not finished; go on with it "
            f"by `{command}`."
        )


def command_to_go_on(directory: Path) -> str:
    """Return the command that trains a run further, alone or with its sweep."""
    sweep = directory.resolve().parent
    is_member = (sweep / SWEEP).exists() and not read_sweep(sweep).finished
    return f"jaxgan sweep {sweep}" if is_member else f"jaxgan train {directory}"


def table(members: Sequence[SweepMember]) -> str:
    """Format mean ± standard error over the seeds that did not diverge, as Markdown."""
    names = _measured_names(members)
    swept = list(members[0].values)
    lines = [
        "| " + " | ".join([*swept, "seeds", *names, "diverged"]) + " |",
        "|" + "---|" * (len(swept) + len(names) + 2),
    ]
    for cell in _cells(members):
        sound = [each for each in cell if each.diverged is None]
        measured = [_averaged(sound, name) for name in names]
        lost = [
            f"seed {each.seed} by step {each.diverged:,}"
            for each in cell
            if each.diverged is not None
        ]
        values = [f"{value:g}" for value in cell[0].values.values()]
        row = [*values, f"{len(sound)} of {len(cell)}", *measured, ", ".join(lost)]
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines)


def write_report(
    directory: Path,
    members: Sequence[SweepMember],
    measured: Mapping[str, Mapping[int, Row]],
) -> None:
    """Write table.md and, if anything was measured while it trained, curves.png.

    Args:
        directory: of the sweep.
        members: all of them.
        measured: what each measured, by its run and the step.
    """
    (directory / "table.md").write_text(table(members) + "\n", encoding="utf-8")
    rows = [row for each in measured.values() for row in each.values()]
    names = [name for name in (rows or [{}])[0] if all(name in row for row in rows)]
    lines = {}
    for cell in _cells(members):
        values = cell[0].values
        label = ", ".join(f"{k} {v:g}" for k, v in values.items()) or "all seeds"
        sound = [measured[each.run] for each in cell if each.diverged is None]
        if any(sound):
            lines[label] = [
                {step: {name: row[name] for name in names} for step, row in run.items()}
                for run in sound
                if run
            ]
    if lines and names:
        curves(lines).save(directory / "curves.png")


def _cells(members: Sequence[SweepMember]) -> list[list[SweepMember]]:
    """Group the members by their swept values; those of a group differ in seed."""
    cells: dict[tuple[float, ...], list[SweepMember]] = {}
    for each in members:
        cells.setdefault(tuple(each.values.values()), []).append(each)
    return list(cells.values())


def _measured_names(members: Sequence[SweepMember]) -> list[str]:
    """List the names of the measurements of any member."""
    sound = [each.measured for each in members if each.diverged is None]
    every = sound or [each.measured for each in members]
    return [*dict.fromkeys(name for row in every for name in row)]


def _averaged(members: Sequence[SweepMember], name: str) -> str:
    """Format the mean of a measurement, and of how many members if not of all."""
    values = [
        math.nan if (value := each.measured[name]) is None else value
        for each in members
        if name in each.measured
    ]
    text = mean_and_error(values)
    return f"{text} (of {len(values)})" if 0 < len(values) < len(members) else text
