"""Kills, signals and damage at random moments, as many as are asked for.

    python -m tests.soak --kills 100 --saves 100 --signals 40 --losses 50 --flips 200

Whatever is done to a run, it must end in the bits of a run that was left alone, with
every line of the log, score and picture once. One half of the runs is convolutional,
the other conditional. Moments and places are drawn from `--seed`, but what a
process is doing at a moment depends on the machine. The second tier of the tests does
three of each.

All counts above, and --damages 200 and --saves 200, ended without a lost step in 47
minutes of a core that other jobs shared: kills in 7, signals in 4, losses in 22,
damages in 10, saves in 5, flips in 14 seconds.
"""

import dataclasses
import os
import shutil
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
from jaxgan.errors import RunError
from jaxgan.metrics.protocol import read_scores
from jaxgan.training.checkpoint import Checkpoints, restore, shapes, steps
from jaxgan.training.loop import train
from jaxgan.training.run import Run
from jaxgan.training.schedule import Schedule
from jaxgan.training.signals import SIGNALS
from jaxgan.training.snapshots import like_state
from jaxgan.types import State, Variables
from tests.runs import ONE_DEVICE, assert_same_bits, make_run, wait_until
from tests.several import end, free_port

STEPS = 40
EXPERIMENT = Path(__file__).parent / "soak_experiment.py"
SCHEDULE = Schedule(log_every=3, save_every=4, evaluate_every=3)


@dataclasses.dataclass(frozen=True)
class Counts:
    """Counts of each kind, and the seed of their moments."""

    kills: int = 100  # SIGKILL of a training process, at any moment
    saves: int = 100  # SIGKILL in the middle of a save
    signals: int = 40  # one that asks it to stop, while it trains
    losses: int = 50  # SIGKILL of one of two processes that train together
    damages: int = 200  # a file of a checkpoint cut short, emptied, removed, a bit off
    flips: int = 200  # of one bit of a checkpoint
    seed: int = 0


