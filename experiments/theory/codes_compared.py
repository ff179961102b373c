"""Compare an autoencoder, a VAE, a GAN and a VAE-GAN on the same digits.

For each run, of 10,000 samples against MNIST's test images, in features of the
project's classifier: Fréchet distance, precision and recall; sharpness, the samples'
energy in fine detail (waves shorter than 4 pixels) as a part of the reals'. Of the
10,000 reconstructions of the test images: the mean squared error of pixels from 0 to 1,
and that of features as a part of how far apart two different images are. And the VAE's
bound, in nats, and the minutes of training, which are to be alike.

The GAN gets no labels. The VAE is given binarized images, and compared with the gray
ones. A GAN reconstructs nothing, and only a VAE has a bound.

The picture has test images in its first row; then, of each run, their reconstructions
(none of a GAN) and samples.

Paper: Larsen et al. 2016, arXiv:1512.09300, makes this comparison on faces

Command: python experiments/theory/codes_compared.py --picture docs/codes.png
    runs/autoencoder runs/vae runs/conditional_mnist runs/vae_gan
    after jaxgan train autoencoder; jaxgan train vae;
    jaxgan train conditional_mnist --way none --steps 12000; jaxgan train vae_gan

Cost: 3 minutes of one CPU core, after the runs

Expect: of seed 0; the GAN is conditional_mnist without labels, of 12,000 steps.

                 Fréchet  precision  recall  sharpness  pixels   features  -ELBO minutes
    autoencoder  13.02    .324       .898    .622       0.00336  0.0093          20.9
    vae           0.89    .779       .759    .568       0.00724  0.0228    87.5  46.3
    GAN           0.47    .756       .755   1.036                              36.3
    vae_gan       1.47    .688       .815    .892       0.0138   0.0345          28.5

    The VAE's and the GAN's rows were scored by another training of the classifier, on
    another machine, beside other jobs, and the VAE trained for longer. The VAE-GAN's
    samples are sharper than the VAE's, but neither they nor its reconstructions are
    nearer to the reals.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tyro
from jaxtyping import Float
from numpy.typing import NDArray

from jaxgan import load_run
from jaxgan.evaluation import Evaluation
from jaxgan.metrics import as_uint8, frechet_distance, precision_recall
from jaxgan.reporting import image_grid, read_rows
from jaxgan.sampling import draw_examples, draw_latents, maker
from jaxgan.training import Run, restored_networks

COUNT, SHOWN = 10_000, 10
Images = Float[np.ndarray, "n h w c"]


class Made(NamedTuple):
    """Samples of a run, and its reconstructions of the test images."""

    samples: Images
    reconstructions: Images | None


def main(
    runs: tuple[Path, ...], /, picture: Path = Path("codes.png"), count: int = COUNT
) -> None:
    """Print a table of runs, and draw what they make.

    Args:
        runs: directories of runs on one data set, scored by its classifier.
        picture: to draw.
        count: number of samples and of test images.
    """
    opened = [load_run(path) for path in runs]
    evaluation = common_evaluation(opened)
    if not SHOWN <= count <= len(evaluation.reals(evaluation.split)):
        sys.exit(f"count must be from {SHOWN} to the number of test images.")
    test = draw_examples(lambda: evaluation.reals(evaluation.split), count, seed=0)
    extractor = evaluation.extractor()

    def features(images: Images) -> NDArray:
        return extractor(as_uint8(images)).features

    compare(opened, test.real, features, picture)


def common_evaluation(runs: Sequence[Run]) -> Evaluation:
    """Return the evaluation that the first run shares with all others."""
    evaluations = [run.experiment.evaluation for run in runs]
    described = {None if each is None else each.data for each in evaluations}
    if len(described) != 1 or evaluations[0] is None:
        sys.exit("runs must be at least one, all scored on the same data.")
    return evaluations[0]


def compare(
    runs: Sequence[Run],
    real: Images,
    features: Callable[[Images], NDArray],
    picture: Path,
) -> None:
    """Print the table and draw the picture of runs; see the top of this file."""
    rows = [real[:SHOWN]]
    print(" " * 20 + "".join(f"{name:>15}" for name in COLUMNS))
    for run in runs:
        made = make(run, len(real))
        cells = measure(real, made, features) | known(run)
        print(f"{run.name:20}" + "".join(f"{cells.get(n, ''):>15}" for n in COLUMNS))
        if made.reconstructions is not None:
            rows.append(made.reconstructions[:SHOWN])
        rows.append(made.samples[:SHOWN])
    image_grid(np.concatenate(rows), columns=SHOWN).save(picture)
    print(f"drawn to {picture}")


COLUMNS = (
    "Fréchet",
    "precision",
    "recall",
    "sharpness",
    "pixel error",
    "feature error",
    "-ELBO",
    "minutes",
)


def make(run: Run, count: int) -> Made:
    """Make samples, and reconstructions of the test images where a run can."""
    game = run.experiment.game
    _, variables = restored_networks(run)
    examples = draw_examples(run.experiment.examples, count, seed=0)
    latents = draw_latents(game, count, 0, examples.condition)
    samples = maker(game, "samples")(variables, latents, examples)
    if "reconstructions" not in game.outputs:
        return Made(samples, None)
    again = maker(game, "reconstructions")(variables, latents, examples)
    return Made(samples, getattr(again, "image", again))


def measure(
    real: Images, made: Made, features: Callable[[Images], NDArray]
) -> dict[str, str]:
    """Compare samples with reals, and reconstructions with what they are of."""
    of_reals, of_samples = features(real), features(made.samples)
    overlap = precision_recall(of_reals, of_samples)
    sharpness = detail(made.samples) / detail(real)
    cells = {
        "Fréchet": f"{frechet_distance(of_reals, of_samples).value:.3f}",
        "precision": f"{overlap.precision.value:.3f}",
        "recall": f"{overlap.recall.value:.3f}",
        "sharpness": f"{sharpness:.3f}",
    }
    again = made.reconstructions
    if again is not None:
        pixels = np.mean(((again - real)[:, 2:-2, 2:-2] / 2) ** 2)  # without the frame
        apart = np.mean((of_reals - np.roll(of_reals, 1, axis=0)) ** 2)
        unlike = np.mean((of_reals - features(again)) ** 2) / apart
        cells |= {"pixel error": f"{pixels:.5f}", "feature error": f"{unlike:.4f}"}
    return cells


def known(run: Run) -> dict[str, str]:
    """Read what a run measured while it trained."""
    last, clock = read_rows(run.metrics)[-1], read_rows(run.seconds)[-1]
    cells = {"minutes": f"{clock['seconds'] / 60:.1f}"}
    if "negative_elbo" in last:
        cells["-ELBO"] = f"{last['negative_elbo']:.2f}"
    return cells


def detail(images: Images) -> float:
    """Mean energy of an image in waves shorter than 4 pixels along either axis."""
    power = np.abs(np.fft.rfft2(images[..., 0])) ** 2
    tall = np.abs(np.fft.fftfreq(images.shape[1]))[:, None]
    wide = np.fft.rfftfreq(images.shape[2])[None, :]
    counted_twice = np.where((wide > 0) & (wide < 0.5), 2, 1)
    return float((power * counted_twice * (np.maximum(tall, wide) > 0.25)).mean())


if __name__ == "__main__":
    tyro.cli(main)
