"""Input validation shared by the metrics."""

import numpy as np
from jaxtyping import Float, Shaped
from numpy.typing import NDArray

from jaxgan.errors import InputError, as_numbers

LARGEST = 1e25
"""Largest norm of a row of features; its twelfth power must not overflow float64."""


def checked(
    name: str, features: Shaped[np.ndarray, "..."], min_samples: int = 2
) -> Float[np.ndarray, "n d"]:
    """Validate features and convert them to a C-contiguous float64 array.

    Args:
        name: name of the argument, for the error message.
        features: one row for each example.
        min_samples: number of rows that the metric needs.

    Raises:
        InputError: if they are not real numbers of shape (n, d) with
            n ≥ `min_samples` and d ≥ 1, or a row is not finite or its norm exceeds
            `LARGEST`.
    """
    features = as_numbers(name, features)
    if features.ndim != 2 or not features.shape[1]:
        raise InputError(
            f"{name} must be features of shape (n, d), one row for each example, got "
            f"shape {features.shape}."
        )
    if len(features) < min_samples:
        raise InputError(
            f"{name} has {len(features)} examples; this metric needs at least "
            f"{min_samples}."
        )
    wide = np.ascontiguousarray(features, np.float64)
    with np.errstate(over="ignore"):
        usable = np.einsum("nd,nd->n", wide, wide) <= LARGEST**2
    if not usable.all():
        row = int(usable.argmin())
        finite = np.isfinite(wide[row]).all()
        wrong = f"too large (norm above {LARGEST:g})" if finite else "not finite"
        raise InputError(
            f"{name} holds numbers that are {wrong} in {np.sum(~usable)} of "
            f"{len(wide)} rows, first in row {row}."
        )
    return wide


def checked_pair(
    real: NDArray, fake: NDArray, min_samples: int = 2
) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "m d"]]:
    """Validate two sets of features of the same dimension; the reals must vary.

    Fakes may all be equal: that is what a collapsed generator produces, and a metric
    must be able to report it.

    Raises:
        InputError: if `checked` rejects a set, the dimensions differ, or all reals are
            equal.
    """
    real = checked("real", real, min_samples)
    fake = checked("fake", fake, min_samples)
    check_one_space(real.shape[1], fake.shape[1])
    check_varied(len(real), bool((real == real[0]).all()))
    return real, fake


def check_one_space(real: int, fake: int, names: str = "real and fake") -> None:
    """Check that two sets of features have the same number of dimensions.

    Raises:
        InputError: if the numbers differ.
    """
    if real != fake:
        raise InputError(
            f"{names} must have the same number of dimensions, got {real} and {fake}; "
            "compute both with the same extractor."
        )


def check_varied(count: int, same: bool) -> None:
    """Check that the reals are not all equal.

    Raises:
        InputError: if they are.
    """
    if same:
        raise InputError(
            f"real: all {count} rows of features are the same, so nothing can be "
            "compared with them; check the images and the extractor."
        )
