"""Standard output and error that cannot stop a run."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import Any


class Unfailing:
    """A text stream whose writes do not fail.

    On a full disk, a closed pipe or a closed terminal the text is lost, and nothing
    else.
    """

    def __init__(self, stream: io.TextIOBase) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text if it can be written."""
        with contextlib.suppress(OSError, ValueError):  # ValueError: a closed file
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush what was written if that is possible."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def unfailing_streams() -> Iterator[None]:
    """Let no write to standard output or error fail until the block ends.

    Characters that the terminal's encoding lacks are escaped.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    _fill_closed_descriptors()
    # Python has None in place of a stream that was closed before it began.
    before: list[Any] = [sys.stdout, sys.stderr]
    streams: Any = [Unfailing(each or io.StringIO()) for each in before]
    with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
        try:
            yield
        finally:
            for stream in streams:
                stream.flush()


def _fill_closed_descriptors() -> None:
    """Open the null device as standard input, output or error where one is closed.

    Otherwise the next file that is opened, a checkpoint say, would take its number, and
    whatever a C library prints would go into it.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
