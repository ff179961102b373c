"""Inception Score (IS): confidence and diversity of a classifier's predictions.

The score ranges from 1, for identical predictions, to the number of classes. It uses no
reals: with a perfect classifier, one image of each class has the maximum score, and
unrecognizable images can raise it (Barratt & Sharma 2018, arXiv:1801.01973). It depends
on the weights of the network, and it rises with the number of examples in a split.
"""

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from jaxgan.errors import InputError, check_positive_int, check_seed
from jaxgan.metrics.checks import checked
from jaxgan.metrics.estimate import Estimate
from jaxgan.metrics.features.extractor import Features
from jaxgan.metrics.metric import Metric


class InceptionScore(NamedTuple):
    """An Inception Score with its standard error and spread.

    value:  mean over the splits.
    error:  standard error of the mean, from the splits; NaN for one split. It was 0.85
            to 1.1 of the true error with 5 or 10 splits.
    spread: standard deviation of the splits, with `splits` as divisor, not
            `splits` - 1. Papers print it after the ±; it is √splits times too large for
            an error.
    """

    value: float
    error: float
    spread: float


def inception_score(
    probabilities: Float[np.ndarray, "n k"], splits: int = 10, seed: int | None = 2020
) -> InceptionScore:
    """Compute the Inception Score from class probabilities, averaged over splits.

        IS = exp(mean over i of KL(p(·|xᵢ) ‖ p̄)),   p̄ the mean of p(·|xᵢ)

    in each split of the shuffled examples. Published values use 50,000 images in 10
    splits. For the same seed the splits are those of torch-fidelity.

    Args:
        probabilities: probability of each class for each image, as
            `Features.probabilities`; rows are divided by their sums, in float64.
        splits: number of splits.
        seed: random seed of the shuffle; None to keep the order.

    Raises:
        InputError: if rows do not sum to 1 within 0.001 or have negative entries, or
            there are fewer rows than splits.

    Reference: Salimans et al. 2016, arXiv:1606.03498.

        >>> import numpy as np
        >>> from jaxgan.metrics import inception_score
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
    from scipy.special import rel_entr  # a second to import

    return math.exp(rel_entr(p, p.mean(axis=0)).sum(axis=1).mean())


def _normalized(probabilities: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "n k"]:
    p = checked("probabilities", probabilities, min_samples=1)
    sums = p.sum(axis=1, keepdims=True)
    wrong = (p < 0).any(axis=1) | (np.abs(sums[:, 0] - 1) > 1e-3)
    if wrong.any():
        row = int(wrong.argmax())
        raise InputError(
            "probabilities must be rows of non-negative numbers with a sum of 1; row "
            f"{row} has a minimum of {p[row].min():.3g} and a sum of "
            f"{sums[row, 0]:.6g}. Take the softmax of logits first."
        )
    return p / sums


def inception_score_metric(splits: int = 10) -> Metric:
    """Make the Inception Score metric for an `Evaluation`.

    Raises:
        InputError: if an argument is invalid.
    """
    check_positive_int("inception_score: splits", splits)
    return Metric(
        "inception_score",
        _inception_score,
        {"splits": splits},
        min_samples=2 * splits,
        needs=("classes",),
    )


def _inception_score(
    real: Features, fake: Features, splits: int
) -> dict[str, Estimate]:
    del real
    assert fake.probabilities is not None  # by `check_features`
    found = inception_score(fake.probabilities, splits)
    return {"inception_score": Estimate(found.value, found.error)}
