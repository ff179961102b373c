"""Divergences of two known discrete distributions: KL, Jensen–Shannon, W₁ and others.

Distributions are arrays (n,) of masses that sum to 1. Results are exact in float64.
`jaxgan.theory.densities` converts densities to masses. `jaxgan.theory.gaussians` has
the closed forms for Gaussians. `jaxgan.theory.discriminators` has the discriminators
with which a game's value is its divergence.
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.special import rel_entr

from jaxgan.errors import (
    InputError,
    as_finite,
    as_numbers,
    check_finite,
    check_function,
)

__all__ = [
    "cumulative_gap",
    "f_divergence",
    "jensen_shannon",
    "kl",
    "squared_hellinger",
    "total_variation",
    "wasserstein1",
]


def kl(p: ArrayLike, q: ArrayLike) -> float:
    """Compute the Kullback–Leibler divergence, Σ p log(p/q), in nats.

    Points where p is 0 add nothing; a point where only q is 0 makes it infinite. Masses
    below 1e-323 are 0 in floats. So on a grid the result can be infinite where the
    divergence of the densities is finite; then use
    `jaxgan.theory.densities.by_quadrature`.

    Args:
        p, q: masses (n,).

    Raises:
        InputError: if p and q are not masses on the same points.

        >>> from jaxgan.theory.divergences import kl
        >>> round(kl([0.5, 0.5, 0.0], [0.25, 0.25, 0.5]), 6), kl([0.5, 0.5], [1, 0])
        (0.693147, inf)
    """
    p, q = _check_masses("kl", p, q)
    return float(rel_entr(p, q).sum())


def jensen_shannon(p: ArrayLike, q: ArrayLike) -> float:
    """Compute the Jensen–Shannon divergence, ½ KL(p‖m) + ½ KL(q‖m), in nats.

    Here m = (p + q) / 2. It is from 0 to log 2, and half the value of the game with
    `jaxgan.losses.divergences.jensen_shannon`.

    Args:
        p, q: masses (n,).

    Raises:
        InputError: if p and q are not masses on the same points.

    Reference: Lin 1991, IEEE Transactions on Information Theory 37.

        >>> from jaxgan.theory.divergences import jensen_shannon
        >>> round(jensen_shannon([1, 0], [0, 1]), 6)
        0.693147
    """
    p, q = _check_masses("jensen_shannon", p, q)
    # Scaled by 2, since halving the smallest float gives zero.
    return float((rel_entr(2 * p, p + q) + rel_entr(2 * q, p + q)).sum() / 4)


def total_variation(p: ArrayLike, q: ArrayLike) -> float:
    """Compute the total variation distance, ½ Σ |p - q|, from 0 to 1.

    Args:
        p, q: masses (n,).

    Raises:
        InputError: if p and q are not masses on the same points.

        >>> from jaxgan.theory.divergences import total_variation
        >>> total_variation([0.5, 0.5], [1, 0])
        0.5
    """
    p, q = _check_masses("total_variation", p, q)
    return float(np.abs(p - q).sum() / 2)


def squared_hellinger(p: ArrayLike, q: ArrayLike) -> float:
    """Compute the squared Hellinger distance, Σ (√p - √q)², from 0 to 2.

    Some authors define it as half of this.

    Args:
        p, q: masses (n,).

    Raises:
        InputError: if p and q are not masses on the same points.

        >>> from jaxgan.theory.divergences import squared_hellinger
        >>> squared_hellinger([1, 0], [0, 1])
        2.0
    """
    p, q = _check_masses("squared_hellinger", p, q)
    return float(np.square(np.sqrt(p) - np.sqrt(q)).sum())


def f_divergence(
    f: Callable[[Any], Any],
    p: ArrayLike,
    q: ArrayLike,
    at_infinity: float | None = None,
) -> float:
    """Compute an f-divergence, Σ q f(p/q).

    Points where p is 0 use f(0), or the value of f just above 0 if f(0) is nan, as for
    u log u. Points where q is 0 (or too small for p/q to be a float) use p·f'(∞), which
    cannot be computed from values of f. This limit of f(u)/u as u grows is ∞ for KL and
    Pearson, 0 for reverse KL, 1 for squared Hellinger and Neyman, ½ for total
    variation, and log 2 for 2·JSD.

    Args:
        f: elementwise, in NumPy or JAX, such as the `function` of a
            `jaxgan.losses.Divergence`; it gets float64, whatever JAX's default.
        p, q: masses (n,).
        at_infinity: lim f(u)/u, needed only if q is 0 somewhere and p is not.

    Raises:
        InputError: if p and q are not masses on the same points, or `at_infinity` is
            needed.

    Reference: Csiszár 1967; Liese & Vajda 2006, IEEE Transactions on Information
        Theory 52, for the conventions at 0.

        >>> from jaxgan.theory.divergences import f_divergence
        >>> f_divergence(lambda u: (u - 1) ** 2, [0.5, 0.5], [0.2, 0.8])
        0.5625
    """
    p, q = _check_masses("f_divergence", p, q)
    check_function("f_divergence: f", f, "jaxgan.losses.divergences.kl.function")
    if at_infinity is not None and at_infinity not in (math.inf, -math.inf):
        check_finite("f_divergence: at_infinity", at_infinity)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        ratio = p / q
    finite = np.isfinite(ratio)
    singular = p[~finite].sum()
    if singular > 0 and at_infinity is None:
        raise InputError(
            "f_divergence: q is 0 where p is not, so at_infinity, the limit of f(u)/u, "
            "must be given."
        )
    tail = singular * at_infinity if singular > 0 and at_infinity is not None else 0.0
    return float((q[finite] * _values(f, ratio[finite])).sum() + tail)


def wasserstein1(points: ArrayLike, p: ArrayLike, q: ArrayLike) -> float:
    """Compute the Wasserstein-1 distance W₁ on a line, ∫ |P - Q|.

    P and Q are the distribution functions.

    Args:
        points: positions of the masses, (n,), increasing, even or not.
        p, q: masses (n,).

    Raises:
        InputError: if the points do not increase, or p and q are not masses on them.

    Reference: Vallender 1974, Theory of Probability and its Applications 18.

        >>> from jaxgan.theory.divergences import wasserstein1
        >>> wasserstein1([0, 1, 10], [1, 0, 0], [0, 0.5, 0.5])
        5.5
    """
    return float(np.abs(cumulative_gap(points, p, q)) @ np.diff(np.asarray(points)))


def cumulative_gap(
    points: ArrayLike, p: ArrayLike, q: ArrayLike
) -> Float[np.ndarray, "..."]:
    """Compute P - Q, the difference of the distribution functions, between the points.

    Args:
        points: positions of the masses, (n,), increasing, even or not.
        p, q: masses (n,).

    Returns:
        Array (n - 1,), one value for each interval.

    Raises:
        InputError: if the points do not increase, or p and q are not masses on them.

        >>> from jaxgan.theory.divergences import cumulative_gap
        >>> cumulative_gap([0, 1, 10], [1, 0, 0], [0, 0.5, 0.5]).tolist()
        [1.0, 0.5]
    """
    p, q = _check_masses("p and q", p, q)
    x = as_finite("points", points).astype(np.float64)
    if x.shape != p.shape or not (np.diff(x) > 0).all():
        raise InputError(
            f"points must be {len(p)} increasing numbers, one for each mass, got "
            f"an array of shape {x.shape}."
        )
    return np.cumsum(p - q)[:-1]


def _check_masses(
    name: str, p: ArrayLike, q: ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
    """Convert p and q to float64, and check that they are masses."""
    one = as_finite(f"{name}: p", p).astype(np.float64)
    other = as_finite(f"{name}: q", q).astype(np.float64)
    if one.ndim != 1 or one.shape != other.shape:
        raise InputError(
            f"{name}: p and q must be of one shape (n,), got {one.shape} and "
            f"{other.shape}."
        )
    for which, values in (("p", one), ("q", other)):
        total = values.sum()
        if not ((values >= 0).all() and abs(total - 1) <= 1e-9):
            raise InputError(
                f"{name}: {which} must hold masses of at least 0 that sum to 1, got "
                f"a minimum of {values.min(initial=0):g} and a sum of {total:.10g}."
            )
    return one, other


def _values(f: Callable[[Any], Any], u: np.ndarray) -> np.ndarray:
    """Evaluate f(u) in float64; at 0 use the limit if the formula gives nan."""
    with jax.enable_x64(True), np.errstate(divide="ignore", invalid="ignore"):
        values = as_numbers("f: its values", f(u)).astype(np.float64)
        if (u > 0).all():
            return values
        limit = np.asarray(f(np.maximum(u, 1e-300)), np.float64)
    return np.where((u == 0) & np.isnan(values), limit, values)
