"""Pixelwise similarity of paired images: PSNR, SSIM and MS-SSIM.

The i-th real is compared with the i-th fake, so these metrics measure restoration and
translation. For unpaired samples use `ms_ssim_diversity`. Pixels range from 0 to
`data_range`: pass uint8 images unchanged, or floats in [0, 1] with a range of 1.
Samples in [-1, 1] are rejected, because SSIM is not invariant to a shift; convert them
with `jaxgan.metrics.as_uint8`.

Two choices change published numbers by more than 1 dB, so report both with a score:
papers on super-resolution compare only the `luma`, and crop a border as wide as the
scale factor. For a factor of four:

    psnr(luma(real)[:, 4:-4, 4:-4], luma(fake)[:, 4:-4, 4:-4])

By default all channels and pixels are compared. SSIM is the mean over windows that lie
inside the image, as in its authors' MATLAB code and in TensorFlow; torchmetrics also
counts windows beyond the edge, filled by reflection.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Real
from numpy.typing import NDArray

from jaxgan.errors import InputError, as_numbers, check_positive

CHUNK = 16
"""Number of pairs compared at once."""

BETAS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of MS-SSIM, from the finest scale to the coarsest."""

WINDOW = np.exp(-np.square(np.arange(-5, 6) / 1.5) / 2)
WINDOW /= WINDOW.sum()

LUMA = np.array([[65.481], [128.553], [24.966]])


class Similarity(NamedTuple):
    """Similarity of n pairs of images.

    value: mean over the pairs.
    error: standard error of the mean for independent pairs; NaN for one pair.
    each:  similarity of every pair.
    """

    value: float
    error: float
    each: Float[np.ndarray, " n"]


