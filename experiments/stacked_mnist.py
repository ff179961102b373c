"""A thousand modes that can be counted: three digits as the colors of one image.

Stacked MNIST has a mode for every number from 000 to 999. A generator that forgets some
is caught by a classifier that reads the three channels. The data are those of the
published tables: 128,000 triples drawn once from all 70,000 digits; so is the number of
samples, 26,000. Two numbers are reported, since a mode counts as captured by a single
sample:

- modes: how many of the 1,000 are captured;
- kl: of the samples' modes against the uniform distribution, in nats. Real triples have
  0.024: digits are not equally frequent, and 26,000 samples of 1,000 modes vary.

A Wasserstein GAN with gradient penalty, on DCGAN's layers; three independent digits ask
for a generator wider than the critic.

Paper: Srivastava et al. 2017, arXiv:1705.07761 (protocol); Lin et al. 2018,
    arXiv:1712.04086 (triples); Gulrajani et al. 2017, arXiv:1704.00028 (loss)

Command: jaxgan train stacked_mnist

Cost: 41 minutes on one CPU core, beside other work; 190 images/s

Expect: 1,000 modes (999 after 2,000 steps) with a kl of 0.071 ± 0.002, by seed 0; real
    triples have 0.025. With --steps 12000, in 69 minutes on one core, 1,000 modes with
    0.0355 ± 0.0014. It was tuned on seed 100.
"""

import dataclasses
from functools import cache
from pathlib import Path

import numpy as np
import optax

from jaxgan import (
    Batch,
    Experiment,
    alternating,
    chain,
    data,
    ema,
    gan,
    gradient_penalty,
    priors,
    shuffled,
    wasserstein,
)
from jaxgan.data import Source
from jaxgan.evaluation import Evaluation, by_classifier
from jaxgan.metrics import Estimate, Extractor, Features, Metric, class_modes
from jaxgan.networks import dcgan_discriminator, dcgan_generator

TRIPLES = 128_000
SAMPLES = 26_000
BOTH = "train+test"


@dataclasses.dataclass(frozen=True)
class Config:
    """WGAN-GP of Stacked MNIST."""

    data_dir: Path | None = None  # where TFDS sets are; $TFDS_DATA_DIR by default
    steps: int = 6_000  # the generator's moves
    critic_moves: int = 3  # for each of them
    seed: int = 0
    batch_size: int = 64
    latent_size: int = 128
    generator_channels: int = 64  # of the 16×16 maps; they double as the maps halve
    critic_channels: int = 32
    learning_rate: float = 5e-4  # at the start; falls to 0 along a cosine
    beta2: float = 0.9  # Adam's; its β1 is 0
    penalty: float = 10.0  # λ
    decay: float = 0.999  # of the generator's average


def experiment(config: Config) -> Experiment:
    """Networks, game, dynamics, data and evaluation."""

    @cache
    def digits(split: str) -> data.Dataset:
        images = data.tfds(
            "mnist", split, condition=("label",), data_dir=config.data_dir
        )
        return data.in_memory(data.pad_to(images, 32))

    def stacked(split: str) -> data.Dataset:
        triples = data.sample_tuples(digits(split), 3, TRIPLES)
        return data.map(triples, lambda b: Batch(np.concatenate(b.real, axis=-1)))

    order = ("discriminator",) * config.critic_moves + ("generator",)

    def source() -> Source:
        return shuffled(stacked(BOTH), config.batch_size, len(order))

    shape = (32, 32, 3)
    game = gan(
        generator=dcgan_generator(shape, config.generator_channels),
        discriminator=dcgan_discriminator(
            shape, config.critic_channels, batch_norm=False
        ),
        loss=chain(wasserstein(), gradient_penalty(config.penalty)),
        prior=priors.normal(config.latent_size),
    )
    moves = {"discriminator": config.critic_moves, "generator": 1}
    optimizers = {
        player: optax.adam(
            optax.cosine_decay_schedule(config.learning_rate, count * config.steps),
            b1=0.0,
            b2=config.beta2,
        )
        for player, count in moves.items()
    }
    evaluation = Evaluation(
        "triples of mnist framed to 32 pixels",
        lambda split: data.take(stacked(split), SAMPLES),
        lambda: channels_apart(
            by_classifier("mnist framed to 32 pixels", digits).extractor()
        ),
        split=BOTH,  # only the uniform distribution is the reference
        held_out="test",
        samples=SAMPLES,
        metrics=(MODES,),
    )
    return Experiment(
        game=game,
        dynamics=lambda game, example: ema(
            alternating(game, optimizers, example, order=order), config.decay
        ),
        source=source,
        steps=config.steps,
        seed=config.seed,
        evaluation=evaluation,
    )


def modes(real: Features, fake: Features, classes: int) -> dict[str, Estimate]:
    """Count the modes that have samples, and measure how unevenly samples lie in them.

    The KL divergence from uniform is in nats.
    """
    del real
    found = class_modes(fake.classes(), classes)
    return {"kl": found.kl, "modes": Estimate(found.captured)}


MODES = Metric(
    "modes",
    modes,
    {"classes": 1000},
    best="lowest",
    min_samples=1,
    needs=("classes",),
)


def channels_apart(digit: Extractor) -> Extractor:
    """A classifier of numbers of three digits, from one of digits."""

    def apply(images: np.ndarray) -> Features:
        seen = [digit(images[..., i : i + 1]) for i in range(3)]
        hundreds, tens, ones = (each.probabilities for each in seen)
        numbers = np.einsum("ni,nj,nk->nijk", hundreds, tens, ones)
        return Features(
            np.concatenate([each.features for each in seen], axis=1),
            numbers.reshape(len(images), -1),
        )

    name = f"{digit.name}, of each channel"
    return dataclasses.replace(digit, name=name, apply=apply)
