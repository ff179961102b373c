"""`jaxgan compare`: the scores of several runs, if they were taken alike."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from jaxgan.errors import InputError
from jaxgan.metrics.protocol import Score, check_alike, read_scores
from jaxgan.reporting import curves, mean_and_error, with_error
from jaxgan.run import name_of


class Compared(NamedTuple):
    """A run's scores that are compared."""

    directory: Path
    experiment: str
    scores: dict[str, list[Score]]  # by name, of one protocol, the last one last

    def last(self, name: str) -> Score:
        """The latest score of a name."""
        return self.scores[name][-1]


def read_compared(runs: Sequence[Path], names: Sequence[str] = ()) -> list[Compared]:
    """Read the scores of runs.

    Args:
        runs: directories.
        names: of scores; by default all that every run has, but for shares of classes.

    Raises:
        InputError: if no run is named, one has no scores or lacks one of the names, or
            their latest scores were not taken by one protocol.
    """
    if not runs:
        raise InputError("runs: name at least one run directory.")
    found = [_read(run) for run in runs]
    common = [n for n in found[0].scores if all(n in each.scores for each in found)]
    wanted = names or [name for name in common if not name.startswith("share_of_")]
    for name in wanted:
        if name not in common:
            raise InputError(
                f"--metrics: not every run has a score {name!r}; all have {common}."
            )
        check_alike(each.last(name) for each in found)
    return [
        each._replace(scores={name: each.scores[name] for name in wanted})
        for each in found
    ]


def score_table(compared: Sequence[Compared]) -> str:
    """A row a run, with standard errors, and one for each experiment of several runs.

    The error of a run is that of its samples; the error of several is that of the runs.
    """
    names = list(compared[0].scores)
    head = ["run", "step", *names]
    rows = [
        [
            str(each.directory),
            f"{each.last(names[0]).step:,}",
            *(with_error(each.last(n).value, each.last(n).error) for n in names),
        ]
        for each in compared
    ]
    for experiment in dict.fromkeys(each.experiment for each in compared):
        group = [each for each in compared if each.experiment == experiment]
        if len(group) > 1:
            means = [mean_and_error([e.last(n).value for e in group]) for n in names]
            rows.append([f"mean of {len(group)} {experiment}", "", *means])
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def score_curves(compared: Sequence[Compared]) -> Image.Image:
    """Each run's scores over its steps."""
    return curves({str(each.directory): [_by_step(each)] for each in compared})


def _by_step(compared: Compared) -> dict[int, dict[str, float]]:
    rows: dict[int, dict[str, float]] = {}
    for name, scores in compared.scores.items():
        for score in scores:
            rows.setdefault(score.step, {})[name] = score.value
    return {step: row for step, row in rows.items() if len(row) == len(compared.scores)}


def _read(run: Path) -> Compared:
    experiment, scores = name_of(run), read_scores(run / "scores.jsonl")
    if not scores:
        raise InputError(f"{run} has no scores; take some by `jaxgan evaluate {run}`.")
    latest = {score.name: score.protocol for score in scores}
    alike = {
        name: [s for s in scores if s.name == name and s.protocol == protocol]
        for name, protocol in latest.items()
    }
    return Compared(run, experiment, alike)
