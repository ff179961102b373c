"""Feature extractors: functions from uint8 images to features.

An extractor is a callable on uint8 images with a name, the hash of its weights and its
resizing method, which the protocol of a score records. All images are converted to
uint8 first. `as_uint8` rounds the samples of a generator as writing them to a file
would.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int, Shaped, UInt8
from numpy.typing import NDArray

from jaxgan.errors import InputError, as_numbers, check_function, check_name, check_text
from jaxgan.progress import progress_bar
from jaxgan.types import Batch, Tree

CHUNK = 256
"""Number of images passed to an extractor at once."""


class Features(NamedTuple):
    """Inputs of a metric for n examples: features, and more where metrics need it.

    features:      features from an extractor; d = 0 if no metric needs any.
    probabilities: class probabilities, if the extractor is a classifier.
    labels:        class of each real, or class that each fake was conditioned on.
    rows:          the examples themselves, for metrics of pairs: the outputs for fakes,
                   and the ground truth in the same order for reals.
    batch:         for fakes, the examples that they were made from.
    """

    features: Float[np.ndarray, "n d"]
    probabilities: Float[np.ndarray, "n k"] | None = None
    labels: Int[np.ndarray, " n"] | None = None
    rows: Tree = None
    batch: Batch | None = None

    def classes(self) -> Int[np.ndarray, " n"]:
        """Return the most probable class of each image.

        Raises:
            InputError: if the extractor does not predict classes.
        """
        if self.probabilities is None:
            raise InputError(
                "extractor: it does not predict classes; use a classifier."
            )
        return self.probabilities.argmax(axis=1)


Images = NDArray | Sequence[NDArray]
"""uint8 images: one array (n, h, w, c), or a sequence if their sizes differ."""


@dataclasses.dataclass(frozen=True)
class Extractor:
    """A function from uint8 images to features, with its name and weights' hash.

    name:    name of the network, and of the data set it was trained on, if any.
    weights: SHA-256 of its weights; empty if it has none.
    resizer: name of its resizing method; "none" if it does not resize.
    apply:   `(resized images (n, h, w, c)) -> Features`.
    resize:  `(uint8 images (n, h, w, c)) -> resized images`.
    """

    name: str
    weights: str
    resizer: str
    apply: Callable[[Shaped[np.ndarray, "n h w c"]], Features]
    resize: Callable[[UInt8[np.ndarray, "n h w c"]], NDArray] = lambda images: images

    def __post_init__(self) -> None:
        check_name("name", self.name)
        check_text("weights", self.weights)
        check_name("resizer", self.resizer)
        check_function("apply", self.apply, "lambda images: Features(…)")
        check_function("resize", self.resize, "lambda images: images")

    def __call__(self, images: Images) -> Features:
        """Extract features of many images in chunks, with a progress bar if slow.

        Raises:
            InputError: if there are no images, they are not uint8 with 1 or 3 channels,
                or their sizes differ and the extractor does not resize.
        """
        starts = range(0, len(images), CHUNK)
        bar = progress_bar(starts, f"{self.name} features", delay=2, leave=False)
        return joined([self.part(images[start : start + CHUNK]) for start in bar])

    def part(self, images: Images) -> Features:
        """Extract features of a few images at once."""
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
                "does not resize; make all images the same size."
            )
        return self.apply(np.concatenate([self.resize(x[None]) for x in images]))


def joined(parts: Sequence[Features]) -> Features:
    """Concatenate the features of several sets of examples.

    Raises:
        InputError: if there are none.
    """
    if not parts:
        raise InputError("images: there are none to extract features from.")
    return jax.tree.map(lambda *x: np.concatenate(x), *parts)


def pixels() -> Extractor:
    """Make the extractor that returns raw pixels, a row of numbers from 0 to 255 each.

    A Fréchet distance of raw pixels compares means and covariances of pixels, and is
    little sensitive to the content of the images.

        >>> import numpy as np
        >>> from jaxgan.metrics import pixels
        >>> pixels()(np.zeros((3, 8, 8, 1), np.uint8)).features.shape
        (3, 64)
    """
    return Extractor("pixels", "", "none", lambda x: Features(x.reshape(len(x), -1)))


def as_uint8(
    images: Float[np.ndarray | jax.Array, "n h w c"],
) -> UInt8[np.ndarray, "n h w c"]:
    """Convert images in [-1, 1] to uint8 by rounding; values outside are clipped.

    Raises:
        InputError: if the pixels are not floats of shape (n, h, w, c), or one is not
            finite.

    >>> import numpy as np
    >>> from jaxgan.metrics import as_uint8
    >>> as_uint8(np.array([-1.0, 0.0, 1.0, 1.5]).reshape(1, 2, 2, 1)).ravel()
    array([  0, 128, 255, 255], dtype=uint8)
    """
    images = as_numbers("images", images)
    if images.ndim != 4:
        raise InputError(f"images must be of shape (n, h, w, c), got {images.shape}.")
    if images.dtype.kind != "f":
        raise InputError(
            f"images must be floats in [-1, 1], got {images.dtype}; if they are bytes, "
            "convert them with .astype(np.uint8)."
        )
    if not np.isfinite(images).all():
        raise InputError("images: some pixels are not finite; check the generator.")
    return np.clip(images * 127.5 + 128, 0, 255).astype(np.uint8)


def check_images(images: NDArray, name: str = "images") -> NDArray:
    """Check that an array is a set of uint8 images; return it as one of NumPy.

    Raises:
        InputError: if they are not uint8 of shape (n, h, w, 1 or 3), n ≥ 1.
    """
    images = as_numbers(name, images)
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or not len(images):
        raise InputError(
            f"{name} must be of shape (n, h, w, 1) or (n, h, w, 3) with n ≥ 1, "
            f"got {images.shape}."
        )
    if images.dtype != np.uint8:
        raise InputError(
            f"{name} must be uint8, got {images.dtype}; as_uint8 rounds samples "
            "in [-1, 1]."
        )
    return images
