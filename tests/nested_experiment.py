"""A GAN of points whose Config holds other dataclasses, and which takes an input."""

import dataclasses

import numpy as np
import optax
from PIL import Image

from jaxgan import (
    Batch,
    Experiment,
    alternating,
    gan,
    mlp,
    non_saturating,
    priors,
    shuffled,
)
from jaxgan.sampling.inputs import Input, the_real


@dataclasses.dataclass(frozen=True)
class Net:
    """A multi-layer perceptron."""

    widths: tuple[int, ...] = (4,)  # of the hidden layers


@dataclasses.dataclass(frozen=True)
class Config:
    """A tiny GAN of points."""

    steps: int = 1
    seed: int = 0
    width: int = 4
    rate: float = 1e-3
    generator: Net = Net()
    discriminator: Net = Net()


def experiment(config: Config) -> Experiment:
    """Random points; the input moves nothing."""
    points = Batch(np.random.default_rng(0).normal(size=(16, 2)).astype("f4"))
    game = gan(
        mlp((2,), config.generator.widths),
        mlp((), (*config.discriminator.widths, config.width)),
        non_saturating(),
        priors.normal(4),
    )
    optimizers = {player: optax.adam(config.rate) for player in game.players}
    return Experiment(
        game=game,
        dynamics=lambda game, example: alternating(game, optimizers, example),
        source=lambda: shuffled(points, 8, 2),
        steps=config.steps,
        seed=config.seed,
        examples=lambda: points,
        inputs={"start": Input(lambda word: np.full((1, 2), float(word)), the_real)},
        plot=lambda made, batch, columns: Image.new("RGB", (4, 4)),
    )
