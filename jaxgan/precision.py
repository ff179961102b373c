"""Widths of floating-point numbers, and arithmetic between numbers of two widths.

Networks may compute in bfloat16 or float16; what is paid is float32 at least. Nothing
here is left to JAX's implicit promotion, so all of jaxgan runs under
`jax.numpy_dtype_promotion("strict")` too.
"""

from contextlib import AbstractContextManager

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from numpy.typing import DTypeLike

from jaxgan.errors import InputError


def wider(one: DTypeLike, other: DTypeLike) -> jnp.dtype:
    """The type to which JAX promotes two types by default.

    >>> from jaxgan.precision import wider
    >>> wider("bfloat16", "float16")
    dtype('float32')
    """
    with standard_promotion():
        return jnp.promote_types(one, other)


def wide(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The same numbers in at least float32.

    Raises:
        InputError: if they are the several logits of a multi-scale discriminator.
    """
    if isinstance(x, tuple):
        raise InputError(
            f"the discriminator returns {len(x)} logits, one for each scale, but the "
            f"loss reads one; wrap the loss, and each penalty, in multi_scale(…, "
            f"scales={len(x)})."
        )
    return x.astype(wider(x.dtype, jnp.float32))


def standard_promotion() -> AbstractContextManager[None]:
    """A context for code that is not ours: optax multiplies counts by rates."""
    return jax.numpy_dtype_promotion("standard")
