"""Progress bars that lose their text, and nothing else, where it cannot be written."""

import contextlib
import io
import sys
from typing import Any

from tqdm.auto import tqdm


class Unfailing:
    """A text stream whose writes do not fail.

    On a full disk, a closed pipe or a closed terminal the text is lost, and nothing
    else.
    """

    def __init__(self, stream: Any) -> None:
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


def progress_bar(*given: Any, **options: Any) -> tqdm:
    """Open a progress bar on standard error; the arguments are those of tqdm."""
    stream = sys.stderr or io.StringIO()  # None where it was closed at the start
    return tqdm(*given, file=Unfailing(stream), **options)
