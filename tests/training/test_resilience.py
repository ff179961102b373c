"""Runs that are stopped, damaged, removed or read by others lose nothing."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import jax
import numpy as np
import pytest

from jaxgan.algorithms.data_parallel import replicated
from jaxgan.errors import Interrupted, RunError
from jaxgan.training.checkpoint import (
    Checkpoints,
    restore,
    restore_networks,
    shapes,
    steps,
)
from jaxgan.training.loop import train
from jaxgan.training.schedule import Schedule
from jaxgan.training.signals import defer_signals
from jaxgan.types import Variables
from tests.builders import tiered
from tests.runs import ONE_DEVICE, PLANE, assert_same_bits, make_run, wait_until
from tests.training.test_checkpoint import like, make_state

BETWEEN = Schedule(log_every=5, save_every=4)  # checkpoints lie between lines


def acting_at(run, step, act):
    """The run with a source that does something before a step, the first time."""
    draw, done = run.experiment.source(), []

    def source(seed, index):
        if index == step - 1 and not done:
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


FLIPS = 50  # of 200, too, all were noticed or without effect


@abandons_reads
@pytest.mark.slow
def test_flipped_bits_are_noticed_or_without_effect(tmp_path):
    path = tmp_path / "c"
    rng = np.random.default_rng(0)

    def noise():
        return jax.numpy.asarray(rng.normal(size=(40, 40)), jax.numpy.float32)

    state = make_state(1)
    trained, average, frozen = (
        {name: Variables({"w": noise()}, {})}
        for name in ("generator", "generator", "frozen")
    )
    state = state._replace(
        variables=trained,
        ema=average,
        frozen=frozen,
        opt_states={"generator": (noise(),)},
    )
    with Checkpoints(path, keep=1) as saved:
        saved.save(state)
    expected = shapes(lambda: state, replicated(jax.devices()[:1]))
    files = sorted(p for p in tmp_path.rglob("*") if p.is_file())
    assert {p.relative_to(tmp_path).parts[0] for p in files} == {"c", "frozen"}
    ends = np.cumsum([p.stat().st_size for p in files])
    noticed = 0
    for position in rng.integers(8 * ends[-1], size=FLIPS):
        number = int(np.searchsorted(ends, position // 8, side="right"))
        file, at = files[number], position // 8 - (ends[number - 1] if number else 0)
        content = file.read_bytes()
        flipped = bytearray(content)
        flipped[at] ^= 1 << position % 8
        file.write_bytes(flipped)
        try:
            found = restore(path, expected)
        except RunError:
            noticed += 1
        else:
            assert_same_bits(found, state)
        file.write_bytes(content)
    assert noticed > FLIPS // 4
