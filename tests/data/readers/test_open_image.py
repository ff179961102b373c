"""Limits of the size of images, and of the memory that decoding takes."""

import io
import struct
import threading
import time
import zlib
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
from PIL import Image

from jaxgan import InputError
from jaxgan.data import Resize, folder
from jaxgan.data.readers import open_image as module
from jaxgan.data.readers.decode import load_resized
from jaxgan.data.readers.open_image import endings, memory_of, open_image


def claim(path, width, height):
    """A small PNG file that claims to be of that size."""
    buffer = io.BytesIO()
    Image.new("L", (8, 8)).save(buffer, "PNG")
    content = bytearray(buffer.getvalue())
    content[16:24] = struct.pack(">II", width, height)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    path.write_bytes(content)


def test_an_image_of_a_hundred_megapixels_is_read_without_a_warning(tmp_path):
    path = tmp_path / "large.png"
    limit = Image.MAX_IMAGE_PIXELS
    Image.new("1", (10_000, 10_000), 1).save(path)
    assert (load_resized(path, Resize(2, channels=1)) == 255).all()
    assert limit == Image.MAX_IMAGE_PIXELS


def test_an_image_of_too_many_pixels_is_named_before_it_is_decoded(tmp_path):
    claim(tmp_path / "trap.png", 20_000, 20_000)
    with pytest.raises(InputError) as refused:
        folder(tmp_path, Resize(2), cache=tmp_path / "cache")
    assert (
        "trap.png (its 20,000×20,000 pixels are more than 268,435,456; make it smaller)"
    ) in str(refused.value)


def test_an_image_that_does_not_fit_in_memory_is_named(tmp_path, monkeypatch):
    claim(tmp_path / "large.png", 10_000, 10_000)
    free = SimpleNamespace(total=2**30, available=2**30)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    for _ in range(2):  # not kept in the cache
        with pytest.raises(InputError) as refused:
            folder(tmp_path, Resize(2), on_error="skip", cache=tmp_path / "cache")
        assert str(refused.value) == (
            f"{tmp_path / 'large.png'} cannot be decoded now: its 10,000×10,000 pixels "
            "need 1.1 GiB; make it smaller."
        )


def test_threads_share_the_memory(monkeypatch):
    """An eighth of the memory has room for three of 1 MB; one of 9 MB is alone."""
    monkeypatch.setattr(module, "BYTES_PER_PIXEL", 1)
    free = SimpleNamespace(total=8 * 3_500_000, available=10**9)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    together: list[tuple[int, int]] = []

    def decode(side):
        with memory_of((side, side)):
            together.append((len(module._held), sum(module._held)))
            time.sleep(0.01)

    sides = [1000] * 12 + [3000] * 2
    threads = [threading.Thread(target=decode, args=(side,)) for side in sides]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(together) == 14 and not module._held
    assert max(total for count, total in together if count > 1) <= 3_500_000
    assert sum(total == 9_000_000 for _, total in together) == 2


def test_memory_is_given_back_by_an_image_that_fails():
    with pytest.raises(ValueError), memory_of((9, 9)):
        raise ValueError
    assert not module._held


def test_only_formats_that_pillow_itself_decodes_are_opened(tmp_path):
    known = set(endings())
    assert {".png", ".jpg", ".jpe", ".jfif", ".webp", ".bmp", ".tif", ".gif"} <= known
    assert not {".eps", ".ps", ".wmf", ".mpg", ".h5", ".pdf"} & known
    (tmp_path / "a.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    refused = pytest.raises(OSError, match=r"cannot identify image file '.*a\.png'")
    with refused, open_image(tmp_path / "a.png"):
        pass


@pytest.mark.parametrize("ending", [".jfif", ".jpe", ".bmp", ".tiff", ".gif", ".ppm"])
def test_what_pillow_opens_is_read(tmp_path, ending):
    Image.new("RGB", (4, 4), (255, 0, 0)).save(tmp_path / f"a{ending}")
    data = folder(tmp_path, Resize(4), cache=tmp_path / ".cache")
    error = np.abs(data.arrays.real.astype(int) - [255, 0, 0]).max()
    assert error <= 2  # of JPEG
