"""Report the members of a sweep as a table, curves and JSON."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxgan.metrics.protocol import Measurement
from jaxgan.reporting.figures import curves
from jaxgan.reporting.log import Row, finite_or_none
from jaxgan.reporting.tables import mean_and_error
from jaxgan.training.experiment import Experiment
from jaxgan.training.snapshots import SampleInputs

Values = dict[str, float]


@dataclasses.dataclass
class SweepMember:
    """One run of a sweep and its measurements.

    values:  of the swept fields.
    seed:    of the run.
    config:  an instance of the experiment's Config.
    experiment: made of it.
    inputs:  the rows that it is measured by.
    log:     what it reported, by step.
    measured: what it measured, by step.
    scores:  at the end, if the experiment is evaluated.
    diverged_at: the step at which it was seen to have diverged.
    """

    values: Values
    seed: int
    config: Any
    experiment: Experiment
    inputs: SampleInputs
    log: dict[int, Row] = dataclasses.field(default_factory=dict)
    measured: dict[int, Row] = dataclasses.field(default_factory=dict)
    scores: list[Measurement] = dataclasses.field(default_factory=list)
    diverged_at: int | None = None

    @property
    def last(self) -> Row:
        """The last measurement; nothing if there was none before it diverged."""
        return self.measured[max(self.measured)] if self.measured else {}

    @property
    def results(self) -> Row:
        """The last measurement and the scores."""
        return self.last | {score.name: score.value for score in self.scores}


def table(members: Sequence[SweepMember]) -> str:
    """Format mean ± standard error over the seeds that did not diverge, as Markdown."""
    names = _measured(members)
    swept = list(members[0].values)
    lines = [
        "| " + " | ".join([*swept, "seeds", *names, "diverged"]) + " |",
        "|" + "---|" * (len(swept) + len(names) + 2),
    ]
    for cell in _cells(members):
        sound = [each for each in cell if each.diverged_at is None]
        rows = [each.results for each in sound if each.results]
        measured = [mean_and_error([row[name] for row in rows]) for name in names]
        lost = [
            f"seed {m.seed} by step {m.diverged_at:,}"
            for m in cell
            if m.diverged_at is not None
        ]
        values = [f"{value:g}" for value in cell[0].values.values()]
        row = [*values, f"{len(sound)} of {len(cell)}", *measured, ", ".join(lost)]
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines)


def write_report(directory: Path, name: str, members: Sequence[SweepMember]) -> None:
    """Write table.md, sweep.json and, if anything was measured, curves.png."""
    (directory / "table.md").write_text(table(members) + "\n", encoding="utf-8")
    about = [
        {
            "seed": each.seed,
            **each.values,
            "diverged": [] if each.diverged_at is None else [each.diverged_at],
            "measured": finite_or_none(each.results),
        }
        for each in members
    ]
    told = {"experiment": name, "members": about}
    text = json.dumps(told, indent=2, allow_nan=False)
    (directory / "sweep.json").write_text(text + "\n", encoding="utf-8")
    lines = {
        ", ".join(f"{k} {v:g}" for k, v in cell[0].values.items()) or "all seeds": [
            each.measured for each in cell if each.last and each.diverged_at is None
        ]
        for cell in _cells(members)
    }
    lines = {label: runs for label, runs in lines.items() if runs}
    if lines:
        curves(lines).save(directory / "curves.png")


def _cells(members: Sequence[SweepMember]) -> list[list[SweepMember]]:
    """Group the members by their swept values; those of a group differ in seed."""
    cells: dict[tuple[float, ...], list[SweepMember]] = {}
    for each in members:
        cells.setdefault(tuple(each.values.values()), []).append(each)
    return list(cells.values())


def _measured(members: Sequence[SweepMember]) -> list[str]:
    """List the names of the measurements."""
    sound = [each.results for each in members if each.diverged_at is None]
    every = sound or [each.results for each in members]
    return next((list(row) for row in every if row), [])
