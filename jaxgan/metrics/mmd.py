"""Maximum mean discrepancy (MMD) between two sets of features, over all pairs.

The MMD is the distance between two means in the feature space of a kernel. Unlike the
Fréchet distance it assumes no Gaussian, and its square has an unbiased estimate from
samples of any size. A negative estimate means that the sets cannot be distinguished.
Kernel matrices are computed block by block, so memory holds the features and one block.
"""

import functools
import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Real

from jaxgan.errors import (
    InputError,
    as_numbers,
    check_finite,
    check_flag,
    check_function,
    check_positive,
    check_positive_int,
)
from jaxgan.metrics.checks import checked_pair
from jaxgan.metrics.estimate import Estimate

Kernel = Callable[
    [Float[np.ndarray, "n d"], Float[np.ndarray, "m d"]], Float[np.ndarray, "n m"]
]
"""A function that computes the float64 kernel matrix k(xᵢ, yⱼ) of two sets."""

BLOCK = 1024
"""Examples of each set in a block; a block of a kernel matrix takes 8 MiB."""


def polynomial(
    degree: int = 3, gamma: float | None = None, coef0: float = 1.0
) -> Kernel:
    """Make the polynomial kernel k(x, y) = (γ x·y + c)^degree, by default with γ = 1/d.

    It depends on the origin: for features far from 0 it is large and nearly equal for
    all pairs, and digits are lost.

    Raises:
        InputError: if `degree` is not an integer of at least 1, `gamma` is not above 0
            or `coef0` is not finite.

        >>> import numpy as np
        >>> from jaxgan.metrics import polynomial
        >>> polynomial()(np.ones((1, 4)), np.ones((2, 4)))
        array([[8., 8.]])
    """
    check_positive_int("polynomial: degree", degree)
    check_finite("polynomial: coef0", coef0)
    if gamma is not None:
        check_positive("polynomial: gamma", gamma)

    def kernel(
        x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "m d"]
    ) -> Float[np.ndarray, "n m"]:
        base = x @ y.T
        base *= 1 / x.shape[1] if gamma is None else gamma
        base += coef0
        # NumPy's power of negative numbers takes as long as the matrix product.
        power = base.copy()
        for _ in range(degree - 1):
            power *= base
        return power

    return kernel


def rbf(sigma: float | tuple[float, ...]) -> Kernel:
    """Make the Gaussian kernel k(x, y) = exp(-‖x - y‖² / 2σ²), or a mean of several.

    Args:
        sigma: one or several widths, in units of the features.

    Raises:
        InputError: if a width is not above 0, or there is none.

        >>> import numpy as np
        >>> from jaxgan.metrics import rbf
        >>> rbf(1.0)(np.zeros((1, 2)), np.ones((1, 2))).round(4)
        array([[0.3679]])
    """
    widths = sigma if isinstance(sigma, tuple) else (sigma,)
    if not widths:
        raise InputError("rbf: sigma must be a number or a tuple of at least one.")
    for width in widths:
        check_positive("rbf: sigma", width)

    def kernel(
        x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "m d"]
    ) -> Float[np.ndarray, "n m"]:
        center = y.mean(axis=0)  # products of points far from 0 lose digits
        x, y = x - center, y - center
        exponent = x @ y.T  # becomes -‖x - y‖² / 2
        exponent -= np.square(x).sum(axis=1)[:, None] / 2
        exponent -= np.square(y).sum(axis=1) / 2
        np.minimum(exponent, 0, out=exponent)
        powers = (np.exp(exponent / width**2) for width in widths)
        return functools.reduce(np.add, powers) / len(widths)

    return kernel


def squared_mmd(
    real: Real[np.ndarray, "n d"],
    fake: Real[np.ndarray, "m d"],
    kernel: Kernel,
    biased: bool = False,
) -> Estimate:
    """Compute the squared maximum mean discrepancy and its standard error.

        MMD² = E k(x, x') + E k(y, y') - 2 E k(x, y)

    Means are over pairs of different examples (the U-statistic). If `biased`, they
    include the pair of each example with itself (the V-statistic, never negative). With

        h(xᵢ) = mean over j ≠ i of k(xᵢ, xⱼ) - mean over j of k(xᵢ, yⱼ)

    and h(y) likewise, the error is the root of 4 Var h(x) / n + 4 Var h(y) / m. It is
    correct where the distributions differ. Where they are equal it is √2 too large,
    because the noise of h is counted twice there.

    Args:
        real: features, any real numbers; converted to float64.
        fake: likewise.
        kernel: function of two blocks of features, such as `polynomial()` or
            `rbf(1.0)`.
        biased: include the pairs of an example with itself.

    Raises:
        InputError: if a set has fewer than 2 examples or one that is not finite, the
            dimensions differ, or all reals are equal.

    Reference: Gretton et al. 2012, JMLR 13.

        >>> import numpy as np
        >>> from jaxgan.metrics import rbf, squared_mmd
        >>> x = np.random.default_rng(0).normal(size=(500, 3))
        >>> squared_mmd(x, x + 1, rbf(1.0)).value > 0.1
        True
    """
    check_function("kernel", kernel, "rbf(1.0)")
    check_flag("biased", biased)
    real, fake = checked_pair(real, fake)
    as_numbers("kernel: its values", kernel(real[:1], fake[:1]), 2)
    return squared_mmd_of(real, fake, kernel, biased)


