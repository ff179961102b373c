import numpy as np
import pytest

from jaxgan import InputError
from jaxgan.metrics.kid import kid
from jaxgan.metrics.mmd import polynomial, squared_mmd
from tests.builders import unchecked


def features(seed, n, d=16):
    """Correlated features with a mean of their own."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + rng.normal(size=d)) / 4


def test_all_pairs_are_compared_by_default():
    x, y = features(1, 300), features(2, 300)
    assert kid(x, y) == squared_mmd(x, y, polynomial())
    # torch-fidelity 0.4.0, one subset of all
    assert kid(x, y).value == pytest.approx(0.7973451425561127, rel=1e-10)


# torch-fidelity 0.4.0, kid_features_to_metric(fake, real), 20 subsets of 100
@pytest.mark.parametrize(
    ("fakes", "seed", "expected"),
    [
        (300, 2020, 0.838179795833824),
        (300, 7, 0.8342739604728351),
        (200, 2020, 0.9065660604130368),
    ],
)
def test_subsets_are_those_of_torch_fidelity(fakes, seed, expected):
    x, y = features(1, 300), features(2, fakes)
    found = kid(x, y, subsets=20, size=100, seed=seed)
    assert found.value == pytest.approx(expected, rel=1e-10)


def test_subsets_of_all_examples_are_the_value_of_all_pairs():
    x, y = features(3, 60), features(4, 60)
    np.testing.assert_allclose(kid(x, y, subsets=3, size=60), kid(x, y), rtol=1e-10)


@pytest.mark.parametrize("subsets", [None, 10])
def test_the_error_is_the_spread_over_other_samples(subsets):
    rng = np.random.default_rng(5)
    found = np.array(
        [
            kid(
                rng.normal(size=(100, 4)),
                1.5 * rng.normal(size=(100, 4)) + 0.5,
                subsets=subsets,
                size=50,
                seed=seed,
            )
            for seed in range(60)
        ]
    )
    values, errors = found.T
    ratio = errors.mean() / values.std(ddof=1)
    assert 0.75 < ratio < 1.5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"subsets": 5}, "size must be at most the number .* got 1000 of 20"),
        ({"subsets": 5, "size": 21}, "size must be at most the number .* 21 of 20"),
        ({"subsets": 0}, "subsets must be an integer of at least 1"),
        ({"subsets": 1, "size": 9}, "subsets and size must be at least 2, got 1 and 9"),
        ({"subsets": 5, "size": 1}, "subsets and size must be at least 2, got 5 and 1"),
        ({"subsets": 5, "size": 9, "seed": -1}, "seed must be an integer from 0"),
    ],
)
def test_subsets_that_cannot_be_drawn_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        kid(features(6, 30), features(7, 20), **options)


def test_sets_that_do_not_fit_are_refused():
    message = "same number of dimensions, got 16 and 8"
    with unchecked(), pytest.raises(InputError, match=message):
        kid(features(8, 30), features(9, 30, 8), subsets=2, size=10)
