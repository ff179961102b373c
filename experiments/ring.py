"""A GAN that keeps all eight modes of a ring.

Eight narrow Gaussians on a circle, the usual test of mode collapse. After training it
prints the modes captured, the share of high-quality samples and the reverse KL
divergence, from 2,500 samples, and draws them over the modes.
"""

import dataclasses

import optax
from numpy.typing import NDArray
from PIL import Image

from jaxgan import (
    Batch,
    alternating,
    averaged,
    chain,
    gan,
    in_memory,
    mlp,
    non_saturating,
    priors,
    r1,
)
from jaxgan.data import synthetic
from jaxgan.experiment import Experiment
from jaxgan.metrics.modes import count_modes
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
    points = ring.sample(config.points, seed=config.seed)
    source = in_memory(Batch(points), config.batch_size)
    [example, _] = source(config.seed, 0)

    def measure(samples: NDArray) -> dict[str, float]:
        return count_modes(samples, ring)._asdict()

    def draw(samples: NDArray, columns: int | None) -> Image.Image:
        del columns
        return scatter(samples, ring.means)

    return Experiment(
        game=game,
        dynamics=lambda game: averaged(
            alternating(game, optimizers, example), config.decay
        ),
        source=source,
        steps=config.steps,
        seed=config.seed,
        draw=draw,
        measure=measure,
        samples=2_500,
        shown=2_500,
    )
