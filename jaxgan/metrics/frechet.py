"""The Fréchet distance between two sets of features, each taken for a Gaussian."""

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from jaxgan.errors import InputError


def frechet_distance(x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "m d"]) -> float:
    """The squared Wasserstein-2 distance between the fitted Gaussians.

        ‖μₓ - μᵧ‖² + Tr(Σₓ + Σᵧ - 2 (Σₓ Σᵧ)^½),  covariances over n - 1

    The last trace is computed without a matrix square root: with X̄ = Q R the centred
    features, Tr (Σₓ Σᵧ)^½ is the nuclear norm of Rₓ Rᵧᵀ / √((n-1)(m-1)). That is exact
    to rounding in float64, also for fewer samples than dimensions, where square roots
    of singular products lose ten digits.

    Between two sets of n drawn from one Gaussian its expectation is not 0: for d
    dimensions of unit variance it is about (d(d+1)/2 + 2d) / n. So compare scores of
    one sample size only.

    Args:
        x: features, any float type; computed in float64.
        y: likewise.

    Raises:
        InputError: if the shapes do not fit or a set has fewer than two features.

    Reference: Heusel et al. 2017, arXiv:1706.08500.

        >>> import numpy as np
        >>> from jaxgan.metrics.frechet import frechet_distance
        >>> x = np.random.default_rng(0).normal(size=(500, 3))
        >>> round(frechet_distance(x, x + 1), 6)
        3.0
    """
    if (
        x.ndim != 2
        or y.ndim != 2
        or x.shape[1] != y.shape[1]
        or min(len(x), len(y)) < 2
    ):
        raise InputError(
            "x and y must be of shapes (n, d) and (m, d) with n, m ≥ 2, "
            f"got {x.shape} and {y.shape}."
        )
    mean_x, root_x = _mean_and_root(x)
    mean_y, root_y = _mean_and_root(y)
    overlap = np.linalg.svd(root_x @ root_y.T, compute_uv=False).sum()
    spread = np.square(root_x).sum() + np.square(root_y).sum() - 2 * overlap
    return float(np.square(mean_x - mean_y).sum() + spread)


def _mean_and_root(x: NDArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The mean and a matrix R with RᵀR the covariance."""
    x = x.astype(np.float64)
    mean = x.mean(axis=0)
    return mean, np.linalg.qr(x - mean, mode="r") / np.sqrt(len(x) - 1)
