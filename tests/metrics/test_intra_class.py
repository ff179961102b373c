import numpy as np
import pytest

from jaxgan import InputError
from jaxgan.metrics.frechet import frechet_distance
from jaxgan.metrics.intra_class import intra_class_frechet
from tests.builders import unchecked


def classes(seed, sizes, d=3):
    """Shuffled features of classes 2, 5, 8 …, each with a mean of its own."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(2 + 3 * np.arange(len(sizes)), sizes))
    return rng.normal(size=(len(labels), d)) + labels[:, None], labels


def test_it_is_the_mean_over_classes_whatever_their_sizes():
    real, real_labels = classes(0, [20, 50, 80])
    fake, fake_labels = classes(1, [60, 10, 30])
    found = intra_class_frechet(real, real_labels, fake, fake_labels)
    each = {
        k: frechet_distance(real[real_labels == k], fake[fake_labels == k])
        for k in (2, 5, 8)
    }
    assert found.classes == each
    assert found.value == pytest.approx(sum(f.value for f in each.values()) / 3)
    squares = sum(f.error**2 for f in each.values())
    assert found.error == pytest.approx(np.sqrt(squares) / 3)


def test_a_generator_that_ignores_its_label_is_found_out():
    real, labels = classes(2, [100, 100])
    ignored = np.roll(labels, 1)
    assert frechet_distance(real, real).value < 1e-9
    assert intra_class_frechet(real, labels, real, labels).value < 1e-9
    # A class is then half of each: 1.5 from its mean and 1.5 wider on one diagonal.
    assert intra_class_frechet(real, labels, real, ignored).value > 5


def test_the_error_is_the_spread_over_other_samples():
    def draw(seed):
        real, labels = classes(seed, [40, 60, 80])
        fake, fake_labels = classes(1000 + seed, [90, 60, 50])
        return intra_class_frechet(real, labels, 1.5 * fake, fake_labels)[:2]

    values, errors = np.array([draw(seed) for seed in range(100)]).T
    assert errors.mean() == pytest.approx(values.std(ddof=1), rel=0.25)


def small(**changes):
    given = {
        "real": np.arange(12.0).reshape(6, 2) ** 2,
        "real_labels": np.array([0, 0, 0, 7, 7, 7]),
        "fake": np.arange(12.0).reshape(6, 2) ** 2,
        "fake_labels": np.array([0, 0, 0, 7, 7, 7]),
    }
    return given | changes


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fake_labels": np.zeros(6, int)}, "class 7: fake has 0 examples"),
        ({"fake_labels": np.array([0] * 5 + [7])}, "class 7: fake has 1 examples"),
        ({"real_labels": np.array([0] * 5 + [7])}, "class 7: real has 1 examples"),
        ({"fake_labels": np.array([0, 0, 7, 7, 9, 9])}, "fake_labels holds class 9"),
        ({"real": np.ones((6, 2))}, "class 0: real: all 3 rows of features are the"),
        ({"real_labels": np.zeros(5, int)}, "real_labels must be 6 integers.*int64"),
        ({"fake_labels": np.zeros(6)}, "fake_labels must be 6 integers.*float64"),
        ({"fake": np.ones((6, 3))}, "class 0: real and fake must have the same number"),
        ({"fake": np.full((6, 2), np.inf)}, "fake holds numbers that are not finite"),
    ],
)
def test_what_cannot_be_compared_is_refused(changes, message):
    with unchecked(), pytest.raises(InputError, match=message):
        intra_class_frechet(**small(**changes))
