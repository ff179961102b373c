"""Extractors: one callable on bytes."""

import numpy as np
import pytest

from jaxgan.errors import InputError
from jaxgan.metrics.features.extractor import (
    CHUNK,
    Extractor,
    Features,
    as_uint8,
    pixels,
)
from tests.builders import unchecked


def doubled(images):
    """Enlarge twice, as a resizer would."""
    return images.repeat(2, axis=1).repeat(2, axis=2)


def corners(images):
    """The upper left and the lower right pixel, and two classes."""
    flat = images.reshape(len(images), -1).astype(np.float64)
    return Features(flat[:, [0, -1]], np.stack([flat[:, 0], 255 - flat[:, 0]], 1) / 255)


TO_EIGHT = Extractor(
    "corners", "abc", "to 8", corners, lambda x: np.resize(x, (len(x), 8, 8, 1))
)


def images(count, size=4, channels=1):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (count, size, size, channels), np.uint8)


def test_pixels_are_rows_of_their_bytes():
    found = pixels()(images(5, channels=3))
    np.testing.assert_array_equal(found.features, images(5, channels=3).reshape(5, -1))
    assert found.probabilities is None
    with pytest.raises(InputError, match="extractor: it does not predict classes"):
        found.classes()


@pytest.mark.parametrize("count", [1, CHUNK, 2 * CHUNK + 3])
def test_many_images_are_seen_as_one_by_one(count):
    extractor = Extractor("corners", "", "none", corners)
    given = images(count)
    found = extractor(given)
    np.testing.assert_array_equal(found.features, corners(given).features)
    np.testing.assert_array_equal(found.probabilities, corners(given).probabilities)
    np.testing.assert_array_equal(found.classes(), (given[:, 0, 0, 0] < 127.5) * 1)


def test_images_of_several_sizes_are_resized_one_by_one():
    several = [images(1, size)[0] for size in (4, 6, 9)]
    found = TO_EIGHT(several)
    assert found.features.shape == (3, 2)
    assert [row[0] for row in found.features] == [image[0, 0, 0] for image in several]


def test_an_extractor_that_does_not_resize_wants_one_size():
    several = [images(1, size)[0] for size in (4, 6)]
    with pytest.raises(InputError, match=r"several sizes.*does not resize"):
        pixels()(several)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (images(3).astype(np.float32), "uint8, got float32; as_uint8 rounds"),
        (images(3)[..., 0], r"\(n, h, w, 3\) with n ≥ 1, got \(3, 4, 4\)"),
        (images(3, channels=2), r"got \(3, 4, 4, 2\)"),
        ([images(1)[0], images(1)[0] / 255], "uint8, got float64"),
    ],
)
def test_what_are_no_byte_images_is_refused(given, message):
    with pytest.raises(InputError, match=message):
        pixels()(given)


def test_integers_are_not_taken_for_floats():
    said = r"images must be floats in \[-1, 1\], got int64; if they are bytes"
    with unchecked(), pytest.raises(InputError, match=said):
        as_uint8(images(3).astype(np.int64))


def test_rounding_is_to_the_nearest_byte_and_takes_back_what_data_does():
    every = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    floats = (every.astype(np.float32) - 127.5) / 127.5
    np.testing.assert_array_equal(as_uint8(floats), every)
    step = 2 / 255
    np.testing.assert_array_equal(as_uint8(floats + 0.49 * step), every)
    shifted = as_uint8(floats + 0.51 * step).ravel()
    np.testing.assert_array_equal(shifted[:-1], every.ravel()[1:])
    assert shifted[-1] == 255
