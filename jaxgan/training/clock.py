"""Count the seconds that a run has trained, across interruptions."""

from pathlib import Path
from time import monotonic

from jaxgan.reporting.log import last_row_of, rewind, write_row


class Clock:
    """Seconds of training until each checkpoint, compilation and scoring included.

    Those of steps that an interruption has lost, and that are made again, count once.
    If the first steps were not counted, the total is unknown.

    Args:
        path: the file of the seconds.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._before: float | None = None  # unknown
        self._begun = 0.0

    def start(self, step: int) -> None:
        """Go on counting from a step, and forget what is known of later ones."""
        rewind(self._path, step)
        self._before = seconds_until(self._path, step)
        self._begun = monotonic()

    def save(self, step: int) -> None:
        """Append the seconds until a step to the file, if they are known."""
        if self._before is not None:
            seconds = self._before + monotonic() - self._begun
            write_row(self._path, step, {"seconds": round(seconds, 1)})


def seconds_until(path: Path, step: int) -> float | None:
    """Read the seconds of training until a step; None if they are not known."""
    if not step:
        return 0.0
    kept = last_row_of(path, step)
    return None if kept is None else kept.get("seconds")
