"""A GAN that keeps all eight modes of a ring.

Eight narrow Gaussians on a circle, the usual test of mode collapse, learned with the
logistic loss, R1 and a falling learning rate. From 2,500 samples it measures

- captured: modes with at least one sample within 3σ, of 8;
- high_quality: the share of samples within 3σ of a mode, 0.9889 for a perfect sampler;
- reverse_kl: of those over the modes, in nats, 0.0014 for a perfect sampler;

and it draws the samples over the modes.

Paper: the benchmark is PacGAN's (Lin et al. 2018, arXiv:1712.04086), whose PacGAN2
    reached 7.9 ± 0.1 modes, 95.6 ± 2.0 % and 0.07 ± 0.03; R1 is Mescheder et al. 2018,
    arXiv:1801.04406.

Command: jaxgan train ring

Cost: about 50 s on one CPU core

Expect: captured 8, high_quality 0.96, reverse_kl 0.002

Seeds 0 to 9, all of them, by python experiments/benchmarks/ring_seeds.py on jax 0.10.2
(γ and the learning rate were chosen on other seeds, 100 to 106, and on seed 0):

    seed             0    1    2    3    4    5    6    7    8    9   mean
    captured         8    8    8    8    8    8    8    8    8    8   8
    high quality, % 96.3 96.8 94.9 97.2 95.5 96.8 96.2 96.1 96.1 97.8 96.4 ± 0.3
    reverse KL, 1e-4 20   17   27   25   23   21   49   12   19   11   22 ± 3
"""

import dataclasses

import optax
from numpy.typing import NDArray
from PIL import Image

from jaxgan import (
    Batch,
    Experiment,
    alternating,
    chain,
    ema,
    gan,
    mlp,
    non_saturating,
    priors,
    r1,
    shuffled,
)
from jaxgan.data import Source, synthetic
from jaxgan.metrics import count_modes
from jaxgan.reporting import scatter


@dataclasses.dataclass(frozen=True)
class Config:
    """A ring GAN."""

    steps: int = 20_000  # one move of each player
    seed: int = 0
    batch_size: int = 512
    points: int = 100_000  # in the training set
    latent_size: int = 16
    width: int = 128  # of the two hidden layers of each network
    learning_rate: float = 2e-3  # at the start; falls to 0 along a cosine
    beta1: float = 0.5  # Adam's
    gamma: float = 0.005  # weight of R1
    decay: float = 0.999  # of the generator's average


def experiment(config: Config) -> Experiment:
    """Networks, game, dynamics, data and evaluation."""
    ring = synthetic.ring()
    hidden = (config.width, config.width)
    game = gan(
        generator=mlp((2,), hidden),
        discriminator=mlp((), hidden),
        loss=chain(non_saturating(), r1(config.gamma)),
        prior=priors.normal(config.latent_size),
    )
    rate = optax.cosine_decay_schedule(config.learning_rate, config.steps)
    optimizers = {player: optax.adam(rate, b1=config.beta1) for player in game.players}

    def source() -> Source:
        points = ring.sample(config.points, seed=config.seed)
        return shuffled(Batch(points), config.batch_size)

    def summarize(samples: NDArray, batch: Batch) -> dict[str, float]:
        del batch
        return count_modes(samples, ring).values()

    def plot(samples: NDArray, batch: Batch, columns: int | None) -> Image.Image:
        del batch, columns
        return scatter(samples, ring.means)

    return Experiment(
        game=game,
        dynamics=lambda game, example: ema(
            alternating(game, optimizers, example), config.decay
        ),
        source=source,
        steps=config.steps,
        seed=config.seed,
        plot=plot,
        summarize=summarize,
        objective=lambda measured: measured["reverse_kl"],
        n_summarized=2_500,
        n_plotted=2_500,
    )
