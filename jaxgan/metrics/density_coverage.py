"""Density and coverage: fidelity and diversity from the k-NN balls of the reals.

Both use only the balls of the reals. A ball reaches from a real to its k-th nearest
other real. So, unlike recall, they do not reward the huge balls of fakes far from all
reals. For equal distributions both values are known, whatever the distribution: a
density of 1, and `expected_coverage`. In many dimensions fakes near the center of the
reals have a density above 1: 1.96 for 500 fakes from a Gaussian in 8 dimensions, scaled
by 0.6.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Real

from jaxgan.errors import InputError, check_positive_int
from jaxgan.metrics.estimate import Estimate
from jaxgan.metrics.nearest.manifold import Overlap, estimate, overlaps


class DensityCoverage(NamedTuple):
    """Density and coverage of fakes.

    density:  1 for equal distributions, 0 for fakes far from all reals, no upper limit.
    coverage: fraction of reals whose ball contains a fake, from 0 to 1.
    """

    density: Estimate
    coverage: Estimate


def density_coverage(
    real: Real[np.ndarray, "n d"], fake: Real[np.ndarray, "m d"], k: int = 5
) -> DensityCoverage:
    """Compute the density and coverage of fakes.

        density  = 1/k · mean over fakes y of the number of reals x with ‖x - y‖ < rₖ(x)
        coverage = fraction of reals x with ‖x - y‖ < rₖ(x) for some fake y

    where rₖ is the distance to the k-th nearest other real. The balls are open here and
    closed in precision and recall, as each was published. The difference matters for
    copies only.

    The errors are computed by `jaxgan.metrics.nearest.manifold.estimate`.

    Args:
        real: features, any real numbers; converted to float64.
        fake: likewise.
        k: number of neighbors.

    Raises:
        InputError: if the features cannot be compared, a set has k examples or fewer,
            or k is not an integer of at least 1.

    Reference: Naeem et al. 2020, arXiv:2002.09797.

        >>> import numpy as np
        >>> from jaxgan.metrics import density_coverage
        >>> real, fake = np.random.default_rng(0).normal(size=(2, 500, 2))
        >>> density, coverage = density_coverage(real, fake / 4)
        >>> round(density.value, 2), round(coverage.value, 2)
        (0.84, 0.3)
    """
    return density_coverage_of(*overlaps(real, fake, (k,)))


def density_coverage_of(overlap: Overlap) -> DensityCoverage:
    """Compute density and coverage from an `Overlap`.

    Args:
        overlap: from `overlaps`; precision and recall can be computed from it too.
    """
    return DensityCoverage(
        estimate(overlap, lambda part: part.fakes_inside.mean() / part.k),
        estimate(overlap, lambda part: part.reals_covered.mean()),
    )


def expected_coverage(n: int, m: int, k: int = 5) -> float:
    """Compute the expected coverage of fakes from the distribution of the reals.

        E coverage = 1 - Π (n - i) / (n + m - i),  i = 1 … k  →  1 - 2⁻ᵏ for n = m → ∞

    A real is not covered if its k nearest neighbors among all others are reals.

    Args:
        n: number of reals.
        m: number of fakes.
        k: number of neighbors, fewer than n.

    Raises:
        InputError: if n, m or k is not an integer of at least 1, or k ≥ n.

    Reference: Naeem et al. 2020, arXiv:2002.09797.

        >>> from jaxgan.metrics.density_coverage import expected_coverage
        >>> round(expected_coverage(10_000, 10_000), 4)
        0.9688
    """
    for name, count in (("n", n), ("m", m), ("k", k)):
        check_positive_int(f"expected_coverage: {name}", count)
    if k >= n:
        raise InputError(f"expected_coverage: k must be below n = {n}, got {k}.")
    return 1 - math.prod((n - i) / (n + m - i) for i in range(1, k + 1))
