"""What a metric returns: a number, and how far chance may have moved it."""

import math
from typing import NamedTuple


class Estimate(NamedTuple):
    """A measured number.

    value: the number.
    error: its standard error: how much it would vary over other samples of the same
           size from the same distributions; NaN where that is not known.
    """

    value: float
    error: float = math.nan


def share(count: int, total: int) -> Estimate:
    """A share p = count / n of independent cases, with its error √(p (1 - p) / n)."""
    p = count / total
    return Estimate(p, math.sqrt(p * (1 - p) / total))
