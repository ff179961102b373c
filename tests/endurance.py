"""Runs of many checkpoints, many steps and a long log, as many as are asked for.

    python -m tests.endurance --checkpoints 2000 --steps 100000 --lines 1000000

Neither descriptors nor threads nor memory may grow while a run trains, and a log of a
million lines may not slow down its listing or a resume. The second tier of the tests
does less of each.

On two cores that other jobs shared, from a tenth of the steps to the last:

- 100,000 steps in 5 minutes: 577 MB, then 575; 68 descriptors, then 8.
- 2,000 checkpoints in 6 minutes: 561 MB, then 603; 52 descriptors, then 50; 31
  threads, then 27. A process that only saves grows less and less: 150 saves added 4.1,
  1.4 and 1.4 MB.
- 1,000,000 lines: listed in 1.4 CPU seconds, as with a log of two lines; resumed in 3.3
  (3.3), with 402 MB (402).
"""

import dataclasses
import os
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax.numpy as jnp
import psutil
import tyro

from jaxgan.reporting.log import last_rows
from jaxgan.training.checkpoint import Checkpoints
from jaxgan.training.checkpoint import steps as saved_steps
from jaxgan.training.loop import train
from jaxgan.training.schedule import Schedule
from tests.runs import ONE_DEVICE, PLANE, make_run

FILES = 256
"""Files that may be open at once."""

WARMING, SAVING = 20e6, 30e3
"""Bytes by which memory may grow in all, and with a checkpoint.

The arenas of Orbax's threads grow first: 15 MB in the first hundred checkpoints. The
leak that there was took 75 kB a checkpoint.
"""


@dataclasses.dataclass(frozen=True)
class Counts:
    """Counts of each kind."""

    checkpoints: int = 2_000  # of one run, one after each step
    steps: int = 100_000  # of one run
    lines: int = 1_000_000  # of the log of a run that is listed and resumed


class Held(NamedTuple):
    """Resources that a process holds."""

    descriptors: int
    threads: int
    memory: int  # in bytes


def checkpoints(count: int, place: Path) -> str:
    """A run that saves after every step, with few files open."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, hard))
    run = make_run(place / "run", PLANE, steps=count)
    schedule = Schedule(log_every=count, save_every=1, keep=2)
    first, last = _held_while_training(run, schedule)
    assert saved_steps(run.checkpoints)[-2:] == [count - 1, count]
    return _assert_flat(first, last, growth=WARMING + SAVING * count)


def steps(count: int, place: Path) -> str:
    """A run of many tiny steps."""
    run = make_run(place / "run", PLANE, steps=count)
    schedule = Schedule(log_every=100, save_every=10_000)
    first, last = _held_while_training(run, schedule)
    assert next(last_rows(run.metrics))["step"] == count
    return _assert_flat(first, last, growth=0.05 * first.memory)


def lines(count: int, place: Path) -> str:
    """A run of a long log is listed and resumed as one of a short log is."""
    losses = '"generator/non_saturating": 0.6931471, "discriminator/r1": 0.0123456'
    costs = []
    for length in (2, count):
        run = make_run(place / str(length) / "run", PLANE, steps=1)
        state = train(run, devices=ONE_DEVICE)
        with Checkpoints(run.checkpoints, keep=1) as saved:
            saved.save(state._replace(step=jnp.int32(length)))
        with run.metrics.open("w") as log:
            for step in range(1, length + 1):
                log.write(f'{{"step": {step}, {losses}}}\n')
        listed, _ = _measure("list", run.directory.parent)
        resumed, memory = _measure(
            "train", run.directory, "--steps", length + 1, "--devices", 1
        )
        assert next(last_rows(run.metrics))["step"] == length + 1
        costs.append((listed, resumed, memory))
    (listed_2, resumed_2, memory_2), (listed, resumed, memory) = costs
    said = (
        f"CPU seconds and memory, instead of those with a log of two lines: listed in "
        f"{listed:.1f} s ({listed_2:.1f}), resumed in {resumed:.1f} s "
        f"({resumed_2:.1f}) and {memory / 1e6:.0f} MB ({memory_2 / 1e6:.0f})"
    )
    assert listed < listed_2 + 2 and resumed < resumed_2 + 2, said
    assert memory < 1.05 * memory_2 and memory < 500e6, said
    return said


def _held_while_training(run, schedule) -> tuple[Held, Held]:
    """Train a run; return what is held in its first half, from a tenth on, and later.

    Descriptors and threads are the least of each half: those of Orbax's ten to twenty
    event loops, three descriptors each, come and go. Memory is that at either end.
    """
    source, count = run.experiment.source(), run.experiment.steps
    held: dict[int, Held] = {}  # by step; batches are looked at before training, too

    def watched(seed, step):
        if step >= count // 10:
            held[step] = _held()
        return source(seed, step)

    experiment = run.experiment._replace(source=lambda: watched)
    train(run._replace(experiment=experiment), schedule=schedule, devices=ONE_DEVICE)
    begin, middle = count // 10, count // 2
    first = _least(held[step] for step in range(begin, middle))
    last = _least(held[step] for step in range(middle, count))
    return (
        first._replace(memory=held[begin].memory),
        last._replace(memory=held[count - 1].memory),
    )


def _least(marks: Iterable[Held]) -> Held:
    return Held(*map(min, zip(*marks, strict=True)))


def _held() -> Held:
    memory = psutil.Process().memory_info().rss
    return Held(len(os.listdir("/proc/self/fd")), threading.active_count(), memory)


def _assert_flat(first: Held, last: Held, growth: float) -> str:
    said = f"from a tenth to the half: {first}; from there to the end: {last}"
    assert last.descriptors <= first.descriptors + 5, said
    assert last.threads <= first.threads + 5, said
    assert last.memory < first.memory + growth, said
    return said


def _measure(*words: object) -> tuple[float, int]:
    """Run a command; return its seconds of CPU, and the most memory that it held.

    What `wait4` says of memory is no less than what this process held at the fork.
    """
    command = [sys.executable, "-m", "jaxgan", *map(str, words)]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    memory = 0
    while not os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG):
        held = re.search(r"VmHWM:\s*(\d+)", _status(process.pid))
        memory = max(memory, 1024 * int(held[1]) if held else 0)
        time.sleep(0.02)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return usage.ru_utime + usage.ru_stime, memory


def _status(process: int) -> str:
    return Path(f"/proc/{process}/status").read_text()


SUBJECTS: tuple[Callable[[int, Path], str], ...] = (checkpoints, steps, lines)


def main(counts: Counts) -> None:
    """Do as many of each as are asked for; the first that fails ends it."""
    for subject in SUBJECTS:
        if count := getattr(counts, subject.__name__):
            start = time.monotonic()
            with tempfile.TemporaryDirectory() as place:
                said = subject(count, Path(place))
            print(f"{subject.__name__}: {count:,} in {time.monotonic() - start:.0f} s;")
            print(f"    {said}")


if __name__ == "__main__":
    main(tyro.cli(Counts, description=__doc__))
