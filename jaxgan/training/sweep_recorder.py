"""Log, measure and checkpoint all members of a sweep while they are trained at once.

Each member's log is that of its own run directory. One checkpoint holds the state of
them all, until the sweep is finished.
"""

import contextlib
import logging
import shutil
import signal
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NoReturn

import jax
import numpy as np
from numpy.typing import NDArray

from jaxgan.algorithms.population import diverged_members, select_member
from jaxgan.errors import Interrupted
from jaxgan.reporting.log import Row, rewind, write_row
from jaxgan.reporting.report import Report, as_columns, charged_names
from jaxgan.training.checkpoint import Checkpoints, restore, states_back, steps
from jaxgan.training.experiment import error_line
from jaxgan.training.progress import show_progress
from jaxgan.training.running_mean import RunningMean
from jaxgan.training.schedule import Due, Schedule
from jaxgan.training.signals import defer_signals
from jaxgan.training.snapshots import summarize
from jaxgan.training.sweep_members import Member
from jaxgan.training.sweep_report import SweepRecord, write_sweep
from jaxgan.types import State

logger = logging.getLogger(__name__)

KEPT = 2
"""Checkpoints of all members that are kept at a time."""

CHARGED = "charged"
"""The name of a member's sum of losses and gradients, finite if they all are."""


