"""How alike two images are, pixel by pixel: PSNR, SSIM and MS-SSIM.

Pairs of images are compared, the i-th real with the i-th fake, so these measure
restoration and translation; for unpaired samples there is `ms_ssim_diversity`.
Pixels run from 0 to `data_range`: uint8 images as they are, or floats in [0, 1] with a
range of 1. Samples in [-1, 1] become uint8 by `extractors.as_uint8`; they are refused
here, since SSIM is not the same after a shift.

Two choices move published numbers by more than 1 dB, so say both beside a score: papers
on super-resolution compare only the `luma`, and cut off a border as wide as the factor
of enlargement. For a factor of four:

    psnr(luma(real)[:, 4:-4, 4:-4], luma(fake)[:, 4:-4, 4:-4])

The default is neither: all channels and pixels count. SSIM is the mean over windows
that lie inside the image, as in its authors' MATLAB code and in TensorFlow;
torchmetrics counts windows beyond the edge too, filled by reflection.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Real
from numpy.typing import NDArray

from jaxgan.errors import InputError, check_positive
from jaxgan.metrics.checks import numbers

CHUNK = 16
"""Pairs compared at once."""

BETAS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""The exponents of MS-SSIM, from the finest scale to the coarsest."""

WINDOW = np.exp(-np.square(np.arange(-5, 6) / 1.5) / 2)
WINDOW /= WINDOW.sum()

LUMA = np.array([[65.481], [128.553], [24.966]])


class Similarity(NamedTuple):
    """How alike n pairs of images are.

    value: the mean over the pairs.
    error: its standard error, for pairs that are independent; NaN for one pair.
    each:  of every pair.
    """

    value: float
    error: float
    each: Float[np.ndarray, " n"]


def luma(
    images: Real[np.ndarray | Array, "n h w 3"], data_range: float = 255.0
) -> Float[np.ndarray, "n h w 1"]:
    """The luma of RGB images by BT.601 in its studio range, as papers compare it.

        Y = (16 + 65.481 R + 128.553 G + 24.966 B) / 255 · range,  R, G, B in [0, 1]

    MATLAB's rgb2ycbcr is the same, but rounds to whole numbers if its input is uint8.
    The range of a score stays that of the pixels, although Y has only 219 of 255.

    Raises:
        InputError: if the images are not of shape (n, h, w, 3) within the range.

        >>> import numpy as np
        >>> from jaxgan.metrics.image_similarity import luma
        >>> black_and_white = np.array([0, 255], np.uint8).repeat(3).reshape(1, 1, 2, 3)
        >>> luma(black_and_white).ravel().round(9).tolist()
        [16.0, 235.0]
    """
    pixels = pixels_in_range("images", images, data_range)
    if pixels.shape[-1] != 3:
        raise InputError(f"luma needs RGB images, got shape {pixels.shape}.")
    return (pixels @ LUMA + 16 * data_range) / 255


def psnr(
    real: Real[np.ndarray | Array, "n h w c"],
    fake: Real[np.ndarray | Array, "n h w c"],
    data_range: float = 255.0,
) -> Similarity:
    """The peak signal-to-noise ratio, in decibels, averaged over images.

        PSNR = 10 log₁₀ (R² / MSE),  R the data range

    It is infinite for equal images, and so is then the mean. The mean of many PSNR is
    not the PSNR of the mean squared error, which some packages give for a batch.

    Raises:
        InputError: if the images are not of one shape (n, h, w, c) from 0 to R.

    Reference: Huynh-Thu & Ghanbari 2008, Electronics Letters 44.

        >>> import numpy as np
        >>> from jaxgan.metrics.image_similarity import psnr
        >>> gray = np.full((1, 8, 8, 1), 100, np.uint8)
        >>> round(psnr(gray, gray + 10).value, 4)
        28.1308
    """
    return _compared(_psnr, 1, (real, fake), data_range)


def ssim(
    real: Real[np.ndarray | Array, "n h w c"],
    fake: Real[np.ndarray | Array, "n h w c"],
    data_range: float = 255.0,
) -> Similarity:
    """The structural similarity, from -1 to 1, averaged over windows and images.

        SSIM = (2 μₓμᵧ + c₁)(2 σₓᵧ + c₂) / ((μₓ² + μᵧ² + c₁)(σₓ² + σᵧ² + c₂))
        c₁ = (0.01 R)²,  c₂ = (0.03 R)²,  R the data range

    with moments under an 11 × 11 Gaussian window of σ = 1.5 pixels.

    Raises:
        InputError: if the images are not of one shape (n, h, w, c) from 0 to R or
            are smaller than 11 × 11.

    Reference: Wang et al. 2004, IEEE Transactions on Image Processing 13.

        >>> import numpy as np
        >>> from jaxgan.metrics.image_similarity import ssim
        >>> gray = np.full((1, 16, 16, 1), 100, np.uint8)
        >>> round(ssim(gray, gray + 10).value, 6)
        0.995476
    """
    return _compared(_ssim, 11, (real, fake), data_range)


