"""Several processes on the loopback that train one run, as a user would start them."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent


class Ended(NamedTuple):
    """The end of a process, and its output."""

    status: int
    out: str
    err: str

    @property
    def said(self):
        """The lines that jaxgan wrote to standard error."""
        return [x for x in self.err.splitlines() if x.startswith("jaxgan: ")]


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def start(count, place, *words, devices=1, own=None):
    """Start the processes of one command.

    Args:
        count: how many.
        place: their working directory.
        words: the command.
        devices: of each.
        own: words and environment variables of one of them, by its number.
    """
    port, own = free_port(), own or {}
    processes = []
    for number in range(count):
        more, environment = own.get(number, ((), {}))
        joining = ["--coordinator", f"127.0.0.1:{port}", "--processes", count]
        joining += ["--process", number] if count > 1 else []
        command = [*words, *more, *(joining if count > 1 else [])]
        processes.append(
            subprocess.Popen(
                [sys.executable, "-m", "jaxgan", *map(str, command)],
                cwd=place,
                env=os.environ
                | {
                    "JAX_PLATFORMS": "cpu",
                    "JAX_NUM_CPU_DEVICES": str(devices),
                    "PYTHONPATH": str(ROOT),
                }
                | environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    return processes


def end(processes, seconds=240):
    """Wait for processes, and return how each ended."""
    try:
        told = [process.communicate(timeout=seconds) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return [Ended(p.returncode, *t) for p, t in zip(processes, told, strict=True)]
