"""What a metric returns: a number, and how far chance may have moved it."""

from typing import NamedTuple


class Estimate(NamedTuple):
    """A measured number.

    value: the number.
    error: its standard error: how much it would vary over other samples of the same
           size from the same distributions; NaN where that is not known.
    """

    value: float
    error: float = float("nan")
