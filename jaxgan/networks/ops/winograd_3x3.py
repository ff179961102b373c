"""Winograd convolutions of 3×3 kernels with stride 1: F(2×2, 3×3).

Along an axis, two neighboring outputs y₀, y₁ of the taps g₀, g₁, g₂ read four pixels
d₀ … d₃ and need six products, or only four (Lavin and Gray 2015, arXiv:1509.09308):

    m₀ = (d₀ - d₂) g₀                  m₁ = (d₁ + d₂) (g₀ + g₁ + g₂) / 2
    m₂ = (d₂ - d₁) (g₀ - g₁ + g₂) / 2  m₃ = (d₁ - d₃) g₂
    y₀ = m₀ + m₁ + m₂                  y₁ = m₁ - m₂ - m₃

In two dimensions 16 products replace 36; the image adjoint and the kernel adjoint have
16, too. They are matrix products, as in `networks.ops.winograd`. On two CPU cores a
step of R3GAN's networks took about 0.7 of the time that it took before, and twice as
long to compile (`experiments/benchmarks/step_speed.py`).
"""

from collections.abc import Sequence

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from jaxgan.networks.ops.transpose import transpose
from jaxgan.networks.ops.window import Axis, Window, output_size

Matrices = list[Array]

# With 16 channels, or with 4 pixels, other forms were faster on the CPU in two of the
# three operators; with these and more, none was.
MIN_CHANNELS = 32
MIN_PIXELS = 8


def suits(window: Window, channels: Sequence[int], dtype: jnp.dtype) -> bool:
    """Check if this applies to the operands of an operator and is faster.

    In 16 bits the sums would be rounded.
    """
    return (
        all(axis.kernel == 3 and axis.stride == 1 for axis in window)
        and all(_fits(axis.output) and _fits(axis.image) for axis in window)
        and min(channels) >= MIN_CHANNELS
        and jnp.finfo(dtype).bits >= 32
    )


def _fits(pixels: int) -> bool:
    return pixels % 2 == 0 and pixels >= MIN_PIXELS


def convolve(x: Array, w: Array, window: Window) -> Array:
    """Convolve: (b, h, w, i), (3, 3, i, o) -> (b, h_, w_, o)."""
    pairs = zip(_transform_image(x, window), _transform_kernel(w), strict=True)
    return _combine_products([d @ g for d, g in pairs], output_size(window))


def convolve_transposed(y: Array, w: Array, window: Window) -> Array:
    """Apply the image adjoint: (b, h_, w_, o), (3, 3, i, o) -> (b, h, w, i).

    It is the convolution with the reversed kernel.
    """
    back = tuple(Axis(a.output, 3, 1, 2 - a.low, 2 - a.high) for a in window)
    return convolve(y, w[::-1, ::-1].swapaxes(2, 3), back)


def correlate(x: Array, y: Array, window: Window) -> Array:
    """Apply the kernel adjoint: (b, h, w, i), (b, h_, w_, o) -> (3, 3, i, o)."""
    pairs = zip(_transform_image(x, window), _transpose_combine(y), strict=True)
    back = transpose(_transform_kernel, (3, 3, x.shape[3], y.shape[3]), like=x)
    return back([d.T @ m for d, m in pairs])


def _transform_image(x: Array, window: Window) -> Matrices:
    """Transform images to the left factors, (b·places, i)."""
    pads = [(0, 0, 0), *((a.low, a.high, 0) for a in window), (0, 0, 0)]
    x = lax.pad(x, jnp.zeros((), x.dtype), pads)
    b, h, w, i = x.shape
    x = x.reshape(b, h // 2, 2, w // 2, 2, i)
    return [
        d.reshape(-1, i) for row in _differences(x, 1) for d in _differences(row, 2)
    ]


def _differences(x: Array, axis: int) -> Matrices:
    """Compute d₀ - d₂, d₁ + d₂, d₂ - d₁, d₁ - d₃ from pairs; d₂, d₃ are the next."""
    even, odd = (lax.index_in_dim(x, k, axis + 1, keepdims=False) for k in (0, 1))
    n = even.shape[axis]
    d0, d1 = (lax.slice_in_dim(d, 0, n - 1, axis=axis) for d in (even, odd))
    d2, d3 = (lax.slice_in_dim(d, 1, n, axis=axis) for d in (even, odd))
    return [d0 - d2, d1 + d2, d2 - d1, d1 - d3]


def _transform_kernel(w: Array) -> Matrices:
    """Transform kernels to the right factors, (i, o)."""
    return [g for row in _means(w) for g in _means(row)]


def _means(g: Array) -> Matrices:
    """Compute g₀, (g₀ + g₁ + g₂) / 2, (g₀ - g₁ + g₂) / 2, g₂."""
    outer = g[0] + g[2]
    return [g[0], (outer + g[1]) / 2, (outer - g[1]) / 2, g[2]]


def _combine_products(products: Matrices, size: Sequence[int]) -> Array:
    """Combine the products to images, (b, 2t, 2u, o)."""
    t, u = (n // 2 for n in size)
    m = [product.reshape(-1, t, u, product.shape[-1]) for product in products]
    y = _stack_sums([_stack_sums(m[4 * k : 4 * k + 4], 3) for k in range(4)], 2)
    return y.reshape(-1, 2 * t, 2 * u, y.shape[-1])


def _stack_sums(m: Sequence[Array], axis: int) -> Array:
    """Stack y₀ = m₀ + m₁ + m₂ and y₁ = m₁ - m₂ - m₃."""
    return jnp.stack([m[0] + m[1] + m[2], m[1] - m[2] - m[3]], axis)


def _transpose_combine(y: Array) -> Matrices:
    """Apply the transpose of `_combine_products`."""
    b, h, w, o = y.shape
    y = y.reshape(b, h // 2, 2, w // 2, 2, o)
    return [m.reshape(-1, o) for row in _sums(y, 2) for m in _sums(row, 3)]


def _sums(y: Array, axis: int) -> Matrices:
    """Compute y₀, y₀ + y₁, y₀ - y₁, -y₁."""
    y0, y1 = (lax.index_in_dim(y, k, axis, keepdims=False) for k in (0, 1))
    return [y0, y0 + y1, y0 - y1, -y1]
