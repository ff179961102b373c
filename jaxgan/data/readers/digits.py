"""The 1,797 handwritten digits of scikit-learn: 8×8 pixels, 17 gray levels."""

import numpy as np
from numpy.typing import NDArray

LEVELS = 16
"""Raw pixel value of full ink; 0 is paper."""


def digits() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Load all images (1797, 8, 8, 1), float32 in [-1, 1], and labels (1797,).

    Reference: Alpaydin and Kaynak 1998, UCI "Optical Recognition of Handwritten
    Digits", the test set.

        >>> from jaxgan.data.readers.digits import digits
        >>> images, labels = digits()
        >>> images.shape, labels.shape
        ((1797, 8, 8, 1), (1797,))
    """
    from sklearn.datasets import load_digits  # takes 1 s to import

    images, labels = load_digits(return_X_y=True)
    scaled = images.astype(np.float32).reshape(-1, 8, 8, 1) * (2 / LEVELS) - 1
    return scaled, labels.astype(np.int64)
