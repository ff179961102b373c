import jax
import numpy as np
import pytest

from jaxgan.metrics.nearest import search as neighbors
from jaxgan.metrics.nearest.manifold import HALVES
from jaxgan.metrics.nearest.search import exact_distances, nearest, radii, radii_within


def points(seed, n, d):
    return np.random.default_rng(seed).normal(size=(n, d))


def all_distances(x, y):
    """The matrix of them all, without tricks."""
    return np.linalg.norm(x[:, None] - y[None], axis=2)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(neighbors, "BLOCK", 64)


# A point; a block; groups of rows in it; blocks and a rest; too few rows for groups.
SIZES = [(1, 2, 3, 1), (9, 4, 3, 9), (64, 40, 5, 3), (130, 150, 2, 3), (130, 9, 2, 12)]


@pytest.mark.parametrize(("n", "m", "d", "k"), SIZES)
def test_the_nearest_are_those_of_all_distances(n, m, d, k):
    x, y = points(0, n, d), points(1, m, d)
    every = all_distances(x, y)
    found = nearest(x, y, k)
    np.testing.assert_array_equal(found.indices, every.argsort(axis=0)[:k].T)
    np.testing.assert_allclose(found.distances, np.sort(every, axis=0)[:k].T, 1e-12)


@pytest.mark.parametrize(("n", "ks"), [(9, (1, 8)), (64, (3,)), (200, (5, 2))])
def test_radii_are_those_of_all_distances_to_others(n, ks):
    x = points(2, n, 3)
    every = all_distances(x, x)
    np.fill_diagonal(every, np.inf)
    expected = np.sort(every, axis=0)[[k - 1 for k in ks]]
    np.testing.assert_allclose(radii(x, ks), expected, 1e-12)


def test_duplicates_are_neighbors_and_a_point_is_not_its_own():
    x = np.repeat(points(3, 100, 4), 3, axis=0)
    once = radii(x[::3], (1,))[0].repeat(3)
    np.testing.assert_array_equal(radii(x, (1, 2)), 0)
    np.testing.assert_allclose(radii(x, (3,))[0], once, 1e-12)


def test_copies_are_found_at_distance_zero():
    x = points(4, 300, 7) + 1000
    found = nearest(x, x[::-1], 2)
    np.testing.assert_array_equal(found.indices[:, 0], np.arange(300)[::-1])
    np.testing.assert_array_equal(found.distances[:, 0], 0)
    assert (found.distances[:, 1] > 0.1).all()


def test_points_far_from_the_origin_keep_their_digits():
    x = points(5, 200, 3)
    far = np.round(x * 2**20) / 2**20 + 2.0**26  # exact in float64
    np.testing.assert_allclose(radii(far, (3,)), radii(far - 2.0**26, (3,)), 1e-12)


def test_nearest_come_first_also_when_they_are_closer_than_rounding():
    # Of unit norms, squares of 1e-18 are lost in the product, but not in differences.
    y = np.array([[1.0, 0.0]])
    x = np.array([[1.0, 3e-9], [1.0, 1e-9], [1.0, 2e-9], [-3.0, 0.0]])
    found = nearest(x, y, 3)
    np.testing.assert_array_equal(found.indices, [[1, 2, 0]])
    np.testing.assert_allclose(found.distances, [[1e-9, 2e-9, 3e-9]], 1e-12)


def test_blocks_do_not_change_what_is_found(monkeypatch):
    x, y = points(6, 300, 5), points(7, 210, 5)
    parts, reach = nearest(x, y, 4), radii(x, (4,))
    monkeypatch.setattr(neighbors, "BLOCK", 1024)
    whole = nearest(x, y, 4)
    np.testing.assert_array_equal(parts.indices, whole.indices)
    np.testing.assert_array_equal(parts.distances, whole.distances)
    np.testing.assert_array_equal(radii(x, (4,)), reach)


@pytest.mark.slow
def test_panels_and_parts_are_those_of_all_distances(monkeypatch):
    """Of blocks of 16 there are 34 in all and 4 or 5 in each of 8 parts."""
    monkeypatch.setattr(neighbors, "BLOCK", 16)
    x = points(9, 530, 4)
    whole, *halved = radii_within(x, (1, 5), HALVES)
    np.testing.assert_array_equal(whole, radii(x, (1, 5)))
    assert len(halved) == 7
    for side, own in zip(HALVES[1:], halved, strict=True):
        for half in (1, -1):
            rows = side[np.arange(530) % 8] == half
            alone = radii(x[rows], (1, 5))
            np.testing.assert_allclose(own[:, rows], alone, 1e-12)
    every = all_distances(x, x)
    np.fill_diagonal(every, np.inf)
    np.testing.assert_allclose(whole, np.sort(every, axis=0)[[0, 4]], 1e-12)


def test_exact_distances_are_the_distance_of_chosen_pairs():
    x, y = np.array([[0.0, 0.0], [3.0, 4.0]]), np.array([[0.0, 0.0], [3.0, 0.0]])
    found = exact_distances(x, y, np.array([[0, 1], [0, 1]]))
    np.testing.assert_array_equal(found, [[0, 5], [3, 4]])


def test_float64_is_left_behind():
    radii(points(8, 20, 2), (1,))
    assert not jax.config.jax_enable_x64


def clusters(seed, n, far):
    """Two, of unit spread, with nothing between them."""
    x = points(seed, n, 8)
    x[::2] += far
    return x


@pytest.mark.parametrize("far", [1e5, 1e7, 1e9])
def test_neighbors_are_right_where_products_have_lost_all_digits(far):
    x, y = clusters(10, 150, far), clusters(11, 90, far)
    every = all_distances(x, y)
    found = nearest(x, y, 3)
    np.testing.assert_array_equal(found.indices, every.argsort(axis=0)[:3].T)
    every = all_distances(x, x)
    np.fill_diagonal(every, np.inf)
    np.testing.assert_allclose(radii(x, (3,)), np.sort(every, axis=0)[[2]], 1e-12)
    whole, own = radii_within(x, (3,), np.array([[0] * 5, [0, 1, 2, 3, 4]]))
    np.testing.assert_array_equal(whole, radii(x, (3,)))
    for part in range(5):
        np.testing.assert_array_equal(own[:, part::5], radii(x[part::5], (3,)))


def test_one_point_far_away_changes_nothing_for_the_others():
    x = points(12, 100, 8)
    before = radii(x, (3,))
    x[-1] = 1e10
    reach = radii(x, (3,))
    every = all_distances(x, x)
    np.fill_diagonal(every, np.inf)
    np.testing.assert_allclose(reach, np.sort(every, axis=0)[[2]], 1e-12)
    assert (reach[0, :99] >= before[0, :99]).all()
