"""Discretization and quadrature of densities: masses on a grid, integrals over a line.

Begin with `masses` on an even grid. If the grid covers a smooth density, with two or
more points per narrowest standard deviation, sums over it are exact to about ten digits
or more (Trefethen & Weideman 2014, SIAM Review 56). `by_quadrature` chooses its own
points, and remains accurate where densities underflow.
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.integrate import quad
from scipy.special import logsumexp

from jaxgan.errors import (
    InputError,
    as_finite,
    as_numbers,
    check_finite,
    check_function,
)

__all__ = [
    "by_quadrature",
    "log_mixture",
    "masses",
]


def masses(log_density: ArrayLike) -> Float[np.ndarray, " n"]:
    """Normalize log densities on an even grid to probability masses.

        pᵢ = exp(log pᵢ) / Σ exp(log pⱼ)

    Args:
        log_density: log densities up to a constant, of any shape (a grid in the plane,
            for instance); -inf for a density of 0.

    Returns:
        The masses, flattened.

    Raises:
        InputError: if there is no point, or one is nan or inf, or all are -inf.

        >>> from jaxgan.theory.densities import masses
        >>> masses([[0.0, 0.0], [0.0, -1e9]]).round(3).tolist()
        [0.333, 0.333, 0.333, 0.0]
    """
    values = np.ravel(as_numbers("masses: log_density", log_density).astype(float))
    if not values.size or not np.isfinite(values.max()):
        raise InputError(
            "masses: log_density must hold numbers or -inf, and at least one number."
        )
    densities = np.exp(values - values.max())
    return densities / densities.sum()


def log_mixture(
    x: float | ArrayLike, weights: ArrayLike, means: ArrayLike, sigmas: ArrayLike
) -> Float[np.ndarray, "..."]:
    """Compute the log density of a Gaussian mixture, log Σₖ wₖ N(x; μₖ, σₖ²).

    It is finite for every x, however small the density.

    Args:
        x: points on a line, of any shape.
        weights, means, sigmas: (k,); the weights sum to 1, the sigmas are positive.

    Returns:
        Log densities, with the shape of x.

    Raises:
        InputError: if the shapes differ, or weights or sigmas are invalid.

        >>> from jaxgan.theory.densities import log_mixture
        >>> log_mixture([0.0, 60.0], [0.5, 0.5], [0, 2], [1, 1]).round(2).tolist()
        [-1.49, -1683.61]
    """
    given = {"weights": weights, "means": means, "sigmas": sigmas}
    w, mu, sigma = (
        as_finite(f"log_mixture: {name}", a).astype(np.float64)
        for name, a in given.items()
    )
    x = as_finite("log_mixture: x", x).astype(np.float64)
    if w.ndim != 1 or not w.shape == mu.shape == sigma.shape:
        raise InputError(
            "log_mixture: weights, means and sigmas must be of one shape (k,), got "
            f"{w.shape}, {mu.shape} and {sigma.shape}."
        )
    if not ((w >= 0).all() and abs(w.sum() - 1) <= 1e-9 and (sigma > 0).all()):
        raise InputError(
            "log_mixture: weights must be at least 0 and sum to 1, and sigmas must be "
            f"above 0, got {w.tolist()} and {sigma.tolist()}."
        )
    standard = (x[..., None] - mu) / sigma
    terms = -(standard**2) / 2 - np.log(sigma * math.sqrt(2 * math.pi))
    return np.asarray(logsumexp(terms, axis=-1, b=w))


def by_quadrature(
    f: Callable[[Any], Any],
    log_p: Callable[[float], Any],
    log_q: Callable[[float], Any],
    low: float,
    high: float,
) -> float:
    """Integrate an f-divergence by quadrature: ∫ q f(p/q) from `low` to `high`.

    It uses adaptive Gauss–Kronrod quadrature from 64 equal pieces, until its estimate
    of the error is below 1e-10, absolute or relative. It may miss features narrower
    than (high - low)/1000. It works in logs, so densities may underflow. Mass outside
    the interval is ignored.

    Args:
        f: of one number, in NumPy or JAX; it gets float64, whatever JAX's default.
        log_p, log_q: log densities, finite from `low` to `high`.
        low, high: ends of an interval that holds the mass of both densities.

    Raises:
        InputError: if `low` is not below `high`, a log density is not finite, or the
            integral does not converge.

        >>> import numpy as np
        >>> from jaxgan.theory.densities import by_quadrature
        >>> def normal(mean):
        ...     return lambda x: -((x - mean) ** 2) / 2 - np.log(2 * np.pi) / 2
        >>> kl = by_quadrature(lambda u: u * np.log(u), normal(0), normal(2), -9.0, 9.0)
        >>> round(kl, 9)
        2.0
    """
    check_finite("by_quadrature: low", low)
    check_finite("by_quadrature: high", high)
    for name, function in (("f", f), ("log_p", log_p), ("log_q", log_q)):
        check_function(f"by_quadrature: {name}", function, "lambda x: -x * x")
    if not low < high:
        raise InputError(
            f"by_quadrature: low must be below high, got {low} and {high}."
        )

    def integrand(x: float) -> float:
        a, b = float(log_p(x)), float(log_q(x))
        if not math.isfinite(a - b):
            raise InputError(
                "by_quadrature: log_p and log_q must be finite from low to high, got "
                f"{a:g} and {b:g} at {x:g}."
            )
        # Densities below e⁻⁷⁰⁰ count as 0, even if f is infinite there.
        if max(a, b) <= -700:
            return 0.0
        return math.exp(max(a, b)) * _relative_integrand(f, a - b)

    pieces = np.linspace(low, high, 65)[1:-1]
    options = {"points": pieces, "limit": 2000, "epsabs": 1e-10, "epsrel": 1e-10}
    with jax.enable_x64(True):
        value, _, _, *messages = quad(integrand, low, high, full_output=1, **options)
    if messages:
        raise InputError(
            f"by_quadrature: the integral of f, log_p and log_q from {low} to {high} "
            "does not converge."
        )
    return float(value)


def _relative_integrand(f: Callable[[Any], Any], log_ratio: float) -> float:
    """Compute q f(p/q) / max(p, q).

    Beyond a log ratio of ±700, where p/q overflows or underflows, it is extrapolated
    linearly in the log ratio. This is exact for f that behave like 1, log u, u or
    u log u.
    """

    def evaluate(t: float) -> float:
        return float(f(np.float64(math.exp(t)))) / math.exp(max(t, 0.0))

    if abs(log_ratio) <= 700:
        return evaluate(log_ratio)
    edge = math.copysign(700.0, log_ratio)
    value, halfway = evaluate(edge), evaluate(edge / 2)
    if not math.isfinite(value):
        return value
    return value + (value - halfway) / 350 * (abs(log_ratio) - 700)
