"""Mode coverage for known modes: the components of a mixture, or classes.

"Modes captured" counts a mode if a single good sample falls into it, so a badly
unbalanced sampler can score full marks. Read it together with the reverse KL
divergence. For a mixture in the plane, a perfect sampler has a high-quality fraction of
1 - exp(-4.5) = 98.89 % within three standard deviations and, from n samples of K modes,
a reverse KL of (K - 1) / 2n.

Where modes are classes, a classifier assigns each sample to one. A few errors of the
classifier add modes, because a sample that it assigns to a rare class counts for that
class.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Integer, Real
from numpy.typing import NDArray

from jaxgan.data.readers.synthetic import Mixture
from jaxgan.errors import (
    InputError,
    as_numbers,
    check_instance,
    check_number,
    check_positive_int,
)
from jaxgan.metrics.checks import checked
from jaxgan.metrics.estimate import Estimate, fraction_estimate
from jaxgan.metrics.features.extractor import Features
from jaxgan.metrics.metric import Metric


class Modes(NamedTuple):
    """Mode coverage of samples from a mixture."""

    captured: int  # modes with at least one high-quality sample
    high_quality: Estimate  # fraction of samples within 3σ of the nearest mean
    reverse_kl: Estimate  # KL(high-quality samples over modes ‖ uniform), in nats

    def values(self) -> dict[str, float]:
        """Return the numbers by name, without their errors."""
        return {
            "captured": float(self.captured),
            "high_quality": self.high_quality.value,
            "reverse_kl": self.reverse_kl.value,
        }


class ClassModes(NamedTuple):
    """Mode coverage of samples over K classes; divergences in nats."""

    captured: int  # classes with at least one sample
    kl: Estimate  # KL(samples over classes ‖ uniform)
    kl_reference: Estimate  # KL(samples over classes ‖ reference); NaN without one
    floor: float  # expected kl of a uniform sampler, if n is well above K


def count_modes(
    samples: Float[np.ndarray, "n d"], mixture: Mixture, within: float = 3.0
) -> Modes:
    """Count the modes of a mixture that samples capture, and their balance.

    Each sample belongs to its nearest mode. It is of high quality if ‖x - μ‖ < within·σ
    for the nearest mean μ. With p the histogram of high-quality samples over K modes,

        reverse KL = Σ p log(p K)

    It is infinite if there are no high-quality samples. The error of the fraction of
    high-quality samples is binomial; the error of the divergence is as in
    `class_modes`.

    Raises:
        InputError: if `samples` are not finite, or not of shape (n, d) with the
            dimension of the mixture and n ≥ 1, or `within` is not above 0.

    Reference: protocol of Lin et al. 2018, arXiv:1712.04086 (2,500 samples).

        >>> from jaxgan.data import synthetic
        >>> from jaxgan.metrics import count_modes
        >>> ring = synthetic.ring()
        >>> count_modes(ring.sample(2500, seed=0), ring).captured
        8
    """
    check_number("within", within)
    if not within > 0:
        raise InputError(f"within must be above 0, got {within!r}.")
    check_instance("mixture", mixture, Mixture, "synthetic.ring()")
    modes, dimension = mixture.means.shape
    samples = as_numbers("samples", samples)
    if samples.ndim != 2 or samples.shape[1] != dimension or not len(samples):
        raise InputError(
            f"samples must be of shape (n, {dimension}) with n ≥ 1, "
            f"got {samples.shape}."
        )
    offsets = checked("samples", samples, 1)[:, None] - mixture.means[None]
    distances = np.linalg.norm(offsets, axis=-1)
    nearest = distances.argmin(axis=1)
    good = distances.min(axis=1) < within * mixture.sigma
    counts = np.bincount(nearest[good], minlength=modes)
    return Modes(
        captured=int((counts > 0).sum()),
        high_quality=fraction_estimate(int(good.sum()), len(good)),
        reverse_kl=_kl(counts, np.full(modes, 1 / modes)),
    )


def class_modes(
    labels: Integer[np.ndarray, " n"],
    classes: int,
    reference: Real[np.ndarray, " k"] | None = None,
) -> ClassModes:
    """Count the classes that samples capture, and the KL divergence of their balance.

        KL = Σ p log(p / q),  p the class fractions of the samples, q = 1/K or reference

    For n labels sampled from q the KL is about (K - 1) / 2n, the floor. Stacked MNIST
    has K = 1,000, and its published tables use q = 1/K and 26,000 samples, or 25,600.
    Real triples have 0.0236 there, because digits are not equally frequent.

    With f = (K - 1) / 2n², the variance of the floor's χ², the error is

        √max(Var log(p / q) / n - f, f)

    where f is subtracted because the noise of p is in its own logarithm. In 2,000 draws
    each from uniform and uneven class fractions it was 0.96 to 1.19 times the spread,
    with 8 to 1,000 classes.

    Args:
        labels: the class of each sample.
        classes: number of classes, K.
        reference: fraction of each class in the data; a sample of a class whose
            fraction is 0 makes the divergence infinite.

    Raises:
        InputError: if there are no labels, one is not from 0 to classes - 1, or the
            reference is not K numbers of at least 0 that sum to 1.

    Reference: protocol of Srivastava et al. 2017, arXiv:1705.07761; Metz et al. 2017,
    arXiv:1611.02163 (25,600 samples).

        >>> import numpy as np
        >>> from jaxgan.metrics import class_modes
        >>> found = class_modes(np.arange(1000), 1000)
        >>> found.captured, found.kl.value
        (1000, 0.0)
    """
    counts = _counts(labels, classes)
    against = Estimate(math.nan)
    if reference is not None:
        against = _kl(counts, _check_reference(reference, classes))
    return ClassModes(
        captured=int((counts > 0).sum()),
        kl=_kl(counts, np.full(classes, 1 / classes)),
        kl_reference=against,
        floor=float((classes - 1) / (2 * counts.sum())),
    )


def class_shares(labels: Integer[np.ndarray, " n"], classes: int) -> list[Estimate]:
    """Compute the fraction of samples in each class, with its binomial error.

    The error is √(p (1 - p) / n). A class without samples has an error of 0, although
    its true fraction may be up to 3 / n (with 95 % confidence).

    Raises:
        InputError: as `class_modes`.

        >>> import numpy as np
        >>> from jaxgan.metrics import class_shares
        >>> class_shares(np.array([0, 0, 1, 1]), 2)[0]
        Estimate(value=0.5, error=0.25)
    """
    counts = _counts(labels, classes)
    return [fraction_estimate(count, int(counts.sum())) for count in counts.tolist()]


def stacked_label(digits: Integer[np.ndarray, "n 3"]) -> Integer[np.ndarray, " n"]:
    """Combine the digits of three stacked channels into a class from 0 to 999.

    The first channel is the hundreds, as in `jaxgan.data.stack_channels`.

    Raises:
        InputError: if the digits are not of shape (n, 3), each from 0 to 9.

        >>> import numpy as np
        >>> from jaxgan.metrics.modes import stacked_label
        >>> stacked_label(np.array([[3, 1, 4], [0, 0, 7]])).tolist()
        [314, 7]
    """
    digits = as_numbers("digits", digits)
    if digits.ndim != 2 or digits.shape[1] != 3 or not np.isin(digits, range(10)).all():
        raise InputError(
            "digits must be integers from 0 to 9 of shape (n, 3), got "
            f"{digits.dtype} of shape {digits.shape}."
        )
    return digits.astype(np.int64) @ np.array([100, 10, 1])


def _counts(labels: NDArray, classes: int) -> NDArray[np.int64]:
    check_positive_int("classes", classes)
    labels = as_numbers("labels", labels)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise InputError(
            f"labels must be integers of shape (n,), got {labels.dtype} of shape "
            f"{labels.shape}."
        )
    if not labels.size or labels.min() < 0 or labels.max() >= classes:
        found = f"{labels.min()} to {labels.max()}" if labels.size else "none"
        raise InputError(
            f"labels must be from 0 to {classes - 1}, since classes is {classes}, and "
            f"not empty; got {found}."
        )
    return np.bincount(labels, minlength=classes)


def _check_reference(reference: NDArray, classes: int) -> NDArray[np.float64]:
    fractions = as_numbers("reference", reference).astype(np.float64)
    possible = fractions.shape == (classes,) and (fractions >= 0).all()
    if not possible or abs(fractions.sum() - 1) > 1e-6:
        raise InputError(
            f"reference must be {classes} fractions of at least 0 that sum to 1, got "
            f"shape {fractions.shape} and sum {fractions.sum():g}."
        )
    return fractions


def _kl(counts: NDArray, q: NDArray) -> Estimate:
    """Compute KL(p ‖ q); infinite without samples, or where q is 0 and p is not."""
    total, positive = int(counts.sum()), counts > 0
    if not total or not q[positive].all():
        return Estimate(float("inf"))
    p = counts[positive] / total
    ratios = np.log(p / q[positive])
    value = float(p @ ratios)
    floor_variance = (len(q) - 1) / (2 * total**2)
    variance = float(p @ (ratios - value) ** 2) / total
    return Estimate(value, math.sqrt(max(variance - floor_variance, floor_variance)))


def class_shares_metric() -> Metric:
    """Make the metric of the fraction of each predicted class for an `Evaluation`."""
    return Metric("class_shares", _class_shares, min_samples=1, needs=("classes",))


def _class_shares(real: Features, fake: Features) -> dict[str, Estimate]:
    assert real.probabilities is not None  # by `check_features`
    shares = class_shares(fake.classes(), real.probabilities.shape[1])
    return {f"share_of_{i}": share for i, share in enumerate(shares)}


def conditional_accuracy_metric() -> Metric:
    """Make the metric of the fraction of fakes classified as their label."""
    return Metric(
        "conditional_accuracy",
        _conditional_accuracy,
        best="highest",
        min_samples=1,
        needs=("classes", "labels"),
    )


def _conditional_accuracy(real: Features, fake: Features) -> dict[str, Estimate]:
    del real
    right = int((fake.classes() == fake.labels).sum())
    return {"conditional_accuracy": fraction_estimate(right, len(fake.features))}
