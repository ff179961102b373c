"""InfoGAN's networks for small images, with a dense layer before the convolutions.

Those of the paper for MNIST (Chen et al. 2016, arXiv:1606.03657, appendix C.1):

- generator: a dense layer of `hidden` features, a dense layer to a map of a quarter of
  the image's size with 2·`channels`, and two transposed convolutions, to `channels` and
  to the image; ReLU and BatchNorm between them;
- discriminator: two convolutions, to `channels` and 2·`channels`, and a dense layer of
  `hidden` features, with leaky ReLU (slope 0.1); an encoder has the same layers.

They differ from the paper in three ways. Weights are initialized by He's rule (those of
the image with half the deviation), not from N(0, 0.02²); BatchNorm lies before the
ReLU, as in DCGAN; the discriminator has none, so that its gradient at each image is
independent of the others, as gradient penalties need.
"""

from collections.abc import Callable, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgan.errors import (
    InputError,
    check_count_or_0,
    check_flag,
    check_function,
    check_positive_int,
    check_positive_ints,
)
from jaxgan.networks.conditional_batch_norm import check_label, normalize
from jaxgan.networks.image_shape import check_images
from jaxgan.networks.linen import from_linen
from jaxgan.networks.strided import HE, Down, Up, he_transposed
from jaxgan.types import Network, Score

SLOPE = 0.1  # of the leaky ReLU


def leaky_relu(x: Array) -> Array:
    """Apply the discriminator's activation."""
    return jax.nn.leaky_relu(x, SLOPE)


def infogan_generator(
    image_shape: Sequence[int],
    channels: int = 64,
    *,
    hidden: int = 1024,
    classes: int | None = None,
    batch_norm: bool = True,
    blocks: int = 0,
    activation: Callable[[Array], Array] = jax.nn.relu,
    output_activation: Callable[[Array], Array] = jnp.tanh,
) -> Network:
    """Make a generator of images (b, height, width, colors) from latents (b, d).

    The images are in [-1, 1], by tanh. Without BatchNorm, or with other activations, it
    is an autoencoder's decoder.

    Args:
        image_shape: (height, width, colors), both sizes multiples of 4.
        channels: of the map of half the image's size; twice as many in the smaller one.
        hidden: features of the dense layer.
        classes: number of classes. If given, the network takes integer labels (b,) too,
            and BatchNorm has a scale and a bias for each class, as
            `ConditionalBatchNorm` has.
        batch_norm: whether there is BatchNorm; labels need it.
        blocks: number of residual blocks of two dense layers, without BatchNorm, after
            the first dense layer; the paper has none.
        activation: between layers.
        output_activation: after the last layer.

    Raises:
        InputError: if an argument is invalid, or, when the game is built, if the
            network takes labels and gets none, or gets some and takes none.

    Reference: Chen et al. 2016, arXiv:1606.03657.

        >>> import jax
        >>> from jaxgan.networks import infogan_generator
        >>> network = infogan_generator((28, 28, 1), channels=4, hidden=16)
        >>> z = jax.numpy.ones((2, 8))
        >>> image, _ = network.apply(network.init(jax.random.key(0), z), z)
        >>> image.shape
        (2, 28, 28, 1)
    """
    shape = _check("infogan_generator", image_shape, channels, hidden)
    if classes is not None:
        check_positive_int("infogan_generator: classes", classes)
    check_flag("infogan_generator: batch_norm", batch_norm)
    check_count_or_0("infogan_generator: blocks", blocks)
    check_function("infogan_generator: activation", activation, "jax.nn.relu")
    check_function(
        "infogan_generator: output_activation", output_activation, "jnp.tanh"
    )
    if classes is not None and not batch_norm:
        raise InputError(
            "infogan_generator: classes are scales and biases of BatchNorm; give "
            "batch_norm=True with them."
        )
    activations = activation, output_activation
    return from_linen(
        _Generator(shape, channels, hidden, classes, batch_norm, blocks, *activations)
    )


def infogan_discriminator(
    image_shape: Sequence[int], channels: int = 64, *, hidden: int = 1024
) -> Network:
    """Make a discriminator with logits (b,) and features of two layers.

    The features are the last maps, (b, height/4, width/4, 2·channels), and the dense
    layer, (b, hidden).

    Args:
        image_shape: (height, width, colors), both sizes multiples of 4.
        channels: of the map of half the image's size; twice as many in the smaller one.
        hidden: features of the dense layer.

    Raises:
        InputError: if an argument is invalid, or, when the game is built, if the images
            have another shape.

    Reference: Chen et al. 2016, arXiv:1606.03657.

        >>> import jax
        >>> from jaxgan.networks import infogan_discriminator
        >>> network = infogan_discriminator((28, 28, 1), channels=4, hidden=16)
        >>> x = jax.numpy.ones((2, 28, 28, 1))
        >>> score, _ = network.apply(network.init(jax.random.key(0), x), x)
        >>> score.logits.shape, score.features[-1].shape
        ((2,), (2, 16))
    """
    shape = _check("infogan_discriminator", image_shape, channels, hidden)
    return from_linen(_Discriminator(shape, channels, hidden))


