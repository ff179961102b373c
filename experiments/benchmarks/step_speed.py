"""The speed of the DCGAN training step, beside PyTorch's.

The alternating step, one move each, at 32×32×3 pixels, 64 channels and batch 64, with
the non-saturating loss, and as WGAN-GP (whose critic has no BatchNorm). Both frameworks
run in one go, taking turns, since shared machines drift: believe the ratios.

On two CPU cores, jax 0.10.2 and PyTorch 2.13.0, ten turns each of ten steps:

                     jaxgan           PyTorch    ratio (least to greatest of the turns)
    non_saturating   832 images/s     690        1.20 (1.16 to 1.23)
    wgan_gp          670              431        1.57 (1.49 to 1.64)

which is 48 % and 52 % of the 432 GFLOP/s at which products of large matrices run. With
--no-keep-memory: 746 and 693, 1.06 (1.00 to 1.11); 523 and 428, 1.23 (1.18 to 1.33).

Command: python experiments/benchmarks/step_speed.py --torch-python PYTHON
    where PYTHON is the interpreter of an environment that has PyTorch, as made in
    README.md beside this; without the option only jaxgan is timed.
"""

import statistics
import time
from pathlib import Path

import jax
import optax
import tyro
from torch_side import spread, torch_worker

from jaxgan import (
    Batch,
    Loss,
    alternating,
    chain,
    data_parallel,
    gan,
    gradient_penalty,
    non_saturating,
    priors,
    wasserstein,
)
from jaxgan.networks import dcgan_discriminator, dcgan_generator
from jaxgan.training import tune_malloc

SHAPE, BATCH, CHANNELS, LATENT = (32, 32, 3), 64, 64, 128


class Variant:
    """A compiled step and its state; `run(n)` gives the seconds of n steps."""

    def __init__(self, loss: Loss, batch_norm: bool) -> None:
        game = gan(
            dcgan_generator(SHAPE, CHANNELS),
            dcgan_discriminator(SHAPE, CHANNELS, batch_norm=batch_norm),
            loss,
            priors.normal(LATENT),
        )
        optimizers = {player: optax.adam(2e-4, b1=0.5) for player in game.players}
        key = jax.random.key(0)
        real = jax.random.uniform(key, (BATCH, *SHAPE), minval=-1, maxval=1)
        self.batches = (Batch(real),) * 2
        algorithm = data_parallel(
            lambda game: alternating(game, optimizers, self.batches[0]),
            game,
            jax.devices()[:1],
            donate=True,
        )
        self.state = algorithm.init(key)
        self.step = algorithm.step.lower(self.state, self.batches).compile()
        self.flops = self.step.cost_analysis()["flops"]

    def run(self, steps: int) -> float:
        """Seconds of so many steps."""
        start = time.perf_counter()
        for _ in range(steps):
            self.state, _ = self.step(self.state, self.batches)
        jax.block_until_ready(self.state)
        return time.perf_counter() - start


def matmul_rate(size: int = 4096, repeats: int = 3) -> float:
    """The device's own rate, in FLOP/s: the best of a few square products."""
    matrix = jax.random.normal(jax.random.key(0), (size, size))
    product = jax.jit(lambda a: a @ a)
    jax.block_until_ready(product(matrix))
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        jax.block_until_ready(product(matrix))
        seconds.append(time.perf_counter() - start)
    return 2 * size**3 / min(seconds)


def main(
    torch_python: Path | None = None,
    rounds: int = 10,
    steps: int = 10,
    keep_memory: bool = True,
) -> None:
    """Time the step.

    Args:
        torch_python: the interpreter of an environment that has PyTorch.
        rounds: how many turns each framework takes.
        steps: in a turn.
        keep_memory: between steps, as `jaxgan train` does; see
            `jaxgan.training.allocator`.
    """
    if keep_memory:
        tune_malloc()
    variants = {
        "non_saturating": Variant(non_saturating(), batch_norm=True),
        "wgan_gp": Variant(chain(wasserstein(), gradient_penalty(10.0)), False),
    }
    torch_run = (
        torch_worker(torch_python, "step_speed_torch.py") if torch_python else None
    )
    rate = matmul_rate()
    print(f"jax {jax.__version__} on {jax.devices()[0].device_kind}")
    print(f"matrix products run at {rate / 1e9:.0f} GFLOP/s")
    for name, variant in variants.items():
        variant.run(2)
        if torch_run:
            torch_run(name, 2)
        ours, theirs = [], []
        for _ in range(rounds):
            ours.append(variant.run(steps) / steps)
            if torch_run:
                theirs.append(torch_run(name, steps) / steps)
        report(name, ours, theirs, variant.flops / rate)


def report(name: str, ours: list[float], theirs: list[float], ideal: float) -> None:
    """Print the medians, the ratio turn by turn, and the share of the matmul rate."""
    step = statistics.median(ours)
    line = f"{name}: jaxgan {BATCH / step:.0f} images/s"
    line += f" ({ideal / step:.0%} of the matmul rate)"
    if theirs:
        line += f", PyTorch {BATCH / statistics.median(theirs):.0f}"
        line += f", ratio {spread(theirs, ours)}"
    print(line, flush=True)


if __name__ == "__main__":
    tyro.cli(main)
