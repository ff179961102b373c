import math

import jax
import numpy as np
import pytest

from jaxgan import Batch, InputError
from jaxgan.data import stack_channels
from jaxgan.data.readers.synthetic import Mixture, ring
from jaxgan.metrics.modes import (
    class_modes,
    class_shares,
    count_modes,
    stacked_label,
)
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
    assert counted.high_quality.value == pytest.approx(high_quality)
    assert counted.reverse_kl.value == pytest.approx(reverse_kl, abs=1e-12)


def test_quality_may_be_stricter():
    assert count_modes(at(0.9, 1.1, 10), LINE, within=1.0).high_quality.value == 2 / 3
    for within in (0.0, -1.0, np.nan):
        with pytest.raises(InputError, match="within must be above 0, got"):
            count_modes(at(0.9), LINE, within=within)


def test_a_perfect_sampler_has_the_quality_of_the_plane():
    n = 200_000
    counted = count_modes(ring().sample(n, seed=0), ring())
    perfect = 1 - math.exp(-4.5)  # P(χ²₂ < 9) = 98.89 %
    error = math.sqrt(perfect * (1 - perfect) / n)
    assert counted.captured == 8
    assert counted.high_quality.value == pytest.approx(perfect, abs=5 * error)
    assert perfect == pytest.approx(0.9889, abs=5e-5)


def test_a_perfect_sampler_has_the_divergence_of_its_size():
    n, repeats = 1000, 200
    divergences = [
        count_modes(ring().sample(n, seed), ring(), within=np.inf).reverse_kl.value
        for seed in range(repeats)
    ]
    # 2n·KL is about χ²₇: mean 7, variance 14.
    error = math.sqrt(14 / repeats)
    assert 2 * n * np.mean(divergences) == pytest.approx(7, abs=5 * error)


@pytest.mark.parametrize(
    ("classes", "n", "evenness"),
    [(8, 2500, math.inf), (1000, 26_000, 20), (25, 500, 5)],
)
def test_the_error_of_a_divergence_is_its_spread(classes, n, evenness):
    rng = np.random.default_rng(0)
    shares = np.full(classes, 1 / classes)
    if evenness < math.inf:
        shares = rng.dirichlet(np.full(classes, evenness))
    labels = [rng.choice(classes, n, p=shares) for _ in range(200)]
    found = np.array([class_modes(some, classes).kl for some in labels])
    spread = found[:, 0].std(ddof=1)
    # 0.96 to 1.19 of 2,000; the spread of 200 varies by 5 %.
    assert 0.86 < np.sqrt(np.square(found[:, 1]).mean()) / spread < 1.29


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


@pytest.mark.parametrize(
    ("labels", "captured", "kl"),
    [
        ([0, 1, 2, 3], 4, 0.0),
        ([2, 2, 2], 1, math.log(4)),
        ([0, 0, 3, 3], 2, math.log(2)),
        ([1, 1, 1, 0], 2, 0.75 * math.log(3) + 0.25 * math.log(1)),
    ],
    ids=["all", "collapsed", "two", "unbalanced"],
)
def test_classes_are_counted_as_by_hand(labels, captured, kl):
    found = class_modes(np.array(labels), 4)
    assert found.captured == captured
    assert found.kl.value == pytest.approx(kl, abs=1e-12)
    assert math.isnan(found.kl_reference.value)
    assert found.floor == 3 / (2 * len(labels))


def test_the_reference_replaces_the_uniform_shares():
    labels = np.array([0, 0, 0, 1])
    shares = np.array([0.75, 0.25, 0.0])
    assert class_modes(labels, 3, shares).kl_reference.value == pytest.approx(
        0, abs=1e-12
    )
    other = class_modes(labels, 3, np.array([0.5, 0.25, 0.25]))
    assert other.kl_reference.value == pytest.approx(0.75 * math.log(0.75 / 0.5))
    uniform = class_modes(labels, 3, np.full(3, 1 / 3))
    assert uniform.kl_reference == pytest.approx(uniform.kl)
    # Class 1 is not in this reference, but sampled.
    unseen = class_modes(labels, 3, np.array([1.0, 0, 0]))
    assert unseen.kl_reference.value == math.inf


def floors(shares, n, repeats):
    rng = np.random.default_rng(0)
    return [class_modes(rng.choice(1000, n, p=shares), 1000) for _ in range(repeats)]


