import numpy as np
import pytest

from jaxgan import InputError
from jaxgan.data.readers.synthetic import grid, ring, swiss_roll


def test_the_ring_has_eight_distinct_modes_at_equal_angles():
    means = ring().means
    np.testing.assert_allclose(np.linalg.norm(means, axis=1), 1)
    angles = np.sort(np.arctan2(means[:, 1], means[:, 0]) % (2 * np.pi))
    np.testing.assert_allclose(angles, np.arange(8) * np.pi / 4, atol=1e-12)
    # The trap: a closed linspace has its first angle twice.
    closed = np.exp(1j * np.linspace(0, 2 * np.pi, 8)).round(9)
    assert len(np.unique(closed)) == 7
    assert len(np.unique(means.round(9), axis=0)) == 8


def test_the_ring_has_the_size_asked_for():
    mixture = ring(modes=5, radius=2.5, sigma=0.3)
    assert mixture.means.shape == (5, 2) and mixture.sigma == 0.3
    np.testing.assert_allclose(np.linalg.norm(mixture.means, axis=1), 2.5)


@pytest.mark.parametrize(
    ("side", "spacing", "axis"),
    [(5, 2.0, [-4, -2, 0, 2, 4]), (2, 1.0, [-0.5, 0.5]), (1, 3.0, [0])],
)
def test_the_grid_is_square_and_centered(side, spacing, axis):
    means = grid(side, spacing).means
    assert {tuple(mean) for mean in means} == {(x, y) for x in axis for y in axis}
    assert len(means) == side**2


@pytest.mark.parametrize("mixture", [ring(), grid(3, sigma=0.2)])
def test_samples_have_the_moments_of_their_modes(mixture):
    n, modes = 40_000, len(mixture.means)
    samples = mixture.sample(n, seed=0)
    assert samples.dtype == np.float32 and samples.shape == (n, 2)
    offsets = samples[:, None].astype("f8") - mixture.means[None]
    nearest = np.linalg.norm(offsets, axis=-1).argmin(axis=1)
    counts = np.bincount(nearest, minlength=modes)
    share = 1 / modes
    np.testing.assert_allclose(
        counts / n, share, atol=5 * np.sqrt(share * (1 - share) / n)
    )
    noise = offsets[np.arange(n), nearest] / mixture.sigma
    np.testing.assert_allclose(noise.mean(axis=0), 0, atol=5 / np.sqrt(n))
    np.testing.assert_allclose(np.cov(noise.T), np.eye(2), atol=5 * np.sqrt(2 / n))


def test_the_seed_is_all_the_chance_there_is():
    one, same, other = (ring().sample(10, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert (one != other).all()
    np.testing.assert_array_equal(swiss_roll(10, 0), swiss_roll(10, 0))
    assert (swiss_roll(10, 0) != swiss_roll(10, 1)).all()


def test_the_swiss_roll_is_its_spiral():
    points = swiss_roll(5000, seed=0, noise=0.0).astype("f8") * 4.5 * np.pi
    t = np.linalg.norm(points, axis=1)
    spiral = np.stack([t * np.cos(t), t * np.sin(t)], axis=1)
    np.testing.assert_allclose(points, spiral, atol=1e-4)
    uniform = (t / np.pi - 1.5) / 3
    assert 0 <= uniform.min() < 0.01 and 0.99 < uniform.max() <= 1 + 1e-6
    assert uniform.mean() == pytest.approx(0.5, abs=5 / np.sqrt(12 * 5000))


def test_the_noise_of_the_swiss_roll_has_its_deviation():
    noise = swiss_roll(20_000, 0, noise=0.3) - swiss_roll(20_000, 0, noise=0.0)
    np.testing.assert_allclose(noise.std(axis=0), 0.3, rtol=0.03)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ring(modes=0), "ring: modes must be an integer"),
        (lambda: ring(sigma=-0.1), "ring: sigma must be at least 0"),
        (lambda: grid(side=0), "grid: side must be an integer"),
        (lambda: grid(sigma=float("nan")), "grid: sigma must be a finite"),
        (lambda: swiss_roll(0, 0), "swiss_roll: n must be an integer"),
        (lambda: swiss_roll(3, 0, noise=-1.0), "swiss_roll: noise must be at least 0"),
    ],
)
def test_impossible_distributions_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
