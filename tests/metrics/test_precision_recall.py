import jax
import numpy as np
import pytest

from jaxgan import InputError
from jaxgan.metrics.density_coverage import density_coverage_of
from jaxgan.metrics.nearest import search as neighbors
from jaxgan.metrics.nearest.manifold import HALVES, overlaps
from jaxgan.metrics.precision_recall import precision_recall, precision_recall_of


def sets(offset=0.0):
    """256 reals, and 200 fakes that are narrower and not quite in their place."""
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(8, 8))
    real = rng.normal(size=(256, 8)) @ mix + offset
    return real, 0.9 * rng.normal(size=(200, 8)) @ mix + 0.5 + offset


def values(pair):
    return tuple(share.value for share in pair)


# From torch-fidelity 0.4.0 (its metric_prc, fakes first, in float64) and prdc 0.2.
PUBLISHED = {3: (188 / 200, 216 / 256), 5: (198 / 200, 234 / 256)}


@pytest.mark.parametrize("offset", [0.0, 1000.0])
@pytest.mark.parametrize("k", PUBLISHED)
def test_shares_are_those_of_the_reference_packages(k, offset):
    assert values(precision_recall(*sets(offset), k)) == PUBLISHED[k]


def test_three_neighbors_unless_told():
    assert precision_recall(*sets()) == precision_recall(*sets(), k=3)


def test_balls_on_a_line():
    # Balls of the reals, k = 1: [-1, 1], [0, 2], [1, 9]; the last fake is in none.
    real = np.array([[0.0], [1.0], [5.0]])
    # Balls of the fakes: [0, 2], [1, 3], [8.5, 9.5], [9, 10]; the last real is in none.
    fake = np.array([[1.0], [2.0], [9.0], [9.5]])
    assert values(precision_recall(real, fake, k=1)) == (3 / 4, 2 / 3)


def test_precision_is_of_the_fakes_and_recall_of_the_reals():
    rng = np.random.default_rng(1)
    two = rng.normal(size=(200, 2)) + np.repeat([[0.0], [50.0]], 100, axis=0)
    one = rng.normal(size=(200, 2))
    dropped, invented = precision_recall(two, one), precision_recall(one, two)
    assert dropped.precision.value > 0.9
    assert 0.4 < dropped.recall.value <= 0.5
    assert values(invented) == values(dropped)[::-1]


def test_shares_do_not_depend_on_where_features_are_turned_or_how_scaled():
    real, fake = sets()
    turn, _ = np.linalg.qr(np.random.default_rng(2).normal(size=(8, 8)))
    moved = precision_recall(3 * real @ turn - 7, 3 * fake @ turn - 7)
    assert values(moved) == values(precision_recall(real, fake))


def test_a_set_has_all_of_itself():
    real, _ = sets()
    assert values(precision_recall(real, real.copy())) == (1.0, 1.0)


def test_float32_features_are_compared_in_float64():
    real, fake = (x.astype(np.float32) for x in sets(100))
    wide = precision_recall(real.astype(np.float64), fake.astype(np.float64))
    assert precision_recall(real, fake) == wide
    assert not jax.config.jax_enable_x64


def test_one_fake_over_and_over_recalls_nothing():
    real, fake = sets()
    found = precision_recall(real, np.repeat(real.mean(axis=0)[None], 200, axis=0))
    assert values(found) == (1.0, 0.0)
    away = precision_recall(real, np.repeat(fake[:1] + 99, 200, axis=0))
    assert values(away) == (0.0, 0.0)


def test_copies_lie_on_the_edge_of_balls_without_radius():
    # As torch-fidelity has it: 1 and 1, though all balls of the reals are points.
    real = np.repeat(sets()[0][:64], 4, axis=0)
    assert values(precision_recall(real, real[:200].copy())) == (1.0, 200 / 256)


def test_overlaps_of_several_k_are_those_of_each():
    near, wide = overlaps(*sets(), (3, 5))
    assert precision_recall_of(near) == precision_recall(*sets(), k=3)
    assert precision_recall_of(wide) == precision_recall(*sets(), k=5)


@pytest.mark.slow
def test_the_error_is_about_how_much_other_samples_vary():
    rng = np.random.default_rng(3)
    found = [
        precision_recall(rng.normal(size=(256, 8)), rng.normal(size=(200, 8)))
        for _ in range(100)
    ]
    for share in zip(*found, strict=True):
        value, error = np.array(share).T
        # The deviation of 100 repeats is known to 7 %.
        assert 0.75 < np.sqrt(np.mean(error**2)) / value.std(ddof=1) < 1.33


