import math

import numpy as np
import pytest

from jaxgan import InputError
from jaxgan.metrics.laplacian_swd import laplacian_swd
from tests.builders import unchecked


def textures(seed, n, side, channels=3):
    """Images that are smooth, each in its own way."""
    x = np.random.default_rng(seed).normal(size=(n, side, side, channels))
    x = x.cumsum(axis=1).cumsum(axis=2)
    x -= x.min(axis=(1, 2, 3), keepdims=True)
    return (255 * x / x.max(axis=(1, 2, 3), keepdims=True)).astype(np.uint8)


def noisy(seed, images):
    noise = np.random.default_rng(seed).integers(0, 256, images.shape, np.uint8)
    return noise // 2 + images // 2


# The script of Karras et al. (metrics/sliced_wasserstein.py of their repository, in
# float32), whose calls of np.random were given the draws of this package.
PROGAN = {
    32: {32: 0.11602643877267838, 16: 0.18032050132751465},
    64: {64: 0.11670342832803726, 32: 0.13285446166992188, 16: 0.28546077013015747},
}


@pytest.mark.parametrize(("side", "n"), [(32, 6), (64, 4)])
def test_image_distances_are_those_of_progan(side, n):
    real = textures(0, n, side)
    fake = noisy(1, textures(2, n, side))
    found = laplacian_swd(real, fake, seed=3)
    values = {level: own.value for level, own in found.levels.items()}
    assert values == pytest.approx(PROGAN[side], rel=3e-6)
    assert found.value == pytest.approx(np.mean(list(values.values())), rel=1e-12)
    assert math.isnan(found.error)  # too few images to divide


def test_images_are_close_to_themselves_and_far_from_noise():
    # Not at no distance: each set is cut at places of its own.
    images = textures(0, 20, 32, 1)
    alike = laplacian_swd(images, images, patches=400, projections=40)
    other = laplacian_swd(images, 255 - images, patches=400, projections=40)
    noise = laplacian_swd(images, noisy(0, images), patches=400, projections=40)
    assert alike.value < other.value < noise.value
    assert alike.value < 0.05 < 0.1 < noise.levels[32].value


def test_contrast_and_brightness_are_not_seen():
    images = textures(0, 12, 32) // 3
    plain = laplacian_swd(images, noisy(0, images) // 2, 32, 20)
    changed = laplacian_swd(images, 2 * (noisy(0, images) // 2) + 1, 32, 20)
    assert changed.value == pytest.approx(plain.value, rel=1e-9)
    assert changed.error == pytest.approx(plain.error, rel=1e-9)


def test_levels_halve_until_sixteen():
    for sides, levels in [
        ((16, 40), [16]),
        ((28, 28), [28]),
        ((100, 64), [100, 50, 25]),
    ]:
        images = np.random.default_rng(0).integers(0, 256, (2, *sides, 1), np.uint8)
        found = laplacian_swd(images, images[::-1], patches=3, projections=4)
        assert list(found.levels) == levels


def test_sets_of_images_may_differ_in_size():
    many, few = textures(0, 33, 32, 1), textures(1, 12, 32, 1)
    found = laplacian_swd(many, few, patches=16, projections=16)
    back = laplacian_swd(few, many, patches=16, projections=16)
    assert found.value == pytest.approx(back.value, rel=0.3)
    assert 0 < found.error < found.value


@pytest.mark.slow
def test_the_error_of_images_is_how_much_the_distance_varies():
    found = np.array(
        [
            laplacian_swd(
                textures(seed, 60, 16, 1),
                textures(1000 + seed, 60, 16, 1).swapaxes(1, 2) // 2 * 2,
                patches=8,
                projections=16,
                seed=seed,
            )[:2]
            for seed in range(60)
        ]
    )
    error = math.sqrt(np.square(found[:, 1]).mean())
    assert error == pytest.approx(found[:, 0].std(ddof=1), rel=0.35)


@pytest.mark.parametrize(
    ("real", "fake", "message"),
    [
        ((2, 32, 32, 3), (2, 32, 32, 1), "same height, width and number of channels"),
        ((2, 12, 32, 3), (2, 12, 32, 3), r"sides of at least 16, got \[\(12, 32\)\]"),
        ((2, 70, 64, 3), (2, 70, 64, 3), r"got \(70, 64\), which becomes \(35, 32\)"),
    ],
)
def test_images_of_other_shapes_are_refused(real, fake, message):
    with unchecked(), pytest.raises(InputError, match=message):
        laplacian_swd(np.zeros(real, np.uint8), np.zeros(fake, np.uint8))


def test_images_of_other_kinds_are_refused():
    x = textures(0, 2, 16)
    with unchecked(), pytest.raises(InputError, match="must be uint8"):
        laplacian_swd(x, x / 255)
    with pytest.raises(InputError, match="patches must be an integer of at least 1"):
        laplacian_swd(x, x, patches=0)
    with pytest.raises(InputError, match="real: all 256 rows of features are the same"):
        laplacian_swd(np.zeros_like(x), x)
