"""The Fréchet distance of infinitely many fakes, from the line its values follow.

The distance of n fakes is too large by about c / n, with a c that depends on the
generator, so at one n the better of two may have the larger distance. The distances of
random subsets lie on a line over 1/N, and where it meets 1/N = 0 that bias is gone. The
bias that the finite number of reals causes stays: compare with one set of reals.
"""

import math

import numpy as np
from jaxtyping import Int, Real

from jaxgan.errors import InputError, check_positive_int, check_seed
from jaxgan.metrics.checks import checked
from jaxgan.metrics.estimate import Estimate
from jaxgan.metrics.features.extractor import Features
from jaxgan.metrics.frechet import (
    Statistics,
    fitted_pair,
    frechet_distance,
    squared_distance,
    statistics,
)
from jaxgan.metrics.metric import Metric


def frechet_infinity(
    real: Real[np.ndarray, "n d"] | Statistics,
    fake: Real[np.ndarray, "m d"],
    points: int = 15,
    least: int | None = None,
    seed: int = 0,
) -> Estimate:
    """The intercept of the line through Fréchet distances over 1 / number of fakes.

        FD(N) ≈ FD∞ + c / N,  N = least … m evenly, a fresh random subset for each

    and all reals each time. The line bends for N near d: of the bias it leaves about
    10 % with `least` = 2d, 3 % with 5d, 1 % with 10d, for Gaussians of unit variance.

    The subsets share fakes, and all of them the reals, so the scatter of the points
    about the line, from which least squares takes the error of an intercept, is a
    third to a half of the true error. The error here is the root of the sum of its
    square and that of the error of `frechet_distance` of all fakes. For Gaussians it
    was 0.9 to 1.2 of the true one, and up to 1.4 at equality; 0.6 with heavy tails.

    Published values take 15 points from 5,000 to 50,000, as the defaults do for
    50,000 fakes and 2048 dimensions.

    Args:
        real: features, any numbers, computed in float64; or their `Statistics`.
        fake: features.
        points: distances to fit, at least 3.
        least: the smallest number of fakes; by default a tenth of them, but not fewer
            than 2d.
        seed: of the subsets.

    Raises:
        InputError: if there are fewer than 3 points or fewer than 2·least fakes, or as
            `frechet_distance`.

    Reference: Chong & Forsyth 2020, arXiv:1911.07023.

        >>> import numpy as np
        >>> from jaxgan.metrics.frechet_infinity import frechet_infinity
        >>> real, fake = np.random.default_rng(0).normal(size=(2, 2000, 8))
        >>> abs(frechet_infinity(real, fake).value) < 0.05
        True
    """
    fake = checked("fake", fake)
    sizes = _sizes(len(fake), fake.shape[1], points, least)
    from scipy.stats import linregress  # a second to import

    check_seed("frechet_infinity: seed", seed)
    x, y = fitted_pair(real, fake)
    whole = frechet_distance(x, y)
    rng = np.random.default_rng(seed)
    subsets = (fake[rng.choice(len(fake), size, replace=False)] for size in sizes[:-1])
    distances = [squared_distance(x, statistics(subset)) for subset in subsets]
    line = linregress(1 / sizes, [*distances, whole.value])
    error = math.hypot(whole.error, line.intercept_stderr)
    return Estimate(float(line.intercept), error)


def _sizes(
    count: int, dimensions: int, points: int, least: int | None
) -> Int[np.ndarray, " points"]:
    """How many fakes each distance takes; the last takes all."""
    check_positive_int("frechet_infinity: points", points)
    if points < 3:
        raise InputError(f"frechet_infinity: points must be at least 3, got {points}.")
    if least is None:
        least = max(count // 10, 2 * dimensions)
        if least > count // 2:
            raise InputError(
                f"frechet_infinity: of features with {dimensions} dimensions it needs "
                f"at least {4 * dimensions} fakes, got {count}."
            )
    check_positive_int("frechet_infinity: least", least)
    if not 2 <= least <= count // 2:
        raise InputError(
            "frechet_infinity: least must be from 2 to half the number of fakes, got "
            f"{least} of {count}."
        )
    return np.linspace(least, count, points).round().astype(np.int64)


def frechet_infinity_metric(points: int = 15) -> Metric:
    """The Fréchet distance of infinitely many fakes, as an evaluation takes it."""
    return Metric(
        "frechet_infinity",
        _of_features,
        {"points": points},
        best="lowest",
        min_samples_per_dimension=4,
    )


def _of_features(real: Features, fake: Features, points: int) -> dict[str, Estimate]:
    found = frechet_infinity(real.features, fake.features, points)
    return {"frechet_infinity": found}
