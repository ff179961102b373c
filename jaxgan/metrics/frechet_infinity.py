"""Fréchet distance extrapolated to infinitely many fakes (FID∞).

The distance of n fakes is too large by about c / n, where c depends on the generator.
So at the same n the better of two generators may have the larger distance. The
distances of random subsets of N fakes are linear in 1/N, and the intercept at 1/N = 0
is free of this bias. The bias from the finite number of reals remains, so use the same
set of reals for all comparisons.
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
    min_size: int | None = None,
    seed: int = 0,
) -> Estimate:
    """Extrapolate the Fréchet distance to infinitely many fakes by a linear fit in 1/N.

        FD(N) ≈ FD∞ + c / N,  N = min_size … m evenly, a fresh random subset for each

    Each distance uses all reals. The relation is not linear for N near d: the fit
    leaves about 10 % of the bias with `min_size` = 2d, 3 % with 5d and 1 % with 10d,
    for Gaussians of unit variance.

    The subsets share fakes, and all share the reals. The error of the intercept from
    the scatter about the line is therefore only a third to a half of the true error.
    The error here is the root of the sum of its square and the squared error of
    `frechet_distance` of all fakes. For Gaussians it was 0.9 to 1.2 of the true error,
    and up to 1.4 for equal distributions; with heavy tails it was 0.6.

    Published values use 15 points from 5,000 to 50,000, as the defaults do for 50,000
    fakes and 2048 dimensions.

    Args:
        real: features, any real numbers, converted to float64; or their `Statistics`.
        fake: features.
        points: number of distances to fit, at least 3.
        min_size: smallest number of fakes in a subset; by default a tenth of all fakes,
            but at least 2d.
        seed: random seed of the subsets.

    Raises:
        InputError: if there are fewer than 3 points or fewer than 2·min_size fakes, or
            as `frechet_distance`.

    Reference: Chong & Forsyth 2020, arXiv:1911.07023.

        >>> import numpy as np
        >>> from jaxgan.metrics import frechet_infinity
        >>> real, fake = np.random.default_rng(0).normal(size=(2, 2000, 8))
        >>> abs(frechet_infinity(real, fake).value) < 0.05
        True
    """
    check_seed("frechet_infinity: seed", seed)
    fake = checked("fake", fake)
    x, y = fitted_pair(real, fake)
    sizes = _sizes(len(fake), fake.shape[1], points, min_size)
    from scipy.stats import linregress  # a second to import

    whole = frechet_distance(x, y)
    rng = np.random.default_rng(seed)
    subsets = (fake[rng.choice(len(fake), size, replace=False)] for size in sizes[:-1])
    distances = [squared_distance(x, statistics(subset)) for subset in subsets]
    line = linregress(1 / sizes, [*distances, whole.value])
    error = math.hypot(whole.error, line.intercept_stderr)
    return Estimate(float(line.intercept), error)


def _sizes(
    count: int, dimensions: int, points: int, min_size: int | None
) -> Int[np.ndarray, " points"]:
    """Choose the number of fakes for each distance; the last uses all fakes."""
    _check_points(points)
    if min_size is None:
        min_size = max(count // 10, 2 * dimensions)
        if min_size > count // 2:
            raise InputError(
                f"frechet_infinity: features with {dimensions} dimensions need at "
                f"least {4 * dimensions} fakes, got {count}."
            )
    check_positive_int("frechet_infinity: min_size", min_size)
    if not 2 <= min_size <= count // 2:
        raise InputError(
            "frechet_infinity: min_size must be from 2 to half the number of fakes, "
            f"got {min_size} of {count}."
        )
    return np.linspace(min_size, count, points).round().astype(np.int64)


def _check_points(points: int) -> None:
    """Check that there are enough distances for a line and its error."""
    check_positive_int("frechet_infinity: points", points)
    if points < 3:
        raise InputError(f"frechet_infinity: points must be at least 3, got {points}.")


def frechet_infinity_metric(points: int = 15) -> Metric:
    """Make the metric of the extrapolated Fréchet distance for an `Evaluation`.

    Raises:
        InputError: if an argument is invalid.
    """
    _check_points(points)
    return Metric(
        "frechet_infinity",
        _frechet_infinity,
        {"points": points},
        best="lowest",
        min_samples_per_dimension=4,
    )


def _frechet_infinity(
    real: Features, fake: Features, points: int
) -> dict[str, Estimate]:
    found = frechet_infinity(real.features, fake.features, points)
    return {"frechet_infinity": found}
