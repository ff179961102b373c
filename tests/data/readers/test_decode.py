"""Every kind of image file becomes the array that it should.

Files are made with Pillow, and as large as they are asked for wherever pixels are to be
equal: then nothing is resampled.
"""

import io
import struct
import zlib
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from jaxgan import InputError
from jaxgan.data import Resize
from jaxgan.data.readers.decode import decode_image, is_gray, load_resized
from tests.builders import unchecked

RAMP = np.arange(256, dtype=np.uint8).reshape(16, 16)
NOISE = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)

LOSSLESS = {".png": {}, ".webp": {"lossless": True, "exact": True}}


@pytest.fixture
def file(tmp_path):
    """Writes an image, and returns its path."""

    def write(image, ending=".png", **options):
        path = tmp_path / f"image{ending}"
        if isinstance(image, np.ndarray):
            image = Image.fromarray(image)
        image.save(path, **LOSSLESS.get(ending, {}), **options)
        return path

    return write


def with_alpha(colors, alpha):
    return np.concatenate([colors, np.full((16, 16, 1), alpha, np.uint8)], axis=-1)


def over(colors, alpha, background):
    """The rounded mixture."""
    mixed = colors.astype(int) * alpha + np.array(background) * (255 - alpha)
    return (2 * mixed + 255) // (2 * 255)


@pytest.mark.parametrize("ending", LOSSLESS)
def test_colors_are_kept(file, ending):
    found = load_resized(file(NOISE, ending), Resize(16, channels=3))
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, NOISE)


def test_grays_are_kept_and_repeated_where_color_is_wanted(file):
    path = file(RAMP)
    np.testing.assert_array_equal(
        load_resized(path, Resize(16, channels=1)), RAMP[..., None]
    )
    np.testing.assert_array_equal(
        load_resized(path, Resize(16, channels=3)), np.stack([RAMP] * 3, axis=-1)
    )


@pytest.mark.parametrize(
    ("color", "gray"), [("white", 255), ("red", 76), ("lime", 150), ("blue", 29)]
)
def test_color_becomes_gray_by_its_brightness(file, color, gray):
    path = file(Image.new("RGB", (4, 4), color))
    np.testing.assert_array_equal(load_resized(path, Resize(4, channels=1)), gray)


@pytest.mark.parametrize(("mode", "channels"), [("RGB", 3), ("L", 1), ("L", 3)])
def test_a_jpeg_is_what_its_decoder_makes_of_it(file, mode, channels):
    path = file(Image.fromarray(NOISE).convert(mode), ".jpg")
    with Image.open(path) as image:
        pixels = np.asarray(image).reshape(16, 16, -1)
    np.testing.assert_array_equal(
        load_resized(path, Resize(16, channels=channels)),
        np.broadcast_to(pixels, (16, 16, channels)),
    )


@pytest.mark.parametrize("ending", LOSSLESS)
@pytest.mark.parametrize("alpha", [0, 1, 128, 254, 255])
@pytest.mark.parametrize(
    ("background", "rgb"),
    [("white", (255,) * 3), ("black", (0,) * 3), ("#ff8800", (255, 136, 0))],
)
def test_transparent_colors_lie_over_the_background(
    file, ending, alpha, background, rgb
):
    path = file(with_alpha(NOISE, alpha), ending)
    np.testing.assert_array_equal(
        load_resized(path, Resize(16, background=background)), over(NOISE, alpha, rgb)
    )


@pytest.mark.parametrize("alpha", [0, 128, 255])
@pytest.mark.parametrize(("background", "value"), [("white", 255), ("black", 0)])
def test_transparent_grays_lie_over_the_background(file, alpha, background, value):
    path = file(with_alpha(RAMP[..., None], alpha))
    expected = over(RAMP[..., None], alpha, value)
    np.testing.assert_array_equal(
        load_resized(path, Resize(16, channels=1, background=background)), expected
    )


def test_colors_that_nothing_shows_do_not_bleed_into_what_is_seen(file):
    alpha = np.where(np.arange(16) < 8, 255, 0).astype(np.uint8)
    red = np.broadcast_to(np.array([255, 0, 0], np.uint8), (16, 16, 3))
    white = np.full_like(red, 255)
    seen = np.where(alpha[:, None] == 255, white, red)
    path = file(np.concatenate([seen, np.broadcast_to(alpha[:, None], (16, 16, 1))], 2))
    np.testing.assert_array_equal(load_resized(path, Resize(5)), 255)


