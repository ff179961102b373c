"""Priors: where latents come from, as `(key, n, condition) -> latents`."""

from collections.abc import Callable
from typing import Any

import jax
from jaxtyping import Array, Float

from jaxgan.errors import InputError, check_finite, check_positive_int

Prior = Callable[[jax.Array, int, tuple[Any, ...]], Float[Array, "n size"]]


def normal(size: int) -> Prior:
    """z ~ N(0, I).

    Args:
        size: of one latent vector.

    Raises:
        InputError: if `size` is not an integer of at least 1.

        >>> import jax
        >>> from jaxgan import priors
        >>> priors.normal(16)(jax.random.key(0), 4, ()).shape
        (4, 16)
    """
    check_positive_int("normal: size", size)

    def prior(key: jax.Array, n: int, condition: Any = ()) -> Float[Array, "n size"]:
        del condition
        return jax.random.normal(key, (n, size))

    return prior


def uniform(size: int, low: float = -1.0, high: float = 1.0) -> Prior:
    """z ~ U(low, high), each coordinate by itself; DCGAN uses U(-1, 1).

    Raises:
        InputError: if `size` is not an integer of at least 1, or `low` is not below
            `high`.

        >>> import jax
        >>> from jaxgan import priors
        >>> bool(abs(priors.uniform(16)(jax.random.key(0), 4, ())).max() <= 1)
        True
    """
    check_positive_int("uniform: size", size)
    _check_range("uniform", low, high)

    def prior(key: jax.Array, n: int, condition: Any = ()) -> Float[Array, "n size"]:
        del condition
        return jax.random.uniform(key, (n, size), minval=low, maxval=high)

    return prior


def truncated_normal(size: int, bound: float = 2.0) -> Prior:
    """z ~ N(0, I), each coordinate drawn again until |zᵢ| ≤ bound.

    Reference: Brock et al. 2018, arXiv:1809.11096, section 3.1.

    Raises:
        InputError: if `size` is not an integer of at least 1, or `bound` is not a
            positive number.

        >>> import jax
        >>> from jaxgan import priors
        >>> z = priors.truncated_normal(16, bound=0.5)(jax.random.key(0), 4, ())
        >>> bool(abs(z).max() <= 0.5)
        True
    """
    check_positive_int("truncated_normal: size", size)
    _check_range("truncated_normal", -bound, bound)

    def prior(key: jax.Array, n: int, condition: Any = ()) -> Float[Array, "n size"]:
        del condition
        return jax.random.truncated_normal(key, -bound, bound, (n, size))

    return prior


def _check_range(name: str, low: float, high: float) -> None:
    check_finite(f"{name}: lower bound", low)
    check_finite(f"{name}: upper bound", high)
    if not low < high:
        raise InputError(
            f"{name}: the lower bound must be below the upper, got {low} and {high}."
        )
