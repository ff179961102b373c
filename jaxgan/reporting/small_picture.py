"""Encode a picture in few bytes."""

import io

from PIL import Image


def small_png(picture: Image.Image, limit: int) -> bytes:
    """Encode a picture as a PNG of at most so many bytes.

    One that is larger gets 256 colors, and then fewer pixels until it fits.

        >>> from PIL import Image
        >>> from jaxgan.reporting.small_picture import small_png
        >>> len(small_png(Image.effect_noise((300, 300), 50), 10_000)) <= 10_000
        True
    """
    content = _png(picture)
    if len(content) > limit:
        picture = picture.convert("RGB")
        content = _png(picture.quantize())
    while len(content) > limit and max(picture.size) > 1:
        width, height = (max(1, n * 9 // 10) for n in picture.size)
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
        content = _png(picture.quantize())
    return content


def _png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, format="png", optimize=True)
    return file.getvalue()
