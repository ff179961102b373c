import numpy as np
import pytest
from PIL import Image

from jaxgan import Batch, InputError
from jaxgan.data import Dataset, downscaled, edge_map, grayscale, pad_to
from jaxgan.data.datasets import as_dataset


def photos(size=5, height=12, width=16, channels=3):
    rng = np.random.default_rng(0)
    shape = (size, height, width, channels)
    return Batch(rng.integers(256, size=shape).astype(np.uint8), (np.arange(size),))


def images_of(dataset):
    return dataset.gather(np.arange(len(dataset))).real


def steps(*heights, at=8, size=16):
    """Images that are dark on the left and brighter by `heights` on the right."""
    images = np.full((len(heights), size, size, 1), 10, np.uint8)
    for image, height in zip(images, heights, strict=True):
        image[:, at:] += np.uint8(height)
    return images


MADE = {
    "grayscale": (grayscale, (12, 16, 1)),
    "edge_map": (edge_map, (12, 16, 1)),
    "downscaled": (lambda some: downscaled(some, 4), (3, 4, 3)),
    "pad_to": (lambda some: pad_to(some, 20), (20, 20, 3)),
}


@pytest.mark.parametrize(("make", "shape"), MADE.values(), ids=MADE)
def test_images_become_images_that_do_not_depend_on_each_other(make, shape):
    made = make(as_dataset(photos(), tuple("abcde")))
    whole = images_of(made)
    assert whole.shape == (5, *shape) and whole.dtype == np.uint8
    assert made.arrays is None and made.classes == tuple("abcde")
    some = made.gather(np.array([3, 0, 3]))
    np.testing.assert_array_equal(some.real, whole[[3, 0, 3]])
    assert some.condition[0].tolist() == [3, 0, 3]


@pytest.mark.parametrize(
    ("images", "shown"),
    [
        (np.zeros((2, 8, 8, 3), np.int32), "int32 (1, 8, 8, 3)"),
        (np.zeros((2, 8, 8), np.uint8), "uint8 (1, 8, 8)"),
        (np.zeros((2, 3, 8, 8, 3), np.uint8), "uint8 (1, 3, 8, 8, 3)"),
    ],
)
@pytest.mark.parametrize(
    "make", [make for make, _ in MADE.values()], ids=[name for name in MADE]
)
def test_what_is_no_image_is_refused(make, images, shown):
    with pytest.raises(InputError) as refused:
        make(Batch(images))
    assert str(refused.value) == (
        "data: real must be images (b, h, w, 1 or 3), uint8 or floats in [-1, 1], got "
        f"{shown}; convert them with `map`."
    )


@pytest.mark.parametrize(
    "make", [make for make, _ in MADE.values()], ids=[name for name in MADE]
)
def test_floats_between_minus_one_and_one_are_images_too(make):
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), np.uint8)
    floats = images.astype(np.float32) / 127.5 - 1
    found = [make(Batch(x)).gather(np.arange(3)).real for x in (images, floats)]
    np.testing.assert_array_equal(*found)


def test_grayscale_agrees_with_pillow():
    batch = photos(20)
    expected = [np.asarray(Image.fromarray(x).convert("L")) for x in batch.real]
    found = images_of(grayscale(batch))[..., 0].astype(int)
    assert abs(found - np.array(expected)).max() <= 1
    ends = np.repeat(np.array([0, 255], np.uint8), 3).reshape(2, 1, 1, 3)
    assert images_of(grayscale(Batch(ends))).ravel().tolist() == [0, 255]


def test_grayscale_keeps_gray_images():
    batch = photos(channels=1)
    np.testing.assert_array_equal(images_of(grayscale(batch)), batch.real)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("value", [0, 93, 255])
