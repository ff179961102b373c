"""The result of a metric: a value with its standard error."""

import math
from typing import NamedTuple


class Estimate(NamedTuple):
    """A measured value with its standard error.

    value: the measured value.
    error: its standard error, that is, its standard deviation over other samples of
           the same size from the same distributions; NaN if unknown.
    """

    value: float
    error: float = math.nan


def fraction_estimate(count: int, total: int) -> Estimate:
    """Estimate a fraction p = count / n, with its binomial error √(p (1 - p) / n)."""
    p = count / total
    return Estimate(p, math.sqrt(p * (1 - p) / total))
