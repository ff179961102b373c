"""What a metric's protocol says is what was computed.

Each text is read for its numbers, and each metric computed from its definition with
these. So a parameter cannot change while its text stays.
"""

import re

import numpy as np
import pytest

from jaxgan.metrics.features.extractor import Features
from jaxgan.metrics.frechet_infinity import frechet_infinity
from jaxgan.metrics.metric import EVERY
from tests.metrics import by_hand

RNG = np.random.default_rng(0)


def features(count, offset):
    """Correlated features in 4 dimensions, and sure and unsure classes."""
    x = RNG.normal(size=(count, 4)) @ RNG.normal(size=(4, 4)) + offset
    p = np.exp(2 * RNG.normal(size=(count, 3)))
    labels = np.arange(count) % 3
    return Features(x, p / p.sum(axis=1, keepdims=True), labels)


REAL, FAKE = features(90, 0.0), features(70, 0.4)
X, Y = REAL.features, FAKE.features

FROM_ITS_WORDS = {
    "ddof {}": lambda ddof: {"frechet": by_hand.frechet(X, Y, ddof)},
    "{} points": lambda points: {
        "frechet_infinity": frechet_infinity(X, Y, points).value
    },
    "cubic kernel, all pairs": lambda: {"kid": by_hand.cubic_kid(X, Y)},
    "precision, recall: k {}; density, coverage: k {}": lambda near, wide: (
        by_hand.neighbours(X, Y, near, wide)
    ),
    "{} splits, shuffled": lambda splits: {
        "inception_score": by_hand.inception_score(FAKE.probabilities, splits)
    },
    "likeliest class": lambda: {
        f"share_of_{i}": (FAKE.probabilities.argmax(axis=1) == i).mean()
        for i in range(3)
    },
    "likeliest class against the label": lambda: {
        "as_asked": (FAKE.probabilities.argmax(axis=1) == FAKE.labels).mean()
    },
    "ddof {}, mean over classes": lambda ddof: {
        "intra_class_frechet": np.mean(
            [
                by_hand.frechet(X[REAL.labels == i], Y[FAKE.labels == i], ddof)
                for i in range(3)
            ]
        )
    },
    "p 1, {} directions": lambda count: {
        "sliced_wasserstein": by_hand.sliced_wasserstein(X, Y, count)
    },
    "beside the reference": lambda: {"authenticity": by_hand.authenticity(X, Y)},
}
NOT_OF_THE_TEXT = {"frechet_bias"}  # of the distance beside it


def read(text):
    """The numbers of a protocol's text, and the words around them."""
    text, fixed = re.sub(r"^p 1, ", "p one, ", text), r"\d+"
    numbers = [int(number) for number in re.findall(fixed, text)]
    return re.sub(fixed, "{}", text).replace("p one", "p 1"), numbers


@pytest.mark.parametrize("metric", EVERY, ids=lambda metric: metric.name)
def test_the_protocol_says_what_was_computed(metric):
    words, numbers = read(metric.how)
    expected = FROM_ITS_WORDS[words](*numbers)
    found = metric.measure(REAL, FAKE)
    assert found.keys() - NOT_OF_THE_TEXT == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name].value, value, rtol=1e-9, err_msg=name)


@pytest.mark.parametrize(
    "metric", [m for m in EVERY if read(m.how)[1]], ids=lambda metric: metric.name
)
def test_another_number_in_the_text_would_be_another_score(metric):
    words, numbers = read(metric.how)
    found = metric.measure(REAL, FAKE)
    for i in range(len(numbers)):
        others = [number + (i == j) for j, number in enumerate(numbers)]
        unlike = FROM_ITS_WORDS[words](*others)
        differences = [abs(found[name].value / unlike[name] - 1) for name in unlike]
        assert max(differences) > 1e-4
