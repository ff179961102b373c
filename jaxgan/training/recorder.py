"""Write a run's log, checkpoints, pictures and scores while it trains.

Every step's losses and gradients, and the networks themselves, are looked at before a
checkpoint is written: networks that are not finite are never saved.
"""

import contextlib
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from jaxgan.errors import InputError, Interrupted, RunError
from jaxgan.reporting.log import Log, Row, event_file, rewind, write_row
from jaxgan.reporting.report import Columns, Report, as_columns, charged_names
from jaxgan.training.checkpoint import Checkpoints, last_good, restore, shapes, steps
from jaxgan.training.clock import Clock
from jaxgan.training.experiment import error_line
from jaxgan.training.lock import locked
from jaxgan.training.processes import LostProcess, are_several, lead, leads
from jaxgan.training.progress import show_progress
from jaxgan.training.run import Run
from jaxgan.training.running_mean import RunningMean
from jaxgan.training.schedule import Due, Schedule
from jaxgan.training.signals import agree_on_signals
from jaxgan.training.snapshots import (
    own_networks,
    restored_networks,
    run_reference,
    sample_inputs,
    save,
    save_pictures,
    save_strip,
    scorer,
)
from jaxgan.types import State, Tree

TOLD = (InputError, RunError, OSError)
"""Errors whose own sentences tell what was wrong."""


class Recorder:
    """A run's log, checkpoints, pictures and scores; made by `open_recorder`.

    A line of the log is the mean over the steps since the line before it. Pictures are
    made at steps 100, 200, 500, 1000, … and at the end. Scores are those of the
    averaged networks, and the state of the best is kept beside the latest.

    check_own: raises a RunError if the directory was removed or replaced.

    Of several processes each has a recorder. The leader's alone has the lock, the log,
    the pictures and the scores; what it raises is raised by all.
    """

    def __init__(
        self,
        run: Run,
        schedule: Schedule,
        tensorboard: bool,
        stack: contextlib.ExitStack,
    ) -> None:
        self._run, self._schedule = run, schedule
        self.check_own: Callable[[], None] = lambda: None
        stack.enter_context(os_errors_as_run_errors(run.checkpoints))
        lead(lambda: self._lock(stack))
        self._inputs = sample_inputs(run.experiment)
        self._pending: list[Report] = []
        self._added = 0  # the step until which reports are added up
        self._mean = RunningMean(run.unlogged)
        self._clock = Clock(run.seconds)
        self._score: Callable[[int, State], Row] | None = None
        self._stack, self._tensorboard = stack, tensorboard

    def _lock(self, stack: contextlib.ExitStack) -> None:
        self.check_own = stack.enter_context(locked(self._run.directory))

    def resume(self, init: Callable[[], State], shardings: Tree) -> State:
        """Load the newest checkpoint's state or make the first, and open the logs.

        Args:
            init: makes the first state.
            shardings: of the state's arrays.

        Raises:
            RunError: if there are checkpoints and none can be read.
        """
        run, enter = self._run, self._stack.enter_context
        state = restore(run.checkpoints, shapes(init, shardings))
        state = init() if state is None else state
        begun = int(state.step)
        scored = lead(lambda: self._is_scored(begun))
        reference = run_reference(run) if scored and leads() else None
        self._caught = enter(agree_on_signals())  # until here nothing can be lost
        lead(lambda: self._rewind(begun))
        self._saved = enter(Checkpoints(run.checkpoints, self._schedule.keep))
        if scored:
            self._score = scorer(run, reference, begun)
        self._board: Log = lambda step, row: None
        if self._tensorboard and leads():
            self._board = enter(event_file(run.directory / "tensorboard", begun))
        self._progress = enter(
            show_progress(
                run.name,
                total=run.experiment.steps,
                initial=begun,
                unit=" steps",
                smoothing=0.05,
                disable=not leads(),
            )
        )
        self._added, self._next = begun, self._next_due(begun)
        if lead(lambda: run.is_logged(begun)):
            self._mean.take()
        elif begun and (due := self._due(begun)).logs:
            self._report(begun, state, due)  # which failed after the step was made
        return state

    def _rewind(self, begun: int) -> None:
        rewind(self._run.metrics, begun)
        rewind(self._run.scores, begun)
        self._mean.load(begun)
        self._clock.start(begun)

    def until_due(self, step: int, most: int) -> int:
        """Count the steps until something is due after one, up to a number."""
        return min(most, self._next_due(step) - step)

    def record(self, step: int, state: State, report: Report, count: int = 1) -> None:
        """Log, draw, score and save what is due after a step.

        Args:
            step: the last that was made.
            state: after it.
            report: of it or of several steps.
            count: how many; only after the last one may something be due.

        Raises:
            RunError: if a loss, gradient or network is not finite.
            Interrupted: if a signal asks the run to stop; it is saved first.
        """
        self._pending.append(report)
        self._progress.advance(report, count)
        stopped = self._caught()
        if step < self._next and stopped is None:
            return
        due, self._next = self._due(step), self._next_due(step)
        saves = due.saves or stopped is not None
        if due.logs or saves:
            self._add_up()
        if due.logs:
            self._report(step, state, due)
        if saves:
            self._save(state)
        if stopped is not None and step < self._run.experiment.steps:
            self._saved.wait()
            raise self._interrupted(step, stopped)

    def finish(self) -> None:
        """Wait until the last checkpoint is whole."""
        self._saved.wait()
        lead(self.check_own)

    def _save(self, state: State) -> None:
        """Save a state, and what the next line of the log needs of the steps so far."""
        step = int(state.step)

        def save_sums() -> None:
            self.check_own()
            self._mean.save(step)
            self._clock.save(step)

        lead(save_sums)
        save(state, self._saved)

    def _report(self, step: int, state: State, due: Due) -> None:
        lead(self.check_own)
        row: Row = {}
        with self._saved_if_it_fails(state):
            if due.plots:
                here = own_networks(state)
                row |= lead(lambda: self._draw(step, here))
            if self._score is not None and due.scores:
                row |= self._score(step, state)
        lead(lambda: self._write(step, row))

    def _draw(self, step: int, state: State) -> Row:
        run = self._run
        row = save_pictures(run.experiment, self._inputs, state, run.samples, step)
        save_strip(run.samples)
        return row

    def _write(self, step: int, row: Row) -> None:
        row = {name: float(x) for name, x in self._mean.take().items()} | row
        write_row(self._run.metrics, step, row)
        self.check_own()  # which now has seen the log
        self._board(step, row)

    def _add_up(self) -> None:
        """Add the reports of the pending steps up, and check that all are finite."""
        if not self._pending:
            return
        columns = as_columns(self._pending)
        _check_finite(
            self._added, columns, charged_names(self._pending[0]), self._saved
        )
        self._added += len(next(iter(columns.values())))
        self._mean.add(columns)
        self._pending.clear()

    @contextlib.contextmanager
    def _saved_if_it_fails(self, state: State) -> Iterator[None]:
        """Save the step if drawing, measuring or scoring fails.

        It has no line of the log, so whoever resumes the run draws and measures again.

        Raises:
            RunError: for whatever the experiment's own functions raise.
        """
        try:
            yield
        except LostProcess:
            raise
        except Exception as error:
            self._save_at_error(state, error, "cannot be drawn, measured or scored")
            raise

    def unread(self, state: State, error: Exception) -> None:
        """Save a state after which the source cannot make a batch.

        Not in several processes, since the others may have made theirs.

        Raises:
            RunError: for whatever the experiment's own functions raise.
        """
        what = "the source cannot make the next batch"
        if are_several():
            self._tell(error, f"{what} after step {int(state.step):,}")
        elif int(state.step):
            self._add_up()
            self._save_at_error(state, error, what)

    def _save_at_error(self, state: State, error: Exception, what: str) -> None:
        self._save(state)
        if not isinstance(error, TOLD):
            self._saved.wait()
            self._tell(error, f"step {int(state.step):,} is saved, but {what}")

    def _tell(self, error: Exception, what: str) -> None:
        """Raise a RunError for what an experiment's own function has raised."""
        if isinstance(error, TOLD):
            return
        reason = f"{type(error).__name__}: {error}"
        where = error_line(error, self._run.directory / "experiment.py")
        raise RunError(
            f"{what} ({reason}{where}); correct that function in the notebook or in "
            f"{self._run.directory}, and resume."
        ) from error

    def _due(self, step: int) -> Due:
        last = step == self._run.experiment.steps
        return self._schedule.due(step, last, self._score is not None)

    def _next_due(self, step: int) -> int:
        last = self._run.experiment.steps
        return self._schedule.next_due(step, last, self._score is not None)

    def _is_scored(self, begun: int) -> bool:
        """Return True if the run is evaluated and, at its step, not finished."""
        experiment = self._run.experiment
        if experiment.evaluation is None or self._schedule.evaluate_every == 0:
            return False
        return begun < experiment.steps or not self._run.is_logged(begun)

    def _interrupted(self, step: int, number: int) -> Interrupted:
        run = self._run
        return Interrupted(
            f"stopped by {signal.Signals(number).name} at step {step:,}, saved in "
            f"{run.checkpoints / str(step)}; `jaxgan train {run.directory}` goes on "
            "from there.",
            number,
        )


