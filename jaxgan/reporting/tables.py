"""Format numbers with their standard errors."""

import math
from collections.abc import Sequence

import numpy as np

from jaxgan.errors import InputError, as_numbers, check_number


def mean_and_error(values: Sequence[float] | Sequence[int]) -> str:
    """Format the mean ± standard error of numbers.

    A single number is formatted without an error, and an empty sequence as a dash.

    >>> from jaxgan.reporting import mean_and_error
    >>> mean_and_error([93.0, 95.5, 91.7]), mean_and_error([8.0, 8.0])
    ('93.4 ± 1.1', '8 ± 0')
    """
    numbers = as_numbers("values", values)
    if numbers.ndim != 1:
        raise InputError(f"values must be a list of numbers, got {values!r}.")
    if not numbers.size:
        return "—"
    mean = float(np.mean(values))
    if len(values) == 1 or not math.isfinite(mean):
        return f"{mean:.4g}"
    return with_error(mean, float(np.std(values, ddof=1)) / math.sqrt(len(values)))


def with_error(value: float, error: float) -> str:
    """Round a number to two digits of its standard error, or to four without one.

    Digits before the decimal point are never dropped.

    >>> from jaxgan.reporting import with_error
    >>> with_error(0.97318, 0.0016), with_error(8.475, float("nan"))
    ('0.9732 ± 0.0016', '8.475')
    """
    check_number("value", value)
    check_number("error", error)
    if not math.isfinite(error) or not math.isfinite(value):
        return f"{value:.4g}"
    if error == 0:
        return f"{value:.4g} ± 0"
    error = float(f"{error:.1e}")  # 0.0996 is 0.10
    decimals = max(0, 1 - math.floor(math.log10(error)))
    return f"{value:.{decimals}f} ± {error:.{decimals}f}"
