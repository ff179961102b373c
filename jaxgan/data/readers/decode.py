"""One image file, whatever it is, as an array of the size and the colors wanted."""

from io import BytesIO
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import numpy as np
from jaxtyping import UInt8
from PIL import ExifTags, Image, ImageColor, ImageOps

from jaxgan.errors import InputError, check_positive_int

Shape = Literal["crop", "pad", "stretch"]
Filter = Literal["box", "bilinear", "hamming", "bicubic", "lanczos"]

DEEP_MODES = ("I", "I;16", "I;16B", "I;16L", "I;16N")
GRAY_MODES = ("1", "L", "LA", "La", *DEEP_MODES)


class Resize(NamedTuple):
    """How images of any size and kind become alike.

    An image is turned as its EXIF data say, laid over the background where it is
    transparent, given its colors, and resized with a filter that does not alias.

    >>> from jaxgan.data import Resize
    >>> Resize(64, shape="pad", background="black").filter
    'lanczos'
    """

    size: int  # of the square that comes out, in pixels
    shape: Shape = "crop"  # what does not fit a square is cut off, padded or stretched
    filter: Filter = "lanczos"  # Pillow's, widened by the factor of reduction
    channels: int | None = None  # 1, gray, or 3, RGB; None: as the images are
    background: str = "white"  # of transparent images and of padding

    def check(self) -> None:
        """Refuse what no image can be fitted to.

        Raises:
            InputError: if a field is none of its values.
        """
        check_positive_int("size", self.size)
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
    """Read from the head of the file; a palette counts as color.

    Raises:
        OSError: if it is not an image.
    """
    with Image.open(file) as image:
        return image.mode in GRAY_MODES


def fitted(file: Path | str | BytesIO, fit: Resize) -> UInt8[np.ndarray, "s s c"]:
    """Read an image file and fit it.

    Raises:
        Exception: of Pillow's choice, if it is not an image or is damaged.
    """
    image = upright(file, fit.channels or 3, fit.background)
    return np.asarray(_square(image, fit)).reshape(fit.size, fit.size, -1)


def read_image(file: Path, channels: int | None = None) -> UInt8[np.ndarray, "h w c"]:
    """Read an image file in its own size: upright and opaque.

    Args:
        file: any that Pillow reads.
        channels: 1, gray, or 3, RGB; by default as the image is.

    Raises:
        InputError: if it is not an image or is damaged.
    """
    try:
        channels = channels or (1 if is_gray(file) else 3)
        image = np.asarray(upright(file, channels))
    except Exception as error:  # whatever a decoder says of damaged bytes
        raise InputError(
            f"{file} cannot be read as an image; mend or remove it: {error}"
        ) from error
    return image.reshape(*image.shape[:2], channels)


def upright(
    file: Path | str | BytesIO, channels: int, background: str = "white"
) -> Image.Image:
    """Read an image file in its own size: upright, opaque, with the colors wanted.

    Raises:
        Exception: of Pillow's choice, if it is not an image or is damaged.
    """
    with Image.open(file) as image:
        image.load()
    if ExifTags.Base.Orientation in image.getexif():
        ImageOps.exif_transpose(image, in_place=True)
    flat = _opaque(_eight_bit(image), background)
    colors = "L" if channels == 1 else "RGB"
    return flat if flat.mode == colors else flat.convert(colors)


def _eight_bit(image: Image.Image) -> Image.Image:
    """Pillow clips deeper grays at 255; they are scaled instead, rounded."""
    if image.mode not in DEEP_MODES:
        return image
    return Image.fromarray(
        (
            (np.asarray(image).astype(np.int64).clip(0, 65535) * 255 + 32767) // 65535
        ).astype(np.uint8)
    )


def _opaque(image: Image.Image, background: str) -> Image.Image:
    if not image.has_transparency_data:
        return image
    layer = image if image.mode == "RGBA" else image.convert("RGBA")
    flat = Image.new("RGB", layer.size, background)
    flat.paste(layer, mask=layer)
    return flat


def _square(image: Image.Image, fit: Resize) -> Image.Image:
    size, how = (fit.size, fit.size), Image.Resampling[fit.filter.upper()]
    if fit.shape == "crop":
        return ImageOps.fit(image, size, how)
    if fit.shape == "pad":
        color = ImageColor.getcolor(fit.background, image.mode)
        return ImageOps.pad(image, size, how, color)
    return image.resize(size, how)