def paletted():
    """Pixel i has entry i % 3: orange, green, blue."""
    image = Image.fromarray((np.arange(256) % 3).astype(np.uint8).reshape(16, 16), "P")
    image.putpalette([255, 136, 0, 0, 128, 0, 0, 0, 255])
    return image


def test_a_palette_is_looked_up(file):
    found = load_resized(file(paletted()), Resize(16)).reshape(-1, 3)
    colors = [[255, 136, 0], [0, 128, 0], [0, 0, 255]]
    np.testing.assert_array_equal(found, np.resize(colors, (256, 3)))


def test_a_transparent_entry_of_a_palette_shows_the_background(file):
    path = file(paletted(), transparency=1)
    found = load_resized(path, Resize(16, background="#102030")).reshape(-1, 3)
    colors = [[255, 136, 0], [16, 32, 48], [0, 0, 255]]
    np.testing.assert_array_equal(found, np.resize(colors, (256, 3)))


def test_the_transparencies_of_a_palette_may_be_in_between(file):
    path = file(paletted(), transparency=bytes([255, 128, 0]))
    found = load_resized(path, Resize(16, background="white")).reshape(-1, 3)
    colors = [[255, 136, 0], [127, 191, 127], [255, 255, 255]]
    np.testing.assert_array_equal(found, np.resize(colors, (256, 3)))


def test_single_bits_are_black_and_white(file):
    path = file(Image.fromarray(RAMP > 99))
    found = load_resized(path, Resize(16, channels=1))[..., 0]
    np.testing.assert_array_equal(found, np.where(RAMP > 99, 255, 0))


def png(rows, width, depth, color, transparent=None):
    """Bytes of a PNG of any depth; Pillow writes fewer."""

    def chunk(name, content):
        check = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + check

    size = struct.pack(">IIBBBBB", width, len(rows), depth, color, 0, 0, 0)
    seen = b"" if transparent is None else chunk(b"tRNS", transparent)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", size)
        + seen
        + chunk(b"IDAT", pixels)
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("row", "depth", "color", "transparent"),
    [
        (bytes([0b01000000]), 1, 0, (1,)),
        (bytes([0b01110000]), 2, 0, (1,)),
        (bytes([0x5F]), 4, 0, (5,)),
        (bytes([7, 255]), 8, 0, (7,)),
        (struct.pack(">2H", 0, 65535), 16, 0, (0,)),
        (struct.pack(">2H", 4660, 4661), 16, 0, (4660,)),
        (bytes([9, 8, 7, 0, 0, 0]), 8, 2, (9, 8, 7)),
        (struct.pack(">6H", 4660, 9029, 0, 0, 0, 1), 16, 2, (4660, 9029, 0)),
    ],
)
def test_a_transparent_color_of_any_depth_shows_the_background(
    row, depth, color, transparent
):
    seen = struct.pack(f">{len(transparent)}H", *transparent)
    content = [png([row] * 2, 2, depth, color, each) for each in (seen, None)]
    background, plain = (
        load_resized(io.BytesIO(each), Resize(2, background="lime")) for each in content
    )
    where = np.s_[:, 1 if depth == 1 else 0]
    assert (background[where] == [0, 255, 0]).all()
    assert not (plain[where] == [0, 255, 0]).all(-1).any()
    other = np.s_[:, 0 if depth == 1 else 1]
    np.testing.assert_array_equal(background[other], plain[other])


