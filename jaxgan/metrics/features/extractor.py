"""Feature extractors: what a metric sees of an image.

An extractor is one callable on uint8 images, with a name, the hash of its weights and
the resizing it does, which a score's protocol records. Every image that is measured
passes through uint8, the samples of a generator too: `as_uint8` rounds them as writing
them to a file would.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int, Shaped, UInt8
from numpy.typing import NDArray
from tqdm import tqdm

from jaxgan.errors import InputError
from jaxgan.metrics.checks import numbers
from jaxgan.types import Batch, Tree

CHUNK = 256
"""Images extracted at once."""


class Features(NamedTuple):
    """What a metric sees of n examples, and first of all what an extractor sees.

    features: of no dimensions, d = 0, where no metric needs any.
    probabilities: of classes, if the extractor knows any.
    labels:   the class of each: of reals, what they are; of fakes, what was asked.
    rows:     the examples themselves, where a metric compares pairs: of fakes, what was
              made; of reals, the truth, in the same order.
    batch:    of fakes, the examples that each was made of.
    """

    features: Float[np.ndarray, "n d"]
    probabilities: Float[np.ndarray, "n k"] | None = None
    labels: Int[np.ndarray, " n"] | None = None
    rows: Tree = None
    batch: Batch | None = None

    def classes(self) -> Int[np.ndarray, " n"]:
        """The likeliest class of each image.

        Raises:
            InputError: if the extractor knows no classes.
        """
        if self.probabilities is None:
            raise InputError("extractor: it knows no classes; use a classifier.")
        return self.probabilities.argmax(axis=1)


Images = NDArray | Sequence[NDArray]
"""uint8 images, as one array (n, h, w, c), or one by one where their sizes differ."""


class Extractor(NamedTuple):
    """A function from images to features.

    name:    of the network, with its data set if it was trained on one.
    weights: the SHA-256 of its weights; empty if it has none.
    resizer: how images reach the size it wants; "none" if they are taken as they are.
    apply:   `(resized images (n, h, w, c)) -> Features`.
    resize:  `(uint8 images (n, h, w, c)) -> resized images`.
    """

    name: str
    weights: str
    resizer: str
    apply: Callable[[Shaped[np.ndarray, "n h w c"]], Features]
    resize: Callable[[UInt8[np.ndarray, "n h w c"]], NDArray] = lambda images: images

    def __call__(self, images: Images) -> Features:
        """The features of many images, some at a time; a bar if it takes long.

        Raises:
            InputError: if there are none, they are not uint8 images of 1 or 3 channels,
                or their sizes differ and the extractor does not resize.
        """
        starts = range(0, len(images), CHUNK)
        bar = tqdm(starts, f"{self.name} features", delay=2, leave=False)
        return joined([self.part(images[start : start + CHUNK]) for start in bar])

    def part(self, images: Images) -> Features:
        """The features of a few images, all at once."""
        if isinstance(images, np.ndarray | jax.Array):
            images = np.asarray(images)
            check_images(images)
            return self.apply(self.resize(images))
        images = [np.asarray(image) for image in images]
        for image in images:
            check_images(image[None])
        shapes = {image.shape for image in images}
        if len(shapes) > 1 and self.resizer == "none":
            raise InputError(
                f"images have several sizes, {sorted(shapes)[:3]}, and {self.name} "
                "does not resize; make them alike."
            )
        return self.apply(np.concatenate([self.resize(x[None]) for x in images]))


def joined(parts: Sequence[Features]) -> Features:
    """What a metric sees of several sets of examples, as of one.

    Raises:
        InputError: if there are none.
    """
    if not parts:
        raise InputError("images: there are none, and features are wanted of some.")
    return jax.tree.map(lambda *x: np.concatenate(x), *parts)


def pixels() -> Extractor:
    """The images themselves, a row of numbers from 0 to 255 each.

    Fréchet distances of raw pixels see means and covariances of images and little of
    what is in them.

        >>> import numpy as np
        >>> from jaxgan.metrics.features.extractor import pixels
        >>> pixels()(np.zeros((3, 8, 8, 1), np.uint8)).features.shape
        (3, 64)
    """
    return Extractor("pixels", "", "none", lambda x: Features(x.reshape(len(x), -1)))


def as_uint8(
    images: Float[np.ndarray | jax.Array, "n h w c"],
) -> UInt8[np.ndarray, "n h w c"]:
    """Images in [-1, 1] as bytes, rounded to the nearest; what lies outside is cut.

    Raises:
        InputError: if the pixels are not floats, or one is not finite.

    >>> import numpy as np
    >>> from jaxgan.metrics.features.extractor import as_uint8
    >>> as_uint8(np.array([-1.0, 0.0, 1.0, 1.5]).reshape(1, 2, 2, 1)).ravel()
    array([  0, 128, 255, 255], dtype=uint8)
    """
    images = numbers("images", images)
    if images.dtype.kind != "f":
        raise InputError(
            f"images must be floats in [-1, 1], got {images.dtype}; if they are bytes, "
            "say so by .astype(np.uint8)."
        )
    if not np.isfinite(images).all():
        raise InputError("images: some pixels are not finite; look at the generator.")
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
