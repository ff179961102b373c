import numpy as np
import pytest

from jaxgan.metrics.features.resize import pil_bicubic, tf1_bilinear

BOTH = pytest.mark.parametrize("resizer", [tf1_bilinear, pil_bicubic])


def random_images(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def projection(x):
    """One number that depends on every element and on their order."""
    directions = np.random.default_rng(1).standard_normal(x.shape)
    return np.vdot(directions, x.astype(np.float64)) / np.sqrt(x.size)


# TensorFlow 2.21.0: tf.compat.v1.image.resize_bilinear(x.astype("f4"), (size, size)).
TENSORFLOW = {
    (1, 2, 3, 1): [
        [95.0, 116.0, 142.8, 181.20001, 194.0],
        [143.8, 154.0, 170.72, 200.48001, 210.4],
        [192.6, 192.0, 198.64001, 219.76, 226.8],
        [217.0, 211.0, 212.6, 229.4, 235.0],
        [217.0, 211.0, 212.6, 229.4, 235.0],
    ],
    (1, 6, 7, 1): [
        [95.0, 201.66667, 225.66666],
        [16.0, 200.0, 120.33335],
        [182.0, 40.66667, 73.666664],
    ],
}

# clean-fid 0.1.35, Pillow 13.0.0: make_resizer("PIL", False, "bicubic", (size, size)).
CLEAN = {
    (1, 2, 3, 1): [
        [79.937164, 93.72933, 122.37264, 168.0069, 195.038],
        [100.57824, 111.47862, 135.04736, 176.50258, 201.33965],
        [155.05661, 158.32462, 168.5, 198.92537, 217.9717],
        [209.53496, 205.17062, 201.95264, 221.34816, 234.60374],
        [230.17604, 222.9199, 214.62737, 229.84384, 240.9054],
    ],
    (1, 6, 7, 1): [
        [118.220726, 208.33122, 173.56595],
        [76.22838, 136.44058, 123.57155],
        [91.04979, 68.33914, 103.26933],
    ],
}


@pytest.mark.parametrize("shape", TENSORFLOW)
@pytest.mark.parametrize(
    ("resizer", "known"), [(tf1_bilinear, TENSORFLOW), (pil_bicubic, CLEAN)]
)
def test_small_images_become_those_of_the_reference(resizer, known, shape):
    resized = resizer(random_images(*shape), len(known[shape]))
    assert resized.dtype == np.float32
    np.testing.assert_allclose(resized[0, :, :, 0], known[shape], rtol=0, atol=1e-4)


# The projection of the result, and its last pixel; made as above.
@pytest.mark.parametrize(
    ("resizer", "shape", "size", "known", "last"),
    [
        (tf1_bilinear, (2, 32, 32, 3), 299, -186.4869415, [43, 158, 41]),
        (
            pil_bicubic,
            (2, 32, 32, 3),
            299,
            -271.3092582,
            [18.90267, 194.49037, 26.90484],
        ),
        (
            tf1_bilinear,
            (1, 218, 178, 3),
            64,
            -164.2111816,
            [133.93164, 154.10059, 145.87402],
        ),
        (
            pil_bicubic,
            (1, 218, 178, 3),
            64,
            -143.4393842,
            [103.80196, 127.84069, 153.50113],
        ),
    ],
)
def test_large_images_become_those_of_the_reference(resizer, shape, size, known, last):
    resized = resizer(random_images(*shape), size)
    assert resized.shape == (shape[0], size, size, 3)
    assert projection(resized) == pytest.approx(known, abs=1e-4)
    np.testing.assert_allclose(resized[0, -1, -1], last, rtol=0, atol=1e-4)


@BOTH
def test_the_same_size_is_the_same_image(resizer):
    images = random_images(3, 9, 9, 3)
    np.testing.assert_array_equal(resizer(images, 9), images.astype(np.float32))


@BOTH
@pytest.mark.parametrize("size", [5, 31])
def test_one_color_stays_one_color(resizer, size):
    images = np.broadcast_to(np.uint8([[[[3, 200, 255]]]]), (2, 11, 8, 3))
    expected = np.broadcast_to(np.float32([3, 200, 255]), (2, size, size, 3))
    np.testing.assert_allclose(resizer(images, size), expected, rtol=1e-6)


@BOTH
def test_images_and_colors_are_resized_by_themselves(resizer):
    images = random_images(2, 12, 10, 3)
    whole = resizer(images, 7)
    for i, color in np.ndindex(2, 3):
        alone = resizer(images[i : i + 1, :, :, color : color + 1], 7)
        np.testing.assert_array_equal(whole[i, :, :, color], alone[0, :, :, 0])


@BOTH
def test_height_and_width_are_not_confused(resizer):
    images = random_images(1, 12, 10, 3)
    turned = resizer(images.transpose(0, 2, 1, 3), 7).transpose(0, 2, 1, 3)
    np.testing.assert_allclose(turned, resizer(images, 7), rtol=0, atol=1e-4)


def test_tensorflow_only_picks_pixels_of_a_larger_image():
    images = random_images(2, 24, 24, 3)
    np.testing.assert_array_equal(tf1_bilinear(images, 6), images[:, ::4, ::4])


def test_pillow_smooths_what_tensorflow_aliases():
    stripes = np.zeros((1, 64, 64, 1), np.uint8)
    stripes[:, ::2] = 255
    inside = slice(4, -4)  # the filter is cut at the border
    assert tf1_bilinear(stripes, 16).min() == 255
    smooth = pil_bicubic(stripes, 16)[:, inside]
    np.testing.assert_allclose(smooth, 127.5, atol=2)


def test_what_overshoots_is_cut():
    edge = np.zeros((1, 8, 8, 1), np.uint8)
    edge[:, :, 4:] = 255
    resized = pil_bicubic(edge, 40)
    assert resized.min() == 0
    assert resized.max() == 255
    assert (resized == 0).sum() > 0.3 * resized.size