def luma(
    images: Real[np.ndarray | Array, "n h w 3"], data_range: float = 255.0
) -> Float[np.ndarray, "n h w 1"]:
    """Compute the luma of RGB images by BT.601 in studio range, as papers compare it.

        Y = (16 + 65.481 R + 128.553 G + 24.966 B) / 255 · range,  R, G, B in [0, 1]

    MATLAB's rgb2ycbcr is the same, but rounds to integers if its input is uint8. The
    data range of a score is still the range of the pixels, although Y spans only 219 of
    255.

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
    """Compute the peak signal-to-noise ratio in decibels, averaged over images.

        PSNR = 10 log₁₀ (R² / MSE),  R the data range

    It is infinite for equal images, and then the mean is infinite too. The mean PSNR of
    a batch is not the PSNR of its mean squared error, which some packages return.

    Raises:
        InputError: if the images are not of one shape (n, h, w, c) from 0 to R.

    Reference: Huynh-Thu & Ghanbari 2008, Electronics Letters 44.

        >>> import numpy as np
        >>> from jaxgan.metrics import psnr
        >>> gray = np.full((1, 8, 8, 1), 100, np.uint8)
        >>> round(psnr(gray, gray + 10).value, 4)
        28.1308
    """
    return _compare_pairs(_psnr, 1, (real, fake), data_range)


def ssim(
    real: Real[np.ndarray | Array, "n h w c"],
    fake: Real[np.ndarray | Array, "n h w c"],
    data_range: float = 255.0,
) -> Similarity:
    """Compute the structural similarity, from -1 to 1, averaged over images.

        SSIM = (2 μₓμᵧ + c₁)(2 σₓᵧ + c₂) / ((μₓ² + μᵧ² + c₁)(σₓ² + σᵧ² + c₂))
        c₁ = (0.01 R)²,  c₂ = (0.03 R)²,  R the data range

    with moments under an 11 × 11 Gaussian window of σ = 1.5 pixels. The similarity of
    an image is the mean over its windows.

    Raises:
        InputError: if the images are not of one shape (n, h, w, c) from 0 to R or
            are smaller than 11 × 11.

    Reference: Wang et al. 2004, IEEE Transactions on Image Processing 13.

        >>> import numpy as np
        >>> from jaxgan.metrics import ssim
        >>> gray = np.full((1, 16, 16, 1), 100, np.uint8)
        >>> round(ssim(gray, gray + 10).value, 6)
        0.995476
    """
    return _compare_pairs(_ssim, 11, (real, fake), data_range)


def ms_ssim(
    real: Real[np.ndarray | Array, "n h w c"],
    fake: Real[np.ndarray | Array, "n h w c"],
    data_range: float = 255.0,
) -> Similarity:
    """Compute the multi-scale structural similarity, from 0 to 1, averaged over images.

        MS-SSIM = SSIM₅^β₅ · Π over scales j < 5 of (C_j)^β_j
        C = (2 σₓᵧ + c₂) / (σₓ² + σᵧ² + c₂), averaged over windows and channels

    Each scale averages 2 × 2 pixels of the previous one; a last odd row or column is
    repeated. A negative mean counts as 0. At the fifth of the scales an 11 × 11 window
    needs sides above 160. Implementations that shrink the window for small images
    give other numbers.

    Raises:
        InputError: if the images are not of one shape (n, h, w, c) from 0 to R or
            have a side of 160 or less.

    Reference: Wang, Simoncelli & Bovik 2003, "Multiscale structural similarity for
    image quality assessment".

        >>> import numpy as np
        >>> from jaxgan.metrics import ms_ssim
        >>> gray = np.full((1, 176, 176, 1), 100, np.uint8)
        >>> round(ms_ssim(gray, gray + 10).value, 6)
        0.999396
    """
    return _compare_pairs(_ms_ssim, 161, (real, fake), data_range)


def pixels_in_range(
    name: str, images: NDArray | Array, data_range: float
) -> Float[np.ndarray, "n h w c"]:
    """Validate one set of images and convert it to float64.

    Raises:
        InputError: if they are not of shape (n, h, w, c) with pixels from 0 to
            `data_range`.
    """
    check_positive("data_range", data_range)
    images = as_numbers(name, images)
    if images.ndim != 4 or not images.size:
        raise InputError(
            f"{name} must be images (n, h, w, c) with n ≥ 1, got {images.shape}."
        )
    lowest, highest = images.min(), images.max()
    if not (lowest >= 0 and highest <= data_range):
        raise InputError(
            f"{name} must hold pixels from 0 to data_range = {data_range:g}, got "
            f"{lowest:g} to {highest:g}; as_uint8 converts samples in [-1, 1]."
        )
    return images.astype(np.float64)


def _compare_pairs(
    function: Callable[..., Array],
    min_side: int,
    images: tuple[NDArray | Array, NDArray | Array],
    data_range: float,
) -> Similarity:
    """Apply a jitted similarity to all pairs, in chunks; check shapes and sides."""
    real, fake = (
        pixels_in_range(name, own, data_range)
        for name, own in zip(("real", "fake"), images, strict=True)
    )
    if real.shape != fake.shape:
        raise InputError(
            f"real and fake must have the same shape, got {real.shape} and "
            f"{fake.shape}."
        )
    if min(real.shape[1:3]) < min_side:
        raise InputError(
            f"images must have sides of at least {min_side} for this metric, got "
            f"{real.shape[1:3]}."
        )
    parts = []
    with jax.enable_x64(True):
        for start in range(0, len(real), CHUNK):
            part = slice(start, start + CHUNK)
            parts.append(np.asarray(function(real[part], fake[part], data_range)))
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
            x, y = _downsample(x), _downsample(y)
        whole, structure = _similarities(x, y, data_range)
        last = scale == len(BETAS) - 1
        product *= jnp.maximum(whole if last else structure, 0) ** beta
    return product


def _similarities(x: Array, y: Array, data_range: Array) -> tuple[Array, Array]:
    """Compute SSIM and its structure factor, averaged over windows and channels."""
    c1, c2 = jnp.square(0.01 * data_range), jnp.square(0.03 * data_range)
    means = _smoothed(jnp.stack([x, y, jnp.square(x) + jnp.square(y), x * y]))
    squares, product = jnp.square(means[:2]).sum(axis=0), means[0] * means[1]
    structure = (2 * (means[3] - product) + c2) / (means[2] - squares + c2)
    whole = (2 * product + c1) / (squares + c1) * structure
    return whole.mean(axis=(1, 2, 3)), structure.mean(axis=(1, 2, 3))


def _smoothed(images: Float[Array, "k n h w c"]) -> Float[Array, "k n i j c"]:
    """Compute Gaussian-weighted means under all windows inside the image."""
    planes = jnp.moveaxis(images, -1, 2)
    flat = planes.reshape(-1, 1, *planes.shape[3:])
    for window in (WINDOW[:, None], WINDOW[None, :]):
        kernel = jnp.asarray(window)[None, None]
        flat = jax.lax.conv_general_dilated(flat, kernel, (1, 1), "VALID")
    return jnp.moveaxis(flat.reshape(*planes.shape[:3], *flat.shape[2:]), 2, -1)


def _downsample(images: Array) -> Array:
    n, h, w, c = images.shape
    even = jnp.pad(images, ((0, 0), (0, h % 2), (0, w % 2), (0, 0)), mode="edge")
    return even.reshape(n, (h + 1) // 2, 2, (w + 1) // 2, 2, c).mean(axis=(2, 4))
