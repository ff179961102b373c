import numpy as np
from sklearn.datasets import load_digits

from jaxgan.data.readers.digits import digits

# Counts by class of the UCI test set, from its description file optdigits.names.
COUNTS = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_the_digits_are_all_there_and_scaled():
    images, labels = digits()
    assert images.shape == (1797, 8, 8, 1) and images.dtype == np.float32
    assert labels.shape == (1797,) and labels.dtype == np.int64
    assert np.bincount(labels).tolist() == COUNTS
    levels = np.unique(images)
    np.testing.assert_array_equal(levels, np.arange(17) / 8 - 1)


def test_ink_is_bright_and_rows_are_rows():
    images, labels = digits()
    ones = images[labels == 1].mean(axis=0)[..., 0]
    assert ones[:, 3:5].mean() > 0 > ones[:, [0, 7]].mean()


def test_they_are_those_of_scikit_learn():
    images, labels = digits()
    pixels, classes = load_digits(return_X_y=True)
    np.testing.assert_array_equal(8 * (images.reshape(len(images), -1) + 1), pixels)
    np.testing.assert_array_equal(labels, classes)
