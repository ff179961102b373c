"""What every metric asks of the features it is given."""

import jax
import numpy as np
from jaxtyping import Array, Float, Real, Shaped
from numpy.typing import NDArray

from jaxgan.errors import InputError

LARGEST = 1e25
"""The greatest norm of features; metrics take its twelfth power, and float64 ends."""


def numbers(
    name: str, values: Shaped[np.ndarray | Array, "..."]
) -> Real[np.ndarray, "..."]:
    """Values as a NumPy array, be they JAX's or a list, if they are real numbers.

    Raises:
        InputError: if they are not.
    """
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise InputError(f"{name} must be rows of one length: {error}") from None
    if array.dtype.kind not in "fiub":
        if jax.dtypes.issubdtype(array.dtype, np.floating):  # bfloat16 and the like
            return array.astype(np.float32)
        raise InputError(f"{name} must be real numbers, got {array.dtype}.")
    return array


def checked(
    name: str, features: Shaped[np.ndarray, "..."], least: int = 2
) -> Float[np.ndarray, "n d"]:
    """Features in float64, C-contiguous, if they are rows of finite numbers.

    Args:
        name: of the argument, for the message.
        features: one row an example.
        least: how many rows the metric needs.

    Raises:
        InputError: if they are not real numbers of shape (n, d) with n ≥ `least` and
            d ≥ 1, or one of them is not finite or beyond all measure.
    """
    features = numbers(name, features)
    if features.ndim != 2 or not features.shape[1]:
        raise InputError(
            f"{name} must be features of shape (n, d), a row of numbers an example, "
            f"got shape {features.shape}."
        )
    if len(features) < least:
        raise InputError(
            f"{name} has {len(features)} examples; this metric needs at least {least}."
        )
    wide = np.ascontiguousarray(features, np.float64)
    with np.errstate(over="ignore"):
        usable = np.einsum("nd,nd->n", wide, wide) <= LARGEST**2
    if not usable.all():
        row = int(usable.argmin())
        finite = np.isfinite(wide[row]).all()
        wrong = f"too large, of a norm above {LARGEST:g}," if finite else "not finite,"
        raise InputError(
            f"{name} holds numbers that are {wrong} in {np.sum(~usable)} of "
            f"{len(wide)} rows, first in row {row}."
        )
    return wide


def checked_pair(
    real: NDArray, fake: NDArray, least: int = 2
) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "m d"]]:
    """Two sets of features in one space, of which the real ones are not all the same.

    Fakes that are all the same are let through: that is what a collapsed generator
    makes, and a metric is there to say so.

    Raises:
        InputError: if a set is refused by `checked`, the dimensions differ, or all
            reals are one point.
    """
    real, fake = checked("real", real, least), checked("fake", fake, least)
    check_one_space(real.shape[1], fake.shape[1])
    check_varied(len(real), bool((real == real[0]).all()))
    return real, fake


def check_one_space(real: int, fake: int, names: str = "real and fake") -> None:
    """Refuse two sets of features that differ in their number of dimensions.

    Raises:
        InputError: if they do.
    """
    if real != fake:
        raise InputError(
            f"{names} must have one number of dimensions, got {real} and {fake}: take "
            "both from one extractor."
        )


def check_varied(count: int, same: bool) -> None:
    """Refuse reals that are all the same.

    Raises:
        InputError: if they are.
    """
    if same:
        raise InputError(
            f"real: all {count} rows of features are the same, so nothing can be "
            "compared with them; look at the images and at the extractor."
        )
