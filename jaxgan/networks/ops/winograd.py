"""Winograd convolutions, for kernels twice as long as their stride.

Such a kernel (4×4 with stride 2 in most GANs) divides its image into cells of
stride×stride pixels and has two taps along each axis: y[i] = d[i] g₀ + d[i+1] g₁, where
each cell d is a vector. Two neighbors y₀, y₁ need four products, or only three
(Winograd 1980; for networks Lavin and Gray 2015, arXiv:1509.09308):

    m₀ = (d₀ - d₁) g₀    m₁ = d₁ (g₀ + g₁)    m₂ = (d₂ - d₁) g₁
    y₀ = m₀ + m₁         y₁ = m₁ + m₂

In two dimensions nine products replace sixteen. They are matrix products, which the CPU
runs at its full rate; the rest is additions. The loss of accuracy in sums of two is
negligible.

Thus a linear map is applied to each operand (`_transform_image`, `_transform_kernel`)
and one to the products (`_combine_products`). The adjoints of the convolution are the
same nine products between the transposes of these maps.
"""

from collections.abc import Sequence

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from jaxgan.networks.ops.transpose import transpose
from jaxgan.networks.ops.window import Window, output_size

Matrices = list[Array]  # nine


# Minimum channels of both images above which this is faster on the CPU than `jax.lax`,
# whose transposed convolution is slow.
MIN_CHANNELS = {"convolve": 64, "convolve_transposed": 8, "correlate": 64}


def suits(name: str, window: Window, channels: Sequence[int], dtype: jnp.dtype) -> bool:
    """Check if Winograd applies to the operands of an operator and is faster.

    With few channels the sums cost more time than the products saved. In 16 bits the
    sums would be rounded.
    """
    return (
        all(axis.kernel == 2 * axis.stride for axis in window)
        and all(axis.output % 2 == 0 for axis in window)
        and min(channels) >= MIN_CHANNELS[name]
        and jnp.finfo(dtype).bits >= 32
    )


def convolve(x: Array, w: Array, window: Window) -> Array:
    """Convolve: (b, h, w, i), (kh, kw, i, o) -> (b, h_, w_, o)."""
    products = [
        d @ g
        for d, g in zip(_transform_image(x, window), _transform_kernel(w), strict=True)
    ]
    return _combine_products(products, window)


def convolve_transposed(y: Array, w: Array, window: Window) -> Array:
    """Apply the image adjoint: (b, h_, w_, o), (kh, kw, i, o) -> (b, h, w, i)."""
    products = [
        m @ g.T
        for m, g in zip(_transpose_combine(y), _transform_kernel(w), strict=True)
    ]
    return _transpose_image_transform(products, window)


def correlate(x: Array, y: Array, window: Window) -> Array:
    """Apply the kernel adjoint: (b, h, w, i), (b, h_, w_, o) -> (kh, kw, i, o)."""
    pairs = zip(_transform_image(x, window), _transpose_combine(y), strict=True)
    shape = (*(a.kernel for a in window), x.shape[3], y.shape[3])
    back = transpose(_transform_kernel, shape, like=x)
    return back([d.T @ m for d, m in pairs])


