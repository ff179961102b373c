import math

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from jaxgan import InputError
from jaxgan.data.readers.tfds import tfds
from jaxgan.metrics.parzen import best_sigma, parzen_log_likelihood
from tests.builders import unchecked


def normal(seed, n, d):
    return np.random.default_rng(seed).normal(size=(n, d))


@pytest.mark.parametrize(("n", "m", "d"), [(5, 7, 3), (300, 40, 20)])
@pytest.mark.parametrize("sigma", [0.05, 1.0, 3.0])
def test_it_is_the_density_of_the_mixture(n, m, d, sigma):
    real, fake = normal(0, n, d), normal(1, m, d)
    around = [multivariate_normal(y, sigma**2).logpdf(real) for y in fake]
    each = logsumexp(around, axis=0) - math.log(m)
    found = parzen_log_likelihood(real, fake, sigma)
    assert found.value == pytest.approx(each.mean(), rel=1e-11)
    assert found.error == pytest.approx(each.std(ddof=1) / math.sqrt(n), rel=1e-9)


def test_many_centers_have_the_likelihood_of_the_smoothed_distribution():
    # Centers from N(0, I) smoothed by σ are N(0, (1 + σ²) I).
    sigma, d = 0.5, 3
    real, fake = normal(0, 1000, d), normal(1, 20_000, d)
    expected = multivariate_normal(np.zeros(d), 1 + sigma**2).logpdf(real).mean()
    found = parzen_log_likelihood(real, fake, sigma)
    assert found.value == pytest.approx(expected, abs=0.02)


def test_laws():
    real, fake = normal(0, 50, 4), normal(1, 60, 4)
    found = parzen_log_likelihood(real, fake, 0.7)
    turn, _ = np.linalg.qr(normal(2, 4, 4))
    for one, other, scale in (
        (real, fake[::-1], 1.0),
        (real @ turn + 3, fake @ turn + 3, 1.0),
        (real, fake.repeat(3, axis=0), 1.0),
        (10 * real, 10 * fake, 10.0),
    ):
        again = parzen_log_likelihood(one, other, 0.7 * scale)
        moved = found.value - 4 * math.log(scale)
        assert again.value == pytest.approx(moved, rel=1e-10)
        assert again.error == pytest.approx(found.error, rel=1e-9)


def test_where_the_origin_is_does_not_matter():
    real, fake = normal(0, 50, 4), normal(1, 60, 4)
    near = parzen_log_likelihood(real, fake, 0.7).value
    far = parzen_log_likelihood(real + 1e7, fake + 1e7, 0.7).value
    assert far == pytest.approx(near, abs=1e-6)  # 1e7 + x keeps nine digits of x


def test_far_from_every_center_it_is_low_and_finite():
    found = parzen_log_likelihood(normal(0, 5, 2) + 1e4, normal(1, 5, 2), 0.1)
    assert -2e10 < found.value < -5e9 and math.isfinite(found.error)


def test_the_error_is_how_much_the_mean_varies_for_these_samples():
    fake = normal(0, 100, 3)
    found = np.array(
        [parzen_log_likelihood(normal(s, 80, 3), fake, 0.5) for s in range(1, 301)]
    )
    error = math.sqrt(np.square(found[:, 1]).mean())
    assert error == pytest.approx(found[:, 0].std(ddof=1), rel=0.15)


def test_the_best_width_is_the_likeliest():
    real, fake = normal(0, 200, 2), normal(1, 500, 2)
    sigmas = np.logspace(-2, 0.5, 8)
    scores = [parzen_log_likelihood(real, fake, float(s)).value for s in sigmas]
    best = best_sigma(real, fake, sigmas)
    assert best == sigmas[np.argmax(scores)]
    assert sigmas[0] < best < sigmas[-1]
    # Of more samples each may be narrower.
    assert best_sigma(real, normal(1, 20_000, 2), sigmas) < best


def test_float64_is_used_here_alone():
    # Offsets of 10⁶ cost float32 everything.
    real, fake = normal(0, 50, 3), normal(1, 50, 3)
    expected = parzen_log_likelihood(real, fake, 0.5).value
    moved = parzen_log_likelihood(real + 1e6, fake + 1e6, 0.5).value
    assert moved == pytest.approx(expected, abs=0.05)
    assert jnp.ones(2).dtype == jnp.float32


@pytest.mark.slow
@pytest.mark.realdata
def test_training_digits_as_samples_have_their_known_likelihood(real_data):
    test, train = (
        tfds("mnist", split, data_dir=real_data / "tfds").arrays.real / 255
        for split in ("test", "train[:10000]")
    )
    found = parzen_log_likelihood(test.reshape(-1, 784), train.reshape(-1, 784), 0.18)
    # 244.3 ± 1.8 with other 10,000 of the 60,000; Theis et al. report 243.
    assert found.value == pytest.approx(244.3, abs=1.5)
    assert found.error == pytest.approx(1.8, abs=0.05)


@pytest.mark.parametrize("sigma", [0.0, -1.0, math.nan])
def test_widths_are_above_zero(sigma):
    x = normal(0, 5, 2)
    with pytest.raises(InputError, match="sigma must be"):
        parzen_log_likelihood(x, x, sigma)
    with pytest.raises(InputError, match="sigma must be"):
        best_sigma(x, x, np.array([1.0, sigma]))


def test_what_does_not_fit_is_refused():
    x = normal(0, 5, 2)
    with pytest.raises(InputError, match=r"sigmas must be of shape \(s,\), s ≥ 1"):
        best_sigma(x, x, np.array([]))
    with unchecked(), pytest.raises(InputError, match="same number of dimensions"):
        parzen_log_likelihood(x, normal(0, 5, 3), 1.0)
    with pytest.raises(InputError, match="fake holds numbers that are not finite"):
        parzen_log_likelihood(x, np.full((5, 2), np.inf), 1.0)
