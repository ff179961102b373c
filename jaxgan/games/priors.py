"""Priors: distributions of latents, as functions `(key, n, condition) -> latents`.

A latent holds all randomness of one example. It may have any shape: a vector, a class,
several vectors for several futures, or a dictionary of these. Priors combine into
products: `together(code=categorical(10), noise=normal(62))`, `several(20, normal(8))`.
"""

import zlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from jaxgan.errors import (
    InputError,
    as_finite,
    check_finite,
    check_function,
    check_non_negative,
    check_positive,
    check_positive_int,
)
from jaxgan.types import Tree

__all__ = [
    "Prior",
    "categorical",
    "mixture",
    "normal",
    "nothing",
    "several",
    "swiss_roll",
    "together",
    "truncated_normal",
    "uniform",
]

Prior = Callable[[jax.Array, int, tuple[Any, ...]], Tree]
"""`(key, n, condition) -> latents` of n examples."""


def normal(size: int) -> Prior:
    """Make a standard normal prior, z ~ N(0, I).

    Args:
        size: dimension of a latent vector.

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
    """Make a uniform prior with independent coordinates; DCGAN uses U(-1, 1).

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
    """Make a truncated normal prior, N(0, I) conditional on all |zᵢ| ≤ bound.

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
    check_positive("truncated_normal: bound", bound)

    def prior(key: jax.Array, n: int, condition: Any = ()) -> Float[Array, "n size"]:
        del condition
        return jax.random.truncated_normal(key, -bound, bound, (n, size))

    return prior


def categorical(classes: int) -> Prior:
    """Make a uniform prior over classes, as one-hot vectors; InfoGAN's code.

    Raises:
        InputError: if `classes` is not an integer of at least 1.

    Reference: Chen et al. 2016, arXiv:1606.03657.

        >>> import jax
        >>> from jaxgan import priors
        >>> priors.categorical(10)(jax.random.key(0), 4, ()).sum(axis=1).tolist()
        [1.0, 1.0, 1.0, 1.0]
    """
    check_positive_int("categorical: classes", classes)

    def prior(key: jax.Array, n: int, condition: Any = ()) -> Float[Array, "n classes"]:
        del condition
        return jax.nn.one_hot(jax.random.randint(key, (n,), 0, classes), classes)

    return prior


def mixture(means: ArrayLike, scale: float) -> Prior:
    """Make a mixture of Gaussians with equal weights, N(mᵢ, scale² I).

    Args:
        means: of the modes, (modes, d).
        scale: standard deviation of every mode, along each axis.

    Raises:
        InputError: if `means` are not finite numbers of two axes, or `scale` is
            negative.

        >>> import jax
        >>> from jaxgan import priors
        >>> from jaxgan.data import synthetic
        >>> prior = priors.mixture(synthetic.ring(10, radius=2.0).means, scale=0.2)
        >>> prior(jax.random.key(0), 4, ()).shape
        (4, 2)
    """
    modes = as_finite("mixture: means", means, 2).astype(np.float32)
    if not modes.size:
        raise InputError(f"mixture: means must not be empty, got shape {modes.shape}.")
    check_non_negative("mixture: scale", scale)

    def prior(key: jax.Array, n: int, condition: Any = ()) -> Float[Array, "n d"]:
        del condition
        mode_key, noise_key = jax.random.split(key)
        chosen = jnp.asarray(modes)[jax.random.randint(mode_key, (n,), 0, len(modes))]
        return chosen + scale * jax.random.normal(noise_key, chosen.shape)

    return prior


def swiss_roll(noise: float = 0.02) -> Prior:
    """Make a Swiss roll: a spiral in about [-1, 1]², with Gaussian noise.

    A latent is t·(cos t, sin t) / (4.5 π) + noise, with t uniform in [1.5 π, 4.5 π], as
    of `jaxgan.data.synthetic.swiss_roll`.

    Args:
        noise: standard deviation of the noise on each coordinate.

    Raises:
        InputError: if `noise` is negative.

        >>> import jax
        >>> from jaxgan import priors
        >>> priors.swiss_roll()(jax.random.key(0), 4, ()).shape
        (4, 2)
    """
    check_non_negative("swiss_roll: noise", noise)

    def prior(key: jax.Array, n: int, condition: Any = ()) -> Float[Array, "n 2"]:
        del condition
        angle_key, noise_key = jax.random.split(key)
        low, high = 1.5 * jnp.pi, 4.5 * jnp.pi
        t = jax.random.uniform(angle_key, (n,), minval=low, maxval=high)
        points = jnp.stack([t * jnp.cos(t), t * jnp.sin(t)], axis=1) / high
        return points + noise * jax.random.normal(noise_key, (n, 2))

    return prior


def nothing() -> Prior:
    """Make an empty prior, `()`, for games without latents.

    >>> import jax
    >>> from jaxgan import priors
    >>> priors.nothing()(jax.random.key(0), 4, ())
    ()
    """
    return lambda key, n, condition: ()


def together(**named: Prior) -> Prior:
    """Make the product of independent priors, with a dictionary of latents.

    Each latent is drawn from the key folded with its own name, so its value does not
    depend on which other priors there are.

    Raises:
        InputError: if no prior is given, or one is not a function.

        >>> import jax
        >>> from jaxgan import priors
        >>> noise = priors.normal(62)
        >>> prior = priors.together(code=priors.categorical(10), noise=noise)
        >>> latents = prior(jax.random.key(0), 4, ())
        >>> {name: latent.shape for name, latent in latents.items()}
        {'code': (4, 10), 'noise': (4, 62)}
    """
    if not named:
        raise InputError("together: give at least one prior, by name.")
    for name, each in named.items():
        check_function(f"together: {name}", each, "priors.normal(16)")

    def prior(key: jax.Array, n: int, condition: tuple = ()) -> dict[str, Tree]:
        return {
            name: each(jax.random.fold_in(key, zlib.crc32(name.encode())), n, condition)
            for name, each in named.items()
        }

    return prior


def several(count: int, prior: Prior) -> Prior:
    """Make a prior of several latents for each example, with leaves (n, count, …).

    All n·count latents are drawn in one call of `prior`, without a condition.

    Raises:
        InputError: if `count` is not an integer of at least 1, or `prior` no function.

        >>> import jax
        >>> from jaxgan import priors
        >>> priors.several(20, priors.normal(8))(jax.random.key(0), 4, ()).shape
        (4, 20, 8)
    """
    check_positive_int("several: count", count)
    check_function("several: prior", prior, "priors.normal(16)")

    def draw_several(key: jax.Array, n: int, condition: Any = ()) -> Tree:
        del condition
        latents = prior(key, n * count, ())
        return jax.tree.map(lambda z: z.reshape(n, count, *z.shape[1:]), latents)

    return draw_several


def _check_range(name: str, low: float, high: float) -> None:
    check_finite(f"{name}: low", low)
    check_finite(f"{name}: high", high)
    if not low < high:
        raise InputError(f"{name}: low must be below high, got {low} and {high}.")
