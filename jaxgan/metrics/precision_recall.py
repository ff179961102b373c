"""Precision and recall: are the fakes like reals, and are all kinds of reals made?

Around each real a ball reaches to its k-th nearest other real. Their union stands for
where the reals live, and likewise for the fakes. One far outlier has a huge ball and
can vouch for many fakes; density, of the same balls, suffers less from that.

Two traps. Some packages take the fakes first, and one, in its pre-releases, had the two
names swapped, so published pairs may be. And equal distributions do not score 1: two
samples of 500 points of one Gaussian score 0.98 in 2 dimensions and 0.64 in 64, at
k = 3. So compare scores of one sample size and one extractor only.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Real

from jaxgan.metrics.estimate import Estimate
from jaxgan.metrics.nearest.manifold import Overlap, estimate, overlaps


class PrecisionRecall(NamedTuple):
    """Two shares, from 0 to 1.

    precision: of the fakes, in the balls of the reals.
    recall:    of the reals, in the balls of the fakes.
    """

    precision: Estimate
    recall: Estimate


def precision_recall(
    real: Real[np.ndarray, "n d"], fake: Real[np.ndarray, "m d"], k: int = 3
) -> PrecisionRecall:
    """The share of fakes among the reals, and of reals among the fakes.

        precision = share of fakes y with ‖y - x‖ ≤ rₖ(x) for some real x
        recall    = share of reals x with ‖x - y‖ ≤ rₖ(y) for some fake y

    where rₖ is the distance to the k-th nearest other point of the same set.

    The errors are those of `jaxgan.metrics.nearest.manifold.estimate`.

    Args:
        real: features, any numbers; computed in float64.
        fake: likewise.
        k: neighbors.

    Raises:
        InputError: if the features are not comparable, a set has k examples or fewer,
            or k is not an integer of at least 1.

    Reference: Kynkäänniemi et al. 2019, arXiv:1904.06991.

        >>> import numpy as np
        >>> from jaxgan.metrics.precision_recall import precision_recall
        >>> real, fake = np.random.default_rng(0).normal(size=(2, 500, 2))
        >>> precision, recall = precision_recall(real, fake / 4)
        >>> round(precision.value, 2), round(recall.value, 2)
        (0.97, 0.33)
    """
    return precision_recall_of(*overlaps(real, fake, (k,)))


def precision_recall_of(overlap: Overlap) -> PrecisionRecall:
    """Precision and recall where it is known who lies in whose ball.

    Args:
        overlap: from `overlaps`, which serves density and coverage too.
    """
    return PrecisionRecall(
        estimate(overlap, lambda part: (part.fakes_held > 0).mean()),
        estimate(overlap, lambda part: part.reals_held.mean()),
    )
