"""Standard output and error that cannot stop a run."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import Any

from jaxgan.progress import Unfailing


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
