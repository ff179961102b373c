"""Views: transformations of the images before the discriminator reads them."""

from jaxgan.views.augmentation import brightness, cutout, diff_augment, translation
from jaxgan.views.compose import compose
from jaxgan.views.replayed import replayed

__all__ = [
    "brightness",
    "compose",
    "cutout",
    "diff_augment",
    "replayed",
    "translation",
]