@pytest.mark.slow
@pytest.mark.parametrize("away", [2.5, 4.0])
def test_the_error_is_that_also_where_two_sets_hardly_meet(away):
    """Their few common points move all four numbers at once."""
    found = []
    for seed in range(60):
        real, fake = np.random.default_rng(seed).normal(size=(2, 400, 2))
        near, wide = overlaps(real, fake + away, (3, 5))
        found.append([*precision_recall_of(near), *density_coverage_of(wide)])
    values, errors = np.moveaxis(found, -1, 0)
    ratios = np.sqrt(np.mean(errors**2, axis=0)) / values.std(axis=0, ddof=1)
    assert (ratios > 0.6).all() and (ratios < 1.4).all(), ratios


def test_sets_that_are_small_for_their_k_have_no_error():
    few = [side[:15] for side in sets()]
    large, small = (overlaps(*few, (k,))[0] for k in (1, 2))  # 8 · 1 < 15 < 8 · 2
    assert [len(large.halves), len(small.halves)] == [7, 0]
    assert all(np.isfinite(share.error) for share in precision_recall_of(large))
    assert all(np.isnan(share.error) for share in precision_recall_of(small))


def by_halves(real, fake):
    """Each pair of halves, by its own rows."""
    for side in HALVES[1:]:
        yield [
            [x[side[np.arange(len(x)) % 8] == half] for x in (real, fake)]
            for half in (1, -1)
        ]


@pytest.mark.slow
def test_halves_are_measured_as_if_they_were_alone(monkeypatch):
    real, fake = sets()
    (large,) = overlaps(real, fake, (3,))
    monkeypatch.setattr(neighbors, "BLOCK", 16)  # two an eighth, two panels in all
    (small,) = overlaps(real, fake, (3,))
    for i, halves in enumerate(by_halves(real, fake)):
        for j, half in enumerate(halves):
            (alone,) = overlaps(*half, (3,))
            given = large.halves[i][j], small.halves[i][j], alone
            for found, same, expected in zip(
                *(each[:5] for each in given), strict=True
            ):
                np.testing.assert_array_equal(found, expected)
                np.testing.assert_array_equal(same, expected)
    for found, expected in zip(small[:5], large[:5], strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.slow
def test_the_error_is_that_of_seven_pairs_of_halves():
    real, fake = sets()
    squares = [
        np.square(np.diff([precision_recall(*half)[0].value for half in halves])) / 4
        for halves in by_halves(real, fake)
    ]
    found = precision_recall(real, fake).precision
    assert found.error == pytest.approx(np.sqrt(np.mean(squares)), rel=1e-12)


def test_too_few_examples_are_refused():
    real, fake = sets()
    with pytest.raises(InputError, match=r"real has 3 examples; .* needs at least 4"):
        precision_recall(real[:3], fake)
    with pytest.raises(InputError, match=r"fake has 5 examples; .* needs at least 6"):
        precision_recall(real, fake[:5], k=5)


def test_a_collapsed_real_set_is_refused():
    with pytest.raises(InputError, match="real: all 256 rows of features are the same"):
        precision_recall(np.ones((256, 8)), sets()[1])


@pytest.mark.parametrize("k", [0, -1])
def test_numbers_of_neighbors_below_one_are_refused(k):
    with pytest.raises(InputError, match=rf"k must be an integer .* got {k}"):
        precision_recall(*sets(), k)


@pytest.mark.parametrize("far", [0.0, 1e5, 1e7, 1e9])
def test_shares_are_right_where_products_have_lost_all_digits(far):
    rng = np.random.default_rng(6)
    real, fake = rng.normal(size=(2, 200, 8))
    real[::2] += far
    fake[::2] += far
    fake[:10] = real[5:15]  # copies, on the edges of balls
    apart, own, others = (
        np.linalg.norm(x[:, None] - y[None], axis=2)
        for x, y in ((real, fake), (real, real), (fake, fake))
    )
    radius, other = (np.sort(x, axis=0)[3] for x in (own, others))
    (found,) = overlaps(real, fake, (3,))
    held, inside = apart <= radius[:, None], apart < radius[:, None]
    assert (held != inside).any()
    np.testing.assert_array_equal(found.fakes_contained, held.sum(axis=0))
    np.testing.assert_array_equal(found.fakes_inside, inside.sum(axis=0))
    np.testing.assert_array_equal(found.reals_covered, inside.any(axis=1))
    np.testing.assert_array_equal(found.reals_contained, (apart <= other).any(axis=1))
