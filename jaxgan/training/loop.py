"""The training loop.

A step's data, latents and noise are pure functions of (seed, step), so the position in
all of them is the step, and a resumed run goes on to the same bits: run 2n steps, or n,
kill, restore and n more. (On a GPU that needs XLA's deterministic operations.)

Every step's losses and gradients, and the networks themselves, are looked at before a
checkpoint is written: networks that are not finite are never saved.
"""

import math
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import NamedTuple

import jax
from tqdm import tqdm

from jaxgan.algorithms.data_parallel import data_parallel, on_devices, replicated
from jaxgan.data.sources import Source, prefetch
from jaxgan.errors import Interrupted, RunError, check_positive_int
from jaxgan.evaluation.evaluator import Reference
from jaxgan.reporting.log import (
    Log,
    Row,
    event_file,
    flatten,
    read_rows,
    rewind,
    write_row,
)
from jaxgan.training.checkpoint import (
    Checkpoints,
    last_good,
    restore,
    shapes,
    steps,
)
from jaxgan.training.run import Run, locked
from jaxgan.training.signals import defer_signals
from jaxgan.training.snapshots import (
    run_reference,
    save,
    save_strip,
    scorer,
    show,
    showing,
)
from jaxgan.types import Batch, Info, State

IN_FLIGHT = 2
"""Steps that the device may be behind the loop, so that it never waits for it."""


class Schedule(NamedTuple):
    """How often a run reports and saves, in steps."""

    log_every: int = 100  # a line of metrics.jsonl
    save_every: int = 1000  # a checkpoint
    evaluate_every: int = 1000  # scores, where the experiment evaluates; 0: never
    keep: int = 3  # checkpoints

    def check(self) -> None:
        """Refuse what is no schedule.

        Raises:
            InputError: if an interval is not an integer of at least 1.
        """
        for name, count in self._replace(evaluate_every=1)._asdict().items():
            check_positive_int(name, count)
        if self.evaluate_every != 0:
            check_positive_int("evaluate_every, if not 0,", self.evaluate_every)


def train(
    run: Run,
    schedule: Schedule = Schedule(),
    devices: Sequence[jax.Device] | None = None,
    tensorboard: bool = False,
) -> State:
    """Train a run to its last step, from its newest checkpoint if it has one.

    Samples are drawn at steps 100, 300, 1000, 3000, … and at the end. A line of the log
    is the mean over the steps since the line before it (or since the run was resumed,
    if that was between two lines). Scores are those of the averaged networks, and the
    state of the best is kept beside the latest.

    Args:
        devices: to share each batch between; by default all of this process.
        tensorboard: write the log for TensorBoard too, in RUN/tensorboard.

    Returns:
        The state after the last step.

    Raises:
        InputError: if the experiment does not fit together.
        RunError: if a loss or gradient is not finite, or the disk is full; it names the
            last good checkpoint.
        Interrupted: if a signal stopped the run, after saving it.
    """
    schedule.check()
    experiment = run.experiment
    example = run.data.batches[0]
    algorithm = data_parallel(
        lambda game: experiment.dynamics(game, example),
        experiment.game,
        devices,
        donate=True,
    )
    source = _ahead(experiment.source(), devices)
    pictures = showing(experiment)
    with (
        _told(run),
        locked(run),
        nullcontext(_reference(run, schedule)) as against,
        defer_signals() as caught,
    ):
        init = partial(algorithm.init, jax.random.key(experiment.seed))
        state = restore(run.checkpoints, shapes(init, replicated(devices)))
        state = init() if state is None else state
        begun = int(state.step)
        rewind(run.metrics, begun)
        rewind(run.scores, begun)
        with (
            Checkpoints(run.checkpoints, schedule.keep) as saved,
            _scorer(run, against, begun) as score,
            _board(run, begun, tensorboard) as board,
            _progress(run, state, example) as progress,
        ):
            due = partial(_due, schedule, experiment.steps, score is not None)

            def report(step: int, state: State, row: Row) -> None:
                with _saved_if_it_fails(state, saved):
                    if due(step).shows:
                        row |= show(experiment, pictures, state, run.samples, step)
                        save_strip(run.samples)
                    if score is not None and due(step).scores:
                        row |= score(step, state)
                write_row(run.metrics, step, row)
                board(step, row)

            if begun and due(begun).logs and not _is_logged(run, begun):
                report(begun, state, {})  # which failed after the step was made
            unlogged: list[tuple[int, Info]] = []
            for step in range(begun + 1, experiment.steps + 1):
                batches = source(experiment.seed, step - 1)
                state, info = algorithm.step(state, batches)
                unlogged.append((step, info))
                _advance(progress, unlogged, len(jax.tree.leaves(batches[0])[0]))

                stopped = caught()
                saves = due(step).saves or stopped is not None
                if due(step).logs or saves:
                    row = _look(unlogged, saved)
                if due(step).logs:
                    unlogged.clear()
                    report(step, state, row)
                if saves:
                    save(state, saved)
                if stopped is not None and step < experiment.steps:
                    saved.wait()
                    raise _interrupted(run, step, stopped)
            saved.wait()
    return state


