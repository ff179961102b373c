"""Intervals at which a run reports, draws, scores and saves."""

import dataclasses
from typing import NamedTuple

from jaxgan.errors import check_count_or_0, check_positive_int


class Due(NamedTuple):
    """The tasks that are due after a step."""

    plots: bool
    scores: bool
    logs: bool
    saves: bool


@dataclasses.dataclass(frozen=True)
class Schedule:
    """Intervals of a run's reports and checkpoints, in steps.

    Raises:
        InputError: if one is not an integer of at least 1.
    """

    log_every: int = 100  # a line of metrics.jsonl
    save_every: int = 1000  # a checkpoint
    evaluate_every: int = 1000  # scores, where the experiment evaluates; 0: never
    keep: int = 3  # checkpoints

    def __post_init__(self) -> None:
        check_positive_int("log_every", self.log_every)
        check_positive_int("save_every", self.save_every)
        check_count_or_0("evaluate_every", self.evaluate_every)
        check_positive_int("keep", self.keep)

    def due(self, step: int, last: bool, scored: bool) -> Due:
        """The tasks that are due after a step.

        Args:
            step: the step that was made.
            last: whether it is the last of the run.
            scored: whether the run is scored at all.
        """
        plots = last or is_milestone(step)
        scores = scored and (last or step % self.evaluate_every == 0)
        logs = plots or scores or step % self.log_every == 0
        return Due(plots, scores, logs, saves=last or step % self.save_every == 0)

    def next_due(self, step: int, last: int, scored: bool) -> int:
        """The first step after one, or the last, after which something is due."""
        intervals = {self.log_every, self.save_every}
        if scored:
            intervals.add(self.evaluate_every)
        multiples = (step - step % n + n for n in intervals)
        return min(last, next_milestone(step), *multiples)


def is_milestone(step: int) -> bool:
    """Return True at 100, 200, 500, 1000, 2000, 5000, …"""
    return step > 0 and next_milestone(step - 1) == step


def next_milestone(step: int) -> int:
    """Return the first of 100, 200, 500, 1000, 2000, 5000, … after a step."""
    scale = 10 ** max(2, len(str(step)) - 1)
    return next(scale * n for n in (1, 2, 5, 10) if scale * n > step)
