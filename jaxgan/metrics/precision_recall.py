"""Improved precision and recall: fidelity and diversity from k-NN manifolds.

Around each real a ball reaches to its k-th nearest other real. The union of these balls
estimates the manifold of the reals. The manifold of the fakes is estimated likewise. An
outlier has a huge ball that can contain many fakes. Density, from the same balls, is
less sensitive to outliers.

Two caveats. Some packages take the fakes first, and one, in its pre-releases, had the
two names swapped, so published values may be swapped too. And equal distributions do
not score 1: at k = 3, two samples of 500 points from the same Gaussian score 0.98 in 2
dimensions and 0.64 in 64. So compare only scores of the same sample size and extractor.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Real

from jaxgan.metrics.estimate import Estimate
from jaxgan.metrics.nearest.manifold import Overlap, estimate, overlaps


class PrecisionRecall(NamedTuple):
    """Precision and recall of fakes, from 0 to 1.

    precision: fraction of the fakes in the balls of the reals.
    recall:    fraction of the reals in the balls of the fakes.
    """

    precision: Estimate
    recall: Estimate


def precision_recall(
    real: Real[np.ndarray, "n d"], fake: Real[np.ndarray, "m d"], k: int = 3
) -> PrecisionRecall:
    """Compute the precision and recall of fakes.

        precision = fraction of fakes y with ‖y - x‖ ≤ rₖ(x) for some real x
        recall    = fraction of reals x with ‖x - y‖ ≤ rₖ(y) for some fake y

    where rₖ is the distance to the k-th nearest other point of the same set.

    The errors are computed by `jaxgan.metrics.nearest.manifold.estimate`.

    Args:
        real: features, any real numbers; converted to float64.
        fake: likewise.
        k: number of neighbors.

    Raises:
        InputError: if the features cannot be compared, a set has k examples or fewer,
            or k is not an integer of at least 1.

    Reference: Kynkäänniemi et al. 2019, arXiv:1904.06991.

        >>> import numpy as np
        >>> from jaxgan.metrics import precision_recall
        >>> real, fake = np.random.default_rng(0).normal(size=(2, 500, 2))
        >>> precision, recall = precision_recall(real, fake / 4)
        >>> round(precision.value, 2), round(recall.value, 2)
        (0.97, 0.33)
    """
    return precision_recall_of(*overlaps(real, fake, (k,)))


def precision_recall_of(overlap: Overlap) -> PrecisionRecall:
    """Compute precision and recall from an `Overlap`.

    Args:
        overlap: from `overlaps`; density and coverage can be computed from it too.
    """
    return PrecisionRecall(
        estimate(overlap, lambda part: (part.fakes_contained > 0).mean()),
        estimate(overlap, lambda part: part.reals_contained.mean()),
    )
