"""Show progress, and keep the loop at most a few steps ahead of the device."""

import contextlib
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from jaxgan.progress import progress_bar
from jaxgan.reporting.report import Report, unpack

IN_FLIGHT = 2
"""Calls that the device may be behind the loop, so that it never waits for it."""

REFRESHED = 0.1
"""Seconds between two refreshments of the losses behind the bar."""


class Progress:
    """A progress bar over the steps of training; made by `show_progress`."""

    def __init__(self, bar: tqdm) -> None:
        self._bar = bar
        self._pending: deque[Report] = deque()
        self._shown = 0.0  # when the losses were

    def advance(self, report: Report, count: int = 1) -> None:
        """Count steps, and wait until all but the last few calls are done.

        Args:
            report: of a call.
            count: its number of steps.
        """
        self._bar.update(count)
        self._pending.append(report)
        if len(self._pending) <= IN_FLIGHT:
            return
        done = self._pending.popleft()
        done.values.block_until_ready()
        if (now := time.monotonic()) > self._shown + REFRESHED:
            self._shown = now
            self._show(done)

    def _show(self, report: Report) -> None:
        """Put each player's last loss behind the bar."""
        losses = unpack(report).losses
        totals = {p: sum(terms.values()) for p, terms in losses.items()}
        last = {p: np.ravel(total)[-1].item() for p, total in totals.items()}
        self._bar.set_postfix(last, refresh=False)


@contextlib.contextmanager
def show_progress(name: str, **options: Any) -> Iterator[Progress]:
    """Open a progress bar; `options` are those of tqdm."""
    with progress_bar(desc=name, dynamic_ncols=True, **options) as bar:
        yield Progress(bar)
