"""Feature extractors: what a metric sees of an image.

An extractor is one callable on uint8 images, with a name, the hash of its weights and
the resizing it does, which a score's protocol records. Every image that is measured
passes through uint8, the samples of a generator too: `as_uint8` rounds them as writing
them to a file would.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8
from numpy.typing import NDArray
from tqdm import tqdm

from jaxgan.errors import InputError

CHUNK = 256
"""Images extracted at once."""


class Features(NamedTuple):
    """What an extractor sees in n images."""

    features: Float[np.ndarray, "n d"]
    probabilities: Float[np.ndarray, "n k"] | None = None  # of classes, if it has any


class Extractor(NamedTuple):
    """A function from images to features.

    name:    of the network, with its data set if it was trained on one.
    weights: the SHA-256 of its weights; empty if it has none.
    resizer: how images reach the size it wants; "none" if they are taken as they are.
    apply:   `(uint8 images (n, h, w, c)) -> Features`, for any n.
    """

    name: str
    weights: str
    resizer: str
    apply: Callable[[UInt8[np.ndarray, "n h w c"]], Features]

    def __call__(self, images: UInt8[np.ndarray, "n h w c"]) -> Features:
        """The features of many images, some at a time; a bar if it takes long.

        Raises:
            InputError: if the images are not uint8 of shape (n, h, w, 1 or 3), n ≥ 1.
        """
        check_images(images)
        starts = range(0, len(images), CHUNK)
        bar = tqdm(starts, f"{self.name} features", delay=2, leave=False)
        parts = [self.apply(images[start : start + CHUNK]) for start in bar]
        first = parts[0].probabilities
        return Features(
            np.concatenate([part.features for part in parts]),
            None if first is None else np.concatenate([p.probabilities for p in parts]),
        )


def pixels() -> Extractor:
    """The images themselves, a row of numbers from 0 to 255 each.

    Fréchet distances of raw pixels see means and covariances of images and little of
    what is in them.

        >>> import numpy as np
        >>> from jaxgan.metrics.extractors import pixels
        >>> pixels()(np.zeros((3, 8, 8, 1), np.uint8)).features.shape
        (3, 64)
    """
    return Extractor("pixels", "", "none", lambda x: Features(x.reshape(len(x), -1)))


def as_uint8(images: Float[np.ndarray, "n h w c"]) -> UInt8[np.ndarray, "n h w c"]:
    """Images in [-1, 1] as bytes, rounded to the nearest; what lies outside is cut.

    >>> import numpy as np
    >>> from jaxgan.metrics.extractors import as_uint8
    >>> as_uint8(np.array([-1.0, 0.0, 1.0, 1.5]).reshape(1, 2, 2, 1)).ravel()
    array([  0, 128, 255, 255], dtype=uint8)
    """
    return np.clip(images * 127.5 + 128, 0, 255).astype(np.uint8)


def check_images(images: NDArray) -> None:
    """Refuse what is not a set of uint8 images.

    Raises:
        InputError: if they are not uint8 of shape (n, h, w, 1 or 3), n ≥ 1.
    """
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or not len(images):
        raise InputError(
            "images must be of shape (n, h, w, 1) or (n, h, w, 3) with n ≥ 1, "
            f"got {images.shape}."
        )
    if images.dtype != np.uint8:
        raise InputError(
            f"images must be uint8, got {images.dtype}; as_uint8 rounds samples "
            "in [-1, 1]."
        )
