"""PyTorch's side of a benchmark: a worker in an environment of its own, and ratios."""

import statistics
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jaxgan import InputError


def torch_worker(
    python: Path, script: str, *arguments: Path | str
) -> Callable[[str, float | str], float]:
    """Start a script of this folder; returns `(of what, what) -> its answer`.

    The script prints PyTorch's version, then answers each line with a number.

    Raises:
        InputError: if the interpreter cannot run the script.
    """
    path = Path(__file__).with_name(script)
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    try:
        worker = subprocess.Popen([python, path, *arguments], text=True, **pipes)
        assert worker.stdin is not None
        assert worker.stdout is not None
        version = worker.stdout.readline().strip()
    except OSError:
        version = ""
    if not version:
        raise InputError(
            f"torch_python must be a Python that has PyTorch, got {str(python)!r}, "
            f"which cannot run {script}."
        )
    print("PyTorch", version)

    def ask(of: str, what: float | str) -> float:
        print(of, what, file=worker.stdin, flush=True)
        answer = worker.stdout.readline()
        if not answer:
            raise RuntimeError(f"{script} ended at {of!r}; its error is above.")
        return float(answer)

    return ask


def spread(above: Sequence[float], below: Sequence[float]) -> str:
    """The ratio turn by turn: the median (least to greatest)."""
    ratios = [a / b for a, b in zip(above, below, strict=True)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