@contextlib.contextmanager
def open_recorder(
    run: Run, schedule: Schedule, tensorboard: bool = False
) -> Iterator[Recorder]:
    """Lock a run, and record its steps until the block ends.

    Args:
        run: the run.
        schedule: how often it reports and saves.
        tensorboard: write the log for TensorBoard too, in RUN/tensorboard.

    Raises:
        RunError: if another process trains in it, or the disk is full; it names the
            last good checkpoint.
    """
    with contextlib.ExitStack() as stack:
        recorder = Recorder(run, schedule, tensorboard, stack)
        try:
            yield recorder
            recorder.finish()
        except Exception:
            recorder.check_own()  # or that is why
            raise


def _check_finite(
    before: int, columns: Columns, charged: Sequence[str], saved: Checkpoints
) -> None:
    """Check that losses and gradients are finite in the steps after one."""
    finite = np.isfinite([columns[name] for name in charged])
    if finite.all():
        return
    at = int(np.argmin(finite.all(axis=0)))
    name = charged[int(np.argmin(finite[:, at]))]
    raise RunError(
        f"step {before + 1 + at:,}: {name} is {columns[name][at]}; {saved.last_good()}."
    )


def is_finished(run: Run) -> bool:
    """Return True if a run's last step is saved, can be read, and is logged."""
    last = run.experiment.steps
    if last not in steps(run.checkpoints) or not run.is_logged(last):
        return False
    try:
        return restored_networks(run)[0] == last
    except RunError:
        return False


@contextlib.contextmanager
def os_errors_as_run_errors(checkpoints: Path) -> Iterator[None]:
    """Convert an OSError, such as a full disk, to a `RunError` with the checkpoint."""
    try:
        yield
    except OSError as error:
        raise RunError(
            f"{error.filename or checkpoints.parent}: {error.strerror or error}; "
            f"{last_good(checkpoints)}."
        ) from error
