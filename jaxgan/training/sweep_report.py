"""What a sweep reports: its members' measurements as a table, curves and JSON."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxgan.metrics.protocol import Measurement
from jaxgan.reporting.figures import curves
from jaxgan.reporting.log import Row, finite_or_none
from jaxgan.reporting.tables import mean_and_error
from jaxgan.training.experiment import Experiment
from jaxgan.training.snapshots import Showing

Values = dict[str, float]


class Member(NamedTuple):
    """One run of a sweep, and what became of it."""

    values: Values  # of the fields swept
    seed: int
    config: Any
    experiment: Experiment
    showing: Showing
    log: dict[int, Row]  # by step
    measured: dict[int, Row]  # by step
    diverged: list[int]  # the step at which that was seen, if it was
    scores: list[Measurement]  # at the end, if the experiment is evaluated

    @property
    def last(self) -> Row:
        """The last measurement; nothing if there was none before it diverged."""
        return self.measured[max(self.measured)] if self.measured else {}

    @property
    def results(self) -> Row:
        """The last measurement and the scores."""
        return self.last | {score.name: score.value for score in self.scores}


def table(members: Sequence[Member]) -> str:
    """Mean ± standard error over the seeds that did not diverge, in Markdown."""
    names = _measured(members)
    swept = list(members[0].values)
    lines = [
        "| " + " | ".join([*swept, "seeds", *names, "diverged"]) + " |",
        "|" + "---|" * (len(swept) + len(names) + 2),
    ]
    for cell in _cells(members):
        sound = [each for each in cell if not each.diverged]
        rows = [each.results for each in sound if each.results]
        measured = [mean_and_error([row[name] for row in rows]) for name in names]
        lost = [f"seed {m.seed} by step {m.diverged[0]:,}" for m in cell if m.diverged]
        values = [f"{value:g}" for value in cell[0].values.values()]
        row = [*values, f"{len(sound)} of {len(cell)}", *measured, ", ".join(lost)]
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines)


def write_report(directory: Path, name: str, members: Sequence[Member]) -> None:
    """Write table.md, sweep.json and, if anything was measured, curves.png."""
    (directory / "table.md").write_text(table(members) + "\n", encoding="utf-8")
    about = [
        {
            "seed": each.seed,
            **each.values,
            "diverged": each.diverged[:1],
            "measured": finite_or_none(each.results),
        }
        for each in members
    ]
    told = {"experiment": name, "members": about}
    text = json.dumps(told, indent=2, allow_nan=False)
    (directory / "sweep.json").write_text(text + "\n", encoding="utf-8")
    lines = {
        ", ".join(f"{k} {v:g}" for k, v in cell[0].values.items()) or "all seeds": [
            each.measured for each in cell if each.last and not each.diverged
        ]
        for cell in _cells(members)
    }
    lines = {label: runs for label, runs in lines.items() if runs}
    if lines:
        curves(lines).save(directory / "curves.png")


def _cells(members: Sequence[Member]) -> list[list[Member]]:
    """The members of each combination of values, which differ in their seeds."""
    cells: dict[tuple[float, ...], list[Member]] = {}
    for each in members:
        cells.setdefault(tuple(each.values.values()), []).append(each)
    return list(cells.values())


def _measured(members: Sequence[Member]) -> list[str]:
    """The names of what is measured."""
    sound = [each.results for each in members if not each.diverged]
    every = sound or [each.results for each in members]
    return next((list(row) for row in every if row), [])
