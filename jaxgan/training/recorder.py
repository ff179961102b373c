"""Write a run's log, checkpoints, pictures and scores while it trains.

Every step's losses and gradients, and the networks themselves, are looked at before a
checkpoint is written: networks that are not finite are never saved.
"""

import contextlib
import math
import signal
from collections.abc import Callable, Iterator

import jax

from jaxgan.errors import InputError, Interrupted, RunError
from jaxgan.reporting.log import (
    Log,
    Row,
    event_file,
    flatten,
    last_rows,
    rewind,
    write_row,
)
from jaxgan.training.checkpoint import Checkpoints, last_good, restore, shapes, steps
from jaxgan.training.experiment import error_line
from jaxgan.training.lock import locked
from jaxgan.training.progress import show_progress
from jaxgan.training.run import Run
from jaxgan.training.schedule import Due, Schedule
from jaxgan.training.signals import defer_signals
from jaxgan.training.snapshots import (
    restored_networks,
    run_reference,
    sample_inputs,
    save,
    save_pictures,
    save_strip,
    scorer,
)
from jaxgan.types import Info, State


class Recorder:
    """A run's log, checkpoints, pictures and scores; made by `open_recorder`.

    A line of the log is the mean over the steps since the line before it. Pictures are
    made at steps 100, 300, 1000, 3000, … and at the end. Scores are those of the
    averaged networks, and the state of the best is kept beside the latest.
    """

    def __init__(
        self,
        run: Run,
        schedule: Schedule,
        tensorboard: bool,
        stack: contextlib.ExitStack,
    ) -> None:
        self._run, self._schedule = run, schedule
        self._inputs = sample_inputs(run.experiment)
        self._pending: list[tuple[int, Info]] = []
        self._sums: Row = {}  # over the steps since the last line of the log
        self._count = 0
        self._score: Callable[[int, State], Row] | None = None
        stack.enter_context(_os_errors_as_run_errors(run))
        self._check_own = stack.enter_context(locked(run.directory))
        self._stack, self._tensorboard = stack, tensorboard

    def resume(
        self, init: Callable[[], State], sharding: jax.sharding.Sharding
    ) -> State:
        """Load the newest checkpoint's state or make the first, and open the logs.

        Args:
            init: makes the first state.
            sharding: of the state's arrays.

        Raises:
            RunError: if there are checkpoints and none can be read.
        """
        run, enter = self._run, self._stack.enter_context
        state = restore(run.checkpoints, shapes(init, sharding))
        state = init() if state is None else state
        begun = int(state.step)
        reference = run_reference(run) if self._is_scored(begun) else None
        self._caught = enter(defer_signals())  # until here nothing can be lost
        rewind(run.metrics, begun)
        rewind(run.scores, begun)
        self._saved = enter(Checkpoints(run.checkpoints, self._schedule.keep))
        if reference is not None:
            self._score = enter(scorer(run, reference, begun))
        self._board: Log = lambda step, row: None
        if self._tensorboard:
            self._board = enter(event_file(run.directory / "tensorboard", begun))
        self._progress = enter(
            show_progress(
                run.name,
                total=run.experiment.steps,
                initial=begun,
                unit=" steps",
                smoothing=0.05,
            )
        )
        rewind(run.unlogged, begun)
        if begun and not _is_logged(run, begun):
            self._sums = dict(next(last_rows(run.unlogged), {}))
            if self._sums.pop("step", None) == begun:
                self._count = int(self._sums.pop("steps"))
            if (due := self._due(begun)).logs:
                self._report(begun, state, due)  # which failed after the step was made
        return state

    def record(self, step: int, state: State, info: Info) -> None:
        """Log, draw, score and save what is due after a step.

        Raises:
            RunError: if a loss, gradient or network is not finite.
            Interrupted: if a signal asks the run to stop; it is saved first.
        """
        self._pending.append((step, info))
        if (done := self._progress.advance(info)) is not None:
            losses = {p: float(sum(x.values())) for p, x in done.losses.items()}
            self._progress.report(**losses)
        due, stopped = self._due(step), self._caught()
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
        self._check_own()

    def _save(self, state: State) -> None:
        """Save a state, and what the next line of the log needs of the steps so far."""
        self._check_own()
        if self._count:
            sums = {"steps": float(self._count), **self._sums}
            write_row(self._run.unlogged, int(state.step), sums)
        save(state, self._saved)

    def _report(self, step: int, state: State, due: Due) -> None:
        self._check_own()
        run = self._run
        row = {name: total / self._count for name, total in self._sums.items()}
        with self._saved_if_it_fails(step, state):
            if due.plots:
                row |= save_pictures(
                    run.experiment, self._inputs, state, run.samples, step
                )
                save_strip(run.samples)
            if self._score is not None and due.scores:
                row |= self._score(step, state)
        write_row(run.metrics, step, row)
        self._board(step, row)
        self._sums, self._count = {}, 0

    def _add_up(self) -> None:
        """Add the reports of the pending steps up, and check that all are finite."""
        for step, info in self._pending:
            row = flatten(info)
            _check_finite(step, info, row, self._saved)
            # One by one: `sum` compensates for rounding, and a resumed run could not.
            self._sums = {k: self._sums.get(k, 0.0) + x for k, x in row.items()}
            self._count += 1
        self._pending.clear()

    @contextlib.contextmanager
    def _saved_if_it_fails(self, step: int, state: State) -> Iterator[None]:
        """Save the step if drawing, measuring or scoring fails.

        It has no line of the log, so whoever resumes the run draws and measures again.

        Raises:
            RunError: for whatever the experiment's own functions raise.
        """
        try:
            yield
        except (InputError, RunError, OSError):
            self._save(state)
            raise
        except Exception as error:
            self._save(state)
            self._saved.wait()
            reason = f"{type(error).__name__}: {error}"
            where = error_line(error, self._run.directory / "experiment.py")
            raise RunError(
                f"step {step:,} is saved, but cannot be drawn, measured or scored "
                f"({reason}{where}); correct that function in the notebook or in "
                f"{self._run.directory}, and resume."
            ) from error

    def _due(self, step: int) -> Due:
        last = step == self._run.experiment.steps
        return self._schedule.due(step, last, self._score is not None)

    def _is_scored(self, begun: int) -> bool:
        """Return True if the run is evaluated and, at its step, not finished."""
        experiment = self._run.experiment
        if experiment.evaluation is None or self._schedule.evaluate_every == 0:
            return False
        return begun < experiment.steps or not _is_logged(self._run, begun)

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
        yield recorder
        recorder.finish()


def _check_finite(step: int, info: Info, row: Row, saved: Checkpoints) -> None:
    """Check that the losses and gradients of a step are finite."""
    for player, terms in info.losses.items():
        for name in (f"{player}/{term}" for term in (*terms, "gradient")):
            if not math.isfinite(row[name]):
                raise RunError(
                    f"step {step:,}: {name} is {row[name]}; {saved.last_good()}."
                )


def is_finished(run: Run) -> bool:
    """Return True if a run's last step is saved, can be read, and is logged."""
    last = run.experiment.steps
    if last not in steps(run.checkpoints) or not _is_logged(run, last):
        return False
    try:
        return restored_networks(run)[0] == last
    except RunError:
        return False


def _is_logged(run: Run, step: int) -> bool:
    return next((row["step"] for row in last_rows(run.metrics)), None) == step


@contextlib.contextmanager
def _os_errors_as_run_errors(run: Run) -> Iterator[None]:
    """Convert an OSError, such as a full disk, to a `RunError` with the checkpoint."""
    try:
        yield
    except OSError as error:
        raise RunError(
            f"{error.filename or 'a file'}: {error.strerror or error}; "
            f"{last_good(run.checkpoints)}."
        ) from error
