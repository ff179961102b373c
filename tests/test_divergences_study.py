"""The study of losses at their optimal discriminators, in experiments/theory."""

import math
import runpy
from pathlib import Path

import jax
import numpy as np
import pytest
from scipy.stats import norm

from jaxgan import minimax
from jaxgan.losses import f_divergence
from tests.losses.catalog import DIVERGENCES

PATH = Path(__file__).parent.parent / "experiments" / "theory" / "divergences.py"
STUDY = runpy.run_path(str(PATH))


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


def integral(function):
    """Over the line, by a finer rule on another grid than the study's."""
    x = np.linspace(-9, 12, 40_001)
    p, q = norm(0, 1).pdf(x), norm(1, 1.1).pdf(x)
    return np.trapezoid(function(p, q), x)


# Of N(0, 1) and N(1, 1.1²): the Gaussian formulas where there are some, else integrals.
EXACT = {
    "kl": math.log(1.1) + 2 / (2 * 1.21) - 0.5,
    "reverse_kl": -math.log(1.1) + (1.21 + 1) / 2 - 0.5,
    "pearson": integral(lambda p, q: (p - q) ** 2 / q),
    "neyman": integral(lambda p, q: (p - q) ** 2 / p),
    "squared_hellinger": 2 - 2 * math.sqrt(2 * 1.1 / 2.21) * math.exp(-1 / (4 * 2.21)),
    "jensen_shannon": integral(
        lambda p, q: p * np.log(2 * p / (p + q)) + q * np.log(2 * q / (p + q))
    ),
    "total_variation": integral(lambda p, q: abs(p - q)) / 2,
}
EXACT["gan"] = EXACT["jensen_shannon"] - math.log(4)


@pytest.mark.parametrize("divergence", DIVERGENCES, ids=lambda d: d.name)
def test_every_game_is_worth_its_divergence(divergence):
    paid, _ = STUDY["optimum"](f_divergence(divergence), STUDY["gaussians"](1.0))
    assert -paid == pytest.approx(EXACT[divergence.name], abs=1e-3)


def test_minimax_is_worth_twice_the_jsd_less_log_4_at_p_over_p_plus_q():
    pair = STUDY["gaussians"](1.0)
    paid, logits = STUDY["optimum"](minimax(), pair)
    assert -paid == pytest.approx(EXACT["gan"], abs=1e-3)
    best = pair.real / (pair.real + pair.fake)
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), best, atol=1e-9)


@pytest.mark.parametrize(
    ("weight", "exact"), [(1.0, 1.5445), (10.0, 1.0545), (100.0, 1.0054)]
)
def test_a_penalized_critic_approaches_w1_as_the_weight_grows(weight, exact):
    found = STUDY["penalized_w1"](weight, draws=2**14, cells=100)
    assert found == pytest.approx(exact, abs=0.003)


def test_the_theory_of_the_penalized_critic():
    x = np.linspace(-8, 9, 4001)
    shares = (np.arange(400) + 0.5) / 400
    density = np.mean(
        [norm(1 - t, math.hypot(t, 1 - t)).pdf(x) for t in shares], axis=0
    )
    gap = norm(0, 1).cdf(x) - norm(1, 1).cdf(x)
    assert np.trapezoid(gap**2 / density, x) == pytest.approx(STUDY["EXCESS"], abs=1e-4)


@pytest.mark.slow
def test_jsd_saturates_where_w1_keeps_its_slope():
    distances = [0.0, 0.5, 1.0, 2.0, 3.0]
    pairs = [STUDY["boxes"](distance) for distance in distances]
    w1 = [STUDY["lipschitz_w1"](pair) for pair in pairs]
    np.testing.assert_allclose(w1, distances, atol=2e-3)
    jsd = [STUDY["jsd"](pair) for pair in pairs]
    expected = [0, math.log(2) / 2, math.log(2), math.log(2), math.log(2)]
    np.testing.assert_allclose(jsd, expected, atol=1e-3)
