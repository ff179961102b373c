"""`jaxgan compare`."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

from PIL import Image
from tyro.conf import Positional, arg

from jaxgan.cli.options import Names
from jaxgan.errors import InputError, naming
from jaxgan.evaluation.evaluator import OF_SAMPLES
from jaxgan.metrics.protocol import Measurement, Protocol, check_alike, read_scores
from jaxgan.reporting.figures import check_picture, curves
from jaxgan.reporting.tables import mean_and_error, with_error
from jaxgan.training.about import ExperimentId, experiment_identity
from jaxgan.training.near_runs import RUNS
from jaxgan.training.run import EVALUATIONS, SCORES


@dataclasses.dataclass(frozen=True)
class Compare:
    """Put the scores of several runs side by side: a table, and curves over the steps.

    Example: jaxgan compare runs/one runs/other

    Scores that were not taken by one protocol are not compared; the message says in
    what they differ.
    """

    runs: Annotated[Positional[tuple[Path, ...]], arg(metavar="RUN ...")]
    """Run directories."""

    metrics: Names = ()
    """Scores to compare; by default all but the shares of classes."""

    evaluations: bool = False
    """Compare the last scores of `jaxgan evaluate` instead of those of training."""

    out: Annotated[Path, arg(metavar="FILE")] = RUNS / "compare.png"
    """File of the curves."""

    def execute(self) -> None:
        """Print the table, and write the curves."""
        check_picture("--out", self.out)
        compared = read_compared(self.runs, self.metrics, self.evaluations)
        print(score_table(compared))
        for name, versions in unlike_versions(compared).items():
            listed = " and ".join(sorted(versions))
            print(f"note: these scores were taken with {name} {listed}")
        self.out.parent.mkdir(parents=True, exist_ok=True)
        with naming(self.out):
            score_curves(compared).save(self.out)
        print(f"curves: {self.out}")


class Compared(NamedTuple):
    """A run and the scores that are compared."""

    directory: Path
    kind: ExperimentId
    seed: str
    scores: dict[int, dict[str, Measurement]]  # by step and name

    @property
    def step(self) -> int:
        """The last step that was scored."""
        return max(self.scores)

    @property
    def last(self) -> dict[str, Measurement]:
        """The scores of that step."""
        return self.scores[self.step]


def read_compared(
    runs: Sequence[Path], names: Sequence[str] = (), evaluations: bool = False
) -> list[Compared]:
    """Read the scores of runs.

    Args:
        runs: directories.
        names: of scores; by default all that every run has, but for shares of classes.
        evaluations: those that `jaxgan evaluate` took last, instead of those taken
            while the runs trained.

    Raises:
        InputError: if no run is named, one has no scores, no score is common to all or
            one of the names is not, or they were not taken by one protocol.
    """
    if not runs:
        raise InputError("runs: name at least one run directory.")
    found = [_evaluated(run) if evaluations else _trained(run) for run in runs]
    common = [n for n in found[0].last if all(n in each.last for each in found)]
    wanted = names or [name for name in common if not name.startswith("share_of_")]
    for name in wanted:
        if name not in common:
            raise InputError(
                f"--metrics: not every run has a score {name!r}; all have {common}."
            )
        check_alike(
            {
                f"{each.directory} at step {step}": row[name]
                for each in found
                for step, row in each.scores.items()
                if name in row
            }
        )
    if not wanted:
        raise InputError(f"runs: they have no score in common, of {common}.")
    return [
        each._replace(
            scores={
                step: {name: row[name] for name in wanted}
                for step, row in each.scores.items()
                if set(wanted) <= set(row)
            }
        )
        for each in found
    ]


def score_table(compared: Sequence[Compared]) -> str:
    """Format a row for each run, and the mean of runs that differ only in seed.

    A mean is over runs of one step. The error of a run is that of its samples and of
    the reals, the error of several that of the runs.
    """
    names = list(compared[0].last)
    rows = [
        [str(each.directory), f"{each.step:,}"]
        + [with_error(each.last[name].value, each.last[name].error) for name in names]
        for each in compared
    ]
    groups: dict[tuple[ExperimentId, int], dict[str, dict[str, Measurement]]] = {}
    for each in compared:
        groups.setdefault((each.kind, each.step), {})[each.seed] = each.last
    for (kind, step), by_seed in groups.items():
        if len(by_seed) > 1:
            lasts = by_seed.values()
            means = [mean_and_error([last[n].value for last in lasts]) for n in names]
            rows.append([f"{kind.name}: {len(by_seed)} seeds", f"{step:,}", *means])
    head = ["run", "step", *names]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def unlike_versions(compared: Sequence[Compared]) -> dict[str, set[str]]:
    """Find packages whose versions differed when the last scores were taken."""
    taken = [score.versions for each in compared for score in each.last.values()]
    found = {
        name: {versions.get(name, "none") for versions in taken}
        for name in sorted(set().union(*taken))
    }
    return {name: versions for name, versions in found.items() if len(versions) > 1}


def score_curves(compared: Sequence[Compared]) -> Image.Image:
    """Draw each run's scores over its steps."""
    return curves(
        {
            str(each.directory): [
                {
                    step: {name: score.value for name, score in row.items()}
                    for step, row in each.scores.items()
                }
            ]
            for each in compared
        }
    )


def _trained(run: Path) -> Compared:
    kind, seed = experiment_identity(run)
    rows: dict[int, dict[str, Measurement]] = {}
    for score in read_scores(run / SCORES):
        rows.setdefault(score.step, {})[score.name] = score
    if not rows:
        raise InputError(
            f"{run} has no scores; an experiment with an evaluation takes some while "
            "it trains."
        )
    return Compared(run, kind, seed, rows)


def _evaluated(run: Path) -> Compared:
    kind, seed = experiment_identity(run)
    taken = [s for s in read_scores(run / EVALUATIONS) if s.of == OF_SAMPLES]
    if not taken:
        raise InputError(f"{run} was not evaluated yet: `jaxgan evaluate {run}` first.")
    last = _settings(taken[-1])
    alike = {score.name: score for score in taken if _settings(score) == last}
    return Compared(run, kind, seed, {taken[-1].step: alike})


def _settings(score: Measurement) -> tuple[int, int, Protocol]:
    """Return the step, the seed and the protocol that one evaluation shares."""
    return score.step, score.seed, dataclasses.replace(score.protocol, metric="")
