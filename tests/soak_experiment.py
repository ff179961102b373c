"""A GAN with everything that a run must not lose: states, views, scores, pictures."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import optax

from jaxgan import (
    Batch,
    Experiment,
    alternating,
    ema,
    every,
    gan,
    mlp,
    non_saturating,
    priors,
    r1,
    shuffled,
)
from jaxgan.networks import dcgan_discriminator, dcgan_generator, labeled
from jaxgan.penalties import lecam
from jaxgan.views import diff_augment, translation

SHAPE = (8, 8, 1)


@dataclasses.dataclass(frozen=True)
class Config:
    """A tiny GAN."""

    steps: int = 40
    seed: int = 0
    conditional: bool = False  # MLPs of labels, instead of convolutions


def experiment(config: Config) -> Experiment:
    """BatchNorm, LeCam, a lazy R1, averages, augmentation and scores, or labels."""
    rng = np.random.default_rng(0)
    images = rng.uniform(-1, 1, (40, *SHAPE)).astype("f4")
    labels = rng.integers(0, 3, 40, np.int32)
    batch = Batch(images, (labels,)) if config.conditional else Batch(images)
    if config.conditional:
        networks = (
            labeled(mlp(SHAPE, (8,), output_activation=jnp.tanh), 3),
            labeled(mlp((), (8,)), 3),
        )
    else:
        networks = (
            dcgan_generator(SHAPE, channels=4, base=4),
            dcgan_discriminator(SHAPE, channels=4, base=4),
        )
    game = gan(
        *networks,
        loss=non_saturating() + every(r1(0.1), n=2) + lecam(),
        prior=priors.normal(4),
        view=diff_augment(translation()),
    )
    optimizers = {player: optax.adam(3e-3, b1=0.5) for player in game.players}
    return Experiment(
        game=game,
        dynamics=lambda game, example: ema(alternating(game, optimizers, example), 0.9),
        source=lambda: shuffled(batch, 8),
        steps=config.steps,
        seed=config.seed,
        examples=(lambda: batch) if config.conditional else None,
        summarize=lambda samples, batch: {"mean": float(samples.mean())},
        evaluation=tiny_evaluation(),
    )


def tiny_evaluation():
    """Import it late: a run's copy of this file may lie where tests are not."""
    from tests.tiny_evaluation import TINY

    return TINY
