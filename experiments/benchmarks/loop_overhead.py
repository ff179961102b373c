"""Measure what `train` adds to a step, and what the command line takes to start.

Networks of 8 hidden units, so that hardly anything but the overhead is left. The loop
of `train` takes turns, since shared machines drift, with a bare loop. That calls the
same step on the source's batches, with all that it reports as one array, as `train` has
it. `train` counts, shows its progress, logs every 100 steps and looks at every loss; it
draws no picture and saves nothing while it is timed. Start is the CPU time of
`jaxgan train digits` to its first step, with a warm compilation cache, beside that of
`import jax` and one addition.

On two CPU cores, jax 0.10.2, with --turns 9 (median, least and most):

    the bare loop                     140 µs a step (135 to 142)
    train                             151 µs a step (146 to 155)
    added by train                     13 µs a step (7 to 17)
    the bare loop, 100 steps a call    33 µs a step (31 to 36)
    train, 100 steps a call            38 µs a step (37 to 42)
    added by train, 100 steps a call    5 µs a step (3 to 10)
    the first start, which compiles    15 CPU s
    jaxgan train digits --steps 1     4.8 CPU s (4.7 to 4.8)
    import jax and one addition       0.7 CPU s (0.7 to 0.7)

While a step reported an array for each loss and norm, seven here, `train` took 40 µs a
step more than a bare loop of that step; while the batches of the next call were made
after the report of the one before was read, 28 µs a step with 100 steps a call.

Command: python experiments/benchmarks/loop_overhead.py
"""

import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import tyro
from PIL import Image

import jaxgan as jg
from jaxgan.algorithms import many_steps

BATCH = 8
POINTS = jg.Batch(np.random.default_rng(0).normal(size=(64, 2)).astype(np.float32))
SCHEDULE = jg.training.Schedule(log_every=100, save_every=10**9)


def experiment(steps: int) -> jg.Experiment:
    """A GAN of points."""
    game = jg.gan(
        jg.mlp((2,), (8,)), jg.mlp((), (8,)), jg.non_saturating(), jg.priors.normal(3)
    )
    optimizers = {player: optax.sgd(1e-3) for player in game.players}
    return jg.Experiment(
        game=game,
        dynamics=lambda game, example: jg.alternating(game, optimizers, example),
        source=lambda: jg.shuffled(POINTS, BATCH),
        steps=steps,
        plot=lambda made, batch, columns: Image.new("L", (8, 8)),
    )


def bare(count: int, per_call: int) -> float:
    """Seconds of a step and of its batches, made in a loop and nothing else."""
    made = experiment(count)
    source = made.source()
    batches = source(0, 0)
    algorithm = jg.data_parallel(
        lambda game: made.dynamics(game, batches[0]),
        made.game,
        jax.devices()[:1],
        donate=True,
    )
    state = algorithm.init(jax.random.key(0))
    several = algorithm if per_call == 1 else many_steps(algorithm, per_call)

    @partial(jax.jit, donate_argnums=0)
    def call(state: jg.State, batches: tuple[jg.Batch, ...]) -> tuple:
        state, info = several.step(state, batches)
        return state, jnp.stack(jax.tree.leaves(info), axis=-1)  # as `train` has it

    def drawn(step: int) -> tuple[jg.Batch, ...]:
        if per_call == 1:
            return source(0, step)
        rows = [source(0, each) for each in range(step, step + per_call)]
        return jax.tree.map(lambda *each: np.stack(each), *rows)

    state, _ = call(state, drawn(0))
    jax.block_until_ready(state)
    begin = time.perf_counter()
    for step in range(0, count, per_call):
        state, info = call(state, drawn(step))
    jax.block_until_ready((state, info))
    return (time.perf_counter() - begin) / count


def trained(count: int, per_call: int) -> float:
    """Seconds of a step that `train` makes, between two pictures."""
    times: dict[int, float] = {}
    made = experiment(count)
    source = made.source()

    def timed(seed: int, step: int) -> tuple[jg.Batch, ...]:
        times[step] = time.perf_counter()
        return source(seed, step)

    with tempfile.TemporaryDirectory() as place:
        jg.train(
            made._replace(source=lambda: timed),
            Path(place) / "run",
            schedule=SCHEDULE,
            devices=jax.devices()[:1],
            steps_per_call=per_call,
        )
    # No picture is drawn in between: that after 2,000 (20,000) is at 5,000 (50,000).
    first, last = count * 21 // 40, count * 39 // 40
    return (times[last] - times[first]) / (last - first)


def first_step() -> Iterator[float]:
    """CPU seconds from the command to the first step; the first fills the cache."""
    with tempfile.TemporaryDirectory() as place:
        own = {"JAXGAN_CACHE": place, "JAX_PLATFORMS": "cpu"}
        words = ["-m", "jaxgan", "train", "digits", "--steps", "1", "--devices", "1"]
        for number in itertools.count():
            run = f"--run={place}/run-{number}"
            yield cpu_seconds([sys.executable, *words, run], own)


def cpu_seconds(command: list[str], own: dict[str, str]) -> float:
    """CPU seconds of a command."""
    process = subprocess.Popen(
        command,
        env=os.environ | own,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def told(name: str, seconds: list[float], unit: str, scale: float) -> None:
    """Print the median and the range of some times."""
    low, middle, high = min(seconds), statistics.median(seconds), max(seconds)
    values = (f"{scale * each:.1f}" for each in (middle, low, high))
    print("{:44} {:>6} {} ({} to {})".format(name, next(values), unit, *values))


def main(turns: int = 5, steps: int = 4_000, starts: int = 3) -> None:
    """Let the loops take turns, start the command some times, and print both.

    Args:
        turns: how many each loop takes.
        steps: in a turn, 4,000 or 40,000, or pictures are drawn in between.
        starts: of the command, after one that fills the cache.
    """
    print(f"jax {jax.__version__}, {len(os.sched_getaffinity(0))} cores")
    loops: dict[str, Callable[[], float]] = {
        "the bare loop": lambda: bare(steps, 1),
        "train": lambda: trained(steps, 1),
        "the bare loop, 100 steps a call": lambda: bare(10 * steps, 100),
        "train, 100 steps a call": lambda: trained(10 * steps, 100),
    }
    seconds: dict[str, list[float]] = {name: [] for name in loops}
    for _ in range(turns):
        for name, loop in loops.items():
            seconds[name].append(loop())
    for name, each in seconds.items():
        told(name, each, "µs a step", 1e6)
    for call in ("", ", 100 steps a call"):
        pairs = zip(
            seconds[f"train{call}"], seconds[f"the bare loop{call}"], strict=True
        )
        told(f"added by train{call}", [a - b for a, b in pairs], "µs a step", 1e6)
    command, *times = itertools.islice(first_step(), starts + 1)
    told("the first start, which compiles", [command], "CPU s", 1)
    told("jaxgan train digits --steps 1", times, "CPU s", 1)
    add = [sys.executable, "-c", "import jax; jax.numpy.zeros(3) + 1"]
    told("import jax and one addition", [cpu_seconds(add, {})] * 1, "CPU s", 1)


if __name__ == "__main__":
    tyro.cli(main)
