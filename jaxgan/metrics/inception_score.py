"""The Inception Score: how sure a classifier is of each image, and how varied of all.

It is from 1, for identical rows, to the number of classes. It knows no reals: a perfect
classifier gives full marks to one image of each class, and the score can be raised by
images that look like nothing (Barratt & Sharma 2018, arXiv:1801.01973). It depends on
the network's weights, and it rises with the number of examples in a split.
"""

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import rel_entr

from jaxgan.errors import InputError, check_positive_int, check_seed
from jaxgan.metrics.checks import checked
from jaxgan.metrics.estimate import Estimate
from jaxgan.metrics.features.extractor import Features
from jaxgan.metrics.metric import Metric


class InceptionScore(NamedTuple):
    """An Inception Score.

    value:  the mean over splits.
    error:  its standard error, from the splits; NaN if there is one only. It was
            0.85 to 1.1 of the true one with 5 or 10 splits.
    spread: their standard deviation over `splits`, not `splits` - 1: what the
            literature prints after the ±, √splits times too large for an error.
    """

    value: float
    error: float
    spread: float


def inception_score(
    probabilities: Float[np.ndarray, "n k"], splits: int = 10, seed: int | None = 2020
) -> InceptionScore:
    """The exponential of the mean information that an image gives about its class.

        IS = exp(mean over i of KL(p(·|xᵢ) ‖ p̄)),   p̄ the mean of p(·|xᵢ)

    in each of some splits of the shuffled examples. Published values have 50,000
    images in 10 splits. With one seed the splits are those of torch-fidelity.

    Args:
        probabilities: of each class for each image, as `Features.probabilities`; rows
            are divided by their sums, in float64.
        splits: how many.
        seed: of the shuffle; None to keep the order.

    Raises:
        InputError: if rows are not probabilities, to 0.001, or there are fewer than
            splits.

    Reference: Salimans et al. 2016, arXiv:1606.03498.

        >>> import numpy as np
        >>> from jaxgan.metrics.inception_score import inception_score
        >>> sure = np.eye(10)[np.arange(1000) % 10]
        >>> round(inception_score(sure, splits=1).value, 6)
        10.0
    """
    check_positive_int("inception_score: splits", splits)
    p = _normalized(probabilities)
    if len(p) < splits:
        raise InputError(
            f"inception_score: splits must be at most the number of examples, got "
            f"{splits} of {len(p)}."
        )
    if seed is not None:
        check_seed("inception_score: seed", seed)
        p = p[np.random.RandomState(seed).permutation(len(p))]
    edges = [i * len(p) // splits for i in range(splits + 1)]
    scores = np.array([_score(p[a:b]) for a, b in pairwise(edges)])
    spread = float(scores.std())
    error = spread / math.sqrt(splits - 1) if splits > 1 else math.nan
    return InceptionScore(float(scores.mean()), error, spread)


def _score(p: Float[np.ndarray, "n k"]) -> float:
    return math.exp(rel_entr(p, p.mean(axis=0)).sum(axis=1).mean())


def _normalized(probabilities: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "n k"]:
    p = checked("probabilities", probabilities, least=1)
    sums = p.sum(axis=1, keepdims=True)
    wrong = (p < 0).any(axis=1) | (np.abs(sums[:, 0] - 1) > 1e-3)
    if wrong.any():
        row = int(wrong.argmax())
        raise InputError(
            "probabilities must be rows of non-negative numbers with a sum of 1; row "
            f"{row} has a least of {p[row].min():.3g} and a sum of {sums[row, 0]:.6g}. "
            "Take the softmax of logits first."
        )
    return p / sums


def inception_score_metric(splits: int = 10) -> Metric:
    """The inception score, as an evaluation takes it."""
    return Metric(
        "inception_score",
        _of_classes,
        {"splits": splits},
        min_samples=2 * splits,
        needs=("classes",),
    )


def _of_classes(real: Features, fake: Features, splits: int) -> dict[str, Estimate]:
    del real
    assert fake.probabilities is not None  # by `check_features`
    found = inception_score(fake.probabilities, splits)
    return {"inception_score": Estimate(found.value, found.error)}