def test_a_perfect_sampler_of_stacked_digits_has_the_known_divergence():
    n, repeats = 26_000, 40
    found = floors(np.full(1000, 1e-3), n, repeats)
    # 2n·KL is about χ² of 999 degrees, and the next term is K² / 12n².
    error = math.sqrt(2 * 999 / repeats) / (2 * n)
    expected = 999 / (2 * n) + 1000**2 / (12 * n**2)
    assert np.mean([f.kl.value for f in found]) == pytest.approx(
        expected, abs=5 * error
    )
    assert {f.captured for f in found} == {1000}
    assert found[0].floor == pytest.approx(0.0192, abs=5e-5)


# How often each digit is among the 70,000 of MNIST.
DIGITS = np.array([6903, 7877, 6990, 7141, 6824, 6313, 6876, 7293, 6825, 6958]) / 70_000


def test_the_imbalance_of_digits_is_part_of_the_divergence():
    shares = np.einsum("i,j,k->ijk", DIGITS, DIGITS, DIGITS).ravel()
    imbalance = (shares * np.log(shares * 1000)).sum()
    assert imbalance == pytest.approx(0.0043, abs=5e-5)
    found = [f.kl.value for f in floors(shares, 26_000, 40)]
    assert np.mean(found) == pytest.approx(0.0236, abs=5e-4)
    assert np.std(found) == pytest.approx(0.001, rel=0.4)
    labels = np.random.default_rng(1).choice(1000, 26_000, p=shares)
    own = class_modes(labels, 1000, shares)
    assert own.kl_reference.value == pytest.approx(own.floor, rel=0.15)


def test_shares_have_binomial_errors():
    shares = np.array([0.7, 0.25, 0.05])
    rng = np.random.default_rng(0)
    found = np.array(
        [class_shares(rng.choice(3, 200, p=shares), 3) for _ in range(400)]
    )
    np.testing.assert_allclose(found[:, :, 0].mean(axis=0), shares, atol=0.008)
    spread = found[:, :, 0].std(axis=0, ddof=1)
    np.testing.assert_allclose(found[:, :, 1].mean(axis=0), spread, rtol=0.15)
    assert class_shares(np.array([1, 1]), 3)[1] == (1.0, 0.0)


def test_stacked_labels_are_those_of_the_data():
    digits = np.random.default_rng(0).integers(0, 10, (20, 3))
    images = tuple(np.zeros((20, 4, 4, 1), np.float32) for _ in range(3))
    batch = stack_channels(jax.random.key(0), Batch(images, tuple(digits.T)))
    np.testing.assert_array_equal(stacked_label(digits), batch.condition[0])
    every = np.stack(np.unravel_index(np.arange(1000), (10, 10, 10)), axis=1)
    np.testing.assert_array_equal(stacked_label(every.astype(np.uint8)), range(1000))


@pytest.mark.parametrize(
    ("labels", "found"), [([], "none"), ([-1, 2], "-1 to 2"), ([0, 4], "0 to 4")]
)
def test_labels_outside_the_classes_are_refused(labels, found):
    message = f"labels must be from 0 to 3, since classes is 4, .* got {found}"
    for counted in (class_modes, class_shares):
        with pytest.raises(InputError, match=message):
            counted(np.array(labels, int), 4)
        with pytest.raises(InputError, match="classes must be an integer of at least"):
            counted(np.array([0]), 0)


@pytest.mark.parametrize("shares", [[0.5, 0.5], [0.5, 0.4, 0.0], [1.5, -0.5, 0.0]])
def test_a_reference_that_is_no_shares_is_refused(shares):
    message = "reference must be 3 fractions of at least 0 that sum to 1"
    with pytest.raises(InputError, match=message):
        class_modes(np.array([0, 1]), 3, np.array(shares))


@pytest.mark.parametrize("digits", [np.zeros((4, 2), int), np.full((4, 3), 10), [0, 1]])
def test_what_are_no_digits_is_refused(digits):
    with unchecked(), pytest.raises(InputError, match="digits must be integers"):
        stacked_label(np.asarray(digits))


def test_samples_that_are_not_finite_are_refused():
    samples = ring().sample(20, seed=0)
    samples[3] = np.nan
    with pytest.raises(InputError, match="samples holds numbers that are not finite"):
        count_modes(samples, ring())


@pytest.mark.parametrize("labels", [np.array([0.5, 1.0]), np.zeros((2, 2), int)])
def test_labels_are_whole_numbers_in_a_row(labels):
    with unchecked(), pytest.raises(InputError, match="labels must be integers"):
        class_modes(labels, 3)
