"""Train an experiment over seeds and a grid of its Config's fields, in one program.

Every member is the run that `jaxgan train` would make of its seed and its values, data
order and latents included, up to rounding. (But for one thing: all share one program,
so networks that an experiment itself makes from its Config's seed are those of the
first seed.) All are measured and, if the experiment is evaluated, scored at the end;
all are reported, and the best is kept as a run.

sweep.json      what was swept, and each member's last measurement
table.md        mean ± standard error over the seeds
curves.png      the same over the steps, of what is measured while it trains
best/           the best member, an ordinary run directory
"""

import dataclasses
import math
import signal
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.algorithms.population import (
    diverged_members,
    hyper_grid,
    population,
    select_member,
)
from jaxgan.errors import (
    InputError,
    Interrupted,
    RunError,
    check_positive_int,
    check_seed,
)
from jaxgan.evaluation.evaluator import Reference, evaluate, reference
from jaxgan.evaluation.evaluator import objective as score_objective
from jaxgan.metrics.protocol import write_scores
from jaxgan.reporting.log import flatten, write_row
from jaxgan.sampling.outputs import best_variables, draw_examples, output_name
from jaxgan.training.checkpoint import Checkpoints
from jaxgan.training.experiment import Experiment, ExperimentFile, build, open_data
from jaxgan.training.kept_reference import kept_reference
from jaxgan.training.loop import take_steps
from jaxgan.training.progress import Progress, show_progress
from jaxgan.training.run import create_run
from jaxgan.training.run_data import RunData
from jaxgan.training.schedule import Schedule
from jaxgan.training.signals import defer_signals
from jaxgan.training.snapshots import (
    SampleInputs,
    evaluated_examples,
    sample_inputs,
    save_pictures,
    summarize,
)
from jaxgan.training.sweep_report import SweepMember, Values, write_report
from jaxgan.types import Algorithm, Batch, Info, State


def sweep(
    directory: Path,
    file: ExperimentFile,
    config: Any,
    seeds: int,
    grid: Mapping[str, Sequence[float]],
    *,
    log_every: int = 100,
    sequential: bool = False,
) -> list[SweepMember]:
    """Train every member, and write a table, curves and the best run.

    Args:
        directory: where they go.
        file: the experiment.
        config: of everything that is not swept; its seed is the first.
        seeds: how many, one after the other.
        grid: values by field.
        log_every: steps between lines of the best run's log.
        sequential: one member after the other; see `population`.

    Raises:
        InputError: before anything compiles, if the directory is not empty, the Config
            has no seed, a field cannot be traced or changes the data or the number of
            steps, or a member is refused.
        RunError: if every member diverged.
        Interrupted: if a signal stopped it; what was measured until then is reported.
    """
    check_positive_int("--seeds", seeds)
    check_positive_int("--log-every", log_every)
    if directory.exists() and any(directory.iterdir()):
        raise InputError(f"{directory} is not empty; choose another with --out.")
    members = _members(file, config, seeds, grid)
    algorithm = _algorithm(file, config, members, grid, sequential)
    against = _reference(members[0].experiment)
    directory.mkdir(parents=True, exist_ok=True)
    try:
        state = _train(algorithm, members, log_every, directory)
        if against is not None:
            _score(against, state, members)
    finally:  # what was measured is kept, whatever stops it
        write_report(directory, file.path.stem, members)
    _keep_best(directory, file, state, members, against)
    return members


