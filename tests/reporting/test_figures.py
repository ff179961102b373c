import numpy as np
import pytest
from PIL import Image

from jaxgan import InputError
from jaxgan.data.readers.synthetic import ring
from jaxgan.reporting.figures import contact_strip, image_grid, scatter
from tests.builders import unchecked


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


def test_points_are_colored_by_label():
    points = np.array([[-1.0, 0.0]] * 50 + [[1.0, 0.0]] * 50)
    picture = np.asarray(scatter(points, labels=np.repeat([0, 11], 50))).astype(int)
    colored = picture.max(axis=-1) - picture.min(axis=-1) > 60
    blue = colored & (picture[..., 2] > picture[..., 0] + 60)
    orange = colored & (picture[..., 0] > picture[..., 2] + 60)
    assert blue.sum() > 4 and orange.sum() > 4
    black = np.asarray(scatter(points)).astype(int)
    assert (black.max(axis=-1) - black.min(axis=-1)).max() < 10


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros(3, int), "labels must be 2 integers"),
        (np.zeros(2), "labels must be 2 integers"),
        (np.array([0, -1]), "at least 0"),
    ],
)
def test_labels_that_are_not_classes_are_refused(labels, message):
    with unchecked(), pytest.raises(InputError, match=message):
        scatter(np.zeros((2, 2)), labels=labels)
