"""R3GAN: a residual generator and discriminator without normalization.

The networks of the paper (Huang et al. 2024, "The GAN is dead; long live the GAN! A
modern baseline GAN", arXiv:2501.05441, section 4), made for the relativistic loss with
R1 and R2:

1. residual blocks x + f(x), f a bottleneck: a convolution of 1×1, of 3×3, of 1×1, with
   a bias and leaky ReLU (slope 0.2) between them, and no bias elsewhere;
2. no normalization. The last convolution of a block is initialized to zero, as in
   Fixup (Zhang et al. 2019, arXiv:1901.09321), so that blocks are identities. The other
   two have weights of variance g² L^(-1/2) / fan_in, with g² = 2 / (1 + 0.2²) and L
   blocks in the network. All others have variance 1 / fan_in, and the generator's
   basis 1;
3. bilinear resampling, with a 1×1 convolution where the number of channels changes;
4. the generator begins with a learned basis of 4×4 maps, each times a linear map of the
   latent. The discriminator ends with a learned basis, a weight for each pixel of each
   channel of the 4×4 map, and a linear head.

It differs from the paper's code in three ways. Its 3×3 convolution is dense, in half as
many channels as the block has; the paper's is grouped, 16 channels a group, in twice as
many. On a CPU the gradients of a grouped convolution took XLA 80 times as long as those
of a dense one with as many products (128 and 45 channels of 16×16 pixels). Channels
double as the maps halve, up to 4·`channels`; the paper's are constant up to 32 pixels.
Resampling is bilinear at the centers of pixels, down a mean over 2×2 of them; the
code filters by [1, 2, 1] both ways.

The 3×3 convolutions are those of `networks.ops.convolution`. Frame images of other
sizes: MNIST's 28 pixels become 32 by `jaxgan.data.pad_to`.
"""

import math
from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from jaxgan.errors import check_positive_int
from jaxgan.networks.image_shape import check_images, count_halvings
from jaxgan.networks.linen import from_linen
from jaxgan.networks.ops.convolution import convolve
from jaxgan.precision import promote_types
from jaxgan.types import Network, Score

BASE = 4  # pixels of the smallest map
SLOPE = 0.2  # of the leaky ReLU
GAIN = math.sqrt(2 / (1 + SLOPE**2))  # keeps the variance under the leaky ReLU


def r3gan_generator(
    image_shape: Sequence[int], channels: int = 64, *, blocks: int = 2
) -> Network:
    """Make a residual generator of images (b, size, size, colors) from latents (b, d).

    There is no tanh, as in the paper: images learn to lie in [-1, 1].

    Args:
        image_shape: (size, size, colors), size a power of two from 8 to 128.
        channels: of the largest feature map; at most 4 times as many in smaller ones.
        blocks: residual blocks on each size of map.

    Raises:
        InputError: if an argument is invalid.

    Reference: Huang et al. 2024, arXiv:2501.05441.

        >>> import jax
        >>> from jaxgan.networks import r3gan_generator
        >>> network = r3gan_generator((8, 8, 1), channels=8)
        >>> z = jax.numpy.ones((2, 16))
        >>> image, _ = network.apply(network.init(jax.random.key(0), z), z)
        >>> image.shape
        (2, 8, 8, 1)
    """
    widths = _check("r3gan_generator", image_shape, channels, blocks)
    return from_linen(_Generator(widths, blocks, image_shape[-1]))


def r3gan_discriminator(
    image_shape: Sequence[int], channels: int = 64, *, blocks: int = 2
) -> Network:
    """Make a residual discriminator with logits (b,), for any gradient penalty.

    Its feature is the vector (b, width) that the linear head reads: the last map,
    weighted by the basis.

    Args:
        image_shape: (size, size, colors), size a power of two from 8 to 128.
        channels: of the largest feature map; at most 4 times as many in smaller ones.
        blocks: residual blocks on each size of map.

    Raises:
        InputError: if an argument is invalid, or, when the game is built, if the images
            have another shape.

    Reference: Huang et al. 2024, arXiv:2501.05441.

        >>> import jax
        >>> from jaxgan.networks import r3gan_discriminator
        >>> network = r3gan_discriminator((8, 8, 1), channels=8)
        >>> x = jax.numpy.ones((2, 8, 8, 1))
        >>> score, _ = network.apply(network.init(jax.random.key(0), x), x)
        >>> score.logits.shape, score.features[-1].shape
        ((2,), (2, 16))
    """
    widths = _check("r3gan_discriminator", image_shape, channels, blocks)
    return from_linen(_Discriminator(widths, blocks, tuple(image_shape)))


