"""Memorization tests: nearest training examples of fakes, and authenticity.

Metrics that compare two distributions do not detect a generator that copies its
training examples; most reward it. So look at fakes next to their nearest neighbors, and
measure authenticity.

The authenticity of a perfect sampler is not 1. A fake from the distribution of the
reals is authentic if it is not the nearest neighbor of its own nearest neighbor. At
uniform density this holds for 1/3 of the points on a line, 0.38 in a plane and 0.41 in
space. In many dimensions a few central points are the nearest neighbors of many, and
authenticity rises: two samples of 500 from the same Gaussian have 0.34 in 1 dimension,
0.62 in 10 and 0.79 in 64. So compare it with the authenticity of held-out reals scored
as fakes: a generator that is clearly below has copied.
"""

import numpy as np
from jaxtyping import Int, Real, Shaped

from jaxgan.errors import InputError, check_positive_int
from jaxgan.metrics.checks import check_one_space, checked, checked_pair
from jaxgan.metrics.estimate import Estimate, fraction_estimate
from jaxgan.metrics.features.extractor import Features
from jaxgan.metrics.metric import Metric
from jaxgan.metrics.nearest.search import Neighbors, nearest, radii


def nearest_examples(
    fake_features: Real[np.ndarray, "m d"],
    train_features: Real[np.ndarray, "n d"],
    k: int = 1,
) -> Neighbors:
    """Find the k training examples nearest to each fake, nearest first.

    Args:
        fake_features: features of the fakes; converted to float64.
        train_features: features of the training examples, from the same extractor.
        k: number of neighbors.

    Raises:
        InputError: if the features cannot be compared, k is not an integer of at least
            1, or there are fewer training examples than k.

        >>> import numpy as np
        >>> from jaxgan.metrics import nearest_examples
        >>> found = nearest_examples(np.array([[4.0]]), np.array([[0.0], [3.0], [7.0]]))
        >>> found.indices, found.distances
        (array([[1]]), array([[1.]]))
    """
    check_positive_int("nearest_examples: k", k)
    fakes = checked("fake_features", fake_features, min_samples=1)
    train = checked("train_features", train_features, min_samples=k)
    names = "train_features and fake_features"
    check_one_space(train.shape[1], fakes.shape[1], names)
    return nearest(train, fakes, k)


def with_neighbors(
    fakes: Shaped[np.ndarray, "m h w c"],
    train_images: Shaped[np.ndarray, "n h w c"],
    indices: Int[np.ndarray, "m k"],
) -> Shaped[np.ndarray, "images h w c"]:
    """Arrange each fake followed by its neighbors, for a grid with rows of k + 1.

    `jaxgan.reporting.figures.image_grid(images, columns=k + 1)` draws the grid.

    Args:
        fakes: images.
        train_images: all training images, in the order of the features that were
            searched.
        indices: indices of the neighbors, from `nearest_examples`.

    Raises:
        InputError: if the images differ in type or shape, there is not one row of
            indices for each fake, or an index is out of range.

        >>> import numpy as np
        >>> from jaxgan.metrics.memorization import with_neighbors
        >>> fakes, train = np.zeros((2, 8, 8, 1)), np.ones((5, 8, 8, 1))
        >>> with_neighbors(fakes, train, np.array([[4, 0], [1, 2]])).shape
        (6, 8, 8, 1)
    """
    kinds = [(images.dtype, images.shape[1:]) for images in (fakes, train_images)]
    if kinds[0] != kinds[1] or indices.shape[:1] != fakes.shape[:1]:
        raise InputError(
            "with_neighbors: fakes and train_images must have the same type and shape, "
            "and there must be one row of indices for each fake, got "
            f"{fakes.dtype} {fakes.shape}, {train_images.dtype} {train_images.shape} "
            f"and indices of {indices.shape}."
        )
    integers = indices.dtype.kind in "iu"
    if not (integers and np.isin(indices, range(len(train_images))).all()):
        raise InputError(
            "with_neighbors: indices must be integers from 0 to "
            f"{len(train_images) - 1}, got {indices.min()} to {indices.max()}."
        )
    rows = np.concatenate([fakes[:, None], train_images[indices]], axis=1)
    return rows.reshape(-1, *fakes.shape[1:])


def authenticity(
    real: Real[np.ndarray, "n d"], fake: Real[np.ndarray, "m d"]
) -> Estimate:
    """Compute authenticity: the fraction of fakes that are not copies of a real.

        authenticity = fraction of fakes y with ‖y - x‖ > r₁(x)

    where x is the real nearest to y and r₁(x) the distance from x to the nearest other
    real. A copy is not authentic, even if it copies an example that occurs twice among
    the reals. For the values to expect see the module's docstring.

    The error is binomial, √(p (1 - p) / m): the variation over other fakes, for these
    reals. If the training set varies too, the error is 1.1 to 1.5 times as large in
    samples of Gaussians.

    Args:
        real: features of the training examples, any real numbers; converted to float64.
        fake: features of the fakes, likewise.

    Raises:
        InputError: if the features cannot be compared or a set has only one example.

    Reference: Alaa et al. 2022, arXiv:2102.08921.

        >>> import numpy as np
        >>> from jaxgan.metrics import authenticity
        >>> real = np.random.default_rng(0).normal(size=(500, 2))
        >>> authenticity(real, real[:100] + 1e-9).value
        0.0
    """
    real, fake = checked_pair(real, fake)
    found = nearest(real, fake, 1)
    own = radii(real, (1,))[0][found.indices[:, 0]]
    return fraction_estimate(int((found.distances[:, 0] > own).sum()), len(fake))


def authenticity_metric() -> Metric:
    """Make the authenticity metric for an `Evaluation`.

    To detect copies, the reference must be the training examples.
    """
    return Metric("authenticity", _authenticity)


def _authenticity(real: Features, fake: Features) -> dict[str, Estimate]:
    return {"authenticity": authenticity(real.features, fake.features)}
