import json
import math

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxgan import Info, InputError
from jaxgan.data.readers.synthetic import ring
from jaxgan.reporting.figures import contact_strip, image_grid, scatter
from jaxgan.reporting.log import flatten, read_rows, rewind, write_row
from tests.builders import unchecked


def test_a_report_is_flat():
    one, two = jnp.float32(1.5), jnp.float32(2.5)
    info = Info(
        losses={
            "discriminator": {"non_saturating": one, "r1": two},
            "generator": {"non_saturating": two},
        },
        gradient_norms={"discriminator": one, "generator": two},
        diagnostics={"discriminator": {"accuracy": one}, "generator": {}},
    )
    row = flatten(info)
    assert row == {
        "discriminator/non_saturating": 1.5,
        "discriminator/r1": 2.5,
        "discriminator/gradient": 1.5,
        "discriminator/accuracy": 1.5,
        "generator/non_saturating": 2.5,
        "generator/gradient": 2.5,
    }
    assert all(type(value) is float for value in row.values())


@pytest.fixture
def path(tmp_path):
    return tmp_path / "metrics.jsonl"


def test_rows_are_read_as_they_were_written(path):
    assert read_rows(path) == []
    write_row(path, 10, {"a": 1.25, "b": -3})
    write_row(path, 20, {"a": math.nan, "b": math.inf, "c": -math.inf, "d": 0.0})
    assert read_rows(path) == [
        {"step": 10, "a": 1.25, "b": -3},
        {"step": 20, "a": None, "b": None, "c": None, "d": 0.0},
    ]
    for line in path.read_text().splitlines():
        json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))


def test_a_torn_line_is_left_out(path):
    write_row(path, 1, {"a": 1.0})
    with path.open("a") as file:
        file.write('{"step": 2, "a": 2.')
    assert read_rows(path) == [{"step": 1, "a": 1.0}]


def test_rewinding_forgets_later_steps_and_torn_lines(path):
    rewind(path, 5)
    assert not path.exists()
    for step in (1, 2, 3, 4):
        write_row(path, step, {"a": step / 2})
    with path.open("a") as file:
        file.write('{"step": 5')
    rewind(path, 2)
    write_row(path, 3, {"a": 9.0})
    assert read_rows(path) == [
        {"step": 1, "a": 0.5},
        {"step": 2, "a": 1.0},
        {"step": 3, "a": 9.0},
    ]
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("value", "pixel"), [(-1.0, 0), (0.0, 128), (1.0, 255), (-3.0, 0), (3.0, 255)]
)
@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_are_scaled_and_clipped(value, pixel, channels):
    image = np.asarray(image_grid(np.full((1, 32, 32, channels), value)))
    assert image.shape == (42, 42, 3)[: 2 + (channels > 1)]
    assert (image[5:-5, 5:-5] == pixel).all()


def test_bytes_are_shown_as_they_are():
    every = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    sheet = np.asarray(image_grid(every))
    np.testing.assert_array_equal(sheet[5:-5:2, 5:-5:2], every[0, :, :, 0])


def test_images_lie_in_rows_between_white_space():
    values = np.linspace(-1, 0.5, 5)
    images = np.broadcast_to(values[:, None, None, None], (5, 32, 40, 1))
    sheet = np.asarray(image_grid(images, columns=3))
    assert sheet.shape == (2 * 37 + 5, 3 * 45 + 5)
    for i, value in enumerate(values):
        top, left = i // 3 * 37 + 5, i % 3 * 45 + 5
        pixel = int((value + 1) * 127.5 + 0.5)
        assert (sheet[top : top + 32, left : left + 40] == pixel).all()
    for line in (sheet[:5], sheet[37:42], sheet[:, 45:50], sheet[42:, 95:]):
        assert (line == 255).all()


@pytest.mark.parametrize(
    ("count", "rows", "columns"), [(1, 1, 1), (5, 2, 3), (9, 3, 3)]
)
def test_a_grid_is_about_square(count, rows, columns):
    sheet = image_grid(np.zeros((count, 32, 32, 3), np.float32))
    assert sheet.size == (columns * 37 + 5, rows * 37 + 5)


def test_small_images_are_enlarged_by_a_whole_factor():
    image = np.linspace(-1, 1, 64, dtype=np.float32).reshape(1, 8, 8, 1)
    sheet = np.asarray(image_grid(image))
    assert sheet.shape == (42, 42)
    inner = sheet[5:-5, 5:-5]
    np.testing.assert_array_equal(inner, inner[::4, ::4].repeat(4, 0).repeat(4, 1))
    assert len(np.unique(inner)) == 64


@pytest.mark.parametrize("shape", [(4, 8, 8), (4, 8, 8, 2), (0, 8, 8, 1)])
def test_what_is_not_images_is_refused(shape):
    with unchecked(), pytest.raises(InputError, match=r"images must be .* got \("):
        image_grid(np.zeros(shape, np.float32))


def test_a_strip_shows_pictures_side_by_side_under_their_steps(tmp_path):
    paths = []
    for step, (size, color) in {
        0: ((10, 10), "red"),
        1000: ((40, 20), "blue"),
    }.items():
        paths.append(tmp_path / f"{step:08d}.png")
        Image.new("RGB", size, color).save(paths[-1])
    strip = contact_strip(paths, height=100)
    assert strip.size == (100 + 8 + 200, 100 + 24)
    pixels = np.asarray(strip)
    assert (pixels[24:, :100] == (255, 0, 0)).all()
    assert (pixels[24:, 100:108] == 255).all()
    assert (pixels[24:, 108:] == (0, 0, 255)).all()
    captions = pixels[:24, :100], pixels[:24, 108:]
    assert all(caption.min() < 128 for caption in captions)


def test_points_and_marks_are_drawn():
    def pixels(points):
        picture = scatter(points, ring().means)
        assert isinstance(picture, Image.Image) and picture.size == (320, 320)
        return np.asarray(picture.convert("RGB")).astype(int)

    center, outside = pixels(np.zeros((10, 2))), pixels(np.full((10, 2), 100.0))
    for picture in (center, outside):
        red = (picture[..., 0] > 180) & (picture[..., 1] < 100)
        assert red.sum() > 8 * 5
    middle = np.s_[120:200, 120:200]
    assert (outside[middle] == 255).all()
    assert center[middle].min() < 128
