"""Fréchet distance between Gaussians fitted to two sets of features (FID).

With Inception features it is the FID. It depends on means and covariances only. They
are kept as `Statistics`: a mean, and a root of the scatter matrix instead of the
covariance. Square roots of products of covariances lose digits, ten of sixteen with
fewer samples than dimensions; computed from roots, the distance is exact to rounding.
The roots of parts can be merged into the root of the whole, over batches, devices and
processes.

The distance between two samples of the same distribution is not 0 but about `bias`,
which falls as 1/n. Compare scores of the same sample size only, or use
`frechet_infinity`.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Real

from jaxgan.errors import InputError, check_instance
from jaxgan.metrics.checks import LARGEST, check_one_space, check_varied, checked
from jaxgan.metrics.estimate import Estimate
from jaxgan.metrics.features.extractor import Features
from jaxgan.metrics.metric import Metric


class Statistics(NamedTuple):
    """Sufficient statistics of a set of features for the Fréchet distance.

    count: number of examples.
    mean:  mean μ of shape (d,).
    root:  R of shape (r, d) with RᵀR = Σ (x - μ)(x - μ)ᵀ, the scatter matrix.
    """

    count: int  # type: ignore[assignment]  # tuples have a method of this name
    mean: Float[np.ndarray, " d"]
    root: Float[np.ndarray, "r d"]


class Frechet(NamedTuple):
    """A Fréchet distance with its standard error and bias.

    value: squared distance, in squared units of the features.
    error: standard error, for Gaussian features.
    bias:  expected distance between two samples of these sizes from the real Gaussian.
    """

    value: float
    error: float
    bias: float


def statistics(features: Real[np.ndarray, "n d"]) -> Statistics:
    """Compute the mean of features and a root of their scatter matrix, in float64.

        X - μ = Q R,  hence RᵀR = Σ (x - μ)(x - μ)ᵀ

    Raises:
        InputError: if they are not n ≥ 1 rows of finite numbers.

        >>> import numpy as np
        >>> from jaxgan.metrics import statistics
        >>> x = np.random.default_rng(0).normal(size=(500, 3))
        >>> found = statistics(x)
        >>> np.allclose(found.root.T @ found.root / 499, np.cov(x.T))
        True
    """
    return _statistics(checked("features", features, min_samples=1))


def merge_statistics(*parts: Statistics) -> Statistics:
    """Merge the statistics of parts into those of their union, exact to rounding.

        R = the R factor of a QR of all roots Rₚ and all rows √nₚ (μₚ - μ)

    RᵀR does not depend on the order and the grouping. The cost is a QR decomposition of
    all those rows, so merge parts with more examples than dimensions, or many at once.

    Raises:
        InputError: if there are no parts, or they differ in dimension.

        >>> import numpy as np
        >>> from jaxgan.metrics import merge_statistics, statistics
        >>> x = np.random.default_rng(0).normal(size=(500, 3))
        >>> whole = merge_statistics(statistics(x[:100]), statistics(x[100:]))
        >>> np.allclose(whole.mean, x.mean(axis=0))
        True
    """
    for part in parts:
        check_instance("parts: each", part, Statistics, "statistics(features)")
    dimensions = {part.mean.size for part in parts}
    if len(dimensions) != 1:
        raise InputError(
            "merge_statistics: parts must be at least one and have the same number of "
            f"dimensions, got {len(parts)} with {sorted(dimensions)}."
        )
    counts = np.array([part.count for part in parts])
    offsets = np.stack([part.mean for part in parts]) - parts[0].mean
    shift = counts @ offsets / counts.sum()
    between = np.sqrt(counts)[:, None] * (offsets - shift)
    rows = np.concatenate([part.root for part in parts] + [between])
    return Statistics(int(counts.sum()), parts[0].mean + shift, _triangle(rows))


def frechet_distance(
    real: Real[np.ndarray, "n d"] | Statistics,
    fake: Real[np.ndarray, "m d"] | Statistics,
) -> Frechet:
    """Compute the squared Wasserstein-2 distance between the fitted Gaussians.

        ‖μₓ - μᵧ‖² + Tr(Σₓ + Σᵧ - 2 (Σₓ Σᵧ)^½),  covariances over n - 1

    With Σ = RᵀR, the last trace is the nuclear norm of Rₓ Rᵧᵀ = U S V.

    The standard error is a first-order approximation from moments of Gaussians. With A
    the optimal linear map from x to y and Δ = μₓ - μᵧ,

        error² = (4 Δᵀ Σₓ Δ + 2 Tr[((I - A) Σₓ)²]) / n + the same of y / m
        Tr[((I - A) Σₓ)²] = ‖Rₓ Rₓᵀ - U S Uᵀ‖²

    For Gaussians it was 0.95 to 1.1 of the true error where n ≥ 5d and the distance was
    several times the bias. For equal distributions it grows to √2 of the true error,
    because noise in A counts twice there. Heavy tails make it too small: for features
    of random ReLU networks, with kurtoses from 5 to 50, it was 0.6 to 0.75 of the true
    error.

    With λ the eigenvalues of Σₓ, to second order in 1/√n,

        bias = (1/n + 1/m) (Σᵢ λᵢ + ½ Σᵢⱼ λᵢλⱼ / (λᵢ + λⱼ) + ¼ Σᵢ λᵢ)

    For Gaussians this was 97 % or more of the true bias where n ≥ 20d, 90 % with 5d, 80
    to 85 % with 2d, half with d/2 and a third with d/14; for the random networks it was
    65 to 90 %. With fewer examples than dimensions the error was 2 to 3 times too
    large.

    Args:
        real: features, any real numbers, converted to float64; or their `Statistics`.
        fake: likewise.

    Raises:
        InputError: if a set has fewer than 2 examples or one that is not finite, the
            dimensions differ, or all reals are equal.

    Reference: Heusel et al. 2017, arXiv:1706.08500.

        >>> import numpy as np
        >>> from jaxgan.metrics import frechet_distance
        >>> x = np.random.default_rng(0).normal(size=(500, 3))
        >>> round(frechet_distance(x, x + 1).value, 6)
        3.0
    """
    x, y = fitted_pair(real, fake)
    left, overlap, right = _singular(_root(x) @ _root(y).T)
    variance = _variance(x, y, (left * overlap) @ left.T)
    variance += _variance(y, x, (right.T * overlap) @ right)
    return Frechet(_value(x, y, overlap), math.sqrt(variance), _bias(x, y))


def squared_distance(x: Statistics, y: Statistics) -> float:
    """Compute only the value of `frechet_distance`, in about half the time."""
    return _value(x, y, _singular(_root(x) @ _root(y).T)[1])


def fitted_pair(
    real: Real[np.ndarray, "n d"] | Statistics,
    fake: Real[np.ndarray, "m d"] | Statistics,
) -> tuple[Statistics, Statistics]:
    """Compute the statistics of two sets and check that they can be compared.

    Raises:
        InputError: as `frechet_distance`.
    """
    x, y = _fitted("real", real), _fitted("fake", fake)
    check_one_space(x.mean.size, y.mean.size)
    check_varied(x.count, not x.root.any())
    return x, y


def _fitted(name: str, side: Real[np.ndarray, "n d"] | Statistics) -> Statistics:
    if not isinstance(side, Statistics):
        return _statistics(checked(name, side))
    if side.count < 2:
        raise InputError(
            f"{name} has {side.count} examples; this metric needs at least 2."
        )
    if (
        side.mean.ndim != 1
        or side.root.ndim != 2
        or side.root.shape[1] != len(side.mean)
    ):
        raise InputError(
            f"{name}: statistics must have a mean of shape (d,) and a root of shape "
            f"(r, d), got {side.mean.shape} and {side.root.shape}."
        )
    limit = LARGEST * math.sqrt(side.count)
    if not all((np.abs(part) <= limit).all() for part in (side.mean, side.root)):
        raise InputError(
            f"{name}: these statistics hold numbers that are not finite or too large."
        )
    return side


def _statistics(x: Float[np.ndarray, "n d"]) -> Statistics:
    centered = x - x[0]  # so that equal rows have a scatter of exactly 0
    shift = centered.mean(axis=0)
    centered -= shift
    return Statistics(len(x), x[0] + shift, _triangle(centered))


def _triangle(rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "r d"]:
    """Compute R with RᵀR = rowsᵀ rows, by QR or, in a quarter of the time, Cholesky.

    Cholesky is as exact if no column is nearly a linear combination of the columns
    before it.
    """
    if len(rows) > rows.shape[1]:
        gram = rows.T @ rows
        try:
            root = np.linalg.cholesky(gram, upper=True)
        except np.linalg.LinAlgError:  # a column is exactly such a combination
            pass
        else:
            if (np.diag(root) ** 2 > 1e-6 * np.diag(gram)).all():
                return root
    return np.asarray(np.linalg.qr(rows, mode="r"))


def _singular(
    product: Float[np.ndarray, "r s"],
) -> tuple[Float[np.ndarray, "r k"], Float[np.ndarray, " k"], Float[np.ndarray, "k s"]]:
    """Compute the singular value decomposition C = U S V, in half of LAPACK's time.

    The eigenvectors of C Cᵀ rotate C into orthogonal rows. Rows whose norm is under
    1e-4 of the largest are orthogonal to fewer digits. They are projected onto the
    complement of the others, and LAPACK decomposes only these.
    """
    squares, left = np.linalg.eigh(product @ product.T)
    rows = left.T @ product
    small = np.searchsorted(squares, 1e-8 * squares[-1], side="right")
    norms = np.linalg.norm(rows[small:], axis=1)
    right = rows[small:] / norms[:, None]
    rest = rows[:small] - rows[:small] @ right.T @ right
    rotation, values, last = np.linalg.svd(rest, full_matrices=False)
    return (
        np.concatenate([left[:, :small] @ rotation, left[:, small:]], axis=1),
        np.concatenate([values, norms]),
        np.concatenate([last, right]),
    )


def _root(side: Statistics) -> Float[np.ndarray, "r d"]:
    """Compute R with RᵀR the covariance."""
    return side.root / math.sqrt(side.count - 1)


def _value(x: Statistics, y: Statistics, overlap: Float[np.ndarray, " k"]) -> float:
    spread = np.square(_root(x)).sum() + np.square(_root(y)).sum() - 2 * overlap.sum()
    return max(float(np.square(x.mean - y.mean).sum() + spread), 0.0)


def _variance(
    side: Statistics, other: Statistics, mapped: Float[np.ndarray, "r r"]
) -> float:
    """Compute one side's term of the sampling variance; `mapped` is R A Rᵀ."""
    root = _root(side)
    along = np.square(root @ (side.mean - other.mean)).sum()
    excess = np.square(root @ root.T - mapped).sum()
    return float(4 * along + 2 * excess) / side.count


def _bias(x: Statistics, y: Statistics) -> float:
    root = _root(x)
    powers = np.linalg.eigvalsh(root @ root.T)
    powers = powers[powers > 0]
    pairs = (powers[:, None] * powers / (powers[:, None] + powers)).sum()
    return float(1.25 * powers.sum() + pairs / 2) * (1 / x.count + 1 / y.count)


def frechet_metric() -> Metric:
    """Make the metric of the Fréchet distance and its bias for an `Evaluation`."""
    return Metric("frechet", _frechet, best="lowest")


def _frechet(real: Features, fake: Features) -> dict[str, Estimate]:
    value, error, bias = frechet_distance(real.features, fake.features)
    return {"frechet": Estimate(value, error), "frechet_bias": Estimate(bias)}
