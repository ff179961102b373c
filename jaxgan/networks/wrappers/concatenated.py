"""Networks whose inputs are concatenated along the channels."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.errors import InputError, check_instance
from jaxgan.networks.wrappers.inputs import with_inputs
from jaxgan.types import Network


def concatenated(network: Network) -> Network:
    """Concatenate a network's inputs along the last axis; vectors become constant maps.

    A condition (b, d) lies beside a latent (b, k) as (b, k + d), and beside an image
    (b, h, w, c) as d constant channels, (b, h, w, c + d). A condition that is an image
    of the same size adds its channels. So a network of one input becomes conditional,
    such as DCGAN's, whose discriminator is made for images of c + d channels. With
    `labeled`, the condition is a label.

    Args:
        network: takes one input, of all channels together.

    Raises:
        InputError: if `network` is not a `Network`, or, when the game is built, if an
            input is no vector and no map of the first input's size.

    Reference: Radford et al. 2015, arXiv:1511.06434 (the network); Mirza & Osindero
    2014, arXiv:1411.1784; Perarnau et al. 2016, arXiv:1611.06355 (maps).

        >>> import jax, jax.numpy as jnp
        >>> from jaxgan.networks import concatenated, dcgan_discriminator, labeled
        >>> network = dcgan_discriminator((8, 8, 1 + 10), channels=8)
        >>> network = labeled(concatenated(network), classes=10)
        >>> image, label = jnp.zeros((4, 8, 8, 1)), jnp.array([3, 7, 3, 7])
        >>> variables = network.init(jax.random.key(0), image, label)
        >>> network.apply(variables, image, label)[0].logits.shape
        (4,)
    """
    check_instance("concatenated: network", network, Network, "mlp(())")

    return with_inputs(network, lambda *inputs: (_concatenate(*inputs),))


def _concatenate(first: Array, *others: Array) -> Float[Array, "b ..."]:
    """Spread vectors over the first input's positions, and put all side by side."""
    positions = first.shape[:-1]
    maps = [first]
    for other in others:
        if other.ndim != first.ndim and other.ndim == 2:
            other = other.reshape(len(other), *(1,) * (first.ndim - 2), -1)
        if other.ndim != first.ndim or other.shape[:-1] not in (
            positions,
            (len(first), *(1,) * (first.ndim - 2)),
        ):
            raise InputError(
                "concatenated: a further input must be vectors (b, d), such as labels "
                "in labeled(…), or maps of the first input's size, got shapes "
                f"{first.shape} and {other.shape}."
            )
        other = jnp.broadcast_to(other, (*positions, other.shape[-1]))
        maps.append(other.astype(first.dtype))
    return jnp.concatenate(maps, axis=-1)
