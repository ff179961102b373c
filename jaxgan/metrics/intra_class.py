"""Intra-class Fréchet distance (intra-FID), for conditional generators.

A generator that ignores its label has a small Fréchet distance over all images and a
large one within each class. Classes have few examples, so distances within them are
biased; the `bias` of each class estimates by how much.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Int, Real

from jaxgan.errors import InputError, as_numbers
from jaxgan.metrics.checks import checked
from jaxgan.metrics.estimate import Estimate
from jaxgan.metrics.features.extractor import Features
from jaxgan.metrics.frechet import Frechet, frechet_distance
from jaxgan.metrics.metric import Metric


class IntraClass(NamedTuple):
    """Fréchet distances within classes.

    value:   mean over the classes.
    error:   standard error of the mean, if the features of each class are Gaussian.
    classes: distance within each class, by label.
    """

    value: float
    error: float
    classes: dict[int, Frechet]


def intra_class_frechet(
    real: Real[np.ndarray, "n d"],
    real_labels: Int[np.ndarray, " n"],
    fake: Real[np.ndarray, "m d"],
    fake_labels: Int[np.ndarray, " m"],
) -> IntraClass:
    """Compute the mean over classes of the Fréchet distance within each class.

    All classes have the same weight, whatever their number of examples. Classes are
    independent samples, so the squares of their errors add.

    Args:
        real: features, any real numbers; converted to float64.
        real_labels: class of each real.
        fake: features, likewise.
        fake_labels: class that each fake was conditioned on.

    Raises:
        InputError: if the numbers of labels and features differ, the fakes have a class
            that the reals do not, or `frechet_distance` rejects a class: fewer than 2
            examples in a set, or reals that are all equal.

    Reference: Miyato & Koyama 2018, arXiv:1802.05637.

        >>> import numpy as np
        >>> from jaxgan.metrics import intra_class_frechet
        >>> x, labels = np.random.default_rng(0).normal(size=(90, 2)), np.arange(90) % 3
        >>> found = intra_class_frechet(x, labels, x + labels[:, None], labels)
        >>> {label: round(each.value, 6) for label, each in found.classes.items()}
        {0: 0.0, 1: 2.0, 2: 8.0}
    """
    real, fake = checked("real", real), checked("fake", fake)
    real_labels = as_numbers("real_labels", real_labels)
    fake_labels = as_numbers("fake_labels", fake_labels)
    _check_labels("real", real, real_labels)
    _check_labels("fake", fake, fake_labels)
    unknown = np.setdiff1d(fake_labels, real_labels)
    if unknown.size:
        raise InputError(
            f"fake_labels holds class {unknown[0]}, which real_labels does not."
        )
    classes = {
        int(label): _class_distance(
            label, real[real_labels == label], fake[fake_labels == label]
        )
        for label in np.unique(real_labels)
    }
    value = float(np.mean([each.value for each in classes.values()]))
    error = math.hypot(*(each.error for each in classes.values())) / len(classes)
    return IntraClass(value, error, classes)


def _class_distance(
    label: np.integer, real: Real[np.ndarray, "n d"], fake: Real[np.ndarray, "m d"]
) -> Frechet:
    try:
        return frechet_distance(real, fake)
    except InputError as error:
        raise InputError(f"class {label}: {error}") from None


def _check_labels(
    name: str, features: Real[np.ndarray, "n d"], labels: Int[np.ndarray, " m"]
) -> None:
    if labels.shape != (len(features),) or labels.dtype.kind not in "iu":
        raise InputError(
            f"{name}_labels must be {len(features)} integers, one for each row of "
            f"{name}, got {labels.dtype} of shape {labels.shape}."
        )


def intra_class_metric() -> Metric:
    """Make the metric of the intra-class Fréchet distance for an `Evaluation`."""
    return Metric(
        "intra_class_frechet",
        _intra_class_frechet,
        best="lowest",
        needs=("features", "labels"),
    )


def _intra_class_frechet(real: Features, fake: Features) -> dict[str, Estimate]:
    assert real.labels is not None and fake.labels is not None  # by `check_features`
    found = intra_class_frechet(real.features, real.labels, fake.features, fake.labels)
    return {"intra_class_frechet": Estimate(found.value, found.error)}
