"""A signal ends a command in one sentence or silently, and blocks no other start."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.builders import tiered
from tests.command_line import run
from tests.runs import PLANE, wait_until

TRAIN = ["train", str(PLANE), "--steps=400", "--devices=1"]


def begin(place, words):
    """A command that is importing its libraries."""
    process = subprocess.Popen(
        [sys.executable, "-m", "jaxgan", *words],
        cwd=place,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    maps = Path(f"/proc/{process.pid}/maps")
    wait_until(lambda: "numpy" in maps.read_text(), process)
    return process


def catches(process, number):
    """Return True if a process has a handler for a signal."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    caught = re.search(r"^SigCgt:\s*(\w+)", status, re.M)
    return bool(int(caught[1], 16) >> number - 1 & 1)


def stop(process, number):
    """Send a signal; return whether it ended the process, as it should."""
    process.send_signal(number)
    said = process.communicate(timeout=60)[1]
    assert process.returncode in (128 + number, -number, 0), said
    assert "Traceback" not in said and "Exception" not in said
    own = [line for line in said.splitlines() if line.strip() and "%|" not in line]
    assert len(own) <= 1 and all(line.startswith("jaxgan: ") for line in own), said
    return process.returncode != 0


IMPORTING = [0, 0.1, 0.2, 0.5, 1, 2]
RUNNING = [0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 1.5, 3]
"""Seconds since the libraries are being imported, and since they are."""

MOMENTS = (*((False, s) for s in IMPORTING), *((True, s) for s in RUNNING))
FIRST = (MOMENTS[2], MOMENTS[9])


@pytest.mark.parametrize("number", tiered(["SIGINT", "SIGTERM", "SIGHUP"], ["SIGINT"]))
@pytest.mark.parametrize("moments", tiered([FIRST, MOMENTS], [FIRST]))
def test_a_signal_before_the_first_step_is_no_traceback(tmp_path, number, moments):
    number = getattr(signal, number)
    if signal.getsignal(number) is signal.SIG_IGN:
        pytest.skip("the signal is ignored here, as under nohup")
    stopped = 0
    for running, seconds in moments:
        process = begin(tmp_path, [*TRAIN, "--run=run"])
        if running:
            wait_until(lambda p=process: catches(p, signal.SIGINT), process)
        time.sleep(seconds)
        stopped += stop(process, number)
        assert {path.name for path in tmp_path.iterdir()} <= {"run"}
    assert stopped
    assert run(*TRAIN, f"--run={tmp_path / 'run'}") == 0