def _members(
    file: ExperimentFile, config: Any, seeds: int, grid: Mapping[str, Sequence[float]]
) -> list[SweepMember]:
    if not hasattr(config, "seed"):
        raise InputError(f"{file.path}: a sweep needs a Config with a field `seed`.")
    check_seed("the last seed", config.seed + seeds - 1)
    cells = hyper_grid(**grid) if grid else {}
    count = len(next(iter(cells.values()))) if cells else 1
    inputs: dict[int, SampleInputs] = {}  # one for the seeds of a cell
    made = []
    for seed in range(config.seed, config.seed + seeds):
        seeded = dataclasses.replace(config, seed=seed)
        shared = build(file, seeded)
        data = open_data(file.path, shared)
        for i in range(count):
            values = {name: column[i].item() for name, column in cells.items()}
            own = dataclasses.replace(seeded, **_typed(config, values))
            experiment = build(file, own)
            if values:
                _check_shared(shared, data, experiment, values)
            # One copy of the data serves all members of a seed.
            experiment = experiment._replace(
                source=shared.source, examples=shared.examples
            )
            of_seed = sample_inputs(experiment)
            makers = inputs.setdefault(i, of_seed).makers
            of_seed = of_seed._replace(makers=makers)
            made.append(SweepMember(values, seed, own, experiment, of_seed))
    return sorted(made, key=lambda each: [*each.values.values()])


def _reference(experiment: Experiment) -> Reference | None:
    """Make the reference that all members share."""
    evaluation = experiment.evaluation
    if evaluation is None:
        return None
    return reference(evaluation, evaluated_examples(experiment))


def _check_shared(
    shared: Experiment, data: RunData, own: Experiment, values: Values
) -> None:
    """Check that swept values change neither the data nor the number of steps."""
    batches = own.source()(own.seed, 0)
    examples = draw_examples(own.examples, own.n_plotted, own.seed)
    leaves = [jax.tree.leaves(each) for each in (data, (batches, examples))]
    alike = len(leaves[0]) == len(leaves[1]) and all(map(np.array_equal, *leaves))
    if shared.steps != own.steps or not alike:
        raise InputError(
            f"--grid: {', '.join(values)} must not change the data or the number of "
            f"steps, as {values} does; make a sweep for each."
        )


def _algorithm(
    file: ExperimentFile,
    config: Any,
    members: Sequence[SweepMember],
    grid: Mapping[str, Sequence[float]],
    sequential: bool,
) -> Algorithm:
    first = members[0].experiment
    example = first.source()(first.seed, 0)[0]

    def build_member(hypers: Mapping[str, Any]) -> Algorithm:
        swept = _typed(config, {name: hypers[name] for name in grid})
        experiment = file.experiment(dataclasses.replace(config, **swept))
        return experiment.dynamics(experiment.game, example)

    hypers = {name: np.array([m.values[name] for m in members]) for name in grid}
    hypers["seed"] = np.array([m.seed for m in members], np.uint32)
    return population(build_member, hypers, sequential=sequential, donate=True)


def _train(
    algorithm: Algorithm,
    members: Sequence[SweepMember],
    log_every: int,
    directory: Path,
) -> State:
    steps = members[0].experiment.steps
    keys = jnp.stack([jax.random.key(each.experiment.seed) for each in members])
    with (
        defer_signals() as caught,
        show_progress(directory.name, total=steps, unit=" steps") as progress,
    ):
        recorder = _MemberRecorder(members, log_every, directory, progress, caught)
        return take_steps(
            algorithm,
            algorithm.init(keys),
            partial(_batches, members),
            steps,
            recorder.record,
        )


