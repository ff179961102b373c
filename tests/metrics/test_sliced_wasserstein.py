import math

import numpy as np
import pytest

from jaxgan import InputError
from jaxgan.metrics.sliced_wasserstein import sliced_wasserstein
from jaxgan.metrics.wasserstein import wasserstein_1d
from tests.builders import unchecked


def features(seed, n, d):
    """Correlated features with a mean of their own."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + rng.normal(size=d)


# POT 0.9.7.post1, ot.sliced_wasserstein_distance along the same 50 directions.
POT = {
    (30, 1): 1.0929380364651768,
    (30, 2): 1.6016138666149045,
    (42, 1): 1.2774723079200958,
    (42, 2): 1.646406770398553,
}


@pytest.mark.parametrize(("m", "p"), POT)
def test_distances_are_those_of_an_optimal_transport_package(m, p):
    x, y = features(1, 30, 4), features(2, m, 4)
    found = sliced_wasserstein(x, y, projections=50, p=p, seed=7).value
    assert found == pytest.approx(POT[m, p], rel=1e-10)


def test_on_a_line_it_is_the_distance_itself():
    x, y = features(0, 40, 1), features(1, 30, 1)
    expected = wasserstein_1d(x[:, 0], y[:, 0])
    found = sliced_wasserstein(x, y, projections=3)
    assert found.value == pytest.approx(expected.value, rel=1e-12)
    assert found.error == pytest.approx(expected.error, rel=1e-9)


@pytest.mark.parametrize("p", [1, 2])
def test_laws(p):
    x, y = features(0, 50, 6), features(1, 35, 6)
    distance = sliced_wasserstein(x, y, 100, p).value
    for one, other, factor in (
        (y, x, 1),
        (np.random.default_rng(0).permutation(x), y, 1),
        (x + 9, y + 9, 1),
        (3 * x, 3 * y, 3),
        (x.repeat(4, axis=0), y, 1),  # the same distribution
    ):
        found = sliced_wasserstein(one, other, 100, p).value
        assert found == pytest.approx(factor * distance, rel=1e-10)
    assert sliced_wasserstein(x, x[::-1], 100, p).value == 0


@pytest.mark.parametrize(
    ("p", "expected"), [(1, 2 * math.sqrt(2 / (math.pi * 50))), (2, 2 / math.sqrt(50))]
)
def test_a_translation_is_as_far_as_directions_see_it(p, expected):
    x = features(0, 5, 50)
    step = features(1, 1, 50)
    moved = x + 2 * step / np.linalg.norm(step)
    found = sliced_wasserstein(x, moved, projections=4000, p=p)
    # |θᵀs| varies by 3/4 of its mean, so 4,000 directions leave 1.2 %.
    assert found.value == pytest.approx(expected, rel=0.05)


def test_the_seed_chooses_the_directions():
    x, y = features(0, 50, 6), features(1, 50, 6)
    one, again, other = (sliced_wasserstein(x, y, 20, seed=s) for s in (0, 0, 1))
    assert one == again
    assert one.value != other.value
    assert one.value == pytest.approx(other.value, rel=0.5)


@pytest.mark.parametrize("p", [1, 2])
def test_the_error_is_how_much_the_distance_varies(p):
    rng = np.random.default_rng(0)
    found = np.array(
        [
            sliced_wasserstein(
                rng.normal(size=(80, 5)), rng.normal(1, 1, size=(60, 5)), 20, p, seed
            )
            for seed in range(150)
        ]
    )
    error = math.sqrt(np.square(found[:, 1]).mean())
    assert error == pytest.approx(found[:, 0].std(ddof=1), rel=0.2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"p": 3}, "p must be 1 or 2, got 3"),
        ({"projections": 1}, "projections must be at least 2"),
        ({"projections": 0}, "projections must be an integer of at least 1, got 0"),
        ({"seed": -1}, "seed must be an integer from 0"),
    ],
)
def test_options_that_cannot_be_are_refused(options, message):
    x = features(0, 5, 2)
    with pytest.raises(InputError, match=message):
        sliced_wasserstein(x, x, **options)


def test_features_that_do_not_fit_are_refused():
    message = "same number of dimensions, got 3 and 4"
    with unchecked(), pytest.raises(InputError, match=message):
        sliced_wasserstein(features(0, 5, 3), features(0, 5, 4))
