"""Train an experiment over seeds and a grid of its Config's fields, in one program.

Every member is the run that `jaxgan train` would make of its seed and its values, data
order and latents included, up to rounding. (But for one thing: all share one program,
so networks that an experiment itself makes from its Config's seed are those of the
first seed.) All are measured and, if the experiment is evaluated, scored at the end;
all are reported, and all are kept as runs, or as many of the best as were asked for.

NAME=VALUE,…,seed=N   each member, an ordinary run directory
sweep.json      what is swept, each member's last measurement, and the best member
table.md        mean ± standard error over the seeds
curves.png      the same over the steps, of what is measured while it trains
checkpoints/    the state of all members, until the sweep is finished
"""

import contextlib
import dataclasses
import logging
import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.algorithms.population import population, select_member
from jaxgan.errors import (
    InputError,
    RunError,
    check_flag,
    check_instance,
    check_positive_int,
)
from jaxgan.evaluation.evaluator import Reference, evaluate, reference
from jaxgan.evaluation.evaluator import objective as score_objective
from jaxgan.metrics.protocol import read_scores, write_scores
from jaxgan.reporting.log import Row
from jaxgan.reporting.report import Report, reporting
from jaxgan.sampling.outputs import best_variables, output_name
from jaxgan.training.checkpoint import Checkpoints, steps
from jaxgan.training.config_values import (
    as_json,
    differing_fields,
    with_absolute_paths,
)
from jaxgan.training.experiment import Experiment, ExperimentFile, load_file
from jaxgan.training.kept_reference import kept_reference
from jaxgan.training.lock import locked
from jaxgan.training.loop import take_steps
from jaxgan.training.processes import are_several
from jaxgan.training.recorder import os_errors_as_run_errors
from jaxgan.training.run import (
    changes_since,
    check_same,
    check_vacant,
    is_run,
    load_run,
)
from jaxgan.training.schedule import Schedule
from jaxgan.training.snapshots import (
    evaluated_examples,
    save,
    save_pictures,
    save_strip,
)
from jaxgan.training.sweep_members import (
    Member,
    Planned,
    build_members,
    measured,
    plan_members,
    typed,
    write_runs,
)
from jaxgan.training.sweep_recorder import SweepRecorder, attempt
from jaxgan.training.sweep_report import (
    SWEEP,
    SweepRecord,
    read_sweep,
    write_report,
    write_sweep,
)
from jaxgan.types import Algorithm, Batch, State

logger = logging.getLogger(__name__)


def sweep(
    directory: Path,
    file: ExperimentFile,
    config: Any,
    seeds: int,
    grid: Mapping[str, Sequence[float]],
    *,
    keep: int | None = None,
    schedule: Schedule = Schedule(),
    sequential: bool = False,
) -> SweepRecord:
    """Train every member, and write a table, curves and the members' runs.

    The same call again goes on with a sweep that was stopped.

    Args:
        directory: where they go.
        file: the experiment.
        config: of everything that is not swept; its seed is the first.
        seeds: how many, one after the other.
        grid: values by field.
        keep: how many of the best members are kept as runs; by default all.
        schedule: how often members report, and are saved.
        sequential: one member after the other; see `population`.

    Returns:
        The contents of sweep.json.

    Raises:
        InputError: before anything compiles, if the directory holds something else, the
            Config has no seed, a field cannot be traced or changes the data or the
            number of steps, a member is refused, or the best are to be kept where none
            is better.
        RunError: if every member diverged, or another process trains the same sweep.
        Interrupted: if a signal stopped it, after saving it.
    """
    check_instance("directory", directory, Path, 'Path("runs/mine-sweep")')
    check_positive_int("seeds", seeds)
    check_flag("sequential", sequential)
    if keep is not None:
        check_positive_int("keep", keep)
    config = with_absolute_paths(config)
    planned = plan_members(file, config, seeds, grid)
    asked = SweepRecord(
        experiment=file.path.stem,
        grid={name: [*values] for name, values in grid.items()},
        seeds=seeds,
        sequential=sequential,
        keep=keep,
        config=as_json(file.config, planned[0].config),
        members=[each.about for each in planned],
    )
    return _go_on(directory, asked, file, planned, schedule)


def resume_sweep(directory: Path, schedule: Schedule = Schedule()) -> SweepRecord:
    """Go on with a sweep that was stopped, from its own files alone.

    Raises:
        InputError: if the directory is none of a sweep, or members are missing in it.
        RunError, Interrupted: as `sweep`.
    """
    begun = read_sweep(directory)
    places = [directory / each.run for each in begun.members]
    if missing := [place for place in places if not (place / "run.json").exists()]:
        if begun.finished:
            return _finished(directory, begun)
        raise InputError(
            f"{directory} lacks the member {missing[0].name}; give the experiment and "
            "the options that the sweep was begun with again."
        )
    first = load_run(places[0])
    file = load_file(places[0] / "experiment.py")
    planned = plan_members(file, first.config, begun.seeds, begun.grid)
    return _go_on(directory, begun, file, planned, schedule, own=True)


