"""Metrics of pairs as an evaluation takes them: what was made, and the truth beside it.

The truth is what an output was made of, or to resemble: the reals of its examples. No
extractor looks at it.
"""

import numpy as np
from jaxtyping import Float

from jaxgan.errors import InputError
from jaxgan.metrics.displacement import displacement
from jaxgan.metrics.estimate import Estimate
from jaxgan.metrics.features.extractor import Features, as_uint8
from jaxgan.metrics.image_similarity import luma as luma_of
from jaxgan.metrics.image_similarity import psnr, ssim
from jaxgan.metrics.metric import Metric


def restoration(luma: bool = False, border: int = 0) -> Metric:
    """PSNR and SSIM between each image and the truth, both rounded to bytes.

    Args:
        luma: whether the luma is compared in place of all channels, as papers on
            super-resolution do.
        border: how many pixels at each side are left out; there, the factor of
            enlargement.

    Raises:
        InputError: if `border` is not an integer of at least 0, or, when it is taken,
            if what was made are no images shaped like the truth.

        >>> from jaxgan.metrics.pairs import restoration
        >>> restoration(luma=True, border=4).protocol
        'border 4, luma True'
    """
    if isinstance(border, bool) or not isinstance(border, int) or border < 0:
        raise InputError(
            f"restoration: border must be an integer of at least 0, got {border!r}."
        )

    return Metric(
        "restoration",
        _restoration,
        {"luma": luma, "border": border},
        best="highest",
        min_samples=1,
        needs=("pairs",),
        scores=("psnr", "ssim"),
    )


def walks(block: int = 20) -> Metric:
    """Displacement errors of sampled futures (n, k, p, t, 2), in meters: ADE and FDE.

    The truth is (n, p, t, 2), and the examples' weight (n, p) is 0 for places in which
    nobody walks.

    Args:
        block: see `displacement`.
    """

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
    truth, made = (_compared(side.rows, luma, border) for side in (real, fake))
    quality, structure = psnr(truth, made), ssim(truth, made)
    return {
        "psnr": Estimate(quality.value, quality.error),
        "ssim": Estimate(structure.value, structure.error),
    }


def _walks(real: Features, fake: Features, block: int) -> dict[str, Estimate]:
    truth, made = np.asarray(real.rows), np.asarray(fake.rows)
    if made.ndim != 5 or made.shape[:1] + made.shape[2:] != truth.shape:
        raise InputError(
            f"displacement: futures must be (n, k, p, t, 2) beside the truth "
            f"(n, p, t, 2), got {made.shape} and {truth.shape}."
        )
    weight = fake.batch.weight if fake.batch is not None else None
    there = np.ones(truth.shape[:2], bool) if weight is None else weight > 0
    window, person = np.nonzero(there)
    samples = np.moveaxis(made[window, :, person], 1, 0)
    found = displacement(truth[window, person], samples, window, block)
    return dict(found._asdict())


def _compared(
    images: Float[np.ndarray, "n h w c"], luma: bool, border: int
) -> Float[np.ndarray, "n i j c"]:
    pixels = np.asarray(as_uint8(images)) if images.dtype != np.uint8 else images
    pixels = luma_of(pixels) if luma else pixels
    inside = slice(border, -border or None)
    return pixels[:, inside, inside]