def squared_mmd_of(
    real: Float[np.ndarray, "n d"],
    fake: Float[np.ndarray, "m d"],
    kernel: Kernel,
    biased: bool = False,
) -> Estimate:
    """Compute `squared_mmd` of features validated by `checked_pair`."""
    n, m = len(real), len(fake)
    across, back = _sums(real, fake, kernel)
    within_x, self_x = _own_sums(real, kernel)
    within_y, self_y = _own_sums(fake, kernel)
    if biased:
        own = (within_x + self_x).sum() / n**2 + (within_y + self_y).sum() / m**2
    else:
        own = within_x.sum() / (n * (n - 1)) + within_y.sum() / (m * (m - 1))
    h_x = within_x / (n - 1) - across / m
    h_y = within_y / (m - 1) - back / n
    error = 2 * math.sqrt(h_x.var(ddof=1) / n + h_y.var(ddof=1) / m)
    return Estimate(float(own - 2 * across.mean() / m), error)


def cmmd(real: Real[np.ndarray, "n d"], fake: Real[np.ndarray, "m d"]) -> Estimate:
    """Compute CMMD: 1000 times the biased MMD² of CLIP embeddings, RBF with σ = 10.

    Embeddings are divided by their norms, as the published ones are. Their distances
    are then at most 2, so the kernel is nearly 1 - ‖x - y‖² / 200, and CMMD is nearly
    ten times the squared distance of the means. It is sensitive to little else.
    Published scores use CLIP ViT-L/14 at 336 pixels, with 30,000 images in each set.

    Args:
        real: embeddings with nonzero norms.
        fake: likewise.

    Raises:
        InputError: if an embedding is 0, or as `squared_mmd`.

    Reference: Jayasumana et al. 2024, arXiv:2401.09603.

        >>> import numpy as np
        >>> from jaxgan.metrics import cmmd
        >>> x = np.eye(3)
        >>> abs(round(cmmd(x, x).value, 6))
        0.0
    """
    real, fake = checked_pair(real, fake)
    value, error = squared_mmd(
        _unit("real", real), _unit("fake", fake), rbf(10.0), biased=True
    )
    return Estimate(1000 * value, 1000 * error)


def _unit(name: str, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    norms = np.linalg.norm(x, axis=1, keepdims=True)
    if not norms.all():
        raise InputError(
            f"{name} must hold embeddings with a norm above 0, got 0 in row "
            f"{int(norms.argmin())}."
        )
    return x / norms


def _blocks(count: int) -> list[slice]:
    return [slice(start, start + BLOCK) for start in range(0, count, BLOCK)]


def _sums(
    x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "m d"], kernel: Kernel
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " m"]]:
    """Sum the kernel matrix over y for each x, and over x for each y."""
    rows, columns = np.zeros(len(x)), np.zeros(len(y))
    for a in _blocks(len(x)):
        for b in _blocks(len(y)):
            values = kernel(x[a], y[b])
            rows[a] += values.sum(axis=1)
            columns[b] += values.sum(axis=0)
    return rows, columns


def _own_sums(
    x: Float[np.ndarray, "n d"], kernel: Kernel
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Sum the kernel over the other examples for each x, and return k(x, x) too."""
    others, own = np.zeros(len(x)), np.zeros(len(x))
    for i, a in enumerate(_blocks(len(x))):
        values = kernel(x[a], x[a])
        own[a] = np.diagonal(values)
        others[a] += values.sum(axis=1) - own[a]
        for b in _blocks(len(x))[i + 1 :]:
            values = kernel(x[a], x[b])
            others[a] += values.sum(axis=1)
            others[b] += values.sum(axis=0)
    return others, own