def _go_on(
    directory: Path,
    asked: SweepRecord,
    file: ExperimentFile,
    planned: Sequence[Planned],
    schedule: Schedule,
    own: bool = False,
) -> SweepRecord:
    """Train what is asked for from where it is.

    Args:
        own: whether the file is that of the sweep's own members.
    """
    if are_several():
        raise InputError(
            "a sweep is trained by one process, on all devices that it has; start only "
            "one."
        )
    if not (directory / SWEEP).exists():
        check_vacant(directory, "sweep")
    if _begun(directory, asked, file, planned, own).finished:
        return _finished(directory, read_sweep(directory))
    members = build_members(directory, file, asked.experiment, planned)
    first = members[0].run.experiment
    _check_ranked(asked, first)
    algorithm = _algorithm(file, asked, planned, members)
    against = _reference(first)
    directory.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        stack.enter_context(os_errors_as_run_errors(directory / "checkpoints"))
        check_own = stack.enter_context(locked(directory))
        sweep = _begun(directory, asked, file, planned, own)  # meanwhile, it may be
        if sweep.finished:
            return _finished(directory, sweep)
        write_sweep(directory, sweep)
        of_run = {about.run: about for about in sweep.members}
        members = [each._replace(about=of_run[each.about.run]) for each in members]
        write_runs(file, members)
        try:
            state = _train(
                SweepRecorder(directory, sweep, members, schedule, check_own, stack),
                algorithm,
                members,
                partial(_score, against),
            )
        finally:  # what was measured is told, whatever stops it
            check_own()
            _report(directory, sweep, members)
        _keep(directory, sweep, members, state, against)
    return _finished(directory, sweep)


def _begun(
    directory: Path,
    asked: SweepRecord,
    file: ExperimentFile,
    planned: Sequence[Planned],
    own: bool,
) -> SweepRecord:
    """Read the sweep that a directory holds, or return what is asked for.

    Raises:
        InputError: if it is another one.
    """
    if not (directory / SWEEP).exists():
        return asked
    begun = read_sweep(directory)
    if own:
        return begun
    _check_same_sweep(directory, file, begun, asked)
    for about, config in planned:
        if not begun.finished and is_run(directory / about.run):
            check_same(directory / about.run, file, config)
    return begun


def _train(
    recorder: SweepRecorder,
    algorithm: Algorithm,
    members: Sequence[Member],
    score: Callable[[Member, State], Row],
) -> State:
    keys = jnp.stack([jax.random.key(m.run.experiment.seed) for m in members])
    state = recorder.resume(partial(algorithm.init, keys))
    if int(state.step):
        for change in changes_since(members[0].run):
            logger.warning("warning: %s", change)
    last, batches = members[0].run.experiment.steps, partial(_batches, members)

    def record(step: int, state: State, report: Report, count: int) -> None:
        del count  # 1, since members may stop at any step
        recorder.record(step, state, report)

    state = take_steps(reporting(algorithm.step), state, batches, last, record)
    recorder.finish(state, score)
    return state


def _algorithm(
    file: ExperimentFile,
    sweep: SweepRecord,
    planned: Sequence[Planned],
    members: Sequence[Member],
) -> Algorithm:
    config, first = planned[0].config, members[0]
    example = first.data.batches[0]

    def build_member(hypers: Mapping[str, Any]) -> Algorithm:
        swept = typed(config, {name: hypers[name] for name in sweep.grid})
        experiment = file.experiment(dataclasses.replace(config, **swept))
        return experiment.dynamics(experiment.game, example)

    hypers = {
        name: np.array([m.about.values[name] for m in members]) for name in sweep.grid
    }
    hypers["seed"] = np.array([m.about.seed for m in members], np.uint32)
    return population(build_member, hypers, sequential=sweep.sequential, donate=True)


def _batches(members: Sequence[Member], step: int) -> tuple[Batch, ...]:
    """Stack the members' batches; each sees the data of a single run of its seed."""
    experiments = {each.about.seed: each.run.experiment for each in members}
    of_seed = {seed: e.source()(e.seed, step) for seed, e in experiments.items()}
    drawn = (of_seed[each.about.seed] for each in members)
    return jax.tree.map(lambda *x: np.stack(x), *drawn)


def _reference(experiment: Experiment) -> Reference | None:
    """Make the reference that all members share."""
    evaluation = experiment.evaluation
    if evaluation is None:
        return None
    return reference(evaluation, evaluated_examples(experiment))


