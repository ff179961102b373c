"""Diversity of images within one class: mean MS-SSIM of random pairs."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Array, Real

from jaxgan.errors import InputError, check_function, check_positive_int, check_seed
from jaxgan.metrics.image_similarity import Similarity, ms_ssim, pixels_in_range


def ms_ssim_diversity(
    images: Real[np.ndarray | Array, "n h w c"],
    pairs: int = 100,
    seed: int = 0,
    measure: Callable[..., Similarity] = ms_ssim,
) -> Similarity:
    """Compute the mean MS-SSIM of random pairs of images; lower means more diverse.

    A collapsed generator scores near 1. Compare it with the score of real images of
    the same class, because noise is "diverse" too. No image is in two pairs, so the
    pairs are independent and the standard error is valid.

    Args:
        images: images of one class, with pixels from 0 to 255.
        pairs: number of pairs, at most half the number of images.
        seed: random seed of the pairs.
        measure: `ms_ssim`, or `ssim` for images too small for it.

    Raises:
        InputError: if there are too few images, or `measure` rejects them.

    Reference: Odena et al. 2017, arXiv:1610.09585 (100 pairs a class).

        >>> import numpy as np
        >>> from jaxgan.metrics import ms_ssim_diversity, ssim
        >>> collapsed = np.full((20, 32, 32, 1), 77, np.uint8)
        >>> ms_ssim_diversity(collapsed, pairs=10, measure=ssim).value
        1.0
    """
    check_positive_int("pairs", pairs)
    check_seed("seed", seed)
    check_function("measure", measure, "ms_ssim")
    images = pixels_in_range("images", images, 255.0)
    if len(images) < 2 * pairs:
        raise InputError(
            f"images must be at least two for each of {pairs} pairs, got {len(images)}."
        )
    order = np.random.default_rng(seed).permutation(len(images))[: 2 * pairs]
    return measure(images[order[:pairs]], images[order[pairs:]])
