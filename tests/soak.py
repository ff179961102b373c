"""Kills, signals and damage at random moments, as many as are asked for.

    python -m tests.soak --kills 100 --saves 100 --signals 40 --damages 200

Whatever is done to a run, it must end in the bits of a run that was left alone, with
every line of the log once. Moments and places are drawn from `--seed`, but what a
process is doing at a moment depends on the machine. The second tier of the tests does
three of each.
"""

import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ["JAX_NUMPY_RANK_PROMOTION"] = "raise"
os.environ["JAX_NUMPY_DTYPE_PROMOTION"] = "strict"

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from tqdm import tqdm

from jaxgan.algorithms.data_parallel import replicated
from jaxgan.reporting.log import read_rows
from jaxgan.training.checkpoint import restore, shapes, steps
from jaxgan.training.loop import train
from jaxgan.types import State, Variables
from tests.runs import (
    OFTEN,
    ONE_DEVICE,
    TINY,
    assert_same_bits,
    make_run,
    wait_until,
)

STEPS = 40


@dataclasses.dataclass(frozen=True)
class Counts:
    """Counts of each kind, and the seed of their moments."""

    kills: int = 100  # SIGKILL of a training process, at any moment
    saves: int = 100  # SIGKILL in the middle of a save
    signals: int = 40  # SIGTERM or SIGINT, while it trains
    damages: int = 200  # a file of the newest checkpoint cut short, emptied or removed
    seed: int = 0


def kills(count: int, seed: int, place: Path) -> None:
    """A run that is killed at any moment resumes to the same bits.

    Every second kill comes after a new checkpoint, the others at any moment at all.
    """
    whole, seconds = _whole(place)
    rng = np.random.default_rng(seed)
    for number in tqdm(range(count), "kills"):
        before = _reached(place / "killed")
        process = _training(place / "killed")
        if number % 2 and before < STEPS - OFTEN.save_every:
            wait_until(lambda b=before: _reached(place / "killed") > b, process)
        try:
            said = process.communicate(timeout=rng.uniform(0, seconds))[1]
            assert process.returncode == 0, said
            finished = True
        except subprocess.TimeoutExpired:
            finished = False
            process.kill()
            process.communicate()
        if finished or number == count - 1:
            _assert_like(whole, place, "killed")


def signals(count: int, seed: int, place: Path) -> None:
    """A run that is asked to stop saves its step, says where, and loses nothing."""
    whole, _ = _whole(place)
    rng = np.random.default_rng(seed)
    for number in tqdm(range(count), "signals"):
        directory = place / "stopped"
        asked = rng.choice([signal.SIGTERM, signal.SIGINT])
        before = _reached(directory)
        process = _training(directory)
        wait_until(lambda d=directory, b=before: _reached(d) > b, process)
        time.sleep(rng.uniform(0, 0.05))
        process.send_signal(asked)
        said = process.communicate()[1]
        if process.returncode == 0:  # it had come to its end
            assert _reached(directory) == STEPS
        else:
            assert process.returncode == 128 + asked, said
            where = directory / "checkpoints" / str(_reached(directory))
            assert f"saved in {where}" in said
        if _reached(directory) == STEPS or number == count - 1:
            _assert_like(whole, place, "stopped")


def damages(count: int, seed: int, place: Path) -> None:
    """Training over a damaged checkpoint ends in the same bits."""
    whole, _ = _whole(place)
    rng = np.random.default_rng(seed)
    for _ in tqdm(range(count), "damages"):
        damaged = place / "damaged"
        shutil.copytree(place / "whole", damaged)
        files = sorted(p for p in _newest(damaged).rglob("*") if p.is_file())
        path = files[rng.integers(len(files))]
        match rng.integers(3):
            case 0:
                os.truncate(path, rng.integers(path.stat().st_size + 1))
            case 1:
                path.write_bytes(b"")
            case 2:
                path.unlink()
        _assert_like(whole, place, "damaged")


