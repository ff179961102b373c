"""A VAE whose likeness is a discriminator's: sharp samples, and reconstructions.

An encoder, a generator and a discriminator learn together. The encoder pays the
divergence of codes from a normal prior, and how unlike an image and its reconstruction
are in the features of the discriminator's last layer. The generator pays for that
likeness too, and for being found out, on images of drawn codes and of encoded ones. So
a likeness of pixels, whose average is blurry, is nowhere.

The networks are those of `mnist.py` without its labels and classifier, and the encoder
is like the discriminator. Two things differ from the paper. The loss is relativistic,
where an encoded image is paired with what it is decoded to; and it comes with R1 and,
at images of drawn codes only, R2. It measures the mean squared error of
reconstructions of the 10,000 test images, of pixels from 0 to 1, though nobody pays for
it; `theory/codes_compared.py` measures that of features too.

Outputs are `reconstructions` of test images and `samples`; the scores are of the
latter, as in `vae.py`.

Paper: Larsen et al. 2016, arXiv:1512.09300; Huang et al. 2024, arXiv:2501.05441 (the
    loss, R1 and R2)

Command: jaxgan train vae_gan
    or, for clothes: jaxgan train vae_gan --data fashion_mnist

Cost: 29 minutes of one CPU core, beside other jobs

Expect: sharp digits, of which some are broken, and sharp reconstructions; a Fréchet
    distance of 1.47 in features of a classifier, where `vae.py`, trained for longer,
    has 0.89.

    Of seed 0, the only one that has been run, precision is .688 and recall .815, and
    the error 0.0138. Clothes have not been measured.
"""

import dataclasses
from pathlib import Path

import optax
from autoencoder import MARGIN, encoder_of, error
from dcgan import framed_images
from numpy.typing import NDArray

from jaxgan import (
    Batch,
    Experiment,
    Loss,
    alternating,
    chain,
    ema,
    every,
    focus,
    non_saturating,
    r1,
    r2,
    shuffled,
)
from jaxgan.evaluation import by_classifier
from jaxgan.games import vae_gan
from jaxgan.losses import features_of, kl_to_prior, likeness, relativistic
from jaxgan.networks import framed, infogan_discriminator, infogan_generator, unframed


@dataclasses.dataclass(frozen=True)
class Config:
    """A VAE-GAN of 28×28 images that TFDS has."""

    data: str = "mnist"  # its name in TFDS
    data_dir: Path | None = None  # where TFDS sets are; $TFDS_DATA_DIR by default
    steps: int = 8_000  # one move of each player
    seed: int = 0
    batch_size: int = 32
    latent_size: int = 32  # numbers of a code
    channels: int = 32  # of the 14×14 maps; the 7×7 ones have twice as many
    hidden: int = 512  # features of the other networks' dense layers
    seen: int = 256  # features of the discriminator's dense layer, which tell likeness
    likeness: float = 1.0  # the encoder's weight of ½ |difference of features|²
    likeness_of_generator: float = 0.01  # the generator's, the paper's γ
    learning_rate: float = 1e-3  # at the start; falls to 0 along a cosine
    beta1: float = 0.5  # Adam's
    beta2: float = 0.99  # Adam's
    gamma: float = 1.0  # weight of R1 and of R2
    every: int = 4  # moves of the discriminator from one R1 and R2 to the next
    decay: float = 0.999  # of the networks' average


def experiment(config: Config) -> Experiment:
    """Networks, game, dynamics and data."""
    padded = framed_images(config.data, config.data_dir)

    def images(split: str) -> Batch:
        return Batch(padded(split).arrays.real)

    def summarize(made: NDArray, batch: Batch) -> dict[str, float]:
        return {"error": error(made, batch)}

    shape, size = (28, 28, 1), config.latent_size
    channels, hidden = config.channels, config.hidden
    generator = infogan_generator(shape, channels, hidden=hidden)
    discriminator = infogan_discriminator(shape, channels, hidden=config.seen)
    game = vae_gan(
        encoder=encoder_of(2 * size, channels, hidden),
        generator=framed(generator, MARGIN),
        discriminator=unframed(discriminator, MARGIN),
        loss=loss_of(config),
        latent_size=size,
    )
    first = {"reconstructions": game.outputs["reconstructions"]}  # which is summarized
    rate = optax.cosine_decay_schedule(config.learning_rate, config.steps)
    optimizers = {
        player: optax.adam(rate, config.beta1, config.beta2) for player in game.players
    }
    evaluation = by_classifier(f"{config.data} framed to 32 pixels", padded)
    return Experiment(
        game=game._replace(outputs=first | dict(game.outputs)),
        dynamics=lambda game, example: ema(
            alternating(game, optimizers, example), config.decay
        ),
        source=lambda: shuffled(images("train"), config.batch_size, substeps=3),
        steps=config.steps,
        seed=config.seed,
        examples=lambda: images("test"),
        summarize=summarize,
        evaluation=dataclasses.replace(evaluation, output="samples"),
        n_summarized=10_000,
    )


def loss_of(config: Config) -> Loss:
    """The losses of all players; see the top of this file."""
    penalties = chain(r1(config.gamma), r2(config.gamma))
    adversarial = chain(
        relativistic(non_saturating()), every(penalties, n=config.every)
    )
    half_of_all = config.seen / 2  # since a likeness is the mean over features
    return chain(
        focus(adversarial, on="sampled"),
        focus(relativistic(non_saturating()), on="decoded"),
        kl_to_prior(player="encoder"),
        likeness(
            of=features_of(lambda record: record.decoded),
            weights={
                "encoder": half_of_all * config.likeness,
                "generator": half_of_all * config.likeness_of_generator,
            },
        ),
    )