def _transform_image(x: Array, window: Window) -> Matrices:
    """Transform images to the left factors, (b·places, stride·stride·i)."""
    rows, columns = window
    b, *_, i = x.shape
    t, u = (a.output // 2 for a in window)
    pairs = [(a, 2 * a.stride * (a.output // 2 + 1)) for a in window]
    pads = [(a.low, length - a.image - a.low, 0) for a, length in pairs]
    zero = jnp.zeros((), x.dtype)
    x = lax.pad(x, zero, [(0, 0, 0), *pads, (0, 0, 0)])
    x = x.reshape(b, t + 1, 2, rows.stride, u + 1, 2, columns.stride * i)
    return [
        cell.swapaxes(2, 3).reshape(b * t * u, -1)
        for row in _differences(x, 1)
        for cell in _differences(row, 3)
    ]


def _differences(x: Array, axis: int) -> tuple[Array, Array, Array]:
    """Compute d₀ - d₁, d₁, d₂ - d₁ from pairs (d₀, d₁); d₂ begins the next pair."""
    even, odd = (lax.index_in_dim(x, k, axis + 1, keepdims=False) for k in (0, 1))
    n = even.shape[axis]
    d1 = lax.slice_in_dim(odd, 0, n - 1, axis=axis)
    d0 = lax.slice_in_dim(even, 0, n - 1, axis=axis)
    return d0 - d1, d1, lax.slice_in_dim(even, 1, n, axis=axis) - d1


def _transform_kernel(w: Array) -> Matrices:
    """Transform kernels to the right factors, (stride·stride·i, o)."""
    h, v, i, o = w.shape
    w = w.reshape(2, h // 2, 2, v // 2, i, o)
    return [tap.reshape(-1, o) for row in _sums(w, 0) for tap in _sums(row, 1)]


def _sums(g: Array, axis: int) -> tuple[Array, Array, Array]:
    """Compute g₀, g₀ + g₁, g₁."""
    g0, g1 = (lax.index_in_dim(g, k, axis, keepdims=False) for k in (0, 1))
    return g0, g0 + g1, g1


def _combine_products(products: Matrices, window: Window) -> Array:
    """Combine the nine products to images, (b, 2t, 2u, o)."""
    t, u = (n // 2 for n in output_size(window))
    m = [product.reshape(-1, t, u, product.shape[-1]) for product in products]
    y = _stack_sums([_stack_sums(m[3 * k : 3 * k + 3], 3) for k in range(3)], 2)
    return y.reshape(-1, 2 * t, 2 * u, y.shape[-1])


def _stack_sums(m: Sequence[Array], axis: int) -> Array:
    """Stack y₀ = m₀ + m₁ and y₁ = m₁ + m₂."""
    return jnp.stack([m[0] + m[1], m[1] + m[2]], axis)


def _transpose_combine(y: Array) -> Matrices:
    """Apply the transpose of `_combine_products`, which takes `_sums` of y₀ and y₁."""
    b, h, w, o = y.shape
    y = y.reshape(b, h // 2, 2, w // 2, 2, o)
    return [m.reshape(-1, o) for row in _sums(y, 2) for m in _sums(row, 3)]


def _transpose_image_transform(products: Matrices, window: Window) -> Array:
    """Apply the transpose of `_transform_image`; JAX's own is slower."""
    rows, columns = window
    t, u = (n // 2 for n in output_size(window))
    shape = (-1, t, u, rows.stride, products[0].shape[1] // rows.stride)
    d = [product.reshape(shape) for product in products]
    x = _transpose_differences(
        [_transpose_differences(d[3 * k : 3 * k + 3], 2) for k in range(3)], 1
    )
    # (b, t + 1, 2, u + 1, 2, stride, stride·i), and the strides to their cells.
    x = x.transpose(0, 1, 2, 5, 3, 4, 6)
    x = x.reshape(
        x.shape[0],
        2 * (t + 1) * rows.stride,
        2 * (u + 1) * columns.stride,
        x.shape[-1] // columns.stride,
    )
    return x[
        :,
        rows.low : rows.low + rows.image,
        columns.low : columns.low + columns.image,
    ]


def _transpose_differences(p: Sequence[Array], axis: int) -> Array:
    """Apply the transpose of `_differences`; the result has one more pair than p."""
    p0, p1, p2 = p
    even = _pad(p0, axis, 0, 1) + _pad(p2, axis, 1, 0)
    return jnp.stack([even, _pad(p1 - p0 - p2, axis, 0, 1)], axis + 1)


def _pad(x: Array, axis: int, low: int, high: int) -> Array:
    pads = [(low, high, 0) if k == axis else (0, 0, 0) for k in range(x.ndim)]
    return lax.pad(x, jnp.zeros((), x.dtype), pads)
