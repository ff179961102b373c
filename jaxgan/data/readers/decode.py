"""Decoding of an image file to an array of a given size and number of channels."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageColor, ImageOps

from jaxgan.data.readers.open_image import memory_of, open_image
from jaxgan.errors import InputError, check_choice, check_positive_int

Shape = Literal["crop", "pad", "stretch"]
"""What `Resize` does to an image that is not square."""

Filter = Literal["box", "bilinear", "hamming", "bicubic", "lanczos"]
"""A resampling filter of Pillow."""

DEEP_MODES = ("I", "I;16", "I;16B", "I;16L", "I;16N")
GRAY_MODES = ("1", "L", "LA", "La", "F", *DEEP_MODES)
DEEPEST = 65535


@dataclasses.dataclass(frozen=True)
class Resize:
    """Options that bring images of any size and mode to one shape.

    An image is rotated according to its EXIF orientation, composited over the
    background where it is transparent, converted to gray or RGB, and resized with an
    antialiasing filter.

    >>> from jaxgan.data import Resize
    >>> Resize(64, shape="pad", background="black").filter
    'lanczos'

    Raises:
        InputError: if a field has an invalid value.
    """

    size: int  # side of the square output, in pixels
    shape: Shape = "crop"  # crop, pad or stretch an image that is not square
    filter: Filter = "lanczos"  # Pillow's, widened by the scale when shrinking
    channels: int | None = None  # 1 for gray, 3 for RGB; None keeps that of the images
    background: str = "white"  # color behind transparent images and of the padding

    def __post_init__(self) -> None:
        check_positive_int("size", self.size, most=2**14)
        check_choice("shape", self.shape, get_args(Shape))
        check_choice("filter", self.filter, get_args(Filter))
        whole = isinstance(self.channels, int) and not isinstance(self.channels, bool)
        if self.channels is not None and not (whole and self.channels in (1, 3)):
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


class Decoded(NamedTuple):
    """A resized image, and the largest 16-bit value of its file; 0 if it has 8 bits."""

    pixels: UInt8[np.ndarray, "s s c"]
    deepest: int


def is_gray(file: Path) -> bool:
    """Check the file's header for a grayscale mode; a palette counts as color.

    Raises:
        OSError: if the file is not an image.
    """
    with open_image(file) as image:
        return image.mode in GRAY_MODES or _stored_mode(image).startswith("LA")


def deepest_value(file: Path) -> int:
    """Return the largest 16-bit value of an image file; 0 if its header says 8 bits.

    Raises:
        Exception: any exception of Pillow, if the file is not an image or is damaged.
    """
    with open_image(file) as image:
        if image.mode not in DEEP_MODES and ";16" not in _stored_mode(image):
            return 0
    with _loaded(file) as (image, stored):
        return _deepest(image, stored)


def decode_image(file: Path | str | BytesIO, resize: Resize) -> Decoded:
    """Decode an image file and resize it to a square.

    Raises:
        Exception: any exception of Pillow, if the file is not an image or is damaged.
        MemoryError: if there is not enough free memory.
    """
    with _loaded(file) as (image, stored):
        flat = _flatten(image, resize.channels or 3, resize.background)
        square = np.asarray(_to_square(flat, resize))
        deepest = _deepest(image, stored)
    return Decoded(square.reshape(resize.size, resize.size, -1), deepest)


def load_resized(
    file: Path | str | BytesIO, resize: Resize
) -> UInt8[np.ndarray, "s s c"]:
    """Decode an image file to the pixels of a square, as `decode_image`."""
    return decode_image(file, resize).pixels


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
        MemoryError: if there is not enough free memory.
    """
    with _loaded(file) as (image, _):
        return _flatten(image, channels, background)


@contextmanager
def _loaded(file: Path | str | BytesIO) -> Iterator[tuple[Image.Image, str]]:
    """Load an image file upright, and hold memory for it until the block ends.

    Yields:
        The image, and the mode in which its pixels are stored.
    """
    with open_image(file) as image, memory_of(image.size):
        stored = _stored_mode(image)
        image.load()
        color = image.info.get("transparency")
        if color is not None:
            image.info["transparency"] = _to_loaded_depth(color, stored)
        if ExifTags.Base.Orientation in image.getexif():
            ImageOps.exif_transpose(image, in_place=True)
        yield image, stored


def _stored_mode(image: Image.Image) -> str:
    """Return Pillow's raw mode of an image that is not loaded, such as `RGB;16B`."""
    tiles = getattr(image, "tile", None)  # of an image from a file
    arguments = tiles[0][3] if tiles else None
    first = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return first if isinstance(first, str) else ""


def _to_loaded_depth(color: Any, stored: str) -> Any:
    """Convert a transparent color to the depth of the loaded pixels.

    Pillow compares 8-bit pixels with the color of 2, 4 or 16 bits that is stored.
    """
    if isinstance(color, int):
        return color * {"L;2": 85, "L;4": 17}.get(stored, 1)
    if stored == "RGB;16B":
        return tuple(value >> 8 for value in color)
    return color


def _deepest(image: Image.Image, stored: str) -> int:
    """Return the largest 16-bit value of an image; 0 if it has none."""
    if image.mode in DEEP_MODES:
        return int(np.asarray(image).max())
    if ";16" not in stored:
        return 0
    colors = image.convert("L" if stored.startswith("LA") else "RGB")
    return 256 * int(np.asarray(colors).max()) + 255  # Pillow keeps the upper byte


def _flatten(image: Image.Image, channels: int, background: str) -> Image.Image:
    """Make an image opaque, and gray or RGB."""
    opaque = _composite(_to_eight_bits(image), background)
    mode = "L" if channels == 1 else "RGB"
    return opaque if opaque.mode == mode else opaque.convert(mode)


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Scale and round 16-bit grays to 8 bits; Pillow would clip them at 255.

    Raises:
        ValueError: if the values have an unknown range: floats or 32-bit integers.
    """
    if image.mode == "F":
        raise ValueError("its pixels are floats; save it with 8 or 16 bits")
    if image.mode not in DEEP_MODES:
        return image
    values = np.asarray(image)
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > DEEPEST:
        raise ValueError(
            f"its values go from {low:,} to {high:,}; save it with 8 or 16 bits"
        )
    gray = Image.fromarray(_scaled(values))
    transparent = image.info.get("transparency")
    if not isinstance(transparent, int):
        return gray
    alpha = np.where(values == transparent, np.uint8(0), np.uint8(255))
    return Image.merge("LA", (gray, Image.fromarray(alpha)))


def _scaled(values: NDArray) -> NDArray[np.uint8]:
    wide = values.astype(np.uint32)  # 65,535 · 255 fits
    wide *= 255
    wide += DEEPEST // 2
    wide //= DEEPEST
    return wide.astype(np.uint8)


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
