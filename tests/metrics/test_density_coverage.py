import numpy as np
import pytest

from jaxgan import InputError
from jaxgan.metrics.density_coverage import (
    density_coverage,
    density_coverage_of,
    expected_coverage,
)
from jaxgan.metrics.nearest.manifold import overlaps
from tests.metrics.test_precision_recall import sets, values

# Counts from prdc 0.2, whose numbers are these over 200 k and 256.
PUBLISHED = {3: (624, 197), 5: (1092, 231)}


@pytest.mark.parametrize("offset", [0.0, 1000.0])
@pytest.mark.parametrize("k", PUBLISHED)
def test_numbers_are_those_of_the_reference_package(k, offset):
    inside, covered = PUBLISHED[k]
    density, coverage = density_coverage(*sets(offset), k)
    assert density.value == pytest.approx(inside / (200 * k), rel=1e-12)
    assert coverage.value == covered / 256


def test_five_neighbors_unless_told():
    assert density_coverage(*sets()) == density_coverage(*sets(), k=5)


def test_balls_on_a_line_are_open():
    # Balls of the reals, k = 1: (-1, 1), (0, 2), (1, 9).
    real = np.array([[0.0], [1.0], [5.0]])
    # In (-1, 1) and (0, 2); in (-1, 1) and on an edge; on an edge; nowhere.
    fake = np.array([[0.5], [0.0], [9.0], [99.0]])
    density, coverage = density_coverage(real, fake, k=1)
    assert (density.value, coverage.value) == (3 / 4, 2 / 3)


@pytest.mark.slow
def test_equal_distributions_have_what_they_should():
    # In any number of dimensions, to 4 standard errors.
    rng = np.random.default_rng(0)
    for d in (2, 8):
        pairs = [np.split(rng.normal(size=(456, d)), [256]) for _ in range(60)]
        found = [values(density_coverage(real, fake)) for real, fake in pairs]
        mean = np.mean(found, axis=0)
        error = np.std(found, axis=0, ddof=1) / np.sqrt(60)
        assert (4 * error < (0.05, 0.02)).all()
        assert (np.abs(mean - (1, expected_coverage(256, 200))) < 4 * error).all()


def test_the_expected_coverage_is_a_closed_form():
    # 400 and 400: 0.96933 (Naeem et al.); k = 1: a real's nearest is a fake.
    assert expected_coverage(400, 400, 5) == pytest.approx(0.96933, abs=5e-6)
    assert expected_coverage(10, 3, 1) == pytest.approx(3 / 12)
    assert expected_coverage(10**7, 10**7, 5) == pytest.approx(1 - 2**-5, abs=1e-6)


def test_a_set_has_the_density_and_coverage_of_itself():
    # Each ball holds its own center and k - 1 others, and its edge does not count.
    real, _ = sets()
    assert values(density_coverage(real, real.copy())) == (1.0, 1.0)


def test_one_fake_over_and_over_meets_few_reals():
    real, fake = sets()
    apart = np.linalg.norm(real[:, None] - real[None], axis=2)
    held = apart[0] < np.sort(apart, axis=0)[5] - 1e-9  # balls that hold the first real
    found = density_coverage(real, np.repeat(real[:1], 200, axis=0))
    assert found.density.value == pytest.approx(held.sum() / 5, rel=1e-12)
    assert found.coverage.value == held.mean() < 0.1
    away = density_coverage(real, np.repeat(fake[:1] + 99, 200, axis=0))
    assert values(away) == (0.0, 0.0)


def test_overlaps_of_several_k_are_those_of_each():
    near, wide = overlaps(*sets(), (3, 5))
    assert density_coverage_of(near) == density_coverage(*sets(), k=3)
    assert density_coverage_of(wide) == density_coverage(*sets(), k=5)


@pytest.mark.slow
def test_the_error_is_about_how_much_other_samples_vary():
    rng = np.random.default_rng(1)
    found = [
        density_coverage(rng.normal(size=(256, 8)), rng.normal(size=(200, 8)))
        for _ in range(100)
    ]
    for number in zip(*found, strict=True):
        value, error = np.array(number).T
        # The deviation of 100 repeats is known to 7 %.
        assert 0.75 < np.sqrt(np.mean(error**2)) / value.std(ddof=1) < 1.33


def test_too_few_examples_are_refused():
    real, fake = sets()
    with pytest.raises(InputError, match=r"real has 5 examples; .* needs at least 6"):
        density_coverage(real[:5], fake)


def test_a_collapsed_real_set_is_refused():
    with pytest.raises(InputError, match="real: all 256 rows of features are the same"):
        density_coverage(np.ones((256, 8)), sets()[1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((5, 5, 5), "k must be below n = 5, got 5"),
        ((0, 5, 1), "expected_coverage: n must be an integer of at least 1, got 0"),
        ((5, 0, 1), "expected_coverage: m must be an integer of at least 1, got 0"),
        ((5, 5, 0), "expected_coverage: k must be an integer of at least 1, got 0"),
    ],
)
def test_impossible_counts_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        expected_coverage(*arguments)