def infogan_encoder(
    image_shape: Sequence[int],
    output_size: int,
    channels: int = 64,
    *,
    hidden: int = 1024,
    blocks: int = 0,
    activation: Callable[[Array], Array] = leaky_relu,
) -> Network:
    """Make an encoder of images as codes (b, output_size), like the discriminator.

    Args:
        image_shape: (height, width, colors), both sizes multiples of 4.
        output_size: of a code; twice a code's size for the means and logarithms of
            standard deviations of a `vae`.
        channels: of the map of half the image's size; twice as many in the smaller one.
        hidden: features of the dense layer.
        blocks: number of residual blocks of two dense layers after that layer.
        activation: between layers; the discriminator's by default.

    Raises:
        InputError: if an argument is invalid, or, when the game is built, if the images
            have another shape.

        >>> import jax
        >>> from jaxgan.networks import infogan_encoder
        >>> network = infogan_encoder((28, 28, 1), 2 * 8, channels=4, hidden=16)
        >>> x = jax.numpy.ones((2, 28, 28, 1))
        >>> network.apply(network.init(jax.random.key(0), x), x)[0].shape
        (2, 16)
    """
    shape = _check("infogan_encoder", image_shape, channels, hidden)
    check_positive_int("infogan_encoder: output_size", output_size)
    check_count_or_0("infogan_encoder: blocks", blocks)
    check_function("infogan_encoder: activation", activation, "jax.nn.silu")
    return from_linen(
        _Encoder(shape, output_size, channels, hidden, blocks, activation)
    )


class _Generator(nn.Module):
    image_shape: tuple[int, int, int]
    channels: int
    hidden: int
    classes: int | None
    batch_norm: bool
    blocks: int
    activation: Callable[[Array], Array]
    output_activation: Callable[[Array], Array]

    @nn.compact
    def __call__(
        self,
        latent: Float[Array, "b d"],
        label: Int[Array, " b"] | None = None,
        train: bool = True,
    ) -> Float[Array, "b h w c"]:
        check_label("infogan_generator", label, self.classes)

        def activate(x: Array) -> Array:
            if self.batch_norm:
                x = normalize(x, train, self.classes, label)
            return self.activation(x)

        height, width, colors = self.image_shape
        smallest = (height // 4, width // 4, 2 * self.channels)
        x = nn.Dense(self.hidden, kernel_init=HE)(latent)
        x = activate(_add_blocks(x, self.blocks, self.activation))
        x = nn.Dense(smallest[0] * smallest[1] * smallest[2], kernel_init=HE)(x)
        x = activate(x.reshape(-1, *smallest))
        x = activate(Up(self.channels)(x))
        x = Up(colors, kernel_init=he_transposed(gain=0.5))(x)
        return self.output_activation(x)


class _Discriminator(nn.Module):
    image_shape: tuple[int, int, int]
    channels: int
    hidden: int

    @nn.compact
    def __call__(self, image: Float[Array, "b h w c"]) -> Score:
        check_images("infogan_discriminator", image, self.image_shape)
        maps, x = _layers(image, self.channels, self.hidden, leaky_relu)
        x = leaky_relu(x)
        return Score(nn.Dense(1)(x)[:, 0], features=(maps, x))


class _Encoder(nn.Module):
    image_shape: tuple[int, int, int]
    output_size: int
    channels: int
    hidden: int
    blocks: int
    activation: Callable[[Array], Array]

    @nn.compact
    def __call__(self, image: Float[Array, "b h w c"]) -> Float[Array, "b d"]:
        check_images("infogan_encoder", image, self.image_shape)
        _, x = _layers(image, self.channels, self.hidden, self.activation)
        x = _add_blocks(x, self.blocks, self.activation)
        return nn.Dense(self.output_size)(self.activation(x))


def _layers(
    image: Float[Array, "b h w c"],
    channels: int,
    hidden: int,
    activation: Callable[[Array], Array],
) -> tuple[Float[Array, "b _ _ k"], Float[Array, "b n"]]:
    """Compute the last maps, and the dense layer without its activation."""
    x = activation(Down(channels)(image))
    maps = activation(Down(2 * channels)(x))
    return maps, nn.Dense(hidden, kernel_init=HE)(maps.reshape(len(x), -1))


def _add_blocks(
    x: Float[Array, "b n"], blocks: int, activation: Callable[[Array], Array]
) -> Float[Array, "b n"]:
    """Add residual blocks, each 0 at the start, to features without activation."""
    for _ in range(blocks):
        y = nn.Dense(x.shape[1], kernel_init=HE)(activation(x))
        y = nn.Dense(x.shape[1], kernel_init=nn.initializers.zeros)(activation(y))
        x = x + y
    return x


def _check(
    name: str, image_shape: Sequence[int], channels: int, hidden: int
) -> tuple[int, int, int]:
    check_positive_ints(f"{name}: image_shape", image_shape)
    check_positive_int(f"{name}: channels", channels)
    check_positive_int(f"{name}: hidden", hidden)
    if len(image_shape) != 3 or image_shape[0] % 4 or image_shape[1] % 4:
        raise InputError(
            f"{name}: image_shape must be (height, width, colors) with sizes that are "
            f"multiples of 4, got {tuple(image_shape)}."
        )
    height, width, colors = image_shape
    return height, width, colors
