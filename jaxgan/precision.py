"""Mixed precision: floating-point dtypes and explicit type promotion.

Networks may compute in bfloat16 or float16; losses are computed in at least float32. No
code relies on JAX's implicit promotion, so jaxgan also runs under
`jax.numpy_dtype_promotion("strict")`.
"""

from contextlib import AbstractContextManager
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from numpy.typing import DTypeLike

from jaxgan.errors import InputError


def promote_types(one: DTypeLike, other: DTypeLike) -> jnp.dtype:
    """Return the dtype to which JAX promotes two dtypes by default.

    >>> from jaxgan.precision import promote_types
    >>> promote_types("bfloat16", "float16")
    dtype('float32')
    """
    with standard_promotion():
        return jnp.promote_types(one, other)


def at_least_float32(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Convert numbers to float32, or keep them if their dtype is wider.

    Raises:
        InputError: if `x` is the tuple of logits of a multi-scale discriminator.
    """
    if isinstance(x, tuple):
        raise InputError(
            f"the discriminator returns {len(x)} logits, one for each scale, but the "
            f"loss reads one; wrap the loss, and each penalty, in multi_scale(…, "
            f"scales={len(x)})."
        )
    return x.astype(promote_types(x.dtype, jnp.float32))


def standard_promotion() -> AbstractContextManager[None]:
    """Return a context with JAX's standard promotion, for code of other libraries.

    For instance, optax schedules multiply integer counts by floats.
    """
    return jax.numpy_dtype_promotion("standard")


def with_dtypes_of(tree: Any, like: Any) -> Any:
    """Convert the leaves of a tree to the dtypes of another of the same structure.

    Statistics of a network keep their dtypes so, whatever its inputs have: under
    `jax_enable_x64` latents are float64, and running averages would become so.
    """
    return jax.tree.map(lambda x, old: jnp.asarray(x, old.dtype), tree, like)
