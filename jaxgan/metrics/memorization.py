"""Memorization: what the training examples nearest to the fakes say.

No score of two distributions notices a generator that hands out its training examples;
most reward it. So look at fakes beside their neighbors, and count authentic ones.

A perfect sampler's authenticity is not 1. One of n + 1 alike points is authentic if it
is not in turn the nearest of its own nearest, which in uniform density happens to 1/3
of the points on a line, to 0.38 in a plane and to 0.41 in space. In many dimensions few
central points are the nearest of many, and authenticity rises: two samples of 500 of
one Gaussian have 0.34 in 1 dimension, 0.62 in 10 and 0.79 in 64. So read it beside
that of held-out reals, taken for fakes; what lies clearly below has been copied.
"""

import numpy as np
from jaxtyping import Int, Real, Shaped

from jaxgan.errors import InputError, check_positive_int
from jaxgan.metrics.checks import check_one_space, checked, checked_pair
from jaxgan.metrics.estimate import Estimate, share
from jaxgan.metrics.features.extractor import Features
from jaxgan.metrics.metric import Metric
from jaxgan.metrics.nearest.search import Neighbors, nearest, radii


def nearest_examples(
    fake_features: Real[np.ndarray, "m d"],
    train_features: Real[np.ndarray, "n d"],
    k: int = 1,
) -> Neighbors:
    """The k training examples nearest to each fake, the nearest first.

    Args:
        fake_features: of the fakes; computed in float64.
        train_features: of the training examples, by the same extractor.
        k: neighbors.

    Raises:
        InputError: if the features are not comparable, k is not an integer of at least
            1, or there are fewer training examples than k.

        >>> import numpy as np
        >>> from jaxgan.metrics.memorization import nearest_examples
        >>> found = nearest_examples(np.array([[4.0]]), np.array([[0.0], [3.0], [7.0]]))
        >>> found.indices, found.distances
        (array([[1]]), array([[1.]]))
    """
    check_positive_int("nearest_examples: k", k)
    fakes = checked("fake_features", fake_features, least=1)
    train = checked("train_features", train_features, least=k)
    names = "train_features and fake_features"
    check_one_space(train.shape[1], fakes.shape[1], names)
    return nearest(train, fakes, k)


def with_neighbors(
    fakes: Shaped[np.ndarray, "m h w c"],
    train_images: Shaped[np.ndarray, "n h w c"],
    indices: Int[np.ndarray, "m k"],
) -> Shaped[np.ndarray, "images h w c"]:
    """Each fake followed by its neighbors, to be laid out in rows of k + 1.

    `image_grid(images, columns=k + 1)` of `jaxgan.reporting` makes the picture.

    Args:
        fakes: images.
        train_images: all of them, in the order of the features that were searched.
        indices: from `nearest_examples`.

    Raises:
        InputError: if the images differ in their type or shape, or it is not one row of
            indices for each fake, or one is of no training image.

        >>> import numpy as np
        >>> from jaxgan.metrics.memorization import with_neighbors
        >>> fakes, train = np.zeros((2, 8, 8, 1)), np.ones((5, 8, 8, 1))
        >>> with_neighbors(fakes, train, np.array([[4, 0], [1, 2]])).shape
        (6, 8, 8, 1)
    """
    kinds = [(images.dtype, images.shape[1:]) for images in (fakes, train_images)]
    if kinds[0] != kinds[1] or indices.shape[:1] != fakes.shape[:1]:
        raise InputError(
            "with_neighbors: fakes and train_images must be of one type and shape, "
            "and there must be a row of indices for each fake, got "
            f"{fakes.dtype} {fakes.shape}, {train_images.dtype} {train_images.shape} "
            f"and indices of {indices.shape}."
        )
    whole = indices.dtype.kind in "iu"
    if not (whole and np.isin(indices, range(len(train_images))).all()):
        raise InputError(
            "with_neighbors: indices must be whole numbers from 0 to "
            f"{len(train_images) - 1}, got {indices.min()} to {indices.max()}."
        )
    rows = np.concatenate([fakes[:, None], train_images[indices]], axis=1)
    return rows.reshape(-1, *fakes.shape[1:])


def authenticity(
    real: Real[np.ndarray, "n d"], fake: Real[np.ndarray, "m d"]
) -> Estimate:
    """The share of fakes that are farther from a real than its next of kin.

        authenticity = share of fakes y with ‖y - x‖ > r₁(x),  x the real nearest to y

    where r₁(x) is the distance from x to the nearest other real. A copy has 0, also of
    an example that is twice among the reals. What to expect: see above.

    The error is binomial, √(p (1 - p) / m): how much it varies over other fakes, for
    these reals. Over other training sets too it varies more, by 1.1 to 1.5 times in
    samples of Gaussians.

    Args:
        real: features of the training examples, any numbers; computed in float64.
        fake: likewise, of the fakes.

    Raises:
        InputError: if the features are not comparable or a set has only one example.

    Reference: Alaa et al. 2022, arXiv:2102.08921.

        >>> import numpy as np
        >>> from jaxgan.metrics.memorization import authenticity
        >>> real = np.random.default_rng(0).normal(size=(500, 2))
        >>> authenticity(real, real[:100] + 1e-9).value
        0.0
    """
    real, fake = checked_pair(real, fake)
    found = nearest(real, fake, 1)
    own = radii(real, (1,))[0][found.indices[:, 0]]
    return share(int((found.distances[:, 0] > own).sum()), len(fake))


def authenticity_metric() -> Metric:
    """Authenticity, as an evaluation takes it: beside its reference.

    To look for copies the reference must be the training examples.
    """
    return Metric("authenticity", _of_features)


def _of_features(real: Features, fake: Features) -> dict[str, Estimate]:
    return {"authenticity": authenticity(real.features, fake.features)}
