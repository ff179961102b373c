"""Likelihoods of images: what a decoder's output says of them, in nats.

A likelihood takes data and the decoder's output and returns -log p(data | output) of
each example, summed over pixels and channels. `likeness` makes it a loss, and its
`image` is the mean of p, for pictures. Data are in [-1, 1].
"""

import dataclasses
import math
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgan.errors import InputError, check_positive, check_positive_int, is_known
from jaxgan.precision import at_least_float32

__all__ = ["Likelihood", "bernoulli", "discretized_logistic", "gaussian"]

LEAST_LOG_SCALE = -7.0
"""Of the logistic and the learned Gaussian, lest a constant pixel be worth anything."""

Images = Float[Array, "b ..."]
Nats = Float[Array, " b"]


@dataclasses.dataclass(frozen=True)
class Likelihood:
    """p(data | output).

    nats: `(data, output) -> -log p (b,)`.
    image: `(output) -> images`, the mean of p, in [-1, 1].
    """

    nats: Callable[[Images, Images], Nats]
    image: Callable[[Images], Images]

    def __call__(self, data: Images, output: Images) -> Nats:
        """Return -log p(data | output) of each example, in nats."""
        return self.nats(data, output)


def bernoulli() -> Likelihood:
    """Make the likelihood of binarized images, -1 or 1, for outputs that are logits l.

        -log p(x | l) = Σ log (1 + e^(-x l))

    `data.bernoulli_binarize` draws them anew in each pass. Gray values in their place,
    which some code takes, have no likelihood, and their numbers cannot be compared.

    Raises:
        InputError: when the game is built, if a value of the data is not -1 or 1.

    Reference: Kingma & Welling 2014, arXiv:1312.6114, appendix C.1.

        >>> import jax.numpy as jnp
        >>> from jaxgan.losses import likelihoods
        >>> p = likelihoods.bernoulli()
        >>> nats = p(jnp.ones((1, 2)), jnp.zeros((1, 2)))
        >>> round(float(nats[0]), 4)  # 2 log 2
        1.3863
    """

    def nats(data: Images, output: Images) -> Nats:
        known = _values(data)
        if known is not None and not np.all(np.abs(known) == 1):
            value = known[np.abs(known) != 1].flat[0]
            raise InputError(
                "bernoulli: data must be binarized, each value -1 or 1, got "
                f"{float(value):.4g}; draw them by data.bernoulli_binarize."
            )
        _check_shapes("bernoulli", data, output, 1)
        return _total(jax.nn.softplus(-_up(data) * _up(output)))

    return Likelihood(nats, lambda output: 2 * jax.nn.sigmoid(output) - 1)


def gaussian(scale: float | None = None) -> Likelihood:
    """Make the likelihood of Gaussian pixels with a fixed or a learned deviation σ.

        -log p(x | m, σ) = Σ (x - m)² / 2σ² + log σ + ½ log 2π

    It is a density of continuous values: numbers of data in other units, and of
    discrete values, cannot be compared.

    Args:
        scale: σ > 0, for outputs that are means (b, …, c); None if outputs
            (b, …, 2c) are means and, in the second half of the channels, logarithms of
            σ, of which less than -7 counts as -7.

    Raises:
        InputError: if `scale` is not positive, or, when the game is built, if the data
            are not in [-1, 1] or the output has another shape.

    Reference: Kingma & Welling 2014, arXiv:1312.6114, appendix C.2.

        >>> import jax.numpy as jnp
        >>> from jaxgan.losses import likelihoods
        >>> p = likelihoods.gaussian(scale=1.0)
        >>> nats = p(jnp.ones((1, 2)), jnp.zeros((1, 2)))
        >>> round(float(nats[0]), 4)  # 1 + log 2π
        2.8379
    """
    if scale is not None:
        check_positive("gaussian: scale", scale)
    parts = 1 if scale is not None else 2

    def nats(data: Images, output: Images) -> Nats:
        _check_range("gaussian", data)
        _check_shapes("gaussian", data, output, parts)
        if scale is None:
            mean, log_scale = _halves(output)
        else:
            mean, log_scale = _up(output), jnp.log(jnp.float32(scale))
        square = jnp.square((_up(data) - mean) * jnp.exp(-log_scale))
        return _total(square / 2 + log_scale + math.log(2 * math.pi) / 2)

    return Likelihood(nats, partial(_mean, parts))