class _Generator(nn.Module):
    widths: tuple[int, ...]
    blocks: int
    colors: int

    @nn.compact
    def __call__(self, latent: Float[Array, "b d"]) -> Float[Array, "b h w c"]:
        *larger, width = self.widths
        shape = (BASE, BASE, width)
        basis = self.param("basis", nn.initializers.normal(1.0), shape)
        x = _Linear(width)(latent)[:, None, None] * basis[None]
        x = self._residuals(x)
        for width in reversed(larger):
            x = _double(_change(x, width))
            x = self._residuals(x)
        return _Linear(self.colors)(x)

    def _residuals(self, x: Array) -> Array:
        return _residuals(x, self.blocks, self.blocks * len(self.widths))


class _Discriminator(nn.Module):
    widths: tuple[int, ...]
    blocks: int
    image_shape: tuple[int, ...]

    @nn.compact
    def __call__(self, image: Float[Array, "b h w c"]) -> Score:
        check_images("r3gan_discriminator", image, self.image_shape)
        total = self.blocks * len(self.widths)
        x = _Linear(self.widths[0])(image)
        for level, width in enumerate(self.widths):
            x = x if level == 0 else _change(_halve(x), width)
            x = _residuals(x, self.blocks, total)
        # As many weights as pixels are summed over.
        init = nn.initializers.normal(1 / BASE)
        basis = self.param("basis", init, (BASE, BASE, x.shape[-1]))
        features = jnp.sum(x * basis[None], axis=(1, 2))
        return Score(_Linear(1)(features)[:, 0], features=(features,))


class _Residual(nn.Module):
    """A block x + f(x), with f = 0 at initialization."""

    gain: float

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        width = max(x.shape[-1] // 2, 1)
        init = _scaled(self.gain)
        y = _biased_leaky_relu(self, "bias_1", _Linear(width, init)(x))
        kernel = self.param("kernel", init, (3, 3, width, width))
        y = _biased_leaky_relu(self, "bias_2", convolve(y, kernel))
        return x + _Linear(x.shape[-1], nn.initializers.zeros)(y)


def _residuals(x: Array, count: int, total: int) -> Array:
    """Apply blocks of a network of `total` blocks, whose depth scales their weights.

    Two of a block's three matrices are scaled, each by the fourth root.
    """
    for _ in range(count):
        x = _Residual(GAIN * total**-0.25)(x)
    return x


def _scaled(gain: float) -> nn.initializers.Initializer:
    return nn.initializers.variance_scaling(gain**2, "fan_in", "normal")


class _Linear(nn.Module):
    """A 1×1 convolution: a matrix product along the channels."""

    width: int
    kernel_init: nn.initializers.Initializer = _scaled(1.0)

    @nn.compact
    def __call__(self, x: Float[Array, "... i"]) -> Float[Array, "... o"]:
        kernel = self.param("kernel", self.kernel_init, (x.shape[-1], self.width))
        dtype = promote_types(x.dtype, kernel.dtype)
        return x.astype(dtype) @ kernel.astype(dtype)


def _change(x: Array, width: int) -> Array:
    """Change the number of channels, if it differs."""
    return x if x.shape[-1] == width else _Linear(width)(x)


def _biased_leaky_relu(module: nn.Module, name: str, x: Array) -> Array:
    bias = module.param(name, nn.initializers.zeros, (x.shape[-1],))
    return jax.nn.leaky_relu(x + bias.reshape(1, 1, 1, -1), SLOPE)


def _halve(x: Float[Array, "b h w c"]) -> Float[Array, "b h/2 w/2 c"]:
    """Average over 2×2 pixels: bilinear interpolation in their middle."""
    b, h, w, c = x.shape
    return x.reshape(b, h // 2, 2, w // 2, 2, c).mean(axis=(2, 4))


def _double(x: Float[Array, "b h w c"]) -> Float[Array, "b 2*h 2*w c"]:
    """Interpolate bilinearly; pixels at the edge continue beyond it."""
    return _double_axis(_double_axis(x, 1), 2)


def _double_axis(x: Array, axis: int) -> Array:
    n = x.shape[axis]
    first, last = (lax.slice_in_dim(x, k, k + 1, axis=axis) for k in (0, n - 1))
    before = jnp.concatenate([first, lax.slice_in_dim(x, 0, n - 1, axis=axis)], axis)
    after = jnp.concatenate([lax.slice_in_dim(x, 1, n, axis=axis), last], axis)
    pairs = jnp.stack([3 * x + before, 3 * x + after], axis + 1) / 4
    return lax.collapse(pairs, axis, axis + 2)


def _check(
    name: str, image_shape: Sequence[int], channels: int, blocks: int
) -> tuple[int, ...]:
    """Check the arguments; returns the maps' channels, from the largest to 4×4."""
    check_positive_int(f"{name}: channels", channels)
    check_positive_int(f"{name}: blocks", blocks)
    levels = count_halvings(name, image_shape, BASE)
    return tuple(channels * 2 ** min(level, 2) for level in range(levels + 1))
