import numpy as np
import pytest

from jaxgan import InputError
from jaxgan.metrics.memorization import (
    authenticity,
    nearest_examples,
    with_neighbors,
)
from jaxgan.reporting.figures import image_grid
from tests.builders import unchecked
from tests.metrics import by_hand


def test_the_nearest_examples_are_found_in_order():
    train = np.array([[0.0, 0.0], [1.0, 0.0], [5.0, 0.0]])
    found = nearest_examples(np.array([[2.0, 0.0], [5.0, 1.0]]), train, k=3)
    np.testing.assert_array_equal(found.indices, [[1, 0, 2], [2, 1, 0]])
    expected = [[1, 2, 3], [1, np.sqrt(17), np.sqrt(26)]]
    np.testing.assert_allclose(found.distances, expected, 1e-12)


def test_a_copied_example_is_found_at_distance_zero():
    train = np.random.default_rng(0).normal(size=(200, 16)).astype(np.float32) + 50
    found = nearest_examples(train[[7, 150]], train)
    np.testing.assert_array_equal(found.indices, [[7], [150]])
    np.testing.assert_array_equal(found.distances, 0)


def test_one_training_example_is_the_nearest_of_all():
    found = nearest_examples(np.array([[1.0]]), np.array([[4.0]]))
    np.testing.assert_array_equal(found.distances, [[3.0]])


def test_rows_begin_with_the_fake():
    fakes = -np.ones((2, 4, 4, 1))
    train = np.arange(5.0).reshape(5, 1, 1, 1) * np.ones((5, 4, 4, 1))
    rows = with_neighbors(fakes, train, np.array([[4, 0], [1, 2]]))
    np.testing.assert_array_equal(rows[:, 0, 0, 0], [-1, 4, 0, -1, 1, 2])
    width, height = image_grid(rows, columns=3).size
    assert width > height


@pytest.mark.parametrize("indices", [[[5], [0]], [[-1], [0]], [[0.0], [1.0]]])
def test_indices_are_those_of_training_images(indices):
    images = np.zeros((2, 8, 8, 1)), np.ones((5, 8, 8, 1))
    message = "indices must be integers from 0 to 4"
    with unchecked(), pytest.raises(InputError, match=message):
        with_neighbors(*images, np.array(indices))


def test_authenticity_is_that_of_all_distances():
    rng = np.random.default_rng(1)
    real, fake = rng.normal(size=(300, 5)), rng.normal(size=(200, 5)) * 0.8
    assert authenticity(real, fake).value == by_hand.authenticity(real, fake)


@pytest.mark.parametrize(
    ("d", "expected"),
    [(1, 1 / 3), pytest.param(3, 11 / 27, marks=pytest.mark.slow)],
)
def test_a_perfect_sampler_is_authentic_as_often_as_it_should(d, expected):
    # 1 - |ball| / |two balls, each with its center on the other's edge|, exactly so on
    # a torus: the unit cube among copies of itself.
    rng = np.random.default_rng(2)
    shifts = np.stack(np.meshgrid(*[[-1, 0, 1]] * d), axis=-1).reshape(-1, d)
    shares = []
    for _ in range(100):
        real = np.concatenate(rng.random((20, d)) + shifts[:, None])
        shares.append(authenticity(real, rng.random((300, d))).value)
    error = np.std(shares, ddof=1) / np.sqrt(100)
    assert 4 * error < 0.06
    assert np.mean(shares) == pytest.approx(expected, abs=4 * error)


def test_copies_are_not_authentic():
    rng = np.random.default_rng(3)
    real, fresh = rng.normal(size=(2, 200, 8)) + 100
    half = np.concatenate([real[:100], fresh[:100] + 50])
    assert authenticity(real, real.copy()).value == 0
    assert authenticity(real, half).value == 0.5
    twice = np.concatenate([real, real])
    assert authenticity(twice, real.copy()).value == 0


@pytest.mark.slow
def test_the_error_is_how_much_other_fakes_vary():
    rng = np.random.default_rng(4)
    real = rng.normal(size=(300, 4))
    found = [authenticity(real, rng.normal(size=(200, 4))) for _ in range(150)]
    value, error = np.array(found).T
    # The deviation of 150 repeats is known to 6 %.
    assert 0.8 < np.sqrt(np.mean(error**2)) / value.std(ddof=1) < 1.25


def test_sets_that_do_not_fit_are_refused():
    x = np.random.default_rng(5).normal(size=(10, 4))
    wrong = "same number of dimensions, got 4 and 3"
    with unchecked(), pytest.raises(InputError, match=wrong):
        nearest_examples(x[:, :3], x)
    with pytest.raises(
        InputError, match=r"train_features has 10 examples; .* least 11"
    ):
        nearest_examples(x, x, k=11)
    with pytest.raises(InputError, match=r"nearest_examples: k must be .* got 0"):
        nearest_examples(x, x, k=0)
    with pytest.raises(InputError, match="real has 1 examples"):
        authenticity(x[:1], x)
    with pytest.raises(InputError, match="real: all 10 rows"):
        authenticity(np.ones((10, 4)), x)


@pytest.mark.parametrize(
    ("fakes", "train", "rows"),
    [
        (np.zeros((2, 4, 4, 1)), np.zeros((3, 4, 4, 3)), 2),
        (np.zeros((2, 4, 4, 1)), np.zeros((3, 4, 4, 1), np.uint8), 2),
        (np.zeros((2, 4, 4, 1)), np.zeros((3, 4, 4, 1)), 3),
    ],
)
def test_images_that_do_not_fit_are_refused(fakes, train, rows):
    with unchecked(), pytest.raises(InputError, match="with_neighbors: fakes and"):
        with_neighbors(fakes, train, np.zeros((rows, 1), int))