def kills(count: int, seed: int, place: Path) -> None:
    """A run that is killed at any moment resumes to the same bits.

    Every second kill comes after a new checkpoint, the others at any moment at all.
    """
    rng = np.random.default_rng(seed)
    wholes = _wholes(place)
    for number in tqdm(range(count), "kills"):
        kind = number >= count // 2
        killed, (whole, seconds) = place / f"killed-{kind}", wholes[kind]
        before = _reached(killed)
        process = _training(killed, kind)
        if number % 2 and before < STEPS - SCHEDULE.save_every:
            wait_until(lambda k=killed, b=before: _reached(k) > b, process)
        try:
            said = process.communicate(timeout=rng.uniform(0, seconds))[1]
            assert process.returncode == 0, said
            finished = True
        except subprocess.TimeoutExpired:
            finished = False
            process.kill()
            process.communicate()
        if finished or number in (count // 2 - 1, count - 1):
            _assert_like(whole, killed, kind)


def signals(count: int, seed: int, place: Path) -> None:
    """A run that is asked to stop saves its step, says where, and loses nothing."""
    rng = np.random.default_rng(seed)
    wholes = _wholes(place)
    for number in tqdm(range(count), "signals"):
        kind = number >= count // 2
        directory, (whole, _) = place / f"stopped-{kind}", wholes[kind]
        asked = rng.choice(SIGNALS)
        before = _reached(directory)
        process = _training(directory, kind)
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
        if _reached(directory) == STEPS or number in (count // 2 - 1, count - 1):
            _assert_like(whole, directory, kind)


def damages(count: int, seed: int, place: Path) -> None:
    """Training over a damaged checkpoint ends in the same bits."""
    rng = np.random.default_rng(seed)
    wholes = _wholes(place)
    for number in tqdm(range(count), "damages"):
        kind = number >= count // 2
        damaged, (whole, _) = place / f"damaged-{kind}", wholes[kind]
        shutil.copytree(place / f"whole-{kind}", damaged)
        files = sorted(p for p in _newest(damaged).rglob("*") if p.is_file())
        path = files[rng.integers(len(files))]
        match rng.integers(4):
            case 0:
                os.truncate(path, rng.integers(path.stat().st_size + 1))
            case 1:
                path.write_bytes(b"")
            case 2:
                path.unlink()
            case 3:
                content = bytearray(path.read_bytes())
                if content:
                    content[rng.integers(len(content))] ^= 1 << rng.integers(8)
                path.write_bytes(content)
        _assert_like(whole, damaged, kind)


def flips(count: int, seed: int, place: Path) -> None:
    """One bit of a checkpoint that is off is noticed, or changes nothing.

    The checkpoint has networks, an average, an optimizer's state and frozen networks,
    of numbers that do not repeat.
    """
    rng = np.random.default_rng(seed)

    def noise() -> Variables:
        return Variables(jnp.asarray(rng.normal(size=(40, 40)), jnp.float32))

    state = saved_state(1)._replace(
        variables={"g": noise()},
        ema={"g": noise()},
        frozen={"f": noise()},
        opt_states={"g": noise()},
    )
    with Checkpoints(place / "checkpoints", keep=1) as saved:
        saved.save(state)
    like = shapes(lambda: state, replicated(ONE_DEVICE))
    files = sorted(path for path in place.rglob("*") if path.is_file())
    assert {path.relative_to(place).parts[0] for path in files} == {
        "checkpoints",
        "frozen",
    }
    ends = np.cumsum([path.stat().st_size for path in files])
    noticed = 0
    for position in tqdm(rng.integers(8 * ends[-1], size=count), "flips"):
        number = int(np.searchsorted(ends, position // 8, side="right"))
        path, at = files[number], position // 8 - (ends[number - 1] if number else 0)
        content = path.read_bytes()
        flipped = bytearray(content)
        flipped[at] ^= 1 << position % 8
        path.write_bytes(flipped)
        try:
            found = restore(place / "checkpoints", like)
        except RunError:
            noticed += 1
        else:
            assert_same_bits(found, state)
        path.write_bytes(content)
    assert noticed > count // 4, f"{noticed} of {count} were noticed"


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


def losses(count: int, seed: int, place: Path) -> None:
    """A process that is lost ends the other too, and the next two lose no step."""
    rng = np.random.default_rng(seed)

    def start(directory: Path) -> list[subprocess.Popen[str]]:
        address = f"127.0.0.1:{free_port()}"
        joining = [f"--coordinator={address}", "--processes=2", "--process"]
        return [_training(directory, False, *joining, str(i)) for i in range(2)]

    def finish(directory: Path) -> tuple[State | None, dict[str, object]]:
        ended = end(start(directory))
        assert [each.status for each in ended] == [0, 0], ended
        return restore(directory / "checkpoints", like), _left(_run(directory, False))

    run = _run(place / "like", False)
    like = like_state(run)
    whole = finish(place / "whole")
    directory = place / "lost"
    for number in tqdm(range(count), "losses"):
        before = _reached(directory)
        processes = start(directory)
        wait_until(lambda b=before: _reached(directory) > b, processes[0])
        time.sleep(rng.uniform(0, 0.5))
        lost = rng.integers(2)
        processes[lost].kill()
        survivor = end(processes, 60)[1 - lost]
        done = _reached(directory) == STEPS
        assert survivor.status != 0 or done, survivor
        if done or number == count - 1:
            state, left = finish(directory)
            assert_same_bits(whole[0], state)
            assert left == whole[1]
            shutil.rmtree(directory)


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


def _wholes(place: Path) -> list[tuple[State, float]]:
    """Of each kind a run that is left alone: its last state, and its seconds."""
    found = []
    for kind in (False, True):
        for name in ("whole", "timed"):  # what the first compiles the second finds
            process = _training(place / f"{name}-{kind}", kind)
            start = time.monotonic()
            said = process.communicate()[1]
            assert process.returncode == 0, said
        seconds = time.monotonic() - start
        run = _run(place / f"whole-{kind}", kind)
        found.append((train(run, schedule=SCHEDULE, devices=ONE_DEVICE), seconds))
    return found


def _run(directory: Path, kind: bool) -> Run:
    return make_run(directory, EXPERIMENT, steps=STEPS, conditional=kind)


def _training(directory: Path, kind: bool, *joining: str) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-m",
        "jaxgan",
        "train",
        str(EXPERIMENT),
        *(joining or ["--devices=1"]),
    ]
    command += [f"--run={directory}", f"--steps={STEPS}"]
    command += ["--conditional"] * kind
    command += [
        f"--{name.replace('_', '-')}={value}"
        for name, value in dataclasses.asdict(SCHEDULE).items()
    ]
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


def _assert_like(whole: State, directory: Path, kind: bool) -> None:
    """Train a run to its end, ask that it is the one left alone, and remove it."""
    run = _run(directory, kind)
    assert_same_bits(whole, train(run, schedule=SCHEDULE, devices=ONE_DEVICE))
    assert _left(run) == _left(_run(directory.parent / f"whole-{kind}", kind))
    shutil.rmtree(directory)


def _left(run: Run) -> dict[str, object]:
    """The log, the scores, the best step and the pictures of a run."""
    scores = [(s.name, s.step, s.value, s.error) for s in read_scores(run.scores)]
    pictures = {path.name: path.read_bytes() for path in run.samples.iterdir()}
    logged = {"log": run.metrics.read_bytes(), "scores": repr(scores)}
    return pictures | logged | {"best": steps(run.best)[-1:]}


SUBJECTS: tuple[Callable[[int, int, Path], None], ...] = (
    kills,
    saves,
    signals,
    losses,
    damages,
    flips,
)


def main(counts: Counts) -> None:
    """Do as many of each as are asked for; the first that fails ends it."""
    for subject in SUBJECTS:
        if count := getattr(counts, subject.__name__):
            with tempfile.TemporaryDirectory() as place:
                subject(count, counts.seed, Path(place))


if __name__ == "__main__":
    main(tyro.cli(Counts, description=__doc__))
