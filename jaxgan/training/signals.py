"""Defer signals that ask a run to stop."""

import contextlib
import itertools
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from jaxgan.training.processes import are_several

SIGNALS = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGXCPU")
    if hasattr(signal, name)  # Windows lacks some
]
"""Signals that ask a run to stop: Ctrl-C, `kill`, a closed terminal, batch systems.

SIGXCPU comes before a limit of CPU time is reached, which kills.
"""


@contextlib.contextmanager
def defer_signals() -> Iterator[Callable[[], int | None]]:
    """Catch `SIGNALS`; yield a function that returns the one caught, or None.

    The first is only noted, so that the run can finish its step and save; a second one
    acts as it always does. A signal that is ignored, as `nohup` does with SIGHUP, stays
    ignored. Outside the main thread Python lets nobody catch signals,
    and the function gives None.
    """
    caught: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        del frame
        caught.append(number)
        restore()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    before = {}
    if threading.current_thread() is threading.main_thread():
        ours = [s for s in SIGNALS if s != signal.SIGTERM or not are_several()]
        heeded = [s for s in ours if signal.getsignal(s) is not signal.SIG_IGN]
        before = {number: signal.signal(number, note) for number in heeded}
    try:
        yield lambda: caught[0] if caught else None
    finally:
        restore()


@contextlib.contextmanager
def agree_on_signals() -> Iterator[Callable[[], int | None]]:
    """Catch `SIGNALS` for all processes of a run, at the same step.

    Yields a function that each process must call after the same steps. It returns the
    signal after which all are to stop, if there is one. JAX tells the others of a
    SIGTERM, so every other signal becomes one.
    """
    if not are_several():
        with defer_signals() as caught:
            yield caught
        return
    from jax.experimental.multihost_utils import reached_preemption_sync_point

    calls, told = itertools.count(1), False
    with defer_signals() as caught:

        def stopped() -> int | None:
            nonlocal told
            if caught() and not told:
                told = True
                os.kill(os.getpid(), signal.SIGTERM)
            if reached_preemption_sync_point(next(calls)):
                return caught() or signal.SIGTERM
            return None

        yield stopped


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Let a signal of `SIGNALS` act when the block has ended."""
    with defer_signals() as caught:
        yield
    if number := caught():
        signal.raise_signal(number)