def discretized_logistic(levels: int = 256) -> Likelihood:
    """Make the likelihood of images of so many gray levels, for logistic pixels.

        p(x | m, s) = σ((x + δ - m) / s) - σ((x - δ - m) / s),  δ = 1 / (levels - 1)

    σ is the sigmoid; below the lowest level and above the highest the integral goes on.
    Outputs (b, …, 2c) are m and, in the second half of the channels, log s, of which
    less than -7 counts as -7. It is a probability, so -log p / (pixels · log 2) are
    bits per dimension.

    Args:
        levels: number of values that a pixel may have, evenly from -1 to 1.

    Raises:
        InputError: if `levels` is not an integer of at least 2, or, when the game is
            built, if the data are not in [-1, 1] or the output has another shape.

    Reference: Salimans et al. 2017, arXiv:1701.05517, section 2.1.

        >>> import jax.numpy as jnp
        >>> from jaxgan.losses import likelihoods
        >>> p = likelihoods.discretized_logistic(levels=2)
        >>> nats = p(jnp.ones((1, 1)), jnp.zeros((1, 2)))
        >>> round(float(nats[0]), 4)  # log 2
        0.6931
    """
    check_positive_int("discretized_logistic: levels", levels)
    if levels < 2:
        raise InputError(
            f"discretized_logistic: levels must be at least 2, got {levels}."
        )
    delta = 1 / (levels - 1)

    def nats(data: Images, output: Images) -> Nats:
        _check_range("discretized_logistic", data)
        _check_shapes("discretized_logistic", data, output, 2)
        mean, log_scale = _halves(output)
        x, inverse = _up(data), jnp.exp(-log_scale)
        below = jax.nn.log_sigmoid((x + delta - mean) * inverse)
        above = jax.nn.log_sigmoid((mean - x + delta) * inverse)
        # σ(a) - σ(b) = σ(a) σ(-b) (1 - e^(b - a)): no difference of near numbers.
        width = 2 * delta * inverse
        narrow = width < 1e-3
        inside = jnp.where(
            narrow,
            math.log(2 * delta) - log_scale - width / 2,
            jnp.log(-jnp.expm1(-jnp.where(narrow, 1.0, width))),
        )
        between = below + above + inside
        log_p = jnp.where(
            x <= -1 + delta, below, jnp.where(x >= 1 - delta, above, between)
        )
        return _total(-log_p)

    return Likelihood(nats, partial(_mean, 2))


def _up(x: Array) -> Array:
    return at_least_float32(x)


def _total(values: Float[Array, "b *pixels"]) -> Nats:
    return values.sum(axis=tuple(range(1, values.ndim)))


def _halves(output: Array) -> tuple[Array, Array]:
    """Split the channels into means and logarithms of scales."""
    mean, log_scale = jnp.split(_up(output), 2, axis=-1)
    return mean, jnp.maximum(log_scale, LEAST_LOG_SCALE)


def _mean(parts: int, output: Images) -> Images:
    """Return the mean of a likelihood whose outputs have so many parts of channels."""
    mean = jnp.split(output, parts, axis=-1)[0] if parts > 1 else output
    return jnp.clip(mean, -1, 1)


def _values(data: Array) -> np.ndarray | None:
    """Return the values of data that are known, as when a game is built."""
    return np.asarray(data) if is_known(data) else None


def _check_range(name: str, data: Array) -> None:
    known = _values(data)
    if known is not None and known.size and not (np.abs(known) <= 1).all():
        raise InputError(
            f"{name}: data must be in [-1, 1], got from {float(known.min()):.4g} to "
            f"{float(known.max()):.4g}."
        )


def _check_shapes(name: str, data: Array, output: Array, parts: int) -> None:
    wanted = (*data.shape[:-1], parts * data.shape[-1]) if data.ndim else ()
    if output.shape != wanted:
        raise InputError(
            f"{name}: for data of shape {data.shape} the output must have shape "
            f"{wanted}, got {output.shape}."
        )
