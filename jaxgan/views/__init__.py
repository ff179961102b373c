"""Views: transformations of the images before the discriminator reads them."""

from jaxgan.views.augmentation import (
    brightness,
    contrast,
    cutout,
    diff_augment,
    saturation,
    translation,
)
from jaxgan.views.compose import compose
from jaxgan.views.replayed import replayed

__all__ = [
    "brightness",
    "compose",
    "contrast",
    "cutout",
    "diff_augment",
    "replayed",
    "saturation",
    "translation",
]