SAVER = """
import sys
from pathlib import Path
from jaxgan.training.checkpoint import Checkpoints
from tests.soak import saved_state

with Checkpoints(Path(sys.argv[1]), keep=3) as saved:
    for step in range(int(sys.argv[2]), int(sys.argv[2]) + 1000):
        saved.save(saved_state(step))
"""


def saved_state(step: int) -> State:
    """A state large enough for a save of it to take a moment."""
    variables = {"g": Variables(jnp.full((1000, 1000), float(step)))}
    return State(jnp.int32(step), variables, {}, {}, {}, {}, {}, jax.random.key(step))


def saves(count: int, seed: int, place: Path) -> None:
    """A kill in the middle of a save loses that save alone."""
    del seed  # the moment is that of the save
    directory = place / "checkpoints"
    directory.mkdir()
    like = shapes(lambda: saved_state(0), replicated(ONE_DEVICE))
    reached = torn = 0
    for _ in tqdm(range(2 * count), "saves"):
        if torn == count:
            break
        command = [sys.executable, "-c", SAVER, str(directory), str(reached + 1)]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        wait_until(lambda b=reached: (steps(directory) or [0])[-1] > b, process)
        wait_until(lambda: _saving(directory), process)
        process.kill()
        process.wait()
        torn += _saving(directory)
        newest = steps(directory)[-1]
        state = restore(directory, like)
        assert state is not None
        assert int(state.step) == newest > reached
        assert (np.asarray(state.variables["g"].params) == newest).all()
        reached = newest
    assert torn == count, f"of {2 * count} kills {torn} came in the middle of a save"


def _whole(place: Path) -> tuple[State, float]:
    """The run that is left alone, its last state, and the seconds that it takes."""
    for name in ("whole", "timed"):  # what the first compiles the second finds
        process, start = _training(place / name), time.monotonic()
        said = process.communicate()[1]
        assert process.returncode == 0, said
    seconds = time.monotonic() - start
    return train(
        make_run(place / "whole", steps=STEPS), schedule=OFTEN, devices=ONE_DEVICE
    ), seconds


def _training(directory: Path) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-m",
        "jaxgan",
        "train",
        str(TINY),
        "--devices=1",
    ]
    command += [f"--run={directory}", f"--steps={STEPS}"]
    command += [f"--save-every={OFTEN.save_every}", f"--log-every={OFTEN.log_every}"]
    cache = {
        "JAX_COMPILATION_CACHE_DIR": str(directory.parent / "compiled"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.3",
    }
    return subprocess.Popen(
        command,
        env={**cache, **os.environ},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def _reached(directory: Path) -> int:
    checkpoints = directory / "checkpoints"
    return steps(checkpoints)[-1] if checkpoints.is_dir() and steps(checkpoints) else 0


def _newest(directory: Path) -> Path:
    return directory / "checkpoints" / str(_reached(directory))


def _saving(directory: Path) -> bool:
    return any("tmp" in path.name for path in directory.iterdir())


def _assert_like(whole: State, place: Path, name: str) -> None:
    """Train a run to its end, ask that it is the one left alone, and remove it."""
    run = make_run(place / name, steps=STEPS)
    assert_same_bits(whole, train(run, schedule=OFTEN, devices=ONE_DEVICE))
    assert read_rows(run.metrics) == read_rows(place / "whole" / "metrics.jsonl")
    shutil.rmtree(place / name)


SUBJECTS: tuple[Callable[[int, int, Path], None], ...] = (
    kills,
    saves,
    signals,
    damages,
)


def main(counts: Counts) -> None:
    """Do as many of each as are asked for; the first that fails ends it."""
    for subject in SUBJECTS:
        if count := getattr(counts, subject.__name__):
            with tempfile.TemporaryDirectory() as place:
                subject(count, counts.seed, Path(place))


if __name__ == "__main__":
    main(tyro.cli(Counts, description=__doc__))
