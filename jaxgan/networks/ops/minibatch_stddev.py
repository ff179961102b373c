"""Minibatch standard deviation, which shows a discriminator how diverse a batch is.

A discriminator that scores each image by itself cannot see that all fakes are alike. So
the last layers are given one further number: the standard deviation of their features
over a few images.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.errors import InputError, check_positive_int
from jaxgan.precision import at_least_float32


def minibatch_stddev(
    x: Float[Array, "b h w c"], group: int = 4, channels: int = 1
) -> Float[Array, "b h w f"]:
    """Append channels with the standard deviation over groups of examples.

        s = mean over positions and channels of √(var over the group of x + 1e-8)

    A layer for a discriminator, usually before its last convolution. All positions and
    examples of a group get the same s. With several `channels`, x's channels are
    divided into as many blocks, and each has its own s.

    Logits then depend on the other examples of the group, also those of weight zero.
    `r1` and its kin differentiate the sum of a batch's logits, as StyleGAN's code does,
    so an image's gradient includes its effect on the logits of its group.

    A group is consecutive examples, so it is the same on any number of devices, as long
    as it divides each device's share of the batch. In StyleGAN's code a group is every
    (b / group)-th example, and its size is at most that of the batch.

    Args:
        x: feature maps.
        group: number of examples in a group; it divides the batch.
        channels: number of channels to append; it divides those of x.

    Returns:
        x with the channels appended, c + channels in all.

    Raises:
        InputError: when the game is built, if x has not four axes, or an argument does
            not divide what it must.

    Reference: Karras et al. 2018, arXiv:1710.10196, section 3; in groups: Karras et al.
    2019, arXiv:1812.04948.

        >>> import jax
        >>> from jaxgan.networks import minibatch_stddev
        >>> x = jax.random.normal(jax.random.key(0), (8, 4, 4, 16))
        >>> minibatch_stddev(x).shape
        (8, 4, 4, 17)
    """
    check_positive_int("minibatch_stddev: group", group)
    check_positive_int("minibatch_stddev: channels", channels)
    if not isinstance(x, jax.Array) or x.ndim != 4:
        raise InputError(
            "minibatch_stddev: x must be feature maps (b, h, w, c), got "
            f"{getattr(x, 'shape', x)!r}."
        )
    batch, height, width, depth = x.shape
    if batch % group:
        raise InputError(
            f"minibatch_stddev: group={group} does not divide a batch of {batch}; use "
            "a divisor of the batch, or of each device's share of it."
        )
    if depth % channels:
        raise InputError(
            f"minibatch_stddev: channels={channels} does not divide the {depth} "
            "channels of x."
        )
    blocks = (batch // group, group, height * width, channels, depth // channels)
    variance = jnp.var(at_least_float32(x).reshape(blocks), axis=1)
    deviation = jnp.sqrt(variance + 1e-8).mean(axis=(1, 3)).astype(x.dtype)
    deviation = jnp.repeat(deviation, group, axis=0)[:, None, None]
    appended = jnp.broadcast_to(deviation, (batch, height, width, channels))
    return jnp.concatenate([x, appended], axis=-1)
