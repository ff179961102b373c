"""Layers that halve maps or double them: 4×4 convolutions with stride 2."""

import flax.linen as nn
from jaxtyping import Array, Float

from jaxgan.networks.ops.convolution import convolve, convolve_transposed

HE = nn.initializers.variance_scaling(2.0, "fan_in", "normal")
"""Variance 2 / fan_in (He et al. 2015, arXiv:1502.01852), for layers before a ReLU."""


def he_transposed(gain: float = 1.0) -> nn.initializers.Initializer:
    """Make the same for `Up`, of whose 16 taps 4 meet at a pixel, times `gain`."""
    return nn.initializers.variance_scaling(8.0 * gain**2, "fan_out", "normal")


class Down(nn.Module):
    """Halve maps by a convolution."""

    features: int
    use_bias: bool = True
    kernel_init: nn.initializers.Initializer = HE

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h/2 w/2 f"]:
        """Return maps of half the size."""
        shape = (4, 4, x.shape[-1], self.features)
        x = convolve(x, self.param("kernel", self.kernel_init, shape), stride=2)
        return _add_bias(self, x) if self.use_bias else x


class Up(nn.Module):
    """Double maps by a transposed convolution.

    The layout of its kernel is that of the convolution of which it is the transpose.
    """

    features: int
    use_bias: bool = True
    kernel_init: nn.initializers.Initializer = he_transposed()

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b 2*h 2*w f"]:
        """Return maps of twice the size."""
        shape = (4, 4, self.features, x.shape[-1])
        kernel = self.param("kernel", self.kernel_init, shape)
        x = convolve_transposed(x, kernel, stride=2)
        return _add_bias(self, x) if self.use_bias else x


def _add_bias(module: nn.Module, x: Array) -> Array:
    bias = module.param("bias", nn.initializers.zeros, (x.shape[-1],))
    return x + bias.reshape(1, 1, 1, -1)