def test_edge_map_of_a_flat_image_is_black(channels, value):
    flat = Batch(np.full((2, 9, 11, channels), value, np.uint8))
    found = images_of(edge_map(flat))
    assert found.shape == (2, 9, 11, 1) and not found.any()


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0])
def test_edge_map_of_a_step_is_one_line(sigma):
    [found] = images_of(edge_map(Batch(steps(100)), sigma))[..., 0].astype(int)
    [line, *others] = found
    assert all(row.tolist() == line.tolist() for row in others)
    # Between columns 7 and 8, as steep on both sides, and falling from there.
    assert line[7] == line[8] == 255 and line.tolist() == line[::-1].tolist()
    assert (np.diff(line[8:]) <= 0).all()
    assert not line[8 + int(4 * sigma) + 1 :].any()


def test_edge_map_is_the_same_in_both_directions():
    batch = photos(3, 16, 16, 1)
    turned = Batch(batch.real.swapaxes(1, 2))
    np.testing.assert_array_equal(
        images_of(edge_map(turned)), images_of(edge_map(batch)).swapaxes(1, 2)
    )


def test_edge_map_with_a_wider_blur_has_a_wider_line():
    photo = Batch(steps(99))
    narrow, middle, wide = (
        images_of(edge_map(photo, sigma)).astype(int).sum() for sigma in (0.5, 1.0, 2.0)
    )
    assert narrow < middle < wide


def test_edge_map_makes_the_steepest_edge_of_every_image_white():
    faint, strong = images_of(edge_map(Batch(steps(16, 128))))
    np.testing.assert_array_equal(faint, strong)
    assert (images_of(edge_map(photos())).max(axis=(1, 2, 3)) == 255).all()


@pytest.mark.parametrize("sigma", [0.0, -1.0, float("nan")])
def test_edge_map_needs_a_positive_sigma(sigma):
    with pytest.raises(InputError, match="edge_map: sigma must be "):
        edge_map(photos(), sigma)


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_downscaled_pixels_are_the_means_of_squares(factor):
    batch = photos()
    found = images_of(downscaled(batch, factor))
    assert found.shape == (5, 12 // factor, 16 // factor, 3)
    for (n, row, column, channel), value in np.ndenumerate(found):
        top, left = factor * row, factor * column
        square = batch.real[n, top : top + factor, left : left + factor, channel]
        assert value == round(square.astype(int).sum() / factor**2)


@pytest.mark.parametrize("factor", [3, 5, 8, 32])
def test_downscaled_needs_a_factor_that_divides_height_and_width(factor):
    message = f"downscaled: a factor of {factor} does not divide images of 12×16"
    with pytest.raises(InputError, match=message):
        downscaled(photos(), factor)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda some: downscaled(some, 0), "downscaled: factor must be an integer of"),
        (lambda some: pad_to(some, 0), "pad_to: size must be an integer of at least 1"),
    ],
)
def test_counts_are_at_least_one(make, message):
    with pytest.raises(InputError, match=message):
        make(photos())


@pytest.mark.parametrize(
    ("size", "top", "left"), [(16, 2, 0), (17, 2, 0), (20, 4, 2), (21, 4, 2)]
)
@pytest.mark.parametrize("value", [0, 200])
def test_pad_to_centers_the_image(size, top, left, value):
    batch = photos()
    expected = np.full((5, size, size, 3), value, np.uint8)
    expected[:, top : top + 12, left : left + 16] = batch.real
    np.testing.assert_array_equal(images_of(pad_to(batch, size, value)), expected)


def test_pad_to_needs_a_size_of_at_least_the_image():
    with pytest.raises(InputError, match="pad_to: images of 12×16 do not fit in a squ"):
        pad_to(photos(), 15)


def test_lazy_images_are_read_when_they_are_gathered():
    asked = []

    def gather(indices):
        asked.append(indices.tolist())
        return Batch(photos().real[indices])

    made = pad_to(grayscale(Dataset(5, gather)), 20)
    asked.clear()
    made.gather(np.array([4, 1]))
    assert asked == [[4, 1]]


@pytest.mark.parametrize("value", [-1, 256])
def test_pad_to_needs_a_value_from_0_to_255(value):
    with pytest.raises(InputError, match="value must be an integer from 0 to 255, got"):
        pad_to(Batch(np.zeros((1, 4, 4, 1), np.uint8)), 8, value)
