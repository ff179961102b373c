"""Runs that are stopped, damaged, removed or read by others lose nothing."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from jaxgan.errors import Interrupted, RunError
from jaxgan.training.checkpoint import (
    Checkpoints,
    restore_networks,
    steps,
)
from jaxgan.training.loop import train
from jaxgan.training.schedule import Schedule
from jaxgan.training.signals import defer_signals
from tests.builders import tiered
from tests.runs import ONE_DEVICE, PLANE, assert_same_bits, make_run, wait_until
from tests.training.test_checkpoint import like, make_state

BETWEEN = Schedule(log_every=5, save_every=4)  # checkpoints lie between lines


def acting_at(run, step, act):
    """The run with a source that does something before a step, the first time.

    Not while batches are only looked at, before there is a place for checkpoints.
    """
    draw, done = run.experiment.source(), []

    def source(seed, index):
        if index == step - 1 and not done and run.checkpoints.exists():
            done.append(index)
            act()
        return draw(seed, index)

    return run._replace(experiment=run.experiment._replace(source=lambda: source))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    run = make_run(tmp_path_factory.mktemp("whole") / "run", PLANE, steps=12)
    return run, train(run, schedule=BETWEEN, devices=ONE_DEVICE)


@pytest.mark.slow
@pytest.mark.parametrize(
    "number", tiered(["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGXCPU"], ["SIGTERM"])
)
def test_a_run_stopped_between_two_lines_logs_what_a_whole_one_logs(
    tmp_path, whole, number
):
    run = make_run(tmp_path / "run", PLANE, steps=12)
    number = getattr(signal, number)
    before = signal.signal(number, signal.SIG_DFL)  # whatever the tests run under
    stopped = acting_at(run, 7, lambda: os.kill(os.getpid(), number))
    with pytest.raises(Interrupted, match=f"{number.name} at step 7") as caught:
        train(stopped, schedule=BETWEEN, devices=ONE_DEVICE)
    signal.signal(number, before)
    assert caught.value.signal_number == number
    assert_same_bits(train(run, schedule=BETWEEN, devices=ONE_DEVICE), whole[1])
    assert run.metrics.read_bytes() == whole[0].metrics.read_bytes()


def test_a_run_killed_between_two_lines_logs_what_a_whole_one_logs(tmp_path, whole):
    run = make_run(tmp_path / "run", PLANE, steps=12)

    class Killed(BaseException):
        pass

    def die():
        raise Killed  # nothing is saved or logged after it

    with pytest.raises(Killed):
        train(acting_at(run, 11, die), schedule=BETWEEN, devices=ONE_DEVICE)
    assert steps(run.checkpoints)[-1] == 8
    assert_same_bits(train(run, schedule=BETWEEN, devices=ONE_DEVICE), whole[1])
    assert run.metrics.read_bytes() == whole[0].metrics.read_bytes()


def test_a_signal_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with defer_signals() as caught:
            os.kill(os.getpid(), signal.SIGHUP)
            assert caught() is None
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("what", tiered(["directory", "moved", "lock"], ["lock"]))
def test_a_run_notices_that_its_directory_is_not_its_own(tmp_path, what):
    run = make_run(tmp_path / "run", PLANE, steps=12)

    def remove():
        match what:
            case "directory":
                while run.directory.exists():  # a save may be under way
                    shutil.rmtree(run.directory, ignore_errors=True)
            case "moved":
                while any("tmp" in path.name for path in run.checkpoints.iterdir()):
                    time.sleep(0.01)  # or Orbax would tell of a lost save, later
                run.directory.rename(tmp_path / "elsewhere")
            case "lock":
                (run.directory / ".lock").unlink()

    with pytest.raises(RunError, match=r"run or its \.lock was removed or replaced"):
        train(acting_at(run, 6, remove), schedule=BETWEEN, devices=ONE_DEVICE)


@pytest.mark.parametrize(
    "name",
    tiered(
        ["run.json", "experiment.py", "data", "checkpoints", "metrics.jsonl"],
        ["run.json"],
    ),
)
def test_a_run_notices_that_something_it_needs_is_gone(tmp_path, name):
    run = make_run(tmp_path / "run", PLANE, steps=12)

    def remove():
        path = run.directory / name
        if path.is_file():
            path.unlink()
        while [*path.glob("*-tmp*")]:  # or that save is the first to miss it
            time.sleep(0.01)
        while path.exists():  # a save may be under way
            shutil.rmtree(path, ignore_errors=True)

    with pytest.raises(RunError, match=rf"{name} was removed while it trained"):
        train(acting_at(run, 6, remove), schedule=BETWEEN, devices=ONE_DEVICE)


def test_a_damaged_picture_does_not_stop_a_run(tmp_path, caplog):
    run = make_run(tmp_path / "run", PLANE, steps=3)
    run.samples.mkdir()
    (run.samples / "000002.png").write_bytes(b"no picture")
    train(run, devices=ONE_DEVICE)
    assert "000002.png is left out" in caplog.text
    assert (run.samples / "strip.png").stat().st_size > 0


def test_saving_leaks_neither_descriptors_nor_threads(tmp_path):
    counts = []
    with Checkpoints(tmp_path / "c", keep=2) as saved:
        for step in range(1, 13):
            saved.save(make_state(step))
            saved.wait()
            counts.append((len(os.listdir("/proc/self/fd")), threading.active_count()))
    assert counts[-1] == counts[3], counts  # the first ones open what stays


TRAINER = """
import sys
from pathlib import Path
from jaxgan.training.checkpoint import Checkpoints
from tests.training.test_checkpoint import make_state

with Checkpoints(Path(sys.argv[1]), keep=1) as saved:
    for step in range(1, 26):
        saved.save(make_state(step))
"""


# Of reads that a failed load abandons, Python tells when they are collected.
abandons_reads = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)


@abandons_reads
@pytest.mark.slow
def test_networks_are_read_while_a_trainer_removes_them(tmp_path):
    path = tmp_path / "c"
    trainer = subprocess.Popen([sys.executable, "-c", TRAINER, str(path)])
    wait_until(lambda: steps(path), trainer)
    read = []
    while trainer.poll() is None:
        step, networks = restore_networks(path, like())
        value = np.asarray(networks["generator"].params["w"])
        assert (value == -step).all()  # the average's
        read.append(step)
    assert trainer.returncode == 0
    assert len(read) > 1 and read == sorted(read)
