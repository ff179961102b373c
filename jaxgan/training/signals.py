"""Defer signals that ask a run to stop."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

SIGNALS = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1")
    if hasattr(signal, name)  # Windows lacks some
]
"""Signals that ask a run to stop: Ctrl-C, `kill`, a closed terminal, batch systems."""


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
        heeded = [s for s in SIGNALS if signal.getsignal(s) is not signal.SIG_IGN]
        before = {number: signal.signal(number, note) for number in heeded}
    try:
        yield lambda: caught[0] if caught else None
    finally:
        restore()
