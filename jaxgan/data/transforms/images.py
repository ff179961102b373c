"""Deterministic image transforms for image-to-image translation tasks.

Each takes a data set of images (b, h, w, c), uint8 or floats in [-1, 1], and returns a
data set of uint8 images. `paired(edge_map(photos), photos)` is a task for pix2pix,
`paired(downscaled(photos, 4), photos)` one for super-resolution.
"""

from collections.abc import Callable
from numbers import Integral

import jax
import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray

from jaxgan.data.datasets import Dataset, as_dataset
from jaxgan.data.transforms.combine import map
from jaxgan.errors import InputError, check_positive, check_positive_int
from jaxgan.types import Batch, Tree

LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue in the luma: ITU-R BT.601, as in Pillow."""


def grayscale(data: Dataset | Batch) -> Dataset:
    """Convert RGB to grayscale, 0.299 R + 0.587 G + 0.114 B; keep gray images."""
    return _map_images(data, _to_gray)


def edge_map(data: Dataset | Batch, sigma: float = 1.0) -> Dataset:
    """Detect edges: the gradient magnitude as white lines on black, one channel.

    The gradient is that of the gray image, blurred by a Gaussian of `sigma` pixels. It
    is scaled so that the steepest edge of each image is white.

    Raises:
        InputError: if sigma is not positive.
    """
    from scipy import ndimage  # takes a third as long to import as jaxgan

    check_positive("edge_map: sigma", sigma)

    def edges(images: UInt8[np.ndarray, "b h w c"]) -> UInt8[np.ndarray, "b h w 1"]:
        gray = _to_gray(images).astype(np.float32)
        blur = (0, sigma, sigma, 0)
        down = ndimage.gaussian_filter(gray, blur, order=(0, 1, 0, 0))
        right = ndimage.gaussian_filter(gray, blur, order=(0, 0, 1, 0))
        gradient = np.hypot(down, right)
        steepest = np.maximum(gradient.max(axis=(1, 2, 3), keepdims=True), 1e-6)
        return np.rint(255 * gradient / steepest).astype(np.uint8)

    return _map_images(data, edges)


def downscaled(data: Dataset | Batch, factor: int) -> Dataset:
    """Downscale images: each pixel is the mean of a factor×factor square.

    Raises:
        InputError: if the factor is not a positive integer that divides height and
            width.
    """
    check_positive_int("downscaled: factor", factor)

    def mean_pool(images: UInt8[np.ndarray, "b h w c"]) -> UInt8[np.ndarray, "b y x c"]:
        count, height, width, channels = images.shape
        if height % factor or width % factor:
            raise InputError(
                f"downscaled: a factor of {factor} does not divide images of "
                f"{height}×{width}."
            )
        squares = images.reshape(
            count, height // factor, factor, width // factor, factor, channels
        )
        return np.rint(squares.mean(axis=(2, 4))).astype(np.uint8)

    return _map_images(data, mean_pool)


def pad_to(data: Dataset | Batch, size: int, value: int = 0) -> Dataset:
    """Pad images to a square with a constant value, from 28 to 32 pixels for example.

    The image lies in the middle of the square.

    Raises:
        InputError: if the images are larger than `size`, or the value is not an integer
            from 0 to 255.
    """
    check_positive_int("pad_to: size", size)
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or value not in range(256):
        raise InputError(
            f"pad_to: value must be an integer from 0 to 255, got {value!r}."
        )

    def padded(images: UInt8[np.ndarray, "b h w c"]) -> UInt8[np.ndarray, "b s s c"]:
        _, height, width, _ = images.shape
        if max(height, width) > size:
            raise InputError(
                f"pad_to: images of {height}×{width} do not fit in a square of {size}."
            )
        top, left = (size - height) // 2, (size - width) // 2
        margins = (top, size - height - top), (left, size - width - left)
        return np.pad(images, ((0, 0), *margins, (0, 0)), constant_values=value)

    return _map_images(data, padded)


def _map_images(
    data: Dataset | Batch, transform: Callable[[NDArray], NDArray]
) -> Dataset:
    """Apply a function of uint8 images (b, h, w, 1 or 3) to a data set."""

    def transformed(batch: Batch) -> Batch:
        if not _are_images(batch.real):
            found = jax.tree.map(lambda x: f"{x.dtype} {x.shape}", batch.real)
            raise InputError(
                "data: real must be images (b, h, w, 1 or 3), uint8 or floats in "
                f"[-1, 1], got {found}; convert them with `map`."
            )
        return batch._replace(real=transform(_to_uint8(batch.real)))

    return map(as_dataset(data), transformed)


def _are_images(real: Tree) -> bool:
    return (
        isinstance(real, np.ndarray)
        and (real.dtype == np.uint8 or real.dtype.kind == "f")
        and real.ndim == 4
        and real.shape[-1] in (1, 3)
    )


def _to_uint8(images: NDArray) -> NDArray[np.uint8]:
    if images.dtype == np.uint8:
        return images
    return np.rint((images.clip(-1, 1) + 1) * 127.5).astype(np.uint8)


def _to_gray(images: UInt8[np.ndarray, "b h w c"]) -> UInt8[np.ndarray, "b h w 1"]:
    if images.shape[-1] == 1:
        return images
    return np.rint(images @ LUMA).astype(np.uint8)[..., None]
