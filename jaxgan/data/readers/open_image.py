"""Opening of image files: formats, and limits of their size and of the memory.

The size of an image is looked at before it is decoded. Threads that decode at the same
time share a part of the memory, and wait for each other if it does not suffice.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from io import BytesIO
from pathlib import Path

import psutil
from PIL import Image, UnidentifiedImageError

NOT_DECODED = {"BUFR", "EPS", "GRIB", "HDF5", "IPTC", "MPEG", "WMF"}
"""Formats that Pillow only identifies, or decodes by running another program."""

MAX_PIXELS = 2**28
"""The most pixels of an image: 16,384², above which a file may be a trap."""

BYTES_PER_PIXEL = 12
"""Memory to decode an image: itself, and copies while it is made opaque."""

_held: list[int] = []  # bytes of the images that are being decoded
_released = threading.Condition()
_opening = threading.Lock()


def endings() -> list[str]:
    """List the endings of the image files that can be decoded, such as `.png`."""
    formats = _formats()
    known = Image.registered_extensions()
    return sorted(ending for ending, name in known.items() if name in formats)


def _formats() -> list[str]:
    """List Pillow's formats that can be decoded, the most frequent first."""
    Image.init()
    return [name for name in Image.ID if name not in NOT_DECODED]


@contextmanager
def open_image(file: Path | str | BytesIO) -> Iterator[Image.Image]:
    """Open an image file; only its header is read.

    Raises:
        OSError: if the file is not an image, or has too many pixels.
    """
    with nullcontext(file) if isinstance(file, BytesIO) else open(file, "rb") as stream:
        if not isinstance(stream, BytesIO):
            stream.peek()  # before the lock, because a disk may be slow
        # Pillow's own limit warns of photographs of 90 million pixels without a name.
        with _opening:
            limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
            try:
                image = Image.open(stream, formats=_formats())
            except UnidentifiedImageError as error:
                name = "" if isinstance(file, BytesIO) else f" {str(file)!r}"
                raise OSError(f"cannot identify image file{name}") from error
            finally:
                Image.MAX_IMAGE_PIXELS = limit
        if image.width * image.height > MAX_PIXELS:
            raise OSError(
                f"its {image.width:,}×{image.height:,} pixels are more than "
                f"{MAX_PIXELS:,}; make it smaller"
            )
        yield image


@contextmanager
def memory_of(size: tuple[int, int]) -> Iterator[None]:
    """Wait until images that are being decoded leave memory for one of this size.

    Together they take an eighth of the machine's memory; a larger one waits until it is
    alone.

    Raises:
        MemoryError: if there is not enough free memory.
    """
    width, height = size
    needed = width * height * BYTES_PER_PIXEL
    memory = psutil.virtual_memory()
    with _released:
        _released.wait_for(
            lambda: not _held or sum(_held) + needed <= memory.total // 8
        )
        if needed > memory.total // 8 and needed > psutil.virtual_memory().available:
            raise MemoryError(
                f"its {width:,}×{height:,} pixels need "
                f"{needed / 2**30:.1f} GiB; make it smaller"
            )
        _held.append(needed)
    try:
        yield
    finally:
        with _released:
            _held.remove(needed)
            _released.notify_all()
