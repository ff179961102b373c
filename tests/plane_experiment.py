"""A GAN in the plane, small enough to be swept in tests."""

import dataclasses

import optax
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


@dataclasses.dataclass(frozen=True)
class Config:
    """A tiny GAN of points."""

    steps: int = 4
    seed: int = 0
    width: int = 8
    learning_rate: float = 1e-2
    gamma: float = 0.1
    ranks: bool = True


def experiment(config: Config) -> Experiment:
    """Data that depend on the seed, and a loss and optimisers on what is swept."""
    game = gan(
        mlp((2,), (config.width,)),
        mlp((), (config.width,)),
        chain(non_saturating(), r1(config.gamma)),
        priors.normal(3),
    )
    optimizers = {p: optax.adam(config.learning_rate) for p in game.players}
    source = in_memory(Batch(synthetic.ring().sample(64, config.seed)), 8)
    return Experiment(
        game=game,
        dynamics=lambda game: averaged(
            alternating(game, optimizers, source(0, 0)[0]), 0.9
        ),
        source=source,
        steps=config.steps,
        seed=config.seed,
        draw=lambda samples, columns: Image.new("RGB", (4, 4)),
        measure=lambda samples: {
            "spread": float(samples.std()),
            "mean": samples.mean(),
        },
        rank=(lambda measured: measured["spread"]) if config.ranks else None,
    )
