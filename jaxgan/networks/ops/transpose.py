"""The transpose of a linear function, inside `shard_map` too."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array


def transpose(
    linear: Callable[[Array], Any], shape: Sequence[int], like: Array
) -> Callable[[Any], Array]:
    """Transpose a linear function of one array.

    `jax.linear_transpose` cannot: it takes no array that varies over devices.

    Args:
        linear: the function.
        shape: of its argument.
        like: an array of the argument's type that varies over the same devices.
    """
    varying = tuple(jax.typeof(like).manual_axis_type.varying)
    zeros = lax.pcast(jnp.zeros(shape, like.dtype), varying, to="varying")
    pull_back = jax.vjp(linear, zeros)[1]
    return lambda cotangent: pull_back(cotangent)[0]
