"""A GAN small enough for tests, with a convolution, BatchNorm, dropout-free."""

import dataclasses
import os
import signal

import numpy as np
import optax

from jaxgan import (
    Batch,
    alternating,
    chain,
    ema,
    every,
    gan,
    gradient_penalty,
    non_saturating,
    priors,
    r1,
    shuffled,
)
from jaxgan.networks import dcgan_discriminator, dcgan_generator
from jaxgan.training.experiment import Experiment


@dataclasses.dataclass(frozen=True)
class Config:
    """A tiny GAN."""

    steps: int = 6
    seed: int = 0
    batch_size: int = 8
    discriminator_moves: int = 1  # for each of the generator's


def experiment(config: Config) -> Experiment:
    """Random images; SIGTERM arrives at the step in the environment, if any."""
    images = np.random.default_rng(0).uniform(-1, 1, (40, 8, 8, 1)).astype("f4")

    game = gan(
        dcgan_generator((8, 8, 1), channels=4, base=4),
        dcgan_discriminator((8, 8, 1), channels=4, base=4),
        chain(non_saturating(), every(r1(0.1), n=2), gradient_penalty()),
        priors.normal(4),
    )
    optimizers = {player: optax.adam(1e-3, b1=0.5) for player in game.players}
    order = ("discriminator",) * config.discriminator_moves + ("generator",)
    batches = shuffled(Batch(images), config.batch_size, len(order))

    def source(seed, step):
        if step + 1 == int(os.environ.get("JAXGAN_TEST_STOP_AT", 0)):
            os.kill(os.getpid(), signal.SIGTERM)
        return batches(seed, step)

    return Experiment(
        game=game,
        dynamics=lambda game, example: ema(
            alternating(game, optimizers, example, order=order), 0.999
        ),
        source=lambda: source,
        steps=config.steps,
        seed=config.seed,
        summarize=lambda samples, batch: {"mean": float(samples.mean())},
        objective=lambda measured: measured["mean"],
    )
