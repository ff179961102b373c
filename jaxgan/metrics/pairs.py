"""Paired metrics for an `Evaluation`: each output against its ground truth.

The ground truth of an output is the real example that it was made from or should
resemble. No feature extractor is used.
"""

import numpy as np
from jaxtyping import Float

from jaxgan.errors import InputError, check_count_or_0, check_flag, check_positive_int
from jaxgan.metrics.displacement import displacement
from jaxgan.metrics.estimate import Estimate
from jaxgan.metrics.features.extractor import Features, as_uint8
from jaxgan.metrics.image_similarity import luma as luma_of
from jaxgan.metrics.image_similarity import psnr, ssim
from jaxgan.metrics.metric import Metric


def restoration_metric(luma: bool = False, border: int = 0) -> Metric:
    """Make the metric of PSNR and SSIM against the ground truth, both in uint8.

    Args:
        luma: compare only the luma instead of all channels, as papers on
            super-resolution do.
        border: number of pixels to crop at each side; papers on super-resolution crop
            as many as the scale factor.

    Raises:
        InputError: if `border` is not an integer of at least 0, or, when the metric is
            computed, if the outputs are not images shaped like the ground truth.

        >>> from jaxgan.metrics import restoration_metric
        >>> restoration_metric(luma=True, border=4).protocol
        'border 4, luma True'
    """
    check_flag("restoration: luma", luma)
    check_count_or_0("restoration_metric: border", border)
    return Metric(
        "restoration",
        _restoration,
        {"luma": luma, "border": border},
        best="highest",
        min_samples=1,
        needs=("pairs",),
        scores=("psnr", "ssim"),
    )


def displacement_metric(block: int = 20) -> Metric:
    """Make the metric of displacement errors (ADE and FDE) of trajectories, in meters.

    Sampled futures have shape (n, k, p, t, 2) and the ground truth (n, p, t, 2). The
    weight (n, p) of the examples is 0 for empty places among the p pedestrians.

    Args:
        block: see `displacement`.

    Raises:
        InputError: if an argument is invalid.
    """
    check_positive_int("displacement: block", block)
    return Metric(
        "displacement",
        _walks,
        {"block": block},
        best="lowest",
        min_samples=1,
        needs=("pairs",),
        scores=("joint_ade", "joint_fde", "pedestrian_ade", "pedestrian_fde"),
    )


def _restoration(
    real: Features, fake: Features, luma: bool, border: int
) -> dict[str, Estimate]:
    truth, made = (_cropped_pixels(side.rows, luma, border) for side in (real, fake))
    quality, structure = psnr(truth, made), ssim(truth, made)
    return {
        "psnr": Estimate(quality.value, quality.error),
        "ssim": Estimate(structure.value, structure.error),
    }


def _walks(real: Features, fake: Features, block: int) -> dict[str, Estimate]:
    truth, made = np.asarray(real.rows), np.asarray(fake.rows)
    if made.ndim != 5 or made.shape[:1] + made.shape[2:] != truth.shape:
        raise InputError(
            "displacement: futures must be of shape (n, k, p, t, 2) and the truth "
            f"(n, p, t, 2), got {made.shape} and {truth.shape}."
        )
    weight = fake.batch.weight if fake.batch is not None else None
    there = np.ones(truth.shape[:2], bool) if weight is None else weight > 0
    window, person = np.nonzero(there)
    samples = np.moveaxis(made[window, :, person], 1, 0)
    found = displacement(truth[window, person], samples, window, block)
    return dict(found._asdict())


def _cropped_pixels(
    images: Float[np.ndarray, "n h w c"], luma: bool, border: int
) -> Float[np.ndarray, "n i j c"]:
    pixels = np.asarray(as_uint8(images)) if images.dtype != np.uint8 else images
    pixels = luma_of(pixels) if luma else pixels
    inside = slice(border, -border or None)
    return pixels[:, inside, inside]
