"""Synthetic 2-D distributions with known modes: ring, grid and Swiss roll.

The ring and the grid follow PacGAN (Lin et al. 2018, arXiv:1712.04086), the usual
benchmark for mode collapse. The modes of the ring are at the angles 2πi/8. Code that
takes the angles from a closed `linspace(0, 2π, 8)` has seven modes, one of them
doubled.
"""

import dataclasses
import itertools

import numpy as np
from numpy.typing import NDArray

from jaxgan.errors import (
    as_finite,
    check_non_negative,
    check_positive,
    check_positive_int,
    check_seed,
)

__all__ = [
    "Mixture",
    "grid",
    "ring",
    "swiss_roll",
]


@dataclasses.dataclass(frozen=True, eq=False)
class Mixture:
    """Mixture of isotropic Gaussians with equal weights.

    >>> from jaxgan.data import synthetic
    >>> synthetic.ring().sample(1000, seed=0).shape
    (1000, 2)
    """

    means: NDArray[np.float64]  # (modes, d)
    sigma: float  # standard deviation of every mode, along each axis

    def __post_init__(self) -> None:
        as_finite("means", self.means, 2)
        check_non_negative("sigma", self.sigma)

    def sample(self, n: int, seed: int) -> NDArray[np.float32]:
        """Sample `n` points, (n, d).

        Raises:
            InputError: if `n` is not an integer of at least 1, or the seed is not an
                integer from 0 to 2³² - 1.
        """
        check_positive_int("n, the number of points,", n)
        check_seed("seed", seed)
        rng = np.random.default_rng(seed)
        means = self.means[rng.integers(len(self.means), size=n)]
        noise = self.sigma * rng.standard_normal(means.shape)
        return (means + noise).astype(np.float32)


def ring(modes: int = 8, radius: float = 1.0, sigma: float = 0.01) -> Mixture:
    """Place modes at equal angles on a circle.

    Raises:
        InputError: if `modes` is not an integer of at least 1, `radius` is not
            positive, or `sigma` is negative.
    """
    check_positive_int("ring: modes", modes)
    check_positive("ring: radius", radius)
    check_non_negative("ring: sigma", sigma)
    angles = np.linspace(0, 2 * np.pi, modes, endpoint=False)
    return Mixture(radius * np.stack([np.cos(angles), np.sin(angles)], axis=1), sigma)


def grid(side: int = 5, spacing: float = 2.0, sigma: float = 0.05) -> Mixture:
    """Place modes on a square grid around the origin; by default {-4, -2, 0, 2, 4}².

    Raises:
        InputError: if `side` is not an integer of at least 1, `spacing` is not
            positive, or `sigma` is negative.
    """
    check_positive_int("grid: side", side)
    check_positive("grid: spacing", spacing)
    check_non_negative("grid: sigma", sigma)
    axis = spacing * (np.arange(side) - (side - 1) / 2)
    return Mixture(np.array(list(itertools.product(axis, axis))), sigma)


def swiss_roll(n: int, seed: int, noise: float = 0.02) -> NDArray[np.float32]:
    """Sample a Swiss roll: a spiral in about [-1, 1]², with Gaussian noise.

    A point is t·(cos t, sin t) / (4.5 π) + noise, with t uniform in [1.5 π, 4.5 π].

    Args:
        n: number of points.
        seed: seed of the random numbers.
        noise: standard deviation of the noise on each coordinate.

    Raises:
        InputError: if `n` is not an integer of at least 1, or `noise` is negative.
    """
    check_positive_int("swiss_roll: n", n)
    check_seed("swiss_roll: seed", seed)
    check_non_negative("swiss_roll: noise", noise)
    rng = np.random.default_rng(seed)
    t = 1.5 * np.pi * (1 + 2 * rng.random(n))
    points = np.stack([t * np.cos(t), t * np.sin(t)], axis=1) / (4.5 * np.pi)
    return (points + noise * rng.standard_normal((n, 2))).astype(np.float32)
