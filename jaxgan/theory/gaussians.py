"""Divergences of two Gaussians, in closed form and float64."""

import math

import numpy as np
from numpy.typing import ArrayLike

from jaxgan.errors import InputError, as_finite

__all__ = [
    "kl",
    "squared_hellinger",
    "wasserstein2",
]


def kl(
    mean_p: ArrayLike, cov_p: ArrayLike, mean_q: ArrayLike, cov_q: ArrayLike
) -> float:
    """Compute the Kullback–Leibler divergence of two Gaussians, in nats.

        KL(N(μₚ, Σₚ) ‖ N(μ_q, Σ_q)) =
        ½ (Tr Σ_q⁻¹Σₚ + (μ_q - μₚ)ᵀ Σ_q⁻¹ (μ_q - μₚ) - d + log det Σ_q / det Σₚ)

    Args:
        mean_p, mean_q: (d,).
        cov_p, cov_q: (d, d), positive definite.

    Raises:
        InputError: if the shapes do not fit or a covariance is not positive definite.

        >>> from jaxgan.theory.gaussians import kl
        >>> kl([1.0], [[1.0]], [0.0], [[1.0]])
        0.5
    """
    difference, root_p, root_q = _means_and_factors("kl", mean_p, cov_p, mean_q, cov_q)
    spread = np.square(np.linalg.solve(root_q, root_p)).sum()
    distance = np.square(np.linalg.solve(root_q, difference)).sum()
    return float((spread + distance - len(difference)) / 2 + _log_det(root_q, root_p))


def wasserstein2(
    mean_p: ArrayLike, cov_p: ArrayLike, mean_q: ArrayLike, cov_q: ArrayLike
) -> float:
    """Compute the Wasserstein-2 distance of two Gaussians.

    Its square is the Fréchet distance.

        W₂² = ‖μₚ - μ_q‖² + Tr(Σₚ + Σ_q - 2 (Σₚ Σ_q)^½)

    Args:
        mean_p, mean_q: (d,).
        cov_p, cov_q: (d, d), positive definite.

    Raises:
        InputError: if the shapes do not fit or a covariance is not positive definite.

    Reference: Dowson & Landau 1982, Journal of Multivariate Analysis 12.

        >>> from jaxgan.theory.gaussians import wasserstein2
        >>> wasserstein2([0.0], [[1.0]], [3.0], [[25.0]])
        5.0
    """
    difference, root_p, root_q = _means_and_factors(
        "wasserstein2", mean_p, cov_p, mean_q, cov_q
    )
    # The trace is the minimum of ‖√Σₚ - √Σ_q·U‖² over rotations U: no cancellation.
    left, _, right = np.linalg.svd(root_q.T @ root_p)
    spread = np.square(root_p - root_q @ (left @ right)).sum()
    return math.sqrt(np.square(difference).sum() + spread)


def squared_hellinger(
    mean_p: ArrayLike, cov_p: ArrayLike, mean_q: ArrayLike, cov_q: ArrayLike
) -> float:
    """Compute the squared Hellinger distance of two Gaussians, ∫ (√p - √q)².

    It is from 0 to 2; some authors define it as half of this.

        2 - 2 (det Σₚ det Σ_q)^¼ / (det Σ)^½ · exp(-⅛ (μₚ - μ_q)ᵀ Σ⁻¹ (μₚ - μ_q))

    with Σ = (Σₚ + Σ_q) / 2.

    Args:
        mean_p, mean_q: (d,).
        cov_p, cov_q: (d, d), positive definite.

    Raises:
        InputError: if the shapes do not fit or a covariance is not positive definite.

        >>> from jaxgan.theory.gaussians import squared_hellinger
        >>> round(squared_hellinger([0.0], [[1.0]], [2.0], [[1.0]]), 6)
        0.786939
    """
    difference, root_p, root_q = _means_and_factors(
        "squared_hellinger", mean_p, cov_p, mean_q, cov_q
    )
    root = np.linalg.cholesky((root_p @ root_p.T + root_q @ root_q.T) / 2)
    distance = np.square(np.linalg.solve(root, difference)).sum()
    overlap = -(_log_det(root, root_p) + _log_det(root, root_q)) / 2 - distance / 8
    return float(-2 * np.expm1(overlap))


def _means_and_factors(
    name: str, mean_p: ArrayLike, cov_p: ArrayLike, mean_q: ArrayLike, cov_q: ArrayLike
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compute the difference of means and the Cholesky factors of the covariances."""
    given = {"mean_p": mean_p, "mean_q": mean_q, "cov_p": cov_p, "cov_q": cov_q}
    *means, cov_p, cov_q = (
        as_finite(f"gaussians.{name}: {each}", values).astype(np.float64)
        for each, values in given.items()
    )
    covs = [cov_p, cov_q]
    d = means[0].size
    if {m.shape for m in means} != {(d,)} or {c.shape for c in covs} != {(d, d)}:
        raise InputError(
            f"gaussians.{name}: mean_p and mean_q must be of one shape (d,), cov_p and "
            f"cov_q of (d, d), got {[a.shape for a in (*means, *covs)]}."
        )
    try:
        roots = [np.linalg.cholesky(cov) for cov in covs]
    except np.linalg.LinAlgError:
        roots = []
    if not roots or not all(np.allclose(cov, cov.T, rtol=1e-9) for cov in covs):
        raise InputError(
            f"gaussians.{name}: cov_p and cov_q must be symmetric positive definite."
        )
    return means[0] - means[1], roots[0], roots[1]


def _log_det(root: np.ndarray, other: np.ndarray) -> float:
    """Compute ½ log of the ratio of determinants from Cholesky factors."""
    return float(np.log(np.diag(root) / np.diag(other)).sum())
