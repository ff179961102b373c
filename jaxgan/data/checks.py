"""Checks of the numbers in a data set, before batches are made of them."""

import jax
import numpy as np
from numpy.typing import NDArray

from jaxgan.data.datasets import CHUNK, Dataset
from jaxgan.errors import InputError, is_array

READ_WHOLE = 2**30
"""Most numbers of an array that are all looked at before training: a second or two."""


def check_numeric(data: Dataset) -> None:
    """Check that all arrays of a data set hold numbers that can be trained on.

    Floats in memory must be finite, and integers fit in 32 bits unless x64 is enabled.

    Raises:
        InputError: if they do not.
    """
    one = data.gather(np.zeros(1, np.int64))
    for path, leaf in jax.tree_util.tree_leaves_with_path(one):
        if not is_array(leaf):
            raise InputError(
                f"data{jax.tree_util.keystr(path)} must be an array of NumPy or JAX, "
                f"got {type(leaf).__name__}; convert it with numpy.asarray."
            )
        numeric = leaf.dtype.kind in "biufc"
        if not (numeric or jax.dtypes.issubdtype(leaf.dtype, np.floating)):  # bfloat16
            raise InputError(
                f"data{jax.tree_util.keystr(path)} holds {leaf.dtype}, which is not "
                "numeric; encode it as numbers with data.map."
            )
    arrays = data.arrays and data.arrays._replace(weight=None)
    for path, leaf in jax.tree_util.tree_leaves_with_path(arrays):
        wrong = _first_not_finite(leaf)
        if wrong is not None:
            raise InputError(
                f"data{jax.tree_util.keystr(path)} holds numbers that are not finite, "
                f"first in example {wrong:,}; leave it out, or replace them."
            )
    for path, leaf in jax.tree_util.tree_leaves_with_path(data.arrays):
        dtype = jax.dtypes.canonicalize_dtype(leaf.dtype)
        if dtype != leaf.dtype and dtype.kind in "iu" and not _fit_in(leaf, dtype):
            raise InputError(
                f"data{jax.tree_util.keystr(path)} holds integers that do not fit in "
                f"{dtype}; make them smaller with data.map, or enable x64."
            )


def _first_not_finite(leaf: NDArray | jax.Array) -> int | None:
    """Find the first row of floats that are not finite; none of a larger array."""
    if not jax.dtypes.issubdtype(leaf.dtype, np.floating) or leaf.size > READ_WHOLE:
        return None
    for start in range(0, len(leaf), CHUNK):
        rows = np.asarray(leaf[start : start + CHUNK])
        wrong = ~np.isfinite(rows.reshape(len(rows), -1)).all(axis=1)
        if wrong.any():
            return start + int(wrong.argmax())
    return None


def _fit_in(integers: NDArray, dtype: np.dtype) -> bool:
    limits = np.iinfo(dtype)
    return bool(limits.min <= integers.min() and integers.max() <= limits.max)