class _Due(NamedTuple):
    """What is due after a step."""

    shows: bool  # draws and measures samples
    scores: bool
    logs: bool
    saves: bool


def _due(schedule: Schedule, steps: int, scored: bool, step: int) -> _Due:
    last = step == steps
    shows = last or is_milestone(step)
    scores = scored and (last or step % schedule.evaluate_every == 0)
    logs = shows or scores or step % schedule.log_every == 0
    return _Due(shows, scores, logs, last or step % schedule.save_every == 0)


def _scorer(
    run: Run, against: Reference | None, begun: int
) -> AbstractContextManager[Callable[[int, State], Row] | None]:
    """What scores a state and keeps the best, or none."""
    if against is None:
        return nullcontext(None)
    return scorer(run, against, begun)


def _board(run: Run, step: int, wanted: bool) -> AbstractContextManager[Log]:
    """TensorBoard's log, or none."""
    if wanted:
        return event_file(run.directory / "tensorboard", step)
    return nullcontext(lambda step, row: None)


def _ahead(source: Source, devices: Sequence[jax.Device] | None) -> Source:
    """Batches on the devices when they are wanted; a CPU has no transfer to hide."""
    here = (devices or jax.local_devices())[0].platform == "cpu"
    if here and jax.process_count() == 1:
        return source
    return prefetch(on_devices(source, devices))


def is_milestone(step: int) -> bool:
    """True at 100, 300, 1000, 3000, …"""
    while step >= 1000 and step % 10 == 0:
        step //= 10
    return step in (100, 300)


def _reference(run: Run, schedule: Schedule) -> Reference | None:
    """What the run is scored against, if it is; made before the first step."""
    evaluation = run.experiment.evaluation
    last = run.experiment.steps
    finished = last in steps(run.checkpoints) and _is_logged(run, last)
    if evaluation is None or not schedule.evaluate_every or finished:
        return None
    return run_reference(run)


def _is_logged(run: Run, step: int) -> bool:
    return any(row["step"] == step for row in read_rows(run.metrics))


def _look(infos: Iterable[tuple[int, Info]], saved: Checkpoints) -> Row:
    """The mean of some steps' reports, once all are known to be finite.

    The mean, since a lazy penalty is paid in one step of many.
    """
    rows = []
    for step, info in infos:
        row = flatten(info)
        for player, terms in info.losses.items():
            for name in (f"{player}/{term}" for term in (*terms, "gradient")):
                if not math.isfinite(row[name]):
                    raise RunError(
                        f"step {step:,}: {name} is {row[name]}; {saved.last_good()}."
                    )
        rows.append(row)
    return {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}


def _interrupted(run: Run, step: int, number: int) -> Interrupted:
    return Interrupted(
        f"stopped by {signal.Signals(number).name} at step {step:,}, saved in "
        f"{run.checkpoints / str(step)}; `jaxgan train {run.directory}` goes on from "
        "there.",
        number,
    )


@contextmanager
def _saved_if_it_fails(state: State, saved: Checkpoints) -> Iterator[None]:
    """Drawing, measuring or scoring may fail; then the step is saved first.

    It has no line of the log, so whoever resumes the run draws and measures again.
    """
    try:
        yield
    except Exception:
        save(state, saved)
        raise


@contextmanager
def _told(run: Run) -> Iterator[None]:
    """What the file system refuses, a full disk say, as one sentence."""
    try:
        yield
    except OSError as error:
        raise RunError(
            f"{error.filename or 'a file'}: {error.strerror or error}; "
            f"{last_good(run.checkpoints)}."
        ) from error


def _progress(run: Run, state: State, example: Batch) -> tqdm:
    images = jax.tree.leaves(example)[0].shape[0]
    return tqdm(
        desc=run.name,
        total=run.experiment.steps * images,
        initial=int(state.step) * images,
        unit=" images",
        unit_scale=True,
        smoothing=0.05,
        dynamic_ncols=True,
    )


def _advance(progress: tqdm, infos: Sequence[tuple[int, Info]], images: int) -> None:
    """Wait until all but the last two steps are done, and show what they lost."""
    progress.update(images)
    if len(infos) > IN_FLIGHT:
        _, info = jax.block_until_ready(infos[-1 - IN_FLIGHT])
        progress.set_postfix(
            {player: float(sum(paid.values())) for player, paid in info.losses.items()},
            refresh=False,
        )
