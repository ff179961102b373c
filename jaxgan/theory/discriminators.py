"""The discriminator that each loss asks for, where it is free at every point.

Against known densities p of reals and q of fakes, a discriminator's payment is a
separate problem at each point, solved here by hand. The values are jaxgan's logits,
large for reals, and computed in float64 from log densities, of one shape, or from log
densities up to a constant that both share. What a game is worth at its optimum is in
`jaxgan.theory.divergences`.
"""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.special import expit

from jaxgan.errors import InputError
from jaxgan.theory.divergences import cumulative_gap

OfPoints = Float[np.ndarray, "..."]
"""One number for each point, in the shape of the log densities."""


def minimax(log_p: ArrayLike, log_q: ArrayLike) -> OfPoints:
    """D* = log p - log q, so that σ(D*) = p / (p + q), for `non_saturating` too.

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
) -> OfPoints:
    """D* = (b·p + a·q) / (p + q), from the target of fakes to that of reals.

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
    return np.asarray(a + (b - a) * expit(_log_ratio(log_p, log_q)))


def hinge(log_p: ArrayLike, log_q: ArrayLike) -> OfPoints:
    """D* = sign(p - q); where p = q all of [-1, 1] is optimal, and this is 0.

    The game is worth 2·TV - 2 to the discriminator, so the generator's linear payment
    sees only on which side of p = q its fakes are.

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
) -> OfPoints:
    """T* = f'(p/q), the optimal discriminator's output after its activation.

    It is g(D*) in terms of `jaxgan.Divergence`, and so the same for every increasing g
    that maps all logits onto the slopes of f. Total variation's is never reached:
    |g(D)| < ½ for all logits, and T* is ±½.

    Args:
        function: f, in JAX, the `function` of a `jaxgan.Divergence`, say; it is given
            float64 scalars, whatever JAX's default.
        log_p, log_q: log densities of reals and fakes, of one shape.

    Raises:
        InputError: if the shapes differ, or p/q is no float above 0 somewhere.

    Reference: Nowozin et al. 2016, arXiv:1606.00709, equation 5.

        >>> import jax.numpy as jnp
        >>> from jaxgan.theory.discriminators import of_f_divergence
        >>> of_f_divergence(lambda u: u * jnp.log(u), [0.0, 2.0], [0.0, 1.0]).tolist()
        [1.0, 2.0]
    """
    apart = _log_ratio(log_p, log_q)
    if not (np.abs(apart) <= 700).all():
        raise InputError(
            "of_f_divergence: log_p and log_q must differ by at most 700, got "
            f"{np.abs(apart).max():g}."
        )
    with jax.enable_x64(True):
        slopes = jax.vmap(jax.grad(function))(np.exp(np.ravel(apart)))
        return np.asarray(slopes, np.float64).reshape(apart.shape)


def wasserstein_critic(
    points: ArrayLike, p: ArrayLike, q: ArrayLike
) -> Float[np.ndarray, " n"]:
    """The 1-Lipschitz critic on a line for which E_P D - E_Q D is W₁.

        D*' = -sign(P - Q),  for the distribution functions P and Q

    It falls where mass has to be carried to the right to make Q of P. Where P = Q, to
    12 digits, any slope from -1 to 1 is as good, and this one is flat. Only differences
    count; D* is 0 at the first point.

    Args:
        points: where the masses are, (n,), increasing, even or not.
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
    """log p/q, which may be infinite where one of them is 0."""
    one, other = np.asarray(log_p, np.float64), np.asarray(log_q, np.float64)
    if one.shape != other.shape:
        raise InputError(
            f"log_p and log_q must be of one shape, got {one.shape} and {other.shape}."
        )
    with np.errstate(invalid="ignore"):
        apart = np.asarray(one - other)
    if np.isnan(apart).any():
        raise InputError(
            "log_p and log_q must be numbers or -inf, and not -inf at the same point."
        )
    return apart
