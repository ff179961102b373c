"""Density and coverage: how many reals vouch for a fake, and how many reals are met.

Both look at the balls of the reals alone, each of which reaches to the k-th nearest
other real; so, unlike in recall, fakes far from all reals win nothing by their huge
balls. For equal distributions both are known, whatever these are: a density of 1, and
`expected_coverage`. In many dimensions fakes that keep to the middle of the reals have
a density above 1: 1.96 if 500 are drawn from a Gaussian in 8 and shrunk to 0.6.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Real

from jaxgan.errors import InputError, check_positive_int
from jaxgan.metrics.estimate import Estimate
from jaxgan.metrics.nearest.manifold import Overlap, estimate, overlaps


class DensityCoverage(NamedTuple):
    """What the balls of the reals hold.

    density:  1 for equal distributions, 0 for fakes far from all reals, no upper limit.
    coverage: share of reals, from 0 to 1.
    """

    density: Estimate
    coverage: Estimate


def density_coverage(
    real: Real[np.ndarray, "n d"], fake: Real[np.ndarray, "m d"], k: int = 5
) -> DensityCoverage:
    """The reals around a fake over k, and the share of reals that have a fake near.

        density  = 1/k · mean over fakes y of the number of reals x with ‖x - y‖ < rₖ(x)
        coverage = share of reals x with ‖x - y‖ < rₖ(x) for some fake y

    where rₖ is the distance to the k-th nearest other real. The balls are open here and
    closed in precision and recall, as each was published; it matters for copies only.

    The errors are those of `jaxgan.metrics.nearest.manifold.estimate`.

    Args:
        real: features, any numbers; computed in float64.
        fake: likewise.
        k: neighbors.

    Raises:
        InputError: if the features are not comparable, a set has k examples or fewer,
            or k is not an integer of at least 1.

    Reference: Naeem et al. 2020, arXiv:2002.09797.

        >>> import numpy as np
        >>> from jaxgan.metrics.density_coverage import density_coverage
        >>> real, fake = np.random.default_rng(0).normal(size=(2, 500, 2))
        >>> density, coverage = density_coverage(real, fake / 4)
        >>> round(density.value, 2), round(coverage.value, 2)
        (0.84, 0.3)
    """
    return density_coverage_of(*overlaps(real, fake, (k,)))


def density_coverage_of(overlap: Overlap) -> DensityCoverage:
    """Density and coverage where it is known who lies in whose ball.

    Args:
        overlap: from `overlaps`, which serves precision and recall too.
    """
    return DensityCoverage(
        estimate(overlap, lambda part: part.fakes_inside.mean() / part.k),
        estimate(overlap, lambda part: part.reals_met.mean()),
    )


def expected_coverage(n: int, m: int, k: int = 5) -> float:
    """The coverage that fakes from the reals' own distribution have on average.

        E coverage = 1 - Π (n - i) / (n + m - i),  i = 1 … k  →  1 - 2⁻ᵏ for n = m → ∞

    A real is missed if its k nearest among all others are reals.

    Args:
        n: reals.
        m: fakes.
        k: neighbors, fewer than n.

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
