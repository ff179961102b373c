"""Resizing, as the metrics of images do it.

How images reach the size that a network wants is part of a score: one set of images
resized in two ways can be further apart than two sets (Parmar et al. 2022,
arXiv:2104.11222). Two ways have published scores. `tf1_bilinear` is what the first FID
did: it never smooths, so a smaller image is made of picked pixels, and aliases.
`pil_bicubic` is "clean": its filter is as wide as the pixels of the smaller image.
Neither rounds the result to bytes.
"""

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image


def tf1_bilinear(
    images: UInt8[np.ndarray, "n h w c"], size: int
) -> Float32[np.ndarray, "n {size} {size} c"]:
    """Straight lines between neighbors, as TensorFlow 1 drew them.

    Of s pixels in a row that were h, the i-th lies at i h / s: the first pixels
    coincide, and the centers do not (`align_corners=False`, no half pixels). Each is
    made of two neighbors in each direction, however much smaller the image becomes.

    Args:
        images: of any height and width.
        size: of both sides of the result, which stays within 0 .. 255.

    Reference: TensorFlow's `tf.compat.v1.image.resize_bilinear`; the same bits.

        >>> import numpy as np
        >>> from jaxgan.metrics.features.resize import tf1_bilinear
        >>> image = np.array([[0, 100], [0, 100]], np.uint8).reshape(1, 2, 2, 1)
        >>> tf1_bilinear(image, 4)[0, 0, :, 0]
        array([  0.,  50., 100., 100.], dtype=float32)
    """
    resized = np.empty((len(images), size, size, images.shape[-1]), np.float32)
    for i, image in enumerate(images):  # one fits in a processor's cache
        rows = _interpolated(image.astype(np.float32), size, axis=1)
        resized[i] = _interpolated(rows, size, axis=0)
    return resized


def pil_bicubic(
    images: UInt8[np.ndarray, "n h w c"], size: int
) -> Float32[np.ndarray, "n {size} {size} c"]:
    """Pillow's bicubic filter on each color in float32, cut to 0 .. 255.

    To a smaller size the filter widens by the same factor, so nothing aliases.

    Args:
        images: of any height and width.
        size: of both sides of the result.

    Reference: Parmar et al. 2022, arXiv:2104.11222 (clean-fid); the same bits.

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


def _interpolated(
    x: Float32[np.ndarray, "h w c"], size: int, axis: int
) -> Float32[np.ndarray, "h2 w2 c"]:
    """Along one axis, in float32 throughout and in TensorFlow's order."""
    length = x.shape[axis]
    at = np.arange(size, dtype=np.float32) * np.float32(length / size)
    low = at.astype(np.int32)
    high = np.minimum(low + 1, length - 1)
    share = (at - low).astype(np.float32).reshape((-1, 1) if axis else (-1, 1, 1))
    start = x.take(low, axis)
    return start + (x.take(high, axis) - start) * share
