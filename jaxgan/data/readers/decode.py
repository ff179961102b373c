"""Decoding of an image file to an array of a given size and number of channels."""

from io import BytesIO
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import numpy as np
from jaxtyping import UInt8
from PIL import ExifTags, Image, ImageColor, ImageOps

from jaxgan.errors import InputError, check_positive_int

Shape = Literal["crop", "pad", "stretch"]
"""What `Resize` does to an image that is not square."""

Filter = Literal["box", "bilinear", "hamming", "bicubic", "lanczos"]
"""A resampling filter of Pillow."""

DEEP_MODES = ("I", "I;16", "I;16B", "I;16L", "I;16N")
GRAY_MODES = ("1", "L", "LA", "La", *DEEP_MODES)


class Resize(NamedTuple):
    """Options that bring images of any size and mode to one shape.

    An image is rotated according to its EXIF orientation, composited over the
    background where it is transparent, converted to gray or RGB, and resized with an
    antialiasing filter.

    >>> from jaxgan.data import Resize
    >>> Resize(64, shape="pad", background="black").filter
    'lanczos'
    """

    size: int  # side of the square output, in pixels
    shape: Shape = "crop"  # crop, pad or stretch an image that is not square
    filter: Filter = "lanczos"  # Pillow's, widened by the scale when shrinking
    channels: int | None = None  # 1 for gray, 3 for RGB; None keeps that of the images
    background: str = "white"  # color behind transparent images and of the padding

    def check(self) -> None:
        """Validate the options.

        Raises:
            InputError: if a field has an invalid value.
        """
        check_positive_int("size", self.size, most=2**14)
        for name, allowed in (("shape", Shape), ("filter", Filter)):
            values = get_args(allowed)
            if getattr(self, name) not in values:
                raise InputError(
                    f"{name} must be one of {', '.join(values)}, "
                    f"got {getattr(self, name)!r}."
                )
        if self.channels not in (None, 1, 3):
            raise InputError(
                f"channels must be 1 (gray), 3 (RGB) or None, got {self.channels!r}."
            )
        try:
            ImageColor.getrgb(self.background)
        except (ValueError, TypeError, AttributeError) as error:
            raise InputError(
                f"background must be a color such as 'white' or '#ff8800', "
                f"got {self.background!r}."
            ) from error


def is_gray(file: Path) -> bool:
    """Check the file's header for a grayscale mode; a palette counts as color.

    Raises:
        OSError: if the file is not an image.
    """
    with Image.open(file) as image:
        return image.mode in GRAY_MODES


def load_resized(
    file: Path | str | BytesIO, resize: Resize
) -> UInt8[np.ndarray, "s s c"]:
    """Load an image file and resize it to a square.

    Raises:
        Exception: any exception of Pillow, if the file is not an image or is damaged.
    """
    image = load_image(file, resize.channels or 3, resize.background)
    return np.asarray(_to_square(image, resize)).reshape(resize.size, resize.size, -1)


def read_image(file: Path, channels: int | None = None) -> UInt8[np.ndarray, "h w c"]:
    """Read an image file in its original size, as `load_image`, to an array.

    Args:
        file: path of any image that Pillow reads.
        channels: 1 for gray, 3 for RGB; by default as the image.

    Raises:
        InputError: if the file is not an image or is damaged.
    """
    try:
        channels = channels or (1 if is_gray(file) else 3)
        image = np.asarray(load_image(file, channels))
    except Exception as error:  # decoders raise various exceptions
        raise InputError(
            f"{file} cannot be read as an image; repair or remove it: {error}"
        ) from error
    return image.reshape(*image.shape[:2], channels)


def load_image(
    file: Path | str | BytesIO, channels: int, background: str = "white"
) -> Image.Image:
    """Load an image file in its original size, as gray or RGB.

    Its EXIF orientation is applied, and it is composited over the background where it
    is transparent.

    Raises:
        Exception: any exception of Pillow, if the file is not an image or is damaged.
    """
    with Image.open(file) as image:
        image.load()
    if ExifTags.Base.Orientation in image.getexif():
        ImageOps.exif_transpose(image, in_place=True)
    opaque = _composite(_to_eight_bits(image), background)
    mode = "L" if channels == 1 else "RGB"
    return opaque if opaque.mode == mode else opaque.convert(mode)


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Scale and round 16-bit grays to 8 bits; Pillow would clip them at 255."""
    if image.mode not in DEEP_MODES:
        return image
    return Image.fromarray(
        (
            (np.asarray(image).astype(np.int64).clip(0, 65535) * 255 + 32767) // 65535
        ).astype(np.uint8)
    )


def _composite(image: Image.Image, background: str) -> Image.Image:
    """Composite a transparent image over a background color."""
    if not image.has_transparency_data:
        return image
    layer = image if image.mode == "RGBA" else image.convert("RGBA")
    opaque = Image.new("RGB", layer.size, background)
    opaque.paste(layer, mask=layer)
    return opaque


def _to_square(image: Image.Image, resize: Resize) -> Image.Image:
    """Crop, pad or stretch an image to a square of the given size."""
    size = (resize.size, resize.size)
    resample = Image.Resampling[resize.filter.upper()]
    if resize.shape == "crop":
        return ImageOps.fit(image, size, resample)
    if resize.shape == "pad":
        color = ImageColor.getcolor(resize.background, image.mode)
        return ImageOps.pad(image, size, resample, color)
    return image.resize(size, resample)
