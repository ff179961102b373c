"""Checks of image shapes, for networks that halve square images or double maps."""

import math
from collections.abc import Sequence

from jaxtyping import Array, Float

from jaxgan.errors import InputError, check_positive_int, check_positive_ints

SIZES = (8, 16, 32, 64, 128)


def count_halvings(name: str, image_shape: Sequence[int], base: int = 4) -> int:
    """Count the halvings from the image to a map `base` pixels wide.

    Args:
        name: of the architecture, for error messages.
        image_shape: (size, size, colors).
        base: size of the smallest map.

    Raises:
        InputError: if the size is not a power of two from 8 to 128, or `base` is not a
            power of two below it.
    """
    check_positive_ints(f"{name}: image_shape", image_shape)
    check_positive_int(f"{name}: base", base)
    if len(image_shape) != 3 or image_shape[0] != image_shape[1]:
        raise InputError(
            f"{name}: image_shape must be (size, size, colors), got {image_shape}."
        )
    size = image_shape[0]
    if size not in SIZES:
        raise InputError(
            f"{name}: the size in image_shape must be one of {SIZES}, got {size}."
        )
    levels = math.log2(size / base)
    if levels < 1 or levels % 1:
        raise InputError(
            f"{name}: base must be a power of two below the image size {size}, "
            f"got {base!r}."
        )
    return int(levels)


def check_images(
    name: str, image: Float[Array, "b h w c"], image_shape: tuple[int, ...]
) -> None:
    """Check that a discriminator gets the images that it was built for.

    Raises:
        InputError: if their shape differs.
    """
    if image.shape[1:] != image_shape:
        raise InputError(
            f"{name} was built for images {image_shape}, got {image.shape[1:]}."
        )
