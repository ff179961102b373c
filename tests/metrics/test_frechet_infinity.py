import sys

import numpy as np
import pytest

from jaxgan import InputError
from jaxgan.metrics.frechet import Statistics, frechet_distance, statistics
from jaxgan.metrics.frechet_infinity import frechet_infinity
from tests.builders import unchecked


def pair(seed, n, d, scale=1.0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), scale * rng.normal(size=(n, d))


def test_the_bias_of_finitely_many_fakes_is_gone():
    n, d, draws = 300, 6, 60
    exact = Statistics(10**9, np.zeros(d), np.eye(d) * np.sqrt(10**9 - 1))
    fakes = np.random.default_rng(0).normal(size=(draws, n, d))
    bias = (d * (d + 1) / 4 + d) / n  # of the fakes alone
    whole = [frechet_distance(exact, fake).value for fake in fakes]
    assert np.mean(whole) == pytest.approx(bias, rel=0.25)
    values = [frechet_infinity(exact, fake, points=6).value for fake in fakes]
    assert 3 * np.std(values) / np.sqrt(draws) < bias / 3
    assert abs(np.mean(values)) < bias / 3


def test_different_distributions_are_at_their_true_distance():
    real, fake = pair(1, 3000, 4, scale=2.0)
    value, error = frechet_infinity(statistics(real), fake)
    assert error < 0.4
    assert value == pytest.approx(4 * (2 - 1) ** 2, abs=3 * error)


def test_the_error_is_the_spread_over_other_samples():
    found = [frechet_infinity(*pair(seed, 160, 3, 1.5), points=5) for seed in range(80)]
    values, errors = np.array(found).T
    assert errors.mean() == pytest.approx(values.std(ddof=1), rel=0.3)


def test_the_line_through_exact_points_is_that_line(monkeypatch):
    sizes = []

    def line(x, y):
        sizes.append(y.count)
        return 5 + 300 / y.count

    module = sys.modules["jaxgan.metrics.frechet_infinity"]  # hidden by its function
    monkeypatch.setattr(module, "squared_distance", line)
    real, fake = pair(2, 500, 3)
    whole = frechet_distance(real, fake)
    patched = whole._replace(value=5 + 300 / 500)
    monkeypatch.setattr(module, "frechet_distance", lambda x, y: patched)
    value, error = frechet_infinity(real, fake, points=10)
    assert sizes == [50, 100, 150, 200, 250, 300, 350, 400, 450]
    assert value == pytest.approx(5, rel=1e-12)
    assert error == pytest.approx(whole.error, rel=1e-9)


def test_the_published_protocol_is_the_default_of_50_000_inception_features():
    from jaxgan.metrics.frechet_infinity import _sizes

    sizes = _sizes(50_000, 2048, 15, None)
    assert (sizes[0], sizes[-1], len(sizes)) == (5_000, 50_000, 15)
    assert _sizes(10_000, 2048, 15, None)[0] == 4096


def test_the_seed_decides():
    real, fake = pair(3, 200, 3)
    first = frechet_infinity(real, fake, seed=0)
    assert frechet_infinity(real, fake, seed=0) == first
    assert frechet_infinity(real, fake, seed=1).value != first.value


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"points": 2}, "points must be at least 3, got 2"),
        ({"min_size": 1}, "min_size must be from 2 to half the number .* got 1 of 40"),
        (
            {"min_size": 21},
            "min_size must be from 2 to half the number .* got 21 of 40",
        ),
        ({"seed": -1}, "seed must be an integer from 0"),
    ],
)
def test_what_cannot_be_fitted_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        frechet_infinity(*pair(4, 40, 3), **options)


def test_too_few_fakes_for_their_dimensions_are_refused():
    with pytest.raises(
        InputError, match="10 dimensions need at least 40 fakes, got 39"
    ):
        frechet_infinity(*pair(5, 39, 10))
    with unchecked(), pytest.raises(InputError, match="same number of dimensions"):
        frechet_infinity(np.eye(4), np.ones((40, 3)))
