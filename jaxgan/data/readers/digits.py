"""1,797 handwritten digits of 8×8 pixels and 17 gray levels, in a file of 45 kB.

They are the same, in the same order, as those of scikit-learn.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

DIGIT_LEVELS = 16
"""Raw pixel value of full ink; 0 is paper."""


def digits() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Load all images (1797, 8, 8, 1), float32 in [-1, 1], and labels (1797,).

    Reference: Alpaydin and Kaynak 1998, UCI "Optical Recognition of Handwritten
    Digits", the test set.

        >>> from jaxgan.data import digits
        >>> images, labels = digits()
        >>> images.shape, labels.shape
        ((1797, 8, 8, 1), (1797,))
    """
    with np.load(Path(__file__).with_name("digits.npz")) as file:
        images, labels = file["images"], file["labels"]
    scaled = images.astype(np.float32).reshape(-1, 8, 8, 1) * (2 / DIGIT_LEVELS) - 1
    return scaled, labels.astype(np.int64)
