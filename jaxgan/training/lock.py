"""Keep a directory to one process at a time."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from jaxgan.errors import RunError

LOCK = ".lock"
"""The file of a run directory that its process locks."""

NEEDED = (
    "run.json",
    "sweep.json",
    "experiment.py",
    "data",
    "checkpoints",
    "metrics.jsonl",
)
"""What a directory that has it may not lose while its process is at work."""

PATIENCE = 1.0
"""Seconds to wait for a process that only looks whether a directory is free."""


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[Callable[[], None]]:
    """Keep a run to one process at a time.

    Yields a function that raises a RunError if the directory or its lock was removed or
    replaced since, so that another process may be at work in it, or if something that
    it needs and that the function has seen there is gone.

    Raises:
        RunError: if another process trains in it.
    """
    lock = directory / LOCK

    def identify() -> list[tuple[int, int]]:
        return [(s.st_dev, s.st_ino) for s in map(os.stat, (directory, lock))]

    def check() -> None:
        with contextlib.suppress(OSError):
            if identify() == own:
                check_contents()
                return
        raise RunError(
            f"{directory} or its {LOCK} was removed or replaced while it trained; "
            "nothing more is written into it."
        )

    seen: set[str] = set()

    def check_contents() -> None:
        present = {name for name in NEEDED if (directory / name).exists()}
        if missing := sorted(seen - present):
            raise RunError(
                f"{directory / missing[0]} was removed while it trained; nothing more "
                f"is written into {directory}."
            )
        seen.update(present)

    try:
        with FileLock(lock, timeout=PATIENCE):
            own = identify()
            yield check
    except Timeout as error:
        raise RunError(f"another process is training in {directory}.") from error
