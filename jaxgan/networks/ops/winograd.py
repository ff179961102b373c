"""Convolutions with fewer products, for a kernel twice as long as its stride.

Such a kernel (4×4 with stride 2 in most GANs) cuts its image into cells of
stride×stride pixels and lays two taps on them: y[i] = d[i] g₀ + d[i+1] g₁, each cell d
a vector. Two neighbors y₀, y₁ take four products, or three (Winograd 1980; for
networks Lavin and Gray 2015, arXiv:1509.09308):

    m₀ = (d₀ - d₁) g₀    m₁ = d₁ (g₀ + g₁)    m₂ = (d₂ - d₁) g₁
    y₀ = m₀ + m₁         y₁ = m₁ + m₂

In two dimensions nine do for sixteen. They are products of matrices, which the CPU
runs at its full rate; all else is additions. Sums of two lose no accuracy to speak of.

So there is a linear map before each operand (`_cells`, `_taps`) and one after the
product (`_outputs`), and the adjoints of the convolution are the same nine products
between the transposes of the maps.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from jaxgan.networks.ops.window import Window, output_size

Matrices = list[Array]  # nine


# Of both images, for this to be faster on the CPU than `jax.lax`. The transposed
# convolution of `jax.lax` is a slow one.
FEWEST_CHANNELS = {"convolve": 64, "convolve_transposed": 8, "correlate": 64}


def suits(name: str, window: Window, channels: Sequence[int], dtype: jnp.dtype) -> bool:
    """Whether the form of this name is there for the operands, and the faster one.

    With few channels the sums cost more than the products that they save, and in 16
    bits they would be rounded.
    """
    return (
        all(axis.kernel == 2 * axis.stride for axis in window)
        and all(axis.output % 2 == 0 for axis in window)
        and min(channels) >= FEWEST_CHANNELS[name]
        and jnp.finfo(dtype).bits >= 32
    )


def convolve(x: Array, w: Array, window: Window) -> Array:
    """The convolution (b, h, w, i), (kh, kw, i, o) -> (b, h_, w_, o)."""
    products = [d @ g for d, g in zip(_cells(x, window), _taps(w), strict=True)]
    return _outputs(products, window)


def convolve_transposed(y: Array, w: Array, window: Window) -> Array:
    """Its adjoint (b, h_, w_, o), (kh, kw, i, o) -> (b, h, w, i)."""
    products = [m @ g.T for m, g in zip(_from_outputs(y), _taps(w), strict=True)]
    return _from_cells(products, window)


def correlate(x: Array, y: Array, window: Window) -> Array:
    """Its other adjoint (b, h, w, i), (b, h_, w_, o) -> (kh, kw, i, o)."""
    pairs = zip(_cells(x, window), _from_outputs(y), strict=True)
    shape = (*(a.kernel for a in window), x.shape[3], y.shape[3])
    kernel = jax.ShapeDtypeStruct(shape, x.dtype)
    return jax.linear_transpose(_taps, kernel)([d.T @ m for d, m in pairs])[0]


def _cells(x: Array, window: Window) -> Matrices:
    """Images to the left factors, (b·places, stride·stride·i)."""
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
    """d₀ - d₁, d₁, d₂ - d₁ from pairs (d₀, d₁), of which d₂ begins the next."""
    even, odd = (lax.index_in_dim(x, k, axis + 1, keepdims=False) for k in (0, 1))
    n = even.shape[axis]
    d1 = lax.slice_in_dim(odd, 0, n - 1, axis=axis)
    d0 = lax.slice_in_dim(even, 0, n - 1, axis=axis)
    return d0 - d1, d1, lax.slice_in_dim(even, 1, n, axis=axis) - d1


def _taps(w: Array) -> Matrices:
    """Kernels to the right factors, (stride·stride·i, o)."""
    h, v, i, o = w.shape
    w = w.reshape(2, h // 2, 2, v // 2, i, o)
    return [tap.reshape(-1, o) for row in _sums(w, 0) for tap in _sums(row, 1)]


def _sums(g: Array, axis: int) -> tuple[Array, Array, Array]:
    """g₀, g₀ + g₁, g₁."""
    g0, g1 = (lax.index_in_dim(g, k, axis, keepdims=False) for k in (0, 1))
    return g0, g0 + g1, g1


def _outputs(products: Matrices, window: Window) -> Array:
    """The nine products to the images, (b, 2t, 2u, o)."""
    t, u = (n // 2 for n in output_size(window))
    m = [product.reshape(-1, t, u, product.shape[-1]) for product in products]
    y = _joined([_joined(m[3 * k : 3 * k + 3], 3) for k in range(3)], 2)
    return y.reshape(-1, 2 * t, 2 * u, y.shape[-1])


def _joined(m: Sequence[Array], axis: int) -> Array:
    """y₀ = m₀ + m₁ and y₁ = m₁ + m₂, side by side."""
    return jnp.stack([m[0] + m[1], m[1] + m[2]], axis)


def _from_outputs(y: Array) -> Matrices:
    """The transpose of `_outputs`. It makes of y₀ and y₁ what `_sums` makes of taps."""
    b, h, w, o = y.shape
    y = y.reshape(b, h // 2, 2, w // 2, 2, o)
    return [m.reshape(-1, o) for row in _sums(y, 2) for m in _sums(row, 3)]


def _from_cells(products: Matrices, window: Window) -> Array:
    """The transpose of `_cells`; JAX's own is slower."""
    rows, columns = window
    t, u = (n // 2 for n in output_size(window))
    shape = (-1, t, u, rows.stride, products[0].shape[1] // rows.stride)
    d = [product.reshape(shape) for product in products]
    x = _from_differences(
        [_from_differences(d[3 * k : 3 * k + 3], 2) for k in range(3)], 1
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


def _from_differences(p: Sequence[Array], axis: int) -> Array:
    """The transpose of `_differences`: pairs of cells, of one pair more than p has."""
    p0, p1, p2 = p
    even = _padded(p0, axis, 0, 1) + _padded(p2, axis, 1, 0)
    return jnp.stack([even, _padded(p1 - p0 - p2, axis, 0, 1)], axis + 1)


def _padded(x: Array, axis: int, low: int, high: int) -> Array:
    pads = [(low, high, 0) if k == axis else (0, 0, 0) for k in range(x.ndim)]
    return lax.pad(x, jnp.zeros((), x.dtype), pads)
