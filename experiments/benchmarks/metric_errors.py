"""Compare the standard errors of metrics with the spread of repeated samples.

Every metric measures many pairs of samples of two known distributions. Its values then
have a standard deviation, which is the true error of one of them, and its errors a root
mean square, which should be the same. The table has the second over the first: 1 is
right, less is too sure. Of 200 repetitions a ratio is known to about 5 %.

    equal    two normal samples, N(0, I)
    moved    one has another mean, 1 away
    wider    one is √2 as wide
    many     moved, in 64 dimensions
    heavy    features of a random ReLU network: long tails and many zeros

There are 400 examples of each set, of 8 dimensions but for `many`. For the last two
metrics fakes are logits. Subsets and directions are drawn anew each time.

On one CPU core, 200 repetitions, jax 0.10.2:

                            equal  moved  wider   many  heavy
    frechet                  1.34   0.97   1.04   1.25   0.56
    frechet_infinity         1.15   0.94   1.01   1.10   0.59
    kid, all pairs           1.35   0.96   1.03   1.05   1.08
    kid, 20 subsets of 100   2.29   1.01   1.36   1.32   1.24
    mmd, rbf                 1.40   0.96   1.05   1.06   1.01
    precision                0.97   0.94   1.04   0.92   0.99
    recall                   1.03   1.08   0.98   0.96   0.95
    density                  1.06   1.03   0.99   0.88   1.05
    coverage                 0.98   0.99   1.03   0.83   0.94
    authenticity             0.80   0.72   0.92   0.65   0.74
    earth mover's            1.16   1.00   1.00   1.07   1.05
    sliced wasserstein       1.41   0.95   1.09   1.22   0.98
    inception score          0.96   0.96   0.94   1.04   1.01
    kl of classes            1.14   1.14   1.14   0.94   1.07

Heavy tails make the Fréchet distance too sure; the error of authenticity is meant for
given reals.

Command: python experiments/benchmarks/metric_errors.py
"""

from collections.abc import Callable

import numpy as np
import tyro
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import softmax
from tqdm import tqdm

from jaxgan.metrics import (
    Estimate,
    authenticity,
    class_modes,
    density_coverage,
    earth_movers_distance,
    frechet_distance,
    frechet_infinity,
    inception_score,
    kid,
    precision_recall,
    rbf,
    sliced_wasserstein,
    squared_mmd,
)

COUNT = 400
"""Examples of each set."""


Pair = tuple[NDArray, NDArray]
"""The real and the fake sample of one repetition."""


def normal(rng: Generator, d: int = 8, mean: float = 0.0, width: float = 1.0) -> Pair:
    """One of N(0, I), one of N(μ, width² I) with a μ of that norm."""
    real, fake = rng.normal(size=(2, COUNT, d))
    return real, width * fake + mean / np.sqrt(d)


def heavy(rng: Generator) -> Pair:
    """Two layers of a network that is the same each time, of inputs a little apart."""
    weights = np.random.default_rng(0)
    first, last = weights.normal(size=(4, 32)), weights.normal(size=(32, 8))

    def network(x: NDArray) -> NDArray:
        return np.maximum(np.exp(np.maximum(x @ first, 0) / 4) @ last, 0)

    real, fake = rng.normal(size=(2, COUNT, 4))
    return network(real), network(fake + 0.5)


PAIRS: dict[str, Callable[[Generator], Pair]] = {
    "equal": normal,
    "moved": lambda rng: normal(rng, mean=1.0),
    "wider": lambda rng: normal(rng, width=np.sqrt(2)),
    "many": lambda rng: normal(rng, 64, mean=1.0),
    "heavy": heavy,
}


def measure(pair: Pair, seed: int) -> dict[str, Estimate]:
    """Compute several metrics, by name."""
    real, fake = pair
    frechet = frechet_distance(real, fake)
    chances = softmax(fake, axis=1)
    score = inception_score(chances, seed=seed)
    return {
        "frechet": Estimate(frechet.value, frechet.error),
        "frechet_infinity": frechet_infinity(real, fake, seed=seed),
        "kid, all pairs": kid(real, fake),
        "kid, 20 subsets of 100": kid(real, fake, 20, 100, seed),
        "mmd, rbf": squared_mmd(real, fake, rbf(float(np.sqrt(real.shape[1])))),
        **precision_recall(real, fake)._asdict(),
        **density_coverage(real, fake)._asdict(),
        "authenticity": authenticity(real, fake),
        "earth mover's": earth_movers_distance(real, fake),
        "sliced wasserstein": sliced_wasserstein(real, fake, 50, seed=seed),
        "inception score": Estimate(score.value, score.error),
        "kl of classes": class_modes(chances.argmax(axis=1), chances.shape[1]).kl,
    }


def main(repetitions: int = 200) -> None:
    """Print the table.

    Args:
        repetitions: pairs of samples for each column.
    """
    ratios: dict[str, list[str]] = {}
    for draw in tqdm(PAIRS.values(), unit="column"):
        rng = np.random.default_rng(0)
        found = [measure(draw(rng), seed) for seed in range(repetitions)]
        for metric in found[0]:
            values, errors = np.array([row[metric] for row in found]).T
            ratios.setdefault(metric, []).append(ratio(values, errors))
    width = max(map(len, ratios))
    print(" " * width, *(f"{name:>6}" for name in PAIRS))
    for metric, row in ratios.items():
        print(f"{metric:{width}}", *(f"{cell:>6}" for cell in row))


def ratio(values: NDArray, errors: NDArray) -> str:
    """The root mean square of the errors over the deviation of the values."""
    deviation = values.std(ddof=1)
    return f"{np.sqrt(np.square(errors).mean()) / deviation:.2f}" if deviation else "-"


if __name__ == "__main__":
    tyro.cli(main)
