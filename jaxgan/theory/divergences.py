"""What lies between two known distributions: the numbers that games estimate.

Distributions are masses here, arrays (n,) that sum to 1, and all is exact in float64.
`jaxgan.theory.densities` makes masses of densities, `jaxgan.theory.gaussians` has the
closed forms of Gaussians, and `jaxgan.theory.discriminators` the discriminators by
which a game is worth its divergence.
"""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.special import rel_entr

from jaxgan.errors import InputError


def kl(p: ArrayLike, q: ArrayLike) -> float:
    """Kullback–Leibler, Σ p log(p/q), in nats.

    Nothing where p is 0, infinity where only q is. Masses of less than 1e-323 are 0 in
    floats, so that on a grid it can be infinite though it is not for the densities;
    `jaxgan.theory.densities.by_quadrature` is right there.

    Args:
        p, q: masses (n,).

    Raises:
        InputError: if p and q are not masses on the same points.

        >>> from jaxgan.theory.divergences import kl
        >>> round(kl([0.5, 0.5, 0.0], [0.25, 0.25, 0.5]), 6), kl([0.5, 0.5], [1, 0])
        (0.693147, inf)
    """
    p, q = _checked("kl", p, q)
    return float(rel_entr(p, q).sum())


def jensen_shannon(p: ArrayLike, q: ArrayLike) -> float:
    """½ KL(p‖m) + ½ KL(q‖m) with m = (p + q) / 2, in nats, from 0 to log 2.

    Half of what the game `jaxgan.divergences.jensen_shannon` is worth.

    Args:
        p, q: masses (n,).

    Raises:
        InputError: if p and q are not masses on the same points.

    Reference: Lin 1991, IEEE Transactions on Information Theory 37.

        >>> from jaxgan.theory.divergences import jensen_shannon
        >>> round(jensen_shannon([1, 0], [0, 1]), 6)
        0.693147
    """
    p, q = _checked("jensen_shannon", p, q)
    # Doubled, since halving the smallest float makes it zero.
    return float((rel_entr(2 * p, p + q) + rel_entr(2 * q, p + q)).sum() / 4)


def total_variation(p: ArrayLike, q: ArrayLike) -> float:
    """½ Σ |p - q|, from 0 to 1.

    Args:
        p, q: masses (n,).

    Raises:
        InputError: if p and q are not masses on the same points.

        >>> from jaxgan.theory.divergences import total_variation
        >>> total_variation([0.5, 0.5], [1, 0])
        0.5
    """
    p, q = _checked("total_variation", p, q)
    return float(np.abs(p - q).sum() / 2)


def squared_hellinger(p: ArrayLike, q: ArrayLike) -> float:
    """Σ (√p - √q)², from 0 to 2; others halve it.

    Args:
        p, q: masses (n,).

    Raises:
        InputError: if p and q are not masses on the same points.

        >>> from jaxgan.theory.divergences import squared_hellinger
        >>> squared_hellinger([1, 0], [0, 1])
        2.0
    """
    p, q = _checked("squared_hellinger", p, q)
    return float(np.square(np.sqrt(p) - np.sqrt(q)).sum())


def f_divergence(
    f: Callable[[Any], Any],
    p: ArrayLike,
    q: ArrayLike,
    at_infinity: float | None = None,
) -> float:
    """Σ q f(p/q), for the `function` of any `jaxgan.Divergence`, say.

    Where p is 0 it takes f(0), or, if f is nan there, as u log u is, f just above 0.
    Where q is 0 (or too small for p/q to be a float) it takes p·f'(∞), which no
    evaluation of f can tell: lim f(u)/u as u grows is ∞ for KL and Pearson, 0 for
    reverse KL, 1 for squared Hellinger and Neyman, ½ for total variation, and log 2 for
    2·JSD.

    Args:
        f: elementwise, in NumPy or JAX; it is given float64, whatever JAX's default.
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
    p, q = _checked("f_divergence", p, q)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        ratio = p / q
    told = np.isfinite(ratio)
    alone = p[~told].sum()
    if alone > 0 and at_infinity is None:
        raise InputError(
            "f_divergence: q is 0 where p is not, so at_infinity, the limit of f(u)/u, "
            "must be given."
        )
    beyond = alone * at_infinity if alone > 0 and at_infinity is not None else 0.0
    return float((q[told] * _values(f, ratio[told])).sum() + beyond)


def wasserstein1(points: ArrayLike, p: ArrayLike, q: ArrayLike) -> float:
    """W₁ on a line, ∫ |P - Q| for the distribution functions P and Q.

    Args:
        points: where the masses are, (n,), increasing, even or not.
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
    """P - Q, the difference of the distribution functions, between the points.

    Args:
        points: where the masses are, (n,), increasing, even or not.
        p, q: masses (n,).

    Returns:
        (n - 1,), one for each interval.

    Raises:
        InputError: if the points do not increase, or p and q are not masses on them.

        >>> from jaxgan.theory.divergences import cumulative_gap
        >>> cumulative_gap([0, 1, 10], [1, 0, 0], [0, 0.5, 0.5]).tolist()
        [1.0, 0.5]
    """
    p, q = _checked("p and q", p, q)
    where = np.asarray(points, np.float64)
    if where.shape != p.shape or not (np.diff(where) > 0).all():
        raise InputError(
            f"points must be {len(p)} increasing numbers, one for each mass, got "
            f"an array of shape {where.shape}."
        )
    return np.cumsum(p - q)[:-1]


def _checked(name: str, p: ArrayLike, q: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Both as float64, if they are masses."""
    one, other = np.asarray(p, np.float64), np.asarray(q, np.float64)
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
                f"a least of {values.min(initial=0):g} and a sum of {total:.10g}."
            )
    return one, other


def _values(f: Callable[[Any], Any], u: np.ndarray) -> np.ndarray:
    """f(u) in float64, and at 0 its limit if the formula is nan there."""
    with jax.enable_x64(True), np.errstate(divide="ignore", invalid="ignore"):
        values = np.asarray(f(u), np.float64)
        if (u > 0).all():
            return values
        nearly = np.asarray(f(np.maximum(u, 1e-300)), np.float64)
    return np.where((u == 0) & np.isnan(values), nearly, values)