def ms_ssim(
    real: Real[np.ndarray | Array, "n h w c"],
    fake: Real[np.ndarray | Array, "n h w c"],
    data_range: float = 255.0,
) -> Similarity:
    """The structural similarity at five scales, from 0 to 1, averaged over images.

        MS-SSIM = SSIM₅^β₅ · Π over scales j < 5 of (C_j)^β_j
        C = (2 σₓᵧ + c₂) / (σₓ² + σᵧ² + c₂), averaged over windows and channels

    Each scale halves the one before by means of 2 × 2 pixels (a last odd row or column
    is doubled), and a negative mean counts as 0. At the fifth scale an 11 × 11 window
    needs sides above 160; implementations that shrink the window for small images
    instead give other numbers.

    Raises:
        InputError: if the images are not of one shape (n, h, w, c) from 0 to R or
            have a side of 160 or less.

    Reference: Wang, Simoncelli & Bovik 2003, "Multiscale structural similarity for
    image quality assessment".

        >>> import numpy as np
        >>> from jaxgan.metrics.image_similarity import ms_ssim
        >>> gray = np.full((1, 176, 176, 1), 100, np.uint8)
        >>> round(ms_ssim(gray, gray + 10).value, 6)
        0.999396
    """
    return _compared(_ms_ssim, 161, (real, fake), data_range)


def pixels_in_range(
    name: str, images: NDArray | Array, data_range: float
) -> Float[np.ndarray, "n h w c"]:
    """One set of images in float64.

    Raises:
        InputError: if they are not of shape (n, h, w, c), from 0 to the range.
    """
    check_positive("data_range", data_range)
    images = numbers(name, images)
    if images.ndim != 4 or not images.size:
        raise InputError(
            f"{name} must be images (n, h, w, c) with n ≥ 1, got {images.shape}."
        )
    least, most = images.min(), images.max()
    if not (least >= 0 and most <= data_range):
        raise InputError(
            f"{name} must hold pixels from 0 to data_range = {data_range:g}, got "
            f"{least:g} to {most:g}; as_uint8 makes bytes of samples in [-1, 1]."
        )
    return images.astype(np.float64)


def _compared(
    measure: Callable[..., Array],
    least: int,
    images: tuple[NDArray | Array, NDArray | Array],
    data_range: float,
) -> Similarity:
    """A jitted measure of all pairs, some at a time, with sides of at least `least`."""
    real, fake = (
        pixels_in_range(name, own, data_range)
        for name, own in zip(("real", "fake"), images, strict=True)
    )
    if real.shape != fake.shape:
        raise InputError(
            f"real and fake must have one shape, got {real.shape} and {fake.shape}."
        )
    if min(real.shape[1:3]) < least:
        raise InputError(
            f"images must have sides of at least {least} here, got {real.shape[1:3]}."
        )
    parts = []
    with jax.enable_x64(True):
        for start in range(0, len(real), CHUNK):
            part = slice(start, start + CHUNK)
            parts.append(np.asarray(measure(real[part], fake[part], data_range)))
    each = np.concatenate(parts)
    known = len(each) > 1 and np.isfinite(each).all()
    error = each.std(ddof=1) / np.sqrt(len(each)) if known else np.nan
    return Similarity(float(each.mean()), float(error), each)


@jax.jit
def _psnr(x: Array, y: Array, data_range: Array) -> Float[Array, " n"]:
    squares = jnp.square(x - y).mean(axis=(1, 2, 3))
    return 10 * jnp.log10(data_range**2 / squares)


@jax.jit
def _ssim(x: Array, y: Array, data_range: Array) -> Float[Array, " n"]:
    return _similarities(x, y, data_range)[0]


@jax.jit
def _ms_ssim(x: Array, y: Array, data_range: Array) -> Float[Array, " n"]:
    product = jnp.ones(len(x))
    for scale, beta in enumerate(BETAS):
        if scale:
            x, y = _halved(x), _halved(y)
        whole, structure = _similarities(x, y, data_range)
        last = scale == len(BETAS) - 1
        product *= jnp.maximum(whole if last else structure, 0) ** beta
    return product


def _similarities(x: Array, y: Array, data_range: Array) -> tuple[Array, Array]:
    """The mean over windows and channels of SSIM, and of its factor of structure."""
    c1, c2 = jnp.square(0.01 * data_range), jnp.square(0.03 * data_range)
    means = _smoothed(jnp.stack([x, y, jnp.square(x) + jnp.square(y), x * y]))
    squares, product = jnp.square(means[:2]).sum(axis=0), means[0] * means[1]
    structure = (2 * (means[3] - product) + c2) / (means[2] - squares + c2)
    whole = (2 * product + c1) / (squares + c1) * structure
    return whole.mean(axis=(1, 2, 3)), structure.mean(axis=(1, 2, 3))


def _smoothed(images: Float[Array, "k n h w c"]) -> Float[Array, "k n i j c"]:
    """The means under the windows that lie inside."""
    planes = jnp.moveaxis(images, -1, 2)
    flat = planes.reshape(-1, 1, *planes.shape[3:])
    for window in (WINDOW[:, None], WINDOW[None, :]):
        kernel = jnp.asarray(window)[None, None]
        flat = jax.lax.conv_general_dilated(flat, kernel, (1, 1), "VALID")
    return jnp.moveaxis(flat.reshape(*planes.shape[:3], *flat.shape[2:]), 2, -1)


def _halved(images: Array) -> Array:
    n, h, w, c = images.shape
    even = jnp.pad(images, ((0, 0), (0, h % 2), (0, w % 2), (0, 0)), mode="edge")
    return even.reshape(n, (h + 1) // 2, 2, (w + 1) // 2, 2, c).mean(axis=(2, 4))
