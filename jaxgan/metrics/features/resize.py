"""Image resizing methods of published FID scores.

The resizing method is part of a score: the distance between one set of images resized
by two methods can exceed the distance between two sets (Parmar et al. 2022,
arXiv:2104.11222). Published scores use two methods. `tf1_bilinear` is the method of the
original FID. It does not low-pass filter, so downscaled images alias. `pil_bicubic` is
the method of clean-fid. Its filter is as wide as the pixels of the smaller image.
Neither rounds the result to bytes.
"""

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image


def tf1_bilinear(
    images: UInt8[np.ndarray, "n h w c"], size: int
) -> Float32[np.ndarray, "n {size} {size} c"]:
    """Resize bilinearly as TensorFlow 1 does, without antialiasing.

    When h pixels in a row become s, the i-th is sampled at i h / s: the first pixels
    coincide, but the centers do not (`align_corners=False`, no half-pixel centers).
    Each pixel interpolates two neighbors along each axis, whatever the scale factor.

    Args:
        images: images of any height and width.
        size: height and width of the result, whose pixels stay within 0 .. 255.

    Reference: TensorFlow's `tf.compat.v1.image.resize_bilinear`; bit-identical.

        >>> import numpy as np
        >>> from jaxgan.metrics.features.resize import tf1_bilinear
        >>> image = np.array([[0, 100], [0, 100]], np.uint8).reshape(1, 2, 2, 1)
        >>> tf1_bilinear(image, 4)[0, 0, :, 0]
        array([  0.,  50., 100., 100.], dtype=float32)
    """
    resized = np.empty((len(images), size, size, images.shape[-1]), np.float32)
    for i, image in enumerate(images):  # one image fits in the CPU cache
        rows = _interpolate(image.astype(np.float32), size, axis=1)
        resized[i] = _interpolate(rows, size, axis=0)
    return resized


def pil_bicubic(
    images: UInt8[np.ndarray, "n h w c"], size: int
) -> Float32[np.ndarray, "n {size} {size} c"]:
    """Resize with Pillow's bicubic filter, in float32 per channel, clipped to 0 .. 255.

    When downscaling, the filter widens by the scale factor, which prevents aliasing.

    Args:
        images: images of any height and width.
        size: height and width of the result.

    Reference: Parmar et al. 2022, arXiv:2104.11222 (clean-fid); bit-identical.

        >>> import numpy as np
        >>> from jaxgan.metrics.features.resize import pil_bicubic
        >>> image = np.array([[0, 100], [0, 100]], np.uint8).reshape(1, 2, 2, 1)
        >>> pil_bicubic(image, 4)[0, 0, :, 0].round(2)
        array([  0.  ,  20.71,  79.29, 108.82], dtype=float32)
    """
    n, _, _, colors = images.shape
    planes = np.empty((n, colors, size, size), np.float32)
    for i, color in np.ndindex(n, colors):
        plane = Image.fromarray(images[i, :, :, color].astype(np.float32))
        plane = plane.resize((size, size), Image.Resampling.BICUBIC)
        np.clip(np.asarray(plane), 0, 255, out=planes[i, color])
    return np.moveaxis(planes, 1, -1)


def _interpolate(
    x: Float32[np.ndarray, "h w c"], size: int, axis: int
) -> Float32[np.ndarray, "h2 w2 c"]:
    """Interpolate along one axis, in float32 and TensorFlow's order of operations."""
    length = x.shape[axis]
    at = np.arange(size, dtype=np.float32) * np.float32(length / size)
    low = at.astype(np.int32)
    high = np.minimum(low + 1, length - 1)
    fraction = (at - low).astype(np.float32).reshape((-1, 1) if axis else (-1, 1, 1))
    start = x.take(low, axis)
    return start + (x.take(high, axis) - start) * fraction
