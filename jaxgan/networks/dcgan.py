"""DCGAN: a generator and a discriminator of strided convolutions.

The five guidelines of the paper (Radford et al. 2015, arXiv:1511.06434, section 3):

1. strided convolutions down, fractionally strided ones up, no pooling;
2. BatchNorm in both networks, except at the generator's output and the
   discriminator's input;
3. no fully connected hidden layers;
4. ReLU in the generator, tanh at its output;
5. leaky ReLU (slope 0.2) in the discriminator.

Every convolution is 4×4 with stride 2. As the feature maps halve in size, their number
of channels doubles, from `channels` next to the image to the smallest map of
`base`×`base`. Weights are initialized from N(0, 0.02²). The convolutions are those of
`networks.ops.convolution`.

BatchNorm is Flax's: its running variance is the biased one of the batch, PyTorch's is
not; its momentum of 0.9 is what PyTorch calls 0.1.
"""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgan.errors import check_flag, check_positive_int
from jaxgan.networks.conditional_batch_norm import check_label, normalize
from jaxgan.networks.image_shape import check_images, count_halvings
from jaxgan.networks.linen import from_linen
from jaxgan.networks.strided import Down, Up
from jaxgan.types import Network, Score

WEIGHTS = nn.initializers.normal(0.02)


def dcgan_generator(
    image_shape: Sequence[int],
    channels: int = 64,
    *,
    base: int = 4,
    classes: int | None = None,
) -> Network:
    """Make a generator of images (b, size, size, colors) from latents (b, d).

    The images are in [-1, 1].

    Args:
        image_shape: (size, size, colors), size a power of two from 8 to 128.
        channels: of the largest feature map.
        base: size of the smallest map, a power of two below the image's; the paper's is
            4.
        classes: number of classes. If given, the network takes integer labels (b,) too,
            and BatchNorm has a scale and a bias for each class, as
            `ConditionalBatchNorm` has.

    Raises:
        InputError: if an argument is invalid, or, when the game is built, if the
            network takes labels and gets none, or gets some and takes none.

        >>> import jax
        >>> from jaxgan.networks import dcgan_generator
        >>> network = dcgan_generator((8, 8, 1), channels=8)
        >>> z = jax.numpy.ones((2, 16))
        >>> image, _ = network.apply(network.init(jax.random.key(0), z), z)
        >>> image.shape
        (2, 8, 8, 1)
    """
    check_positive_int("dcgan: channels", channels)
    if classes is not None:
        check_positive_int("dcgan: classes", classes)
    levels = count_halvings("dcgan", image_shape, base)
    module = _Generator(levels, channels, base, image_shape[-1], classes)
    return from_linen(module)


def dcgan_discriminator(
    image_shape: Sequence[int],
    channels: int = 64,
    *,
    base: int = 4,
    batch_norm: bool = True,
) -> Network:
    """Make a discriminator with logits (b,) and the last feature map as features.

    Args:
        image_shape: (size, size, colors), size a power of two from 8 to 128.
        channels: of the largest feature map.
        base: size of the smallest map, a power of two below the image's; the paper's is
            4.
        batch_norm: set it to False under a gradient penalty, which needs the gradient
            at each image independent of the others.

    Raises:
        InputError: if an argument is invalid, or, when the game is built, if the images
            have another shape.

        >>> import jax
        >>> from jaxgan.networks import dcgan_discriminator
        >>> network = dcgan_discriminator((8, 8, 1), channels=8)
        >>> x = jax.numpy.ones((2, 8, 8, 1))
        >>> score, _ = network.apply(network.init(jax.random.key(0), x), x)
        >>> score.logits.shape
        (2,)
    """
    check_positive_int("dcgan: channels", channels)
    check_flag("dcgan: batch_norm", batch_norm)
    levels = count_halvings("dcgan", image_shape, base)
    module = _Discriminator(levels, channels, tuple(image_shape), batch_norm)
    return from_linen(module)


class _Generator(nn.Module):
    levels: int
    channels: int
    base: int
    colors: int
    classes: int | None

    @nn.compact
    def __call__(
        self,
        latent: Float[Array, "b d"],
        label: Int[Array, " b"] | None = None,
        train: bool = True,
    ) -> Float[Array, "b h w c"]:
        check_label("dcgan_generator", label, self.classes)
        width = self.channels * 2 ** (self.levels - 1)
        x = nn.Dense(self.base**2 * width, use_bias=False, kernel_init=WEIGHTS)(latent)
        x = x.reshape(-1, self.base, self.base, width)
        for level in reversed(range(1, self.levels)):
            x = jax.nn.relu(self._normalize(x, train, label))
            x = _Up(self.channels * 2 ** (level - 1), use_bias=False)(x)
        x = jax.nn.relu(self._normalize(x, train, label))
        return jnp.tanh(_Up(self.colors)(x))

    def _normalize(self, x: Array, train: bool, label: Array | None) -> Array:
        return normalize(x, train, self.classes, label, scale_init=_scales)


class _Discriminator(nn.Module):
    levels: int
    channels: int
    image_shape: tuple[int, ...]
    batch_norm: bool

    @nn.compact
    def __call__(self, image: Float[Array, "b h w c"], train: bool = True) -> Score:
        check_images("dcgan_discriminator", image, self.image_shape)
        x = image
        for level in range(self.levels):
            normalized = self.batch_norm and level > 0
            x = _Down(self.channels * 2**level, use_bias=not normalized)(x)
            x = normalize(x, train, scale_init=_scales) if normalized else x
            x = jax.nn.leaky_relu(x, 0.2)
        logits = nn.Dense(1, kernel_init=WEIGHTS)(x.reshape(x.shape[0], -1))
        return Score(logits[:, 0], features=(x,))


class _Down(Down):
    kernel_init: nn.initializers.Initializer = WEIGHTS


class _Up(Up):
    kernel_init: nn.initializers.Initializer = WEIGHTS


def _scales(*args: Any) -> Array:
    return 1 + WEIGHTS(*args)
