"""A GAN of pictures by the smallest networks, scored where that is asked for."""

import dataclasses
import os
import signal

import jax.numpy as jnp
import numpy as np
import optax

from jaxgan import (
    Batch,
    alternating,
    ema,
    gan,
    mlp,
    non_saturating,
    priors,
    shuffled,
)
from jaxgan.training.experiment import Experiment


@dataclasses.dataclass(frozen=True)
class Config:
    """A tiny GAN of pictures."""

    steps: int = 6
    seed: int = 0
    batch_size: int = 8
    evaluated: bool = False


def experiment(config: Config) -> Experiment:
    """Random images; SIGTERM arrives at the step in the environment, if any."""
    images = np.random.default_rng(0).uniform(-1, 1, (40, 8, 8, 1)).astype("f4")
    game = gan(
        mlp((8, 8, 1), (8,), output_activation=jnp.tanh),
        mlp((), (8,)),
        non_saturating(),
        priors.normal(4),
    )
    # Quick enough for scores to differ from step to step.
    optimizers = {player: optax.adam(3e-2, b1=0.5) for player in game.players}
    batches = shuffled(Batch(images), config.batch_size)

    def source(seed, step):
        if step + 1 == int(os.environ.get("JAXGAN_TEST_STOP_AT", 0)):
            os.kill(os.getpid(), signal.SIGTERM)
        return batches(seed, step)

    return Experiment(
        game=game,
        dynamics=lambda game, example: ema(alternating(game, optimizers, example), 0.5),
        source=lambda: source,
        steps=config.steps,
        seed=config.seed,
        summarize=lambda samples, batch: {"mean": float(samples.mean())},
        objective=lambda measured: measured["mean"],
        evaluation=tiny_evaluation() if config.evaluated else None,
    )


def tiny_evaluation():
    """Import it late: a run's copy of this file may lie where tests are not."""
    from tests.tiny_evaluation import TINY

    return TINY