def _score(against: Reference | None, member: Member, own: State) -> Row:
    """Score a member's output, unless it was before the sweep was stopped."""
    run, step = member.run, int(own.step)
    evaluation, game = run.experiment.evaluation, run.experiment.game
    if against is None or evaluation is None:
        return {}
    scores = [score for score in read_scores(run.scores) if score.step == step]
    if not scores:
        make = member.inputs.makers[output_name(game, evaluation.output)]
        given = (evaluation, against, game, make, best_variables(own))
        scores = evaluate(*given, step=step, seed=member.about.seed)
        write_scores(run.scores, scores)
    return {score.name: score.value for score in scores}


def _report(directory: Path, sweep: SweepRecord, members: Sequence[Member]) -> None:
    """Write what was measured and scored until now."""
    every = {each.about.run: measured(each.run) for each in members}
    step = max((max(rows, default=0) for rows in every.values()), default=0)
    for about, run, *_ in members:
        rows = every[about.run]
        now = rows.get(step, {}).items()
        about.measured = {k: v if math.isfinite(v) else None for k, v in now}
        scored = {score.name for score in read_scores(run.scores)}
        every[about.run] = {
            step: unscored
            for step, row in rows.items()
            if (unscored := {k: v for k, v in row.items() if k not in scored})
        }
    write_sweep(directory, sweep)
    write_report(directory, sweep.members, every)


def _keep(
    directory: Path,
    sweep: SweepRecord,
    members: Sequence[Member],
    state: State,
    against: Reference | None,
) -> None:
    """Make the members whole runs, or the best of them, and finish the sweep.

    A member that cannot be ranked is kept in any case.
    """
    ranks = {i: rank for i, each in enumerate(members) if (rank := _rank(each))}
    order = sorted(ranks, key=lambda i: ranks[i])
    unkept = set() if sweep.keep is None else {*order[sweep.keep :]}
    for i, each in enumerate(members):
        diverged = each.about.diverged is not None
        each.about.kept = i not in unkept and not (diverged and sweep.keep is not None)
        if each.about.kept and not diverged:
            _keep_member(each, select_member(state, i), against)
    sweep.best = members[order[0]].about.run if order else None
    sweep.finished = True
    write_sweep(directory, sweep)


def _rank(member: Member) -> tuple[float, ...]:
    """Return what members are ranked by, lowest for the best; nothing if there is none.

    That is the objective of the experiment or, without one, the first score.
    """
    experiment = member.run.experiment
    evaluation, step = experiment.evaluation, experiment.steps
    if member.about.diverged is not None:
        return ()

    def rank() -> Row:
        if experiment.objective is not None:
            return {"rank": float(experiment.objective(measured(member.run)[step]))}
        if evaluation is None:
            return {}
        scores = [s for s in read_scores(member.run.scores) if s.step == step]
        return {"rank": score_objective(evaluation, scores)}

    found = attempt(member, step, "ranked", rank).values()
    return tuple(value for value in found if not math.isnan(value))


def _keep_member(member: Member, own: State, against: Reference | None) -> None:
    """Give a member's run its pictures, its reference and its checkpoint."""
    run = member.run
    experiment, step = run.experiment, int(own.step)
    if steps(run.checkpoints):  # which is written last
        return
    if against is not None and experiment.evaluation is not None:
        kept_reference(experiment.evaluation, run.kept, lambda: against)

    def draw() -> Row:
        row = save_pictures(experiment, member.inputs, own, run.samples, step)
        save_strip(run.samples)
        return row

    attempt(member, step, "drawn", draw)
    with Checkpoints(run.checkpoints, 1) as saved:
        save(own, saved)
        saved.wait()


def _finished(directory: Path, sweep: SweepRecord) -> SweepRecord:
    """Remove the members that are not kept, and what only an unfinished sweep needs.

    Raises:
        RunError: if every member diverged.
    """
    unkept = [each.run for each in sweep.members if not each.kept]
    for name in (*unkept, "checkpoints", "frozen"):
        shutil.rmtree(directory / name, ignore_errors=True)
    (directory / "unlogged.jsonl").unlink(missing_ok=True)
    if all(each.diverged is not None for each in sweep.members):
        raise RunError(f"every member diverged; {directory / 'table.md'} says when.")
    return sweep


def _check_same_sweep(
    directory: Path, file: ExperimentFile, begun: SweepRecord, asked: SweepRecord
) -> None:
    for name in ("experiment", "grid", "seeds", "sequential", "keep"):
        then, now = getattr(begun, name), getattr(asked, name)
        if then != now:
            raise InputError(
                f"{name}: {directory} is a sweep of {name} {then}, not {now}; choose "
                "another directory."
            )
    if differing := differing_fields(file.config, begun.config, asked.config):
        raise InputError(
            f"{directory} is a sweep of another config: {', '.join(differing)}; choose "
            "another directory."
        )


def _check_ranked(sweep: SweepRecord, experiment: Experiment) -> None:
    if sweep.keep is None:
        return
    if experiment.objective is None and experiment.evaluation is None:
        raise InputError(
            f"keep: {sweep.experiment} has neither an objective nor an evaluation, so "
            "none of its members is known to be better; leave it out, and all are kept."
        )