def test_gray_with_sixteen_bits_and_alpha_is_gray(tmp_path):
    row = struct.pack(">4H", 1000, 0, 40000, 65535)
    (tmp_path / "a.png").write_bytes(png([row] * 2, 2, 16, 4))
    assert is_gray(tmp_path / "a.png")
    found = load_resized(tmp_path / "a.png", Resize(2, channels=1))
    np.testing.assert_array_equal(found[..., 0], [[255, 40000 // 256]] * 2)


@pytest.mark.parametrize(
    ("content", "deepest"),
    [
        (png([struct.pack(">2H", 3, 4095)] * 2, 2, 16, 0), 4095),
        (png([struct.pack(">6H", 3, 0, 4095, 1, 1, 1)] * 2, 2, 16, 2), 4095),
        (png([struct.pack(">4H", 3, 65535, 4095, 65535)] * 2, 2, 16, 4), 4095),
        (png([bytes([0, 255])] * 2, 2, 8, 0), 0),
    ],
)
def test_the_largest_of_sixteen_bits_is_found(content, deepest):
    assert decode_image(io.BytesIO(content), Resize(2)).deepest == deepest


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.array([[0, 0.5], [1, 2]], np.float32), "its pixels are floats; save it"),
        (np.array([[0, 70000]], np.int32), "its values go from 0 to 70,000; save it"),
        (np.array([[-3, 70]], np.int32), "its values go from -3 to 70; save it"),
    ],
)
def test_values_of_an_unknown_range_are_refused(file, values, said):
    with pytest.raises(ValueError, match=said):
        load_resized(file(values, ".tif"), Resize(2))


def test_sixteen_bits_are_scaled_to_eight_and_rounded(file):
    deep = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    path = file(deep)
    with Image.open(path) as image:
        assert image.mode == "I;16"
    found = load_resized(path, Resize(256, channels=1)).ravel()
    assert [found[v] for v in (0, 128, 129, 32896, 65535)] == [0, 0, 1, 128, 255]
    np.testing.assert_array_equal(found[::257], np.arange(256))
    np.testing.assert_array_equal(found, np.rint(np.arange(65536) / 257))


@pytest.mark.parametrize(
    ("ink", "color"),
    [
        ((0, 0, 0, 0), (255, 255, 255)),
        ((0, 255, 255, 0), (255, 0, 0)),
        ((0, 0, 0, 255), (0, 0, 0)),
        ((255, 0, 0, 0), (0, 255, 255)),
    ],
)
def test_inks_are_not_taken_for_lights(file, ink, color):
    path = file(Image.new("CMYK", (8, 8), ink), ".jpg", quality=100)
    found = load_resized(path, Resize(8))
    np.testing.assert_array_equal(found, np.broadcast_to(color, (8, 8, 3)))


@pytest.mark.parametrize(
    ("image", "gray"),
    [
        (Image.new("L", (2, 2)), True),
        (Image.new("LA", (2, 2)), True),
        (Image.new("1", (2, 2)), True),
        (Image.new("I;16", (2, 2)), True),
        (Image.new("RGB", (2, 2)), False),
        (Image.new("RGBA", (2, 2)), False),
        (Image.new("P", (2, 2)), False),
    ],
    ids=lambda x: getattr(x, "mode", ""),
)
def test_which_files_are_gray(file, image, gray):
    assert is_gray(file(image)) is gray


# Where the first row and the first column of the stored pixels are seen, as EXIF has
# it, and so what turns them upright.
UPRIGHT = {
    1: lambda x: x,  # top, left
    2: lambda x: x[:, ::-1],  # top, right
    3: lambda x: x[::-1, ::-1],  # bottom, right
    4: lambda x: x[::-1],  # bottom, left
    5: lambda x: x.swapaxes(0, 1),  # left, top
    6: lambda x: x[::-1].swapaxes(0, 1),  # right, top
    7: lambda x: x[::-1, ::-1].swapaxes(0, 1),  # right, bottom
    8: lambda x: x[:, ::-1].swapaxes(0, 1),  # left, bottom
}


