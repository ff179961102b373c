"""Optimal discriminators of the losses, in closed form, for known densities.

For densities p of reals and q of fakes, and a discriminator that is free at every
point, its loss separates into one problem per point, solved here analytically. The
values are jaxgan's logits, large for reals. They are computed in float64 from log
densities of one shape, which may lack a common constant. The values of the games at
these optima are in `jaxgan.theory.divergences`.
"""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.special import expit

from jaxgan.errors import InputError, as_numbers, check_finite, check_function
from jaxgan.theory.divergences import cumulative_gap

__all__ = [
    "hinge",
    "least_squares",
    "minimax",
    "of_f_divergence",
    "wasserstein_critic",
]

PerPoint = Float[np.ndarray, "..."]
"""One number for each point, with the shape of the log densities."""


def minimax(log_p: ArrayLike, log_q: ArrayLike) -> PerPoint:
    """Compute the optimal minimax discriminator, D* = log p - log q.

    So σ(D*) = p / (p + q). It is the optimum of `non_saturating` too.

    Args:
        log_p, log_q: log densities of reals and fakes, of one shape.

    Raises:
        InputError: if the shapes differ, or both densities are 0 somewhere.

    Reference: Goodfellow et al. 2014, arXiv:1406.2661, proposition 1.

        >>> from jaxgan.theory.discriminators import minimax
        >>> minimax([0.0, 1.0], [0.0, -1.0]).tolist()
        [0.0, 2.0]
    """
    return _log_ratio(log_p, log_q)


def least_squares(
    log_p: ArrayLike, log_q: ArrayLike, a: float = 0.0, b: float = 1.0
) -> PerPoint:
    """Compute the optimal least-squares discriminator, D* = (b·p + a·q) / (p + q).

    Args:
        log_p, log_q: log densities of reals and fakes, of one shape.
        a: the target of fakes.
        b: the target of reals.

    Raises:
        InputError: if the shapes differ, or both densities are 0 somewhere.

    Reference: Mao et al. 2016, arXiv:1611.04076, section 3.

        >>> from jaxgan.theory.discriminators import least_squares
        >>> least_squares([0.0, 99.0], [0.0, 0.0], a=-1.0, b=1.0).tolist()
        [0.0, 1.0]
    """
    check_finite("least_squares: a", a)
    check_finite("least_squares: b", b)
    return np.asarray(a + (b - a) * expit(_log_ratio(log_p, log_q)))


def hinge(log_p: ArrayLike, log_q: ArrayLike) -> PerPoint:
    """Compute the optimal hinge discriminator, D* = sign(p - q).

    Where p = q, every value in [-1, 1] is optimal, and this returns 0. The game's value
    for the discriminator is 2·TV - 2. The generator's linear loss depends only on the
    side of p = q on which its fakes are.

    Args:
        log_p, log_q: log densities of reals and fakes, of one shape.

    Raises:
        InputError: if the shapes differ, or both densities are 0 somewhere.

    Reference: Lim & Ye 2017, arXiv:1705.02894.

        >>> from jaxgan.theory.discriminators import hinge
        >>> hinge([0.0, 1.0], [0.5, 0.5]).tolist()
        [-1.0, 1.0]
    """
    return np.asarray(np.sign(_log_ratio(log_p, log_q)))


def of_f_divergence(
    function: Callable[[Any], Any], log_p: ArrayLike, log_q: ArrayLike
) -> PerPoint:
    """Compute the optimal f-GAN discriminator after its activation, T* = f'(p/q).

    In terms of `jaxgan.losses.Divergence` it is g(D*). So it is the same for every
    increasing g that maps all logits onto the slopes of f. For total variation it is
    not attained: |g(D)| < ½ for all logits, and T* is ±½.

    Args:
        function: f, in JAX, such as the `function` of a `jaxgan.losses.Divergence`; it
            gets float64 scalars, whatever JAX's default.
        log_p, log_q: log densities of reals and fakes, of one shape.

    Raises:
        InputError: if the shapes differ, or p/q overflows or underflows somewhere.

    Reference: Nowozin et al. 2016, arXiv:1606.00709, equation 5.

        >>> import jax.numpy as jnp
        >>> from jaxgan.theory.discriminators import of_f_divergence
        >>> of_f_divergence(lambda u: u * jnp.log(u), [0.0, 2.0], [0.0, 1.0]).tolist()
        [1.0, 2.0]
    """
    check_function("of_f_divergence: function", function, "divergences.kl.function")
    log_ratio = _log_ratio(log_p, log_q)
    if not (np.abs(log_ratio) <= 700).all():
        raise InputError(
            "of_f_divergence: log_p and log_q must differ by at most 700, got "
            f"{np.abs(log_ratio).max():g}."
        )
    with jax.enable_x64(True):
        slopes = jax.vmap(jax.grad(function))(np.exp(np.ravel(log_ratio)))
        return np.asarray(slopes, np.float64).reshape(log_ratio.shape)


def wasserstein_critic(
    points: ArrayLike, p: ArrayLike, q: ArrayLike
) -> Float[np.ndarray, " n"]:
    """Compute the optimal 1-Lipschitz critic on a line, for which E_P D - E_Q D is W₁.

        D*' = -sign(P - Q),  for the distribution functions P and Q

    It decreases where optimal transport from P to Q moves mass to the right. Where
    P = Q, to 12 digits, any slope from -1 to 1 is optimal, and this one is flat. D* is
    determined up to a constant; here it is 0 at the first point.

    Args:
        points: positions of the masses, (n,), increasing, even or not.
        p, q: masses of reals and fakes, (n,).

    Returns:
        D* at the points.

    Raises:
        InputError: if the points do not increase, or p and q are not masses on them.

    Reference: Arjovsky et al. 2017, arXiv:1701.07875, equation 2; Villani 2003, Topics
        in Optimal Transportation, section 2.2.

        >>> from jaxgan.theory.discriminators import wasserstein_critic
        >>> wasserstein_critic([0, 1, 3], [1, 0, 0], [0, 0, 1]).tolist()
        [0.0, -1.0, -3.0]
    """
    gap = cumulative_gap(points, p, q)
    slopes = np.where(np.abs(gap) > 1e-12, -np.sign(gap), 0.0)
    rises = slopes * np.diff(np.asarray(points, np.float64))
    return np.concatenate([[0.0], np.cumsum(rises)])


def _log_ratio(log_p: ArrayLike, log_q: ArrayLike) -> np.ndarray:
    """Compute log p/q, which is infinite where one of them is 0."""
    one = as_numbers("log_p", log_p).astype(np.float64)
    other = as_numbers("log_q", log_q).astype(np.float64)
    if np.inf in one or np.inf in other:
        raise InputError("log_p and log_q must be numbers or -inf, not inf.")
    if one.shape != other.shape:
        raise InputError(
            f"log_p and log_q must be of one shape, got {one.shape} and {other.shape}."
        )
    with np.errstate(invalid="ignore"):
        log_ratio = np.asarray(one - other)
    if np.isnan(log_ratio).any():
        raise InputError(
            "log_p and log_q must be numbers or -inf, and not -inf at the same point."
        )
    return log_ratio
