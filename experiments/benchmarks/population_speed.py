"""Time a member's step: in a population, one after the other, in processes.

Ring GANs (two hidden layers of 128, batches of 512, non-saturating with R1) in
populations of 1, 8 and 64, and a small DCGAN (8×8 images, 8 channels, batches of 32) in
1 and 8, since what is compiled for convolutions under `vmap` grows with the members. By
`vmap`, `sequential`, and as single runs in as many processes as there are cores: more
could only wait for each other. Rounds are interleaved, so that all see the same
machine; a number is the median over the rounds, with the least and the greatest, of
milliseconds for one step of one member, compilation not counted.

Command: python experiments/benchmarks/population_speed.py

Cost: about a minute on two CPU cores

Expect: on two CPU cores, by its side what JAX_NUM_CPU_DEVICES=2 makes of it, when the
    members are divided between two devices. No GPU was at hand.

                        ms                  two devices
    ring   processes  2 1.67  1.64–2.36     1.75  1.67–2.21
    ring   vmap       1 3.29  3.25–3.36     3.35  3.30–3.40
    ring   sequential 1 3.09  3.04–3.11     3.07  3.03–3.14
    ring   vmap       8 2.65  2.60–2.83     1.84  1.82–1.85
    ring   sequential 8 3.12  3.09–3.16     3.23  3.14–3.28
    ring   vmap      64 3.78  3.72–3.82     2.93  2.77–2.99
    ring   sequential 64 4.23 4.10–4.36     6.13  4.69–6.65
    dcgan  processes  2 0.38  0.33–0.46     0.39  0.35–0.55
    dcgan  vmap       1 0.53  0.52–0.59     0.55  0.54–0.56
    dcgan  sequential 1 0.69  0.68–0.75     0.68  0.66–0.84
    dcgan  vmap       8 0.38  0.37–0.43     0.37  0.35–0.40
    dcgan  sequential 8 0.61  0.60–0.63     0.63  0.59–0.65
"""

import multiprocessing
import os
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import tyro

from jaxgan import (
    Algorithm,
    Batch,
    alternating,
    chain,
    gan,
    mlp,
    non_saturating,
    population,
    priors,
    r1,
)
from jaxgan.networks import dcgan_discriminator, dcgan_generator

SIZES = {"ring": (1, 8, 64), "dcgan": (1, 8)}
SHAPES = {"ring": (512, 2), "dcgan": (32, 8, 8, 1)}


def build_ring(gamma: Any) -> Algorithm:
    """A member: the ring experiment's networks."""
    hidden = (128, 128)
    return _build(mlp((2,), hidden), mlp((), hidden), gamma, SHAPES["ring"])


def build_dcgan(gamma: Any) -> Algorithm:
    """A member with convolutions."""
    generator = dcgan_generator((8, 8, 1), channels=8)
    return _build(
        generator, dcgan_discriminator((8, 8, 1), channels=8), gamma, SHAPES["dcgan"]
    )


def _build(generator: Any, discriminator: Any, gamma: Any, shape: Any) -> Algorithm:
    loss = chain(non_saturating(), r1(gamma))
    game = gan(generator, discriminator, loss, priors.normal(16))
    optimizers = {player: optax.adam(1e-3, b1=0.5) for player in game.players}
    return alternating(game, optimizers, Batch(jnp.zeros(shape)))


BUILDS = {"ring": build_ring, "dcgan": build_dcgan}


def together(name: str, members: int, sequential: bool) -> Callable[[int], float]:
    """`(steps) -> seconds for one step of one member`, compiled."""
    gammas = np.linspace(0.1, 1, members)
    algorithm = population(BUILDS[name], gammas, sequential=sequential, donate=True)
    state = algorithm.init(jax.random.split(jax.random.key(0), members))
    batches = (Batch(jnp.zeros((members, *SHAPES[name]))),) * 2
    state, _ = algorithm.step(state, batches)

    def run(steps: int) -> float:
        nonlocal state
        jax.block_until_ready(state)
        start = time.perf_counter()
        for _ in range(steps):
            state, _ = algorithm.step(state, batches)
        jax.block_until_ready(state)
        return (time.perf_counter() - start) / steps / members

    return run


def serve(name: str, pipe: Any) -> None:
    """A process that steps one member whenever it is told how often."""
    algorithm = BUILDS[name](0.1)
    step = jax.jit(algorithm.step, donate_argnums=0)
    state = algorithm.init(jax.random.key(0))
    batches = (Batch(jnp.zeros(SHAPES[name])),) * 2
    state, _ = jax.block_until_ready(step(state, batches))
    pipe.send("ready")
    while steps := pipe.recv():
        for _ in range(steps):
            state, _ = step(state, batches)
        jax.block_until_ready(state)
        pipe.send("done")


def apart(name: str, processes: int) -> tuple[Callable[[int], float], Callable]:
    """The same for single runs side by side, and a function that ends them."""
    context = multiprocessing.get_context("spawn")
    os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"  # for them to share a GPU
    pipes = []
    for _ in range(processes):
        here, there = context.Pipe()
        context.Process(target=serve, args=(name, there), daemon=True).start()
        pipes.append(here)
    for pipe in pipes:
        pipe.recv()

    def run(steps: int) -> float:
        start = time.perf_counter()
        for pipe in pipes:
            pipe.send(steps)
        for pipe in pipes:
            pipe.recv()
        return (time.perf_counter() - start) / steps / processes

    def end() -> None:
        for pipe in pipes:
            pipe.send(0)

    return run, end


def main(rounds: int = 5, member_steps: int = 128) -> None:
    """Time everything, and print a table.

    Args:
        rounds: measurements of each, interleaved.
        member_steps: steps of a member in a measurement, over all members together.
    """
    processes = os.cpu_count() or 1
    print(f"{jax.devices()[0].device_kind}, ms for a step of one member, median")
    for name in BUILDS:
        alone, end = apart(name, processes)
        runs = {("processes", processes): (alone, max(1, member_steps // processes))}
        for members in SIZES[name]:
            steps = max(2, member_steps // members)
            for sequential in (False, True):
                form = "sequential" if sequential else "vmap"
                runs[form, members] = together(name, members, sequential), steps
        times = {which: [] for which in runs}
        for _ in range(rounds):
            for which, (run, steps) in runs.items():
                times[which].append(1000 * run(steps))
        end()
        for (form, members), measured in times.items():
            spread = f"{min(measured):.2f}–{max(measured):.2f}"
            print(
                f"{name:6} {form:10} {members:3} {np.median(measured):7.2f}  {spread}"
            )


if __name__ == "__main__":
    tyro.cli(main)