class SweepRecorder:
    """Logs, measurements and checkpoints of all members.

    A member that diverged is logged no further, and keeps the networks that it had at
    the last checkpoint before.

    Args:
        directory: of the sweep.
        sweep: the contents of its sweep.json.
        members: all of them.
        schedule: how often they report and are saved.
        check_own: raises a RunError if the directory was removed or replaced.
        stack: of what is closed in the end.
    """

    def __init__(
        self,
        directory: Path,
        sweep: SweepRecord,
        members: Sequence[Member],
        schedule: Schedule,
        check_own: Callable[[], None],
        stack: contextlib.ExitStack,
    ) -> None:
        self._directory, self._sweep, self._members = directory, sweep, members
        self._schedule = schedule
        self._check_own, self._stack = check_own, stack
        self._steps = members[0].run.experiment.steps
        self._pending: list[Report] = []
        self._sought: set[int] = set()  # lost members whose last good was looked for
        self._mean = RunningMean(directory / "unlogged.jsonl")

    def resume(self, init: Callable[[], State]) -> State:
        """Load the newest checkpoint's state or make the first, and open the logs."""
        enter, place = self._stack.enter_context, self._directory / "checkpoints"
        state = init()
        self._like = jax.tree.map(
            lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), state
        )
        restored = restore(place, self._like)
        state = state if restored is None else restored
        begun = int(state.step)
        self._caught = enter(defer_signals())
        for each in self._members:
            rewind(each.run.metrics, begun)
            rewind(each.run.scores, begun)
            if each.about.diverged is not None and each.about.diverged > begun:
                each.about.diverged = None  # it will again
                shutil.rmtree(each.run.checkpoints, ignore_errors=True)
        self._saved = enter(Checkpoints(place, KEPT))
        progress = show_progress(
            self._directory.name, total=self._steps, initial=begun, unit=" steps"
        )
        self._progress = enter(progress)
        self._mean.load(begun)
        if all(m.about.diverged or m.run.is_logged(begun) for m in self._members):
            self._mean.take()
        if begun and self._due(begun).logs and begun < self._steps:
            self._report(begun, state)  # unless it had, before it was stopped
        return state

    def record(self, step: int, state: State, report: Report) -> None:
        """Save, log and measure what is due after a step, but for the last report.

        Raises:
            Interrupted: if a signal asks the sweep to stop; it is saved first.
        """
        self._pending.append(report)
        self._progress.advance(report)
        due, stopped, last = self._due(step), self._caught(), step == self._steps
        saves = due.saves or stopped is not None
        if due.logs or saves:
            self._add_up()
        if saves:
            self._keep_last_good(self._lost(state))
            self._save(state)
        if due.logs and not last:
            self._report(step, state)
        if stopped is not None and not last:
            self._stop(step, stopped)

    def _stop(self, step: int, number: int) -> NoReturn:
        """Stop after a step that is saved."""
        self._saved.wait()
        raise Interrupted(
            f"stopped by {signal.Signals(number).name} at step {step:,}, saved in "
            f"{self._saved.directory / str(step)}; `jaxgan sweep {self._directory}` "
            "goes on from there.",
            number,
        )

    def finish(self, state: State, score: Callable[[Member, State], Row]) -> None:
        """Measure and score all members after the last step, and write their last line.

        Args:
            state: after the last step.
            score: `(member, its state) -> row`.

        Raises:
            Interrupted: if a signal asks the sweep to stop, between two members.
        """
        self._saved.wait()
        self._report(self._steps, state, score)

    def _save(self, state: State) -> None:
        self._check_own()
        self._mean.save(int(state.step))
        self._saved.save(state)

    def _report(
        self,
        step: int,
        state: State,
        score: Callable[[Member, State], Row] = lambda member, own: {},
    ) -> None:
        """Write a line of the log of each member that has none of this step."""
        self._check_own()
        if not self._mean:
            return  # all were logged before the sweep was stopped
        lost = self._lost(state)
        means = self._mean.take()
        means.pop(CHARGED)
        self._note_diverged(step, lost)
        for i, each in enumerate(self._members):
            if each.about.diverged is not None or each.run.is_logged(step):
                continue
            row = {name: np.asarray(x)[i].item() for name, x in means.items()}
            if self._due(step).plots:
                own = select_member(state, i)
                row |= attempt(each, step, "measured", partial(_measure, each, own))
                row |= attempt(each, step, "scored", partial(score, each, own))
            write_row(each.run.metrics, step, row)
            # The last step is saved, and its members take long to score.
            if step == self._steps and (number := self._caught()) is not None:
                self._stop(step, number)

    def _note_diverged(self, step: int, lost: NDArray[np.bool_]) -> None:
        new = [
            each
            for i, each in enumerate(self._members)
            if lost[i] and each.about.diverged is None
        ]
        for each in new:
            each.about.diverged = step
        if new:
            self._keep_last_good(lost)
            write_sweep(self._directory, self._sweep)

    def _lost(self, state: State) -> NDArray[np.bool_]:
        """Find the members that are not finite, or were not since the last line."""
        return diverged_members(state) | ~np.isfinite(self._mean.sums.get(CHARGED, 0.0))

    def _keep_last_good(self, lost: NDArray[np.bool_]) -> None:
        """Save members at the newest checkpoint that has their networks finite.

        It is called before each save, so that no sound checkpoint has made way yet.
        """
        left = {
            i: each
            for i, each in enumerate(self._members)
            if lost[i] and i not in self._sought and not steps(each.run.checkpoints)
        }
        self._sought |= left.keys()
        if not left:
            return
        self._saved.wait()
        for state in states_back(self._saved.directory, self._like):
            sound = ~diverged_members(state)
            for i in [i for i in left if sound[i]]:
                run = left.pop(i).run
                shutil.rmtree(run.checkpoints, ignore_errors=True)
                with Checkpoints(run.checkpoints, 1) as saved:
                    saved.save(select_member(state, i))

    def _add_up(self) -> None:
        if not self._pending:
            return
        columns = as_columns(self._pending, members=True)
        charged = [columns[name] for name in charged_names(self._pending[0])]
        columns[CHARGED] = np.sum(charged, axis=0)
        self._mean.add(columns)
        self._pending.clear()

    def _due(self, step: int) -> Due:
        return self._schedule.due(step, step == self._steps, scored=False)


def _measure(member: Member, own: State) -> Row:
    return summarize(member.run.experiment, member.inputs, own)


def attempt(member: Member, step: int, done: str, make: Callable[[], Row]) -> Row:
    """Call a function of an experiment; what it raises is told, and stops no sweep.

    Args:
        member: whose experiment it is.
        step: of the state that it looks at.
        done: what it does to the member, such as "measured".
        make: the function; if it fails, the result is empty.
    """
    try:
        return make()
    except OSError:  # a full disk stops everything
        raise
    except Exception as error:  # whatever an experiment's own functions raise
        reason = f"{type(error).__name__}: {error}".rstrip(": .")
        where = error_line(error, member.run.directory / "experiment.py")
        logger.warning(
            "warning: step %s: %s cannot be %s (%s%s); it is kept all the same.",
            f"{step:,}",
            member.run.directory,
            done,
            reason,
            where,
        )
        return {}
