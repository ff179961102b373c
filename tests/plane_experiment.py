"""A GAN in the plane, small enough to be swept in tests."""

import dataclasses
import os
import signal

import jax
import numpy as np
import optax
from PIL import Image

from jaxgan import (
    Batch,
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
from jaxgan.data import synthetic
from jaxgan.losses import stateless
from jaxgan.training.experiment import Experiment


@dataclasses.dataclass(frozen=True)
class Config:
    """A tiny GAN of points."""

    steps: int = 4
    seed: int = 0
    width: int = 8
    learning_rate: float = 1e-2
    gamma: float = 0.1
    gain: float = 1.0  # of the generator's output
    shift: float = 0.0  # of the data
    ranks: bool = True
    word: str = "a"
    fails: bool = False  # in measuring, where the seed is odd
    nan_at: int = 0  # the step whose generator loss is not a number; 0 for none


def experiment(config: Config) -> Experiment:
    """Data that depend on the seed, and a loss and optimizers on what is swept."""
    generator = mlp((2,), (config.width,))

    def louder(*given, **options):
        made, moved = generator.apply(*given, **options)
        return config.gain * made, moved

    def explode(record, key):
        del key
        nan = jax.numpy.where(record.step == config.nan_at - 1, np.nan, 0.0)
        return {"generator": record.mean(record.fake) * 0 + nan}

    loss = chain(non_saturating(), r1(config.gamma))
    if config.nan_at:
        loss = chain(loss, stateless(explode, name="x"))
    game = gan(
        generator._replace(apply=louder),
        mlp((), (config.width,)),
        loss,
        priors.normal(3),
    )
    optimizers = {p: optax.adam(config.learning_rate) for p in game.players}
    shift = config.shift + float(os.environ.get("JAXGAN_TEST_SHIFT", 0))
    points = synthetic.ring().sample(64, config.seed) + np.float32(shift)
    batches = shuffled(Batch(points), 8)

    def source(seed, step):
        stop_at = int(os.environ.get("JAXGAN_TEST_STOP_AT", 0))
        if step + 1 == stop_at and config.seed == 0:  # once, whatever is swept
            os.kill(os.getpid(), signal.SIGTERM)
        if step + 1 == int(os.environ.get("JAXGAN_TEST_LOST_AT", 0)):
            raise OSError(5, "Input/output error", "data.npy")
        return batches(seed, step)

    def summarize(samples, batch):
        if config.fails and config.seed % 2:
            raise ZeroDivisionError
        return {"spread": float(samples.std()), "mean": samples.mean()}

    return Experiment(
        game=game,
        dynamics=lambda game, example: ema(alternating(game, optimizers, example), 0.9),
        source=lambda: source,
        steps=config.steps,
        seed=config.seed,
        plot=lambda samples, batch, columns: Image.new("RGB", (4, 4)),
        summarize=summarize,
        objective=(lambda measured: measured["spread"]) if config.ranks else None,
    )
