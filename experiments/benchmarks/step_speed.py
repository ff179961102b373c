"""The speed of the training steps of DCGAN and R3GAN, beside PyTorch's.

The alternating step, one move each, at 32×32×3 pixels, 64 channels and batch 64: DCGAN
with the non-saturating loss, and as WGAN-GP (whose critic has no BatchNorm); R3GAN's
residual networks with the relativistic loss, R1 and R2. Both frameworks run in one go,
taking turns, since shared machines drift: believe the ratios.

On two CPU cores, jax 0.10.2 and PyTorch 2.13.0, ten turns each of ten steps:

                     jaxgan           PyTorch    ratio (least to greatest of the turns)
    non_saturating   832 images/s     690        1.20 (1.16 to 1.23)
    wgan_gp          670              431        1.57 (1.49 to 1.64)

which is 48 % and 52 % of the 432 GFLOP/s at which products of large matrices run. With
--no-keep-memory: 746 and 693, 1.06 (1.00 to 1.11); 523 and 428, 1.23 (1.18 to 1.33).
R3GAN's networks have 2,096,512 parameters in both. Its step has 153 GFLOP by XLA's
count, which Winograd's convolutions of 3×3 lower from 216, and 226 by PyTorch's. The
target is a ratio of at least 1, which was not reached where it was measured last, on
two AMD cores where products of large matrices run at 200 GFLOP/s: 0.87 (0.74 to 0.89)
in eight turns of two steps, and 0.60 (0.55 to 0.69) before Winograd. There XLA's own
3×3 convolutions of 32 pixels run at 95 GFLOP/s and PyTorch's at 220. On another
machine the ratio before Winograd was 1.10 (0.77 to 1.39).

Command: python experiments/benchmarks/step_speed.py --torch-python PYTHON
    where PYTHON is the interpreter of an environment that has PyTorch, as made in
    README.md beside this; without the option only jaxgan is timed.
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import jax
import optax
import tyro
from torch_side import spread, torch_worker

from jaxgan import (
    Algorithm,
    Batch,
    Loss,
    Network,
    State,
    alternating,
    chain,
    data_parallel,
    gan,
    gradient_penalty,
    non_saturating,
    priors,
    r1,
    r2,
    wasserstein,
)
from jaxgan.losses import relativistic
from jaxgan.networks import (
    dcgan_discriminator,
    dcgan_generator,
    r3gan_discriminator,
    r3gan_generator,
)
from jaxgan.training import tune_malloc

SIZE, BATCH, CHANNELS, LATENT = 32, 64, 64, 128

LOSSES: dict[str, Loss] = {
    "non_saturating": non_saturating(),
    "wgan_gp": chain(wasserstein(), gradient_penalty(10.0)),
    "r3gan": chain(relativistic(non_saturating()), r1(1.0), r2(1.0)),
}


def networks(
    loss: str, shape: tuple[int, int, int], channels: int
) -> tuple[Network, Network]:
    """The generator and the discriminator that go with a loss of `LOSSES`."""
    if loss == "r3gan":
        return r3gan_generator(shape, channels), r3gan_discriminator(shape, channels)
    batch_norm = loss != "wgan_gp"
    discriminator = dcgan_discriminator(shape, channels, batch_norm=batch_norm)
    return dcgan_generator(shape, channels), discriminator


def build(
    loss: str,
    size: int = SIZE,
    batch: int = BATCH,
    channels: int = CHANNELS,
    *,
    wrap: Callable[[Network], Network] = lambda network: network,
    optimizer: optax.GradientTransformation | None = None,
) -> tuple[Algorithm, tuple[Batch, Batch]]:
    """The step of a loss of `LOSSES` with one move each, and batches for it."""
    shape = (size, size, 3)
    generator, discriminator = map(wrap, networks(loss, shape, channels))
    game = gan(generator, discriminator, LOSSES[loss], priors.normal(LATENT))
    optimizer = optax.adam(2e-4, b1=0.5) if optimizer is None else optimizer
    optimizers = {player: optimizer for player in game.players}
    real = jax.random.uniform(jax.random.key(0), (batch, *shape), minval=-1, maxval=1)
    algorithm = data_parallel(
        lambda game: alternating(game, optimizers, Batch(real)),
        game,
        jax.devices()[:1],
        donate=True,
    )
    return algorithm, (Batch(real),) * 2


class Variant:
    """A compiled step and its state; `run(n)` gives the seconds of n calls."""

    def __init__(
        self,
        algorithm: Algorithm,
        batches: tuple[Batch, ...],
        state: State | None = None,
    ) -> None:
        self.batches = batches
        self.state = algorithm.init(jax.random.key(0)) if state is None else state
        start = time.perf_counter()
        step = jax.jit(algorithm.step, donate_argnums=0)
        self.step = step.lower(self.state, batches).compile()
        self.compile_seconds = time.perf_counter() - start
        self.flops = self.step.cost_analysis()["flops"]

    def run(self, calls: int) -> float:
        """Seconds of so many calls."""
        start = time.perf_counter()
        for _ in range(calls):
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
    losses: tuple[str, ...] = tuple(LOSSES),
    rounds: int = 10,
    steps: int = 10,
    keep_memory: bool = True,
) -> None:
    """Time the step.

    Args:
        torch_python: the interpreter of an environment that has PyTorch.
        losses: of `LOSSES`.
        rounds: how many turns each framework takes.
        steps: in a turn.
        keep_memory: between steps, as `jaxgan train` does; see
            `jaxgan.training.allocator`.
    """
    if keep_memory:
        tune_malloc()
    variants = {name: Variant(*build(name)) for name in losses}
    torch_run = (
        torch_worker(torch_python, "step_speed_torch.py") if torch_python else None
    )
    rate = matmul_rate()
    print(f"jax {jax.__version__} on {jax.devices()[0].device_kind}")
    print(f"matrix products run at {rate / 1e9:.0f} GFLOP/s")
    for name, variant in variants.items():
        cost = f"{variant.flops / 1e9:.1f} GFLOP a step"
        print(f"{name}: {cost}, {count_parameters(variant.state):,} parameters")
        variant.run(2)
        if torch_run:
            torch_run(name, 2)
            cost = f"{torch_run(name, 'flops') / 1e9:.1f} GFLOP a step"
            print(
                f"    PyTorch: {cost}, {torch_run(name, 'parameters'):,.0f} parameters"
            )
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


def count_parameters(state: State) -> int:
    """The parameters of all networks."""
    return sum(
        leaf.size
        for variables in state.variables.values()
        for leaf in jax.tree.leaves(variables.params)
    )


if __name__ == "__main__":
    tyro.cli(main)
