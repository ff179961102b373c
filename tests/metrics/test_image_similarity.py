import math

import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import InputError
from jaxgan.metrics.image_similarity import (
    luma,
    ms_ssim,
    psnr,
    ssim,
)
from tests.builders import unchecked


def pictures(seed, n, side, channels):
    """Blocks of color under noise."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 200, (n, 11, 11, channels))
    size = side // 11 + 1
    sharp = coarse.repeat(size, axis=1).repeat(size, axis=2)[:, :side, :side]
    return (sharp + rng.integers(0, 56, sharp.shape)).astype(np.uint8)


def mixtures(n, side, channels):
    """Pictures, and their mean with others."""
    real = pictures(0, n, side, channels)
    return real, pictures(1, n, side, channels) // 2 + real // 2


# torchmetrics 1.9.0 in float64: peak_signal_noise_ratio of each image (whose log of 10
# is float32), and structural_similarity_index_measure, its full image cut by 5 pixels.
PSNR = {
    3: [15.374813566911142, 15.313995485653562, 15.676941344955232],
    1: [15.105650043385587, 15.149737172828626, 16.117207525206922],
}
SSIM = {
    3: [0.5954148117778937, 0.6104877995262811, 0.5805019626573701],
    1: [0.4811187302315352, 0.5945437059137109, 0.6934287385139554],
}


@pytest.mark.parametrize("channels", [1, 3])
def test_psnr_and_ssim_are_those_of_torchmetrics(channels):
    real, fake = mixtures(3, 40, channels)
    np.testing.assert_allclose(psnr(real, fake).each, PSNR[channels], rtol=1e-7)
    np.testing.assert_allclose(ssim(real, fake).each, SSIM[channels], rtol=1e-12)


# The same, composed of its contrast and similarity at each scale and of means of 2 × 2.
MS_SSIM = {
    3: [0.6068314948214457, 0.6056485674648114],
    1: [0.5012356564006225, 0.6101434300793845],
}
# TensorFlow 2.21.0 in float32, tf.image.ssim_multiscale of gray images.
TENSORFLOW = {
    192: [0.5012351274490356, 0.6101433038711548],
    161: [0.5033509135246277, 0.6135227084159851],
    171: [0.48358431458473206, 0.6106648847902948],
}


@pytest.mark.parametrize("channels", [1, 3])
def test_ms_ssim_is_that_of_torchmetrics_inside_the_image(channels):
    found = ms_ssim(*mixtures(2, 192, channels))
    np.testing.assert_allclose(found.each, MS_SSIM[channels], rtol=1e-12)


@pytest.mark.parametrize("side", TENSORFLOW)
def test_ms_ssim_is_that_of_tensorflow_for_odd_sides_too(side):
    found = ms_ssim(*mixtures(2, side, 1))
    np.testing.assert_allclose(found.each, TENSORFLOW[side], rtol=1e-5)


def flat(level, side=16):
    return np.full((1, side, side, 1), level, np.uint8)


def test_flat_images_have_their_closed_form():
    assert psnr(flat(100), flat(110)).value == pytest.approx(
        20 * math.log10(255 / 10), rel=1e-12
    )
    c1 = (0.01 * 255) ** 2
    expected = (2 * 100 * 110 + c1) / (100**2 + 110**2 + c1)
    assert ssim(flat(100), flat(110)).value == pytest.approx(expected, rel=1e-12)
    scales = ms_ssim(flat(100, 161), flat(110, 161)).value
    assert scales == pytest.approx(expected**0.1333, rel=1e-12)


@pytest.mark.parametrize("measure", [psnr, ssim, ms_ssim])
def test_laws(measure):
    side = 176 if measure is ms_ssim else 24
    real, fake = mixtures(2, side, 3)
    value = measure(real, fake).value
    for one, other in (
        (fake, real),
        (real[:, ::-1], fake[:, ::-1]),
        (real.swapaxes(1, 2), fake.swapaxes(1, 2)),
        (real[..., ::-1], fake[..., ::-1]),
    ):
        assert measure(one, other).value == pytest.approx(value, rel=1e-12)
    scaled = measure(real / 255, fake / 255, data_range=1.0)
    assert scaled.value == pytest.approx(value, rel=1e-12)
    noise = np.random.default_rng(0).integers(0, 256, real.shape, np.uint8)
    assert measure(real, noise).value < value < measure(real, real).value


def test_an_image_is_as_like_itself_as_can_be():
    real = pictures(0, 2, 161, 3)
    assert ssim(real, real).value == ms_ssim(real, real).value == 1
    same = psnr(real, real)
    assert same.value == math.inf and math.isnan(same.error)


def test_an_image_and_its_negative_are_unlike():
    # Without contrast between them in common, structure is below 0.
    real = pictures(0, 1, 161, 1)
    assert ssim(real, 255 - real).value < 0
    assert ms_ssim(real, 255 - real).value == 0


def test_pairs_are_averaged_with_their_error():
    real, fake = mixtures(20, 24, 1)  # more than are compared at once
    found = psnr(real, fake)
    each = [psnr(real[i : i + 1], fake[i : i + 1]).value for i in range(20)]
    np.testing.assert_allclose(found.each, each, rtol=1e-12)
    assert found.value == pytest.approx(np.mean(each), rel=1e-12)
    assert found.error == pytest.approx(np.std(each, ddof=1) / math.sqrt(20), rel=1e-9)
    assert math.isnan(psnr(real[:1], fake[:1]).error)


def test_float64_is_used_here_alone():
    # A difference of 1e-9 is beyond float32.
    one = np.full((1, 8, 8, 1), 0.5)
    assert psnr(one, one + 1e-9, data_range=1.0).value == pytest.approx(180, abs=1e-4)
    assert jnp.ones(2).dtype == jnp.float32


def test_luma_has_its_studio_range():
    colors = np.eye(3)[None, None] * 255
    expected = [16 + 65.481, 16 + 128.553, 16 + 24.966]  # red, green and blue
    np.testing.assert_allclose(luma(colors).ravel(), expected, rtol=1e-12)
    ends = np.stack([np.zeros(3), np.ones(3)])[None, None]
    found = luma(ends, data_range=1.0).ravel() * 255
    np.testing.assert_allclose(found, [16, 235], rtol=1e-12)


def test_luma_moves_a_score_by_a_known_amount():
    # A change of gray by Δ changes luma by 219/255 Δ, so PSNR by 20 log₁₀(255/219).
    gray = np.full((1, 8, 8, 3), 100, np.uint8)
    plain, of_luma = psnr(gray, gray + 10), psnr(luma(gray), luma(gray + 10))
    gain = 20 * math.log10(255 / 219)
    assert gain == pytest.approx(1.32, abs=5e-3)
    assert of_luma.value - plain.value == pytest.approx(gain, rel=1e-9)


@pytest.mark.parametrize(
    ("real", "fake", "message"),
    [
        (
            (2, 16, 16, 1),
            (3, 16, 16, 1),
            r"must have the same shape, got \(2, 16, 16, 1\)",
        ),
        ((16, 16, 1), (16, 16, 1), r"real must be images \(n, h, w, c\) with n ≥ 1"),
        ((0, 16, 16, 1), (0, 16, 16, 1), r"got \(0, 16, 16, 1\)"),
        ((2, 10, 16, 1), (2, 10, 16, 1), r"at least 11 for .* got \(10, 16\)"),
    ],
)
def test_images_of_other_shapes_are_refused(real, fake, message):
    with unchecked(), pytest.raises(InputError, match=message):
        ssim(np.zeros(real), np.zeros(fake))


def test_small_images_have_no_fifth_scale():
    images = np.zeros((1, 200, 160, 1))
    with pytest.raises(InputError, match=r"at least 161 for .* got \(200, 160\)"):
        ms_ssim(images, images)


@pytest.mark.parametrize(
    ("pixels", "data_range", "shown"),
    [(-1.0, 255.0, "-1 to 0"), (1.5, 1.0, "0 to 1.5"), (np.nan, 1.0, "nan to nan")],
)
def test_pixels_outside_their_range_are_refused(pixels, data_range, shown):
    images = np.zeros((1, 12, 12, 1))
    images[0, 0, 0] = pixels
    message = (
        f"fake must hold pixels from 0 to data_range = {data_range:g}, got {shown}"
    )
    with pytest.raises(InputError, match=message):
        ssim(np.zeros_like(images), images, data_range)


def test_options_that_cannot_be_are_refused():
    images = np.zeros((1, 12, 12, 1))
    with pytest.raises(InputError, match="data_range must be above 0"):
        psnr(images, images, data_range=0.0)
    with unchecked(), pytest.raises(InputError, match="luma needs RGB images"):
        luma(images)


@pytest.mark.parametrize("measure", [psnr, ssim])
def test_jax_arrays_are_compared_in_float64_too(measure):
    rng = np.random.default_rng(9)
    real, fake = rng.random((2, 3, 16, 16, 1), np.float32)
    found = measure(jnp.asarray(real), jnp.asarray(fake), 1.0)
    np.testing.assert_array_equal(found.each, measure(real, fake, 1.0).each)