@pytest.mark.parametrize("ending", [".png", ".jpg", ".webp"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_images_are_turned_upright(file, orientation, ending):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = file(NOISE, ending, exif=exif)
    with Image.open(path) as image:
        stored = np.asarray(image)
    np.testing.assert_array_equal(
        load_resized(path, Resize(16)), UPRIGHT[orientation](stored)
    )


def test_an_image_is_cut_after_it_is_turned(file):
    exif = Image.Exif()
    exif[0x0112] = 6
    wide = NOISE[:8]
    path = file(wide, exif=exif)
    upright = UPRIGHT[6](wide)
    np.testing.assert_array_equal(load_resized(path, Resize(8)), upright[4:12])


def test_cropping_keeps_the_middle(file):
    landscape, portrait = NOISE[:8], NOISE[:, :8]
    np.testing.assert_array_equal(
        load_resized(file(landscape), Resize(8)), landscape[:, 4:12]
    )
    np.testing.assert_array_equal(
        load_resized(file(portrait), Resize(8)), portrait[4:12]
    )


@pytest.mark.parametrize("portrait", [False, True])
def test_padding_keeps_everything_and_puts_background_around(file, portrait):
    part = (slice(None), slice(0, 8)) if portrait else (slice(0, 8),)
    place = (slice(None), slice(4, 12)) if portrait else (slice(4, 12),)
    expected = np.broadcast_to(np.array([255, 136, 0], np.uint8), (16, 16, 3)).copy()
    expected[place] = NOISE[part]
    found = load_resized(
        file(NOISE[part]), Resize(16, shape="pad", background="#ff8800")
    )
    np.testing.assert_array_equal(found, expected)


def test_gray_images_are_padded_with_the_gray_of_the_background(file):
    resize = Resize(16, shape="pad", background="red", channels=1)
    found = load_resized(file(RAMP[:8]), resize)[..., 0]
    np.testing.assert_array_equal(found[4:12], RAMP[:8])
    np.testing.assert_array_equal(found[[0, 3, 12, 15]], 76)


@pytest.mark.parametrize("axis", [0, 1])
def test_stretching_keeps_everything_and_changes_the_aspect(file, axis):
    twice = NOISE[:8, :8].repeat(2, axis)
    resize = Resize(8, shape="stretch", filter="box")
    np.testing.assert_array_equal(load_resized(file(twice), resize), NOISE[:8, :8])


@pytest.mark.parametrize("shape", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("size", [5, 23])
@pytest.mark.parametrize("name", ["box", "bilinear", "hamming", "bicubic", "lanczos"])
def test_a_filter_is_pillows_of_that_name(file, name, size, shape):
    found = load_resized(file(NOISE), Resize(size, shape=shape, filter=name))
    own = Image.fromarray(NOISE).resize((size, size), Image.Resampling[name.upper()])
    np.testing.assert_array_equal(found, np.asarray(own))


def test_no_two_filters_are_the_same(file):
    path = file(NOISE)
    names = ["box", "bilinear", "hamming", "bicubic", "lanczos"]
    made = sorted(
        load_resized(path, Resize(5, filter=name)).tobytes() for name in names
    )
    assert all(one != other for one, other in pairwise(made))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", ["box", "bilinear", "hamming", "bicubic", "lanczos"])
def test_a_fine_checkerboard_becomes_gray(file, name, channels):
    board = (255 * (np.indices((64, 64)).sum(0) % 2)).astype(np.uint8)
    found = load_resized(file(board), Resize(8, filter=name, channels=channels))
    assert found.shape == (8, 8, channels)
    assert np.abs(found - 127.5).max() <= 2


def test_an_open_file_will_do(file):
    path = file(NOISE)
    np.testing.assert_array_equal(
        load_resized(io.BytesIO(path.read_bytes()), Resize(7)),
        load_resized(path, Resize(7)),
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"size": 0}, "size must be an integer of at least 1, got 0"),
        ({"size": 8.0}, "size must be an integer of at least 1, got 8.0"),
        (
            {"shape": "squeeze"},
            "shape must be one of 'crop', 'pad', 'stretch', got 'squeeze'",
        ),
        (
            {"filter": "nearest"},
            "filter must be one of 'box', 'bilinear', 'hamming', 'bicubic', "
            "'lanczos', got 'nearest'",
        ),
        ({"channels": 4}, "channels must be 1 (gray), 3 (RGB) or None, got 4"),
        (
            {"background": "mist"},
            "background must be a color such as 'white' or '#ff8800', got 'mist'",
        ),
        (
            {"background": (0, 0, 0)},
            "background must be a color such as 'white' or '#ff8800', got (0, 0, 0)",
        ),
    ],
)
def test_invalid_options_are_refused(given, message):
    with pytest.raises(InputError) as refused, unchecked():
        Resize(**{"size": 8, **given})
    assert str(refused.value) == f"{message}."


@pytest.mark.parametrize("background", ["white", "#fff", "rgb(1, 2, 3)"])
@pytest.mark.parametrize("channels", [None, 1, 3])
def test_valid_options_are_not_refused(background, channels):
    assert Resize(1, channels=channels, background=background).channels == channels
