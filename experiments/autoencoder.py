"""Why an autoencoder does not generate: 32 numbers of a digit, beside PCA's 32.

An encoder gives each image a code of 32 numbers, and a decoder gives the image again,
both InfoGAN's networks for 28 pixels, half as wide, without BatchNorm. It measures the
mean squared error of the 10,000 test images, of pixels from 0 to 1, beside that of as
many principal components. Codes are scaled to lie on the sphere where most draws of a
normal distribution in 32 dimensions lie. Yet images decoded from such draws are no
digits, since nothing asks codes to be distributed like them: `samples`, and their
Fréchet distance, show it.

Outputs are `reconstructions` of test images and `samples`.

Paper: Hinton & Salakhutdinov 2006, "Reducing the dimensionality of data with neural
    networks"

Command: jaxgan train autoencoder
    or, for clothes: jaxgan train autoencoder --data fashion_mnist

Cost: 21 minutes of one CPU core, beside other jobs

Expect: an error of 0.0034, where PCA has 0.0168; samples that are no digits, with a
    Fréchet distance of 13.0 in features of a classifier.

    That is of seed 0, the only one that has been run. Clothes have not been measured.
"""

import dataclasses
from functools import cache
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from dcgan import framed_images
from numpy.typing import NDArray

from jaxgan import (
    Batch,
    Experiment,
    Network,
    alternating,
    ema,
    priors,
    shuffled,
)
from jaxgan.evaluation import by_classifier
from jaxgan.games import autoencoder
from jaxgan.losses import likeness
from jaxgan.networks import framed, infogan_encoder, infogan_generator, unframed

MARGIN = 2  # of the frame with which images of 28 pixels have 32, as the classifier's


@dataclasses.dataclass(frozen=True)
class Config:
    """An autoencoder of 28×28 images that TFDS has."""

    data: str = "mnist"  # its name in TFDS
    data_dir: Path | None = None  # where TFDS sets are; $TFDS_DATA_DIR by default
    steps: int = 10_000
    seed: int = 0
    batch_size: int = 128
    latent_size: int = 32  # numbers of a code
    channels: int = 32  # of the 14×14 maps; the 7×7 ones have twice as many
    hidden: int = 512  # features of the dense layers
    learning_rate: float = 1e-3  # at the start; falls to 0 along a cosine
    decay: float = 0.999  # of the networks' average


def experiment(config: Config) -> Experiment:
    """Networks, game, dynamics and data."""
    padded = framed_images(config.data, config.data_dir)

    def images(split: str) -> Batch:
        return Batch(padded(split).arrays.real)

    @cache
    def of_components() -> float:
        train, test = (pixels(images(split).real) for split in ("train", "test"))
        return component_error(train, test, config.latent_size)

    def summarize(made: NDArray, batch: Batch) -> dict[str, float]:
        return {"error": error(made, batch), "error_of_pca": of_components()}

    size, channels, hidden = config.latent_size, config.channels, config.hidden
    game = autoencoder(
        encoder=on_the_sphere(encoder_of(size, channels, hidden)),
        decoder=decoder_of(channels, hidden),
        loss=likeness(),
        prior=priors.normal(size),
    )
    first = {"reconstructions": game.outputs["reconstructions"]}  # which is summarized
    rate = optax.cosine_decay_schedule(config.learning_rate, config.steps)
    optimizers = {player: optax.adam(rate) for player in game.players}
    evaluation = by_classifier(f"{config.data} framed to 32 pixels", padded)
    return Experiment(
        game=game._replace(outputs=first | dict(game.outputs)),
        dynamics=lambda game, example: ema(
            alternating(game, optimizers, example), config.decay
        ),
        source=lambda: shuffled(images("train"), config.batch_size, substeps=1),
        steps=config.steps,
        seed=config.seed,
        examples=lambda: images("test"),
        summarize=summarize,
        objective=lambda measured: measured["error"],
        evaluation=dataclasses.replace(evaluation, output="samples"),
        n_summarized=10_000,
    )


def encoder_of(size: int, channels: int, hidden: int) -> Network:
    """A network of framed images of 28 pixels that gives rows of a size."""
    return unframed(infogan_encoder((28, 28, 1), size, channels, hidden=hidden), MARGIN)


def decoder_of(channels: int, hidden: int) -> Network:
    """A network of codes that gives framed images of 28 pixels."""
    network = infogan_generator((28, 28, 1), channels, hidden=hidden, batch_norm=False)
    return framed(network, MARGIN)


def on_the_sphere(network: Network) -> Network:
    """Scale each row of a network's output (b, d) to the length √d."""

    def apply(*given: jax.Array, **mode: bool) -> tuple[jax.Array, dict]:
        code, stats = network.apply(*given, **mode)
        square = jnp.square(code).mean(axis=1, keepdims=True)
        return code * jax.lax.rsqrt(square + 1e-8), stats

    return network._replace(apply=apply)


def error(made: NDArray, batch: Batch) -> float:
    """Mean squared error of pixels from 0 to 1."""
    return float(np.mean((pixels(made) - pixels(batch.real)) ** 2))


def pixels(images: NDArray) -> NDArray[np.float64]:
    """Images without their frame, as rows of 784 numbers from 0 to 1."""
    inner = images[:, MARGIN:-MARGIN, MARGIN:-MARGIN].reshape(len(images), -1)
    if inner.dtype == np.uint8:
        return inner / 255
    return (inner.astype(np.float64) + 1) / 2


def component_error(train: NDArray, test: NDArray, count: int) -> float:
    """Mean squared error of test images on the training images' first components."""
    mean = train.mean(axis=0)
    centered = train - mean
    _, axes = np.linalg.eigh(centered.T @ centered)  # in ascending order
    chosen = axes[:, -count:]
    rest = (test - mean) - (test - mean) @ chosen @ chosen.T
    return float(np.mean(rest**2))
