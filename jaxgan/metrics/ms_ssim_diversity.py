"""How diverse the images of one class are, by how alike random pairs of them are."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Array, Real

from jaxgan.errors import InputError, check_positive_int, check_seed
from jaxgan.metrics.image_similarity import Similarity, ms_ssim, pixels_in_range


def ms_ssim_diversity(
    images: Real[np.ndarray | Array, "n h w c"],
    pairs: int = 100,
    seed: int = 0,
    measure: Callable[..., Similarity] = ms_ssim,
) -> Similarity:
    """The mean MS-SSIM of random pairs of images of one class: low means diverse.

    A generator that has collapsed scores near 1. Compare with the same of real images
    of that class; noise is "diverse" too. No image is in two pairs, so that the pairs
    are independent and the error is what it says.

    Args:
        images: of one class, from 0 to 255.
        pairs: how many; at most half as many as images.
        seed: of the pairs.
        measure: `ms_ssim`, or `ssim` for images too small for it.

    Raises:
        InputError: if there are too few images, or `measure` refuses them.

    Reference: Odena et al. 2017, arXiv:1610.09585 (100 pairs a class).

        >>> import numpy as np
        >>> from jaxgan.metrics.image_similarity import ssim
        >>> from jaxgan.metrics.ms_ssim_diversity import ms_ssim_diversity
        >>> collapsed = np.full((20, 32, 32, 1), 77, np.uint8)
        >>> ms_ssim_diversity(collapsed, pairs=10, measure=ssim).value
        1.0
    """
    check_positive_int("pairs", pairs)
    check_seed("seed", seed)
    images = pixels_in_range("images", images, 255.0)
    if len(images) < 2 * pairs:
        raise InputError(
            f"images must be at least two for each of {pairs} pairs, got {len(images)}."
        )
    order = np.random.default_rng(seed).permutation(len(images))[: 2 * pairs]
    return measure(images[order[:pairs]], images[order[pairs:]])
