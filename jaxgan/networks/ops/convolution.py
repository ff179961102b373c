"""Convolutions closed under differentiation.

A convolution is bilinear in its image x and its kernel w. So are its two adjoints, and
the three have one trilinear form between them:

    ⟨convolve(x, w), y⟩ = ⟨x, convolve_transposed(y, w)⟩ = ⟨w, correlate(x, y)⟩

Hence every derivative of one of the three, of any order, is another of the three. This
includes the gradients of a generator, whose layers are transposed convolutions, and the
double backward pass of a gradient penalty. It makes GANs fast on the CPU, where JAX's
own derivatives of a transposed convolution run many times slower than these operators.

Each of the three is a primitive: an operator of `jax.lax`, a batching rule for `vmap`,
and the other two as its derivatives. Images are NHWC and kernels HWIO. A transposed
convolution takes the kernel of the convolution that it transposes.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.core import ShapedArray
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jaxtyping import Array, Float

from jaxgan.errors import InputError
from jaxgan.networks.ops import winograd, winograd_3x3
from jaxgan.networks.ops.transpose import transpose
from jaxgan.networks.ops.window import (
    Padding,
    Pair,
    Window,
    default_image,
    make_window,
    output_size,
)
from jaxgan.precision import promote_types

MOST_TAPS = 49
"""Kernels of more taps, with stride 1, are not correlated tap by tap."""


def convolve(
    x: Float[Array, "b h w i"],
    w: Float[Array, "kh kw i o"],
    *,
    stride: int | Pair = 1,
    padding: Padding = "SAME",
) -> Float[Array, "b h_ w_ o"]:
    """Convolve images with a kernel, without reversing it (cross-correlation).

    y[b, i, o] = Σ x[b, s·i + k - p, c] w[k, c, o] over k and c, for pixels i, stride s
    and padding p.

    Args:
        x: images.
        w: kernel.
        stride: of both axes, or of each.
        padding: "SAME" (the output has ⌈h/s⌉ pixels), "VALID" (none), or the numbers of
            pixels to add to the two axes, ((before, after), (before, after)).

    Returns:
        Images, of the wider of the two types.

    Raises:
        InputError: if the shapes do not fit together, or an argument is invalid.

        >>> import jax.numpy as jnp
        >>> x, w = jnp.ones((1, 8, 8, 3)), jnp.ones((4, 4, 3, 5))
        >>> convolve(x, w, stride=2).shape
        (1, 4, 4, 5)
    """
    _check_arrays("convolve", x=x, w=w)
    _check_equal("convolve: w's input channels", w.shape[2], x.shape[3])
    window = make_window("convolve", x.shape[1:3], w.shape[:2], stride, padding)
    return _bind(_convolve, x, w, window)


def convolve_transposed(
    y: Float[Array, "b h w o"],
    w: Float[Array, "kh kw i o"],
    *,
    stride: int | Pair = 1,
    padding: Padding = "SAME",
    size: Pair | None = None,
) -> Float[Array, "b h_ w_ i"]:
    """Apply a transposed convolution: the adjoint of `convolve` with the same kernel.

    ⟨convolve_transposed(y, w), x⟩ = ⟨y, convolve(x, w)⟩ for all images x.

    Args:
        y: images, like the outputs of the convolution.
        w: kernel of the convolution: its last axis has y's channels.
        stride: of the convolution.
        padding: of the convolution.
        size: (height, width) of the output, if the convolution maps several sizes to
            y's; by default s·h under "SAME", otherwise the smallest.

    Returns:
        Images, of the wider of the two types.

    Raises:
        InputError: if the shapes do not fit together, or an argument is invalid.

        >>> import jax.numpy as jnp
        >>> y, w = jnp.ones((1, 4, 4, 5)), jnp.ones((4, 4, 3, 5))
        >>> convolve_transposed(y, w, stride=2).shape
        (1, 8, 8, 3)
    """
    name = "convolve_transposed"
    _check_arrays(name, y=y, w=w)
    _check_equal(f"{name}: w's output channels", w.shape[3], y.shape[3])
    image = size or default_image(name, y.shape[1:3], w.shape[:2], stride, padding)
    window = make_window(name, image, w.shape[:2], stride, padding)
    _check_equal(
        f"{name}: y's pixels, for size={image},", y.shape[1:3], output_size(window)
    )
    return _bind(_transposed, y, w, window)


# --- The operators ------------------------------------------------------------------
#
# On a GPU or TPU they are the native ones; nothing else has been measured there. On the
# CPU these were also the fastest of the forms tried, except for `winograd` and
# `winograd_3x3` where they apply, `_patches` on tiny images and `_correlate_by_taps`
# for stride 1. On larger images, patches and one matrix product are as fast in
# isolation. But they allocate so much memory that page faults in a training step cancel
# the gain.


def _run_convolve(x: Array, w: Array, window: Window, cpu: bool = False) -> Array:
    if cpu and winograd.suits("convolve", window, w.shape[2:], x.dtype):
        return winograd.convolve(x, w, window)
    if cpu and winograd_3x3.suits(window, w.shape[2:], x.dtype):
        return winograd_3x3.convolve(x, w, window)
    if cpu and any(a.image < a.kernel for a in window):
        return jnp.einsum("bhwkli,klio->bhwo", _patches(x, window), w)
    return lax.conv_general_dilated(
        x,
        w,
        [a.stride for a in window],
        [(a.low, a.high) for a in window],
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def _run_transposed(y: Array, w: Array, window: Window, cpu: bool = False) -> Array:
    """Convolve y, dilated by the stride, with the reversed kernel."""
    if cpu and winograd.suits("convolve_transposed", window, w.shape[2:], y.dtype):
        return winograd.convolve_transposed(y, w, window)
    if cpu and winograd_3x3.suits(window, w.shape[2:], y.dtype):
        return winograd_3x3.convolve_transposed(y, w, window)
    if cpu and any(a.output < a.kernel for a in window):
        shape = (y.shape[0], *(a.image for a in window), w.shape[2])
        back = transpose(partial(_patches, window=window), shape, like=y)
        return back(jnp.einsum("bhwo,klio->bhwkli", y, w))
    return lax.conv_general_dilated(
        y,
        w[::-1, ::-1].swapaxes(2, 3),
        (1, 1),
        [
            (a.kernel - 1 - a.low, a.image + a.low - (a.output - 1) * a.stride - 1)
            for a in window
        ],
        lhs_dilation=[a.stride for a in window],
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def _run_correlate(x: Array, y: Array, window: Window, cpu: bool = False) -> Array:
    """Convolve x with y, dilated by the stride, as the kernel.

    The output has the size of w. The batch takes the place of the channels that are
    summed over.
    """
    if cpu and winograd.suits("correlate", window, (x.shape[3], y.shape[3]), x.dtype):
        return winograd.correlate(x, y, window)
    if cpu and winograd_3x3.suits(window, (x.shape[3], y.shape[3]), x.dtype):
        return winograd_3x3.correlate(x, y, window)
    taps = math.prod(a.kernel for a in window)
    if cpu and taps <= MOST_TAPS and all(a.stride == 1 for a in window):
        return _correlate_by_taps(x, y, window)
    return lax.conv_general_dilated(
        x,
        y,
        (1, 1),
        [
            (a.low, a.kernel + (a.output - 1) * a.stride - a.image - a.low)
            for a in window
        ],
        rhs_dilation=[a.stride for a in window],
        dimension_numbers=("CHWN", "IHWO", "HWNC"),
    )


def _correlate_by_taps(x: Array, y: Array, window: Window) -> Array:
    """Multiply y with x under each tap of the kernel, as matrices.

    XLA's own operator took 4 to 12 times as long at 32×32 pixels, and the same time at
    8×8.
    """
    rows = [
        jnp.stack([jnp.einsum("bhwi,bhwo->io", tap, y) for tap in row])
        for row in _taps(x, window)
    ]
    return jnp.stack(rows)


def _patches(x: Array, window: Window) -> Array:
    """Extract the patch under the kernel at each position, (b, h_, w_, kh, kw, i).

    XLA has no fast operator on the CPU for an image smaller than the kernel: patches
    and one matrix product took a tenth of the time or less.
    """
    return jnp.stack([jnp.stack(row, axis=3) for row in _taps(x, window)], axis=3)


def _taps(x: Array, window: Window) -> list[list[Array]]:
    """Take the pixels under each tap of the kernel, (b, h_, w_, i)."""
    down, right = window
    x = jnp.pad(x, ((0, 0), (down.low, down.high), (right.low, right.high), (0, 0)))
    rows, columns = (
        [slice(k, k + (a.output - 1) * a.stride + 1, a.stride) for k in range(a.kernel)]
        for a in window
    )
    return [[x[:, r, c] for c in columns] for r in rows]


# --- The primitives and their derivatives --------------------------------------------


def _primitive(
    name: str,
    run: Callable[..., Array],
    shape: Callable[..., tuple[int, ...]],
    fold: tuple[Pair, Pair],
) -> Primitive:
    """Make a primitive of an operator on two arrays, without its derivatives.

    Args:
        name: in jaxprs and profiles.
        run: the operator; `cpu` says whether it is compiled for a CPU.
        shape: of the output, from the operands' shapes and the window.
        fold: for each operand, an axis into which `vmap` may fold the mapped axis, and
            the axis of the output that then contains it.
    """
    primitive = Primitive(name)

    def abstract(a: ShapedArray, b: ShapedArray, *, window: Window) -> ShapedArray:
        return a.update(shape=shape(a.shape, b.shape, window))

    primitive.def_abstract_eval(abstract)
    primitive.def_impl(jax.jit(primitive.bind, static_argnames="window"))
    lowering = partial(mlir.lower_fun, multiple_results=False)
    mlir.register_lowering(primitive, lowering(run))
    mlir.register_lowering(primitive, lowering(partial(run, cpu=True)), platform="cpu")
    batching.primitive_batchers[primitive] = partial(_batch, primitive, fold)
    return primitive


def _batch(
    primitive: Primitive,
    fold: tuple[Pair, Pair],
    operands: Sequence[Array],
    dims: Sequence[Any],
    *,
    window: Window,
) -> tuple[Array, int]:
    """Apply the batching rule: fold the mapped axis of an operand into another axis.

    If both operands are mapped, it makes one call for each member: a grouped
    convolution took 5 to 20 times as long on the CPU, and is known to be slow to
    differentiate on GPUs.
    """
    operands, call = list(operands), partial(primitive.bind, window=window)
    if None not in dims:
        pairs = zip(*map(jnp.moveaxis, operands, dims, (0, 0)), strict=True)
        return jnp.stack([call(*pair) for pair in pairs]), 0
    i = 0 if dims[1] is None else 1
    axis, found = fold[i]
    x = jnp.moveaxis(operands[i], dims[i], axis)
    operands[i] = lax.collapse(x, axis, axis + 2)
    return _split(call(*operands), found, members=x.shape[axis]), found


def _split(x: Array, axis: int, *, members: int) -> Array:
    rest = x.shape[axis] // members
    return x.reshape(*x.shape[:axis], members, rest, *x.shape[axis + 1 :])


_convolve = _primitive(
    "convolve",
    _run_convolve,
    lambda x, w, window: (x[0], *output_size(window), w[3]),
    fold=((0, 0), (3, 3)),
)
_transposed = _primitive(
    "convolve_transposed",
    _run_transposed,
    lambda y, w, window: (y[0], *(a.image for a in window), w[2]),
    fold=((0, 0), (2, 3)),
)
_correlate = _primitive(
    "correlate",
    _run_correlate,
    lambda x, y, window: (*(a.kernel for a in window), x[3], y[3]),
    fold=((3, 2), (3, 3)),
)

# The cotangent of the output comes first.
ad.defbilinear(
    _convolve,
    lambda y, _, w, window: _transposed.bind(y, w, window=window),
    lambda y, x, _, window: _correlate.bind(x, y, window=window),
)
ad.defbilinear(
    _transposed,
    lambda x, _, w, window: _convolve.bind(x, w, window=window),
    lambda x, y, _, window: _correlate.bind(x, y, window=window),
)
ad.defbilinear(
    _correlate,
    lambda w, _, y, window: _transposed.bind(y, w, window=window),
    lambda w, x, _, window: _convolve.bind(x, w, window=window),
)


def _bind(primitive: Primitive, a: Array, b: Array, window: Window) -> Array:
    dtype = promote_types(a.dtype, b.dtype)
    a, b = jnp.asarray(a, dtype), jnp.asarray(b, dtype)
    # Inside `shard_map` images vary over the devices and kernels do not. A kernel is
    # cast to a varying one, and the transpose of this cast sums its gradients.
    over_a, over_b = (jax.typeof(x).manual_axis_type.varying for x in (a, b))
    a = lax.pcast(a, tuple(over_b - over_a), to="varying")
    b = lax.pcast(b, tuple(over_a - over_b), to="varying")
    return primitive.bind(a, b, window=window)


def _check_arrays(name: str, **arrays: Array) -> None:
    for label, x in arrays.items():
        if x.ndim != 4 or not jnp.issubdtype(x.dtype, jnp.floating):
            raise InputError(
                f"{name}: {label} must be a floating-point array with 4 axes, "
                f"got {x.dtype} of shape {x.shape}."
            )


def _check_equal(what: str, got: object, expected: object) -> None:
    if got != expected:
        raise InputError(f"{what} must be {expected}, got {got}.")
