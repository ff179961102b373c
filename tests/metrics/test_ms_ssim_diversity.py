import numpy as np
import pytest

from jaxgan import InputError
from jaxgan.metrics.image_similarity import ms_ssim, ssim
from jaxgan.metrics.ms_ssim_diversity import ms_ssim_diversity
from tests.metrics.test_image_similarity import pictures


def test_a_collapsed_class_has_no_diversity():
    one = pictures(0, 1, 32, 1)
    same = ms_ssim_diversity(one.repeat(40, axis=0), pairs=20, measure=ssim)
    real = ms_ssim_diversity(pictures(1, 40, 32, 1), pairs=20, measure=ssim)
    assert same.value == 1 and same.error == 0
    assert real.value < 0.5 and 0 < real.error < 0.1
    assert len(real.each) == 20


def test_no_image_is_in_two_pairs():
    # Of 2n images all are used, each once: here every image is known by its gray.
    images = np.arange(40, dtype=np.uint8)[:, None, None, None].repeat(16, axis=1)
    images = images.repeat(16, axis=2)
    seen = []

    def remember(one, other):
        seen.extend([*one[:, 0, 0, 0], *other[:, 0, 0, 0]])
        return ssim(one, other)

    found = ms_ssim_diversity(images, pairs=20, seed=3, measure=remember)
    assert sorted(seen) == list(range(40))
    assert found.value == ms_ssim_diversity(images, 20, 3, ssim).value
    assert found.value != ms_ssim_diversity(images, 20, 4, ssim).value


def test_the_scales_are_used_by_default():
    images = pictures(0, 4, 161, 1)
    found = ms_ssim_diversity(images, pairs=2)
    order = np.random.default_rng(0).permutation(4)
    assert found.value == ms_ssim(images[order[:2]], images[order[2:]]).value


def test_too_few_images_for_the_pairs_are_refused():
    with pytest.raises(InputError, match="at least two for each of 3 pairs, got 5"):
        ms_ssim_diversity(pictures(0, 5, 16, 1), pairs=3)
