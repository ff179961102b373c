"""Show progress, and keep the loop at most a few steps ahead of the device."""

import contextlib
from collections import deque
from collections.abc import Iterator
from typing import Any

import jax
from tqdm.auto import tqdm

from jaxgan.types import Info

IN_FLIGHT = 2
"""Steps that the device may be behind the loop, so that it never waits for it."""


class Progress:
    """A progress bar over the steps of training; made by `show_progress`."""

    def __init__(self, bar: tqdm) -> None:
        self._bar = bar
        self._pending: deque[Info] = deque()

    def advance(self, info: Info) -> Info | None:
        """Count a step, and wait until all but the last few are done.

        Returns:
            The report of the step that is now known to be done, if there is one.
        """
        with _lost_if_unwritable():
            self._bar.update()
        self._pending.append(info)
        if len(self._pending) <= IN_FLIGHT:
            return None
        return jax.block_until_ready(self._pending.popleft())

    def report(self, **numbers: float) -> None:
        """Put numbers behind the bar."""
        self._bar.set_postfix(numbers, refresh=False)


@contextlib.contextmanager
def show_progress(name: str, **options: Any) -> Iterator[Progress]:
    """Open a progress bar; `options` are those of tqdm."""
    bar = tqdm(disable=True)
    with _lost_if_unwritable():
        bar = tqdm(desc=name, dynamic_ncols=True, **options)
    try:
        yield Progress(bar)
    finally:
        with _lost_if_unwritable():
            bar.close()


def _lost_if_unwritable() -> contextlib.AbstractContextManager[None]:
    """Let text be lost, and not the run, where standard error cannot be written."""
    return contextlib.suppress(OSError, ValueError)  # ValueError: of a closed file