class _MemberRecorder:
    """The log, measurements and divergence of every member while all are trained."""

    def __init__(
        self,
        members: Sequence[SweepMember],
        log_every: int,
        directory: Path,
        progress: Progress,
        caught: Callable[[], int | None],
    ) -> None:
        self._members, self._directory = members, directory
        self._progress, self._caught = progress, caught
        self._schedule = Schedule(log_every=log_every)
        self._unlogged: list[Info] = []

    def record(self, step: int, state: State, info: Info) -> None:
        """Log and measure what is due after a step.

        Raises:
            Interrupted: if a signal asks the sweep to stop.
        """
        self._unlogged.append(info)
        self._progress.advance(info)
        last = step == self._members[0].experiment.steps
        due = self._schedule.due(step, last, scored=False)
        if due.logs:
            self._log(step, state)
        if due.plots:
            self._measure(step, state)
        if (number := self._caught()) is not None:
            raise Interrupted(
                f"stopped by {signal.Signals(number).name} at step {step:,}; what was "
                f"measured until then is in {self._directory}, and no run was kept.",
                number,
            )

    def _log(self, step: int, state: State) -> None:
        """Log the mean of the reports since the last line; note who has diverged."""
        infos = jax.device_get(self._unlogged)
        self._unlogged.clear()
        mean = jax.tree.map(lambda *x: np.mean(x, axis=0), *infos)
        charged = jax.tree.leaves((mean.losses, mean.gradient_norms))
        lost = diverged_members(state) | ~np.isfinite(charged).all(axis=0)
        for i, each in enumerate(self._members):
            each.log[step] = flatten(jax.tree.map(lambda x, i=i: x[i], mean))
            if lost[i] and each.diverged_at is None:
                each.diverged_at = step

    def _measure(self, step: int, state: State) -> None:
        for i, each in enumerate(self._members):
            if each.diverged_at is None:
                own = select_member(state, i)
                each.measured[step] = summarize(each.experiment, each.inputs, own)
                each.log[step] |= each.measured[step]


def _score(against: Reference, state: State, members: Sequence[SweepMember]) -> None:
    """Score an output of all members that have not diverged."""
    found = []
    for i, each in enumerate(members):
        if each.diverged_at is None:
            own, game = select_member(state, i), each.experiment.game
            evaluation = each.experiment.evaluation
            assert evaluation is not None  # as the first member's
            make = each.inputs.makers[output_name(game, evaluation.output)]
            scores = evaluate(
                evaluation,
                against,
                game,
                make,
                best_variables(own),
                step=int(own.step),
                seed=each.seed,
            )
            found.append((each, scores))
    for each, scores in found:
        each.scores.extend(scores)


def _batches(members: Sequence[SweepMember], step: int) -> tuple[Batch, ...]:
    """Stack the members' batches; each sees the data of a single run of its seed."""
    experiments = {each.seed: each.experiment for each in members}
    of_seed = {seed: e.source()(e.seed, step) for seed, e in experiments.items()}
    return jax.tree.map(lambda *x: np.stack(x), *(of_seed[m.seed] for m in members))


def _keep_best(
    directory: Path,
    file: ExperimentFile,
    state: State,
    members: Sequence[SweepMember],
    against: Reference | None,
) -> None:
    """Save the member of the lowest objective, or best first score, as a run."""
    sound = {i: each for i, each in enumerate(members) if each.diverged_at is None}
    if not sound:
        raise RunError(f"every member diverged; {directory / 'table.md'} says when.")
    objective = members[0].experiment.objective
    if objective is not None:
        ranks = {i: float(objective(each.last)) for i, each in sound.items()}
    else:
        ranks = {
            i: score_objective(each.experiment.evaluation, each.scores)
            for i, each in sound.items()
            if each.scores and each.experiment.evaluation is not None
        }
    if not ranks:
        return
    best = min(ranks, key=lambda i: (math.isnan(ranks[i]), ranks[i]))
    chosen = members[best]
    run = create_run(directory / "best", file, chosen.config)
    scores = {score.name: score.value for score in chosen.scores}
    chosen.log[chosen.experiment.steps] |= scores
    for step, row in chosen.log.items():
        write_row(run.metrics, step, row)
    write_scores(run.scores, chosen.scores)
    if against is not None and chosen.experiment.evaluation is not None:
        kept_reference(chosen.experiment.evaluation, run.kept, lambda: against)
    own = select_member(state, best)
    with Checkpoints(run.checkpoints, 1) as saved:
        saved.save(own)
        saved.wait()
    save_pictures(run.experiment, chosen.inputs, own, run.samples, int(own.step))


def _typed(config: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """Convert whole floats to int where the Config has an int."""

    def typed(name: str, value: Any) -> Any:
        whole = isinstance(value, float) and value.is_integer()
        return int(value) if whole and isinstance(getattr(config, name), int) else value

    return {name: typed(name, value) for name, value in values.items()}
