import math

import numpy as np
import pytest

from jaxgan import InputError
from jaxgan.data.synthetic import Mixture, ring
from jaxgan.metrics.modes import count_modes
from tests.builders import unchecked

LINE = Mixture(np.array([[0.0, 0.0], [10.0, 0.0], [20.0, 0.0], [30.0, 0.0]]), 1.0)


def at(*xs):
    return np.array([[x, 0.0] for x in xs])


@pytest.mark.parametrize(
    ("samples", "captured", "high_quality", "reverse_kl"),
    [
        (at(0, 10, 20, 30), 4, 1.0, 0.0),
        (at(0, 0.1, 0.2), 1, 1.0, math.log(4)),
        (at(0, 10, 5, 15), 2, 0.5, math.log(2)),
        (at(2.99, 3.01), 1, 0.5, math.log(4)),
        (at(-100, 5), 0, 0.0, math.inf),
        (
            at(0, 0, 0, 10),
            2,
            1.0,
            0.75 * math.log(0.75 * 4) + 0.25 * math.log(0.25 * 4),
        ),
    ],
    ids=["all", "collapsed", "two", "the edge", "none", "unbalanced"],
)
def test_modes_are_counted_as_by_hand(samples, captured, high_quality, reverse_kl):
    counted = count_modes(samples, LINE)
    assert counted.captured == captured
    assert counted.high_quality == pytest.approx(high_quality)
    assert counted.reverse_kl == pytest.approx(reverse_kl, abs=1e-12)


def test_quality_may_be_stricter():
    assert count_modes(at(0.9, 1.1, 10), LINE, within=1.0).high_quality == 2 / 3


def test_a_perfect_sampler_has_the_quality_of_the_plane():
    n = 200_000
    counted = count_modes(ring().sample(n, seed=0), ring())
    perfect = 1 - math.exp(-4.5)  # P(χ²₂ < 9) = 98.89 %
    error = math.sqrt(perfect * (1 - perfect) / n)
    assert counted.captured == 8
    assert counted.high_quality == pytest.approx(perfect, abs=5 * error)
    assert perfect == pytest.approx(0.9889, abs=5e-5)


def test_a_perfect_sampler_has_the_divergence_of_its_size():
    n, repeats = 1000, 200
    divergences = [
        count_modes(ring().sample(n, seed), ring(), within=np.inf).reverse_kl
        for seed in range(repeats)
    ]
    # 2n·KL is about χ²₇: mean 7, variance 14.
    error = math.sqrt(14 / repeats)
    assert 2 * n * np.mean(divergences) == pytest.approx(7, abs=5 * error)


def test_a_ring_of_seven_modes_does_not_pass_for_eight():
    angles = np.linspace(0, 2 * np.pi, 8)
    closed = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    samples = Mixture(closed, 0.01).sample(5000, seed=0)
    assert count_modes(samples, ring()).captured < 8
    assert count_modes(ring().sample(5000, seed=0), ring()).captured == 8


@pytest.mark.parametrize("shape", [(0, 2), (5, 3), (5,)])
def test_samples_of_other_shapes_are_refused(shape):
    with unchecked(), pytest.raises(InputError, match=r"samples must be .* \(n, 2\)"):
        count_modes(np.zeros(shape), LINE)
