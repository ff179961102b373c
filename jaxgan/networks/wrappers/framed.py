"""Networks of images without the frame that a game's images have."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.errors import (
    InputError,
    check_finite,
    check_instance,
    check_positive_int,
)
from jaxgan.networks.wrappers.inputs import with_inputs
from jaxgan.types import Network, Tree


def framed(generator: Network, margin: int, value: float = -1.0) -> Network:
    """Put a constant frame around a generator's images.

    MNIST's 28 pixels, framed to 32 by `jaxgan.data.pad_to`, have an empty frame of two
    pixels. This generator makes only what is within.

    Args:
        generator: makes images (b, h, w, c).
        margin: width of the frame, in pixels.
        value: of the frame; -1 is black.

    Returns:
        A network of images (b, h + 2·margin, w + 2·margin, c).

    Raises:
        InputError: if an argument is invalid, or, when the game is built, if the
            network makes no images.

        >>> import jax
        >>> from jaxgan.networks import framed, infogan_generator
        >>> network = framed(infogan_generator((28, 28, 1), 4, hidden=16), margin=2)
        >>> z = jax.numpy.ones((2, 8))
        >>> network.apply(network.init(jax.random.key(0), z), z)[0].shape
        (2, 32, 32, 1)
    """
    _check("framed: generator", generator, margin)
    check_finite("framed: value", value)

    def apply(*args: Tree, **options: Tree) -> tuple[Tree, Tree]:
        image, stats = generator.apply(*args, **options)
        _check_images("framed", image)
        width = ((0, 0), (margin, margin), (margin, margin), (0, 0))
        return jnp.pad(image, width, constant_values=value), stats

    return generator._replace(apply=apply)


def unframed(discriminator: Network, margin: int) -> Network:
    """Cut the frame off the images that a discriminator gets, its first input.

    Args:
        discriminator: takes images (b, h, w, c), and any other inputs.
        margin: width of the frame, in pixels.

    Returns:
        A network of images (b, h + 2·margin, w + 2·margin, c).

    Raises:
        InputError: if an argument is invalid, or, when the game is built, if the first
            input is no image wider than its frame.

        >>> import jax
        >>> from jaxgan.networks import infogan_discriminator, unframed
        >>> network = unframed(infogan_discriminator((28, 28, 1), 4, hidden=16), 2)
        >>> x = jax.numpy.ones((2, 32, 32, 1))
        >>> network.apply(network.init(jax.random.key(0), x), x)[0].logits.shape
        (2,)
    """
    _check("unframed: discriminator", discriminator, margin)

    def cut(image: Float[Array, "b h w c"], *others: Tree) -> tuple[Tree, ...]:
        _check_images("unframed", image)
        if min(image.shape[1:3]) <= 2 * margin:
            raise InputError(
                f"unframed: images {image.shape[1:]} are no wider than a frame of "
                f"{margin} pixels on both sides."
            )
        return image[:, margin:-margin, margin:-margin], *others

    return with_inputs(discriminator, cut)


def _check(name: str, network: Network, margin: int) -> None:
    check_instance(name, network, Network, "from_linen(module)")
    check_positive_int(f"{name.split(':')[0]}: margin", margin)


def _check_images(name: str, image: Array) -> None:
    shape = getattr(image, "shape", ())
    if len(shape) != 4:
        raise InputError(f"{name} needs images (b, h, w, c), got shape {shape}.")
