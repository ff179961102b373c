import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import InputError, minimax
from jaxgan.losses import divergences, f_divergence
from tests.builders import play, random, round_of, unchecked
from tests.losses.catalog import DIVERGENCES

P, Q = np.array([1, 2, 3, 4, 6]) / 16, np.array([5, 1, 4, 4, 2]) / 16
M = (P + Q) / 2
JSD = (P * np.log(P / M)).sum() / 2 + (Q * np.log(Q / M)).sum() / 2

# Divergences by their definitions (Nowozin et al. 2016, table 1), and optimal logits
# g⁻¹(f'(p/q)) (table 2 and appendix C).
EXACT = {
    "kl": ((P * np.log(P / Q)).sum(), np.log(P / Q) + 1),
    "reverse_kl": ((Q * np.log(Q / P)).sum(), np.log(P / Q)),
    "pearson": (((P - Q) ** 2 / Q).sum(), 2 * (P / Q - 1)),
    "neyman": (((P - Q) ** 2 / P).sum(), 2 * np.log(P / Q)),
    "squared_hellinger": (
        ((np.sqrt(P) - np.sqrt(Q)) ** 2).sum(),
        np.log(P / Q) / 2,
    ),
    "jensen_shannon": (2 * JSD, np.log(P / Q)),
    "gan": (2 * JSD - math.log(4), np.log(P / Q)),
    "total_variation": (abs(P - Q).sum() / 2, 40 * np.sign(P - Q)),
}

every_divergence = pytest.mark.parametrize(
    "divergence", DIVERGENCES, ids=lambda d: d.name
)


def pay(divergence, logits, **options):
    record = round_of(
        logits, logits, weight=jnp.asarray(5 * P), fake_weight=jnp.asarray(5 * Q)
    )
    payments = play(f_divergence(divergence, **options), record)
    return [payments[who][divergence.name] for who in ("discriminator", "generator")]


def test_all_of_the_papers_are_here():
    assert {d.name for d in DIVERGENCES} == set(EXACT)


@every_divergence
def test_at_the_optimal_discriminator_the_game_is_the_divergence(divergence):
    exact, logits = EXACT[divergence.name]
    with jax.enable_x64(True):
        optimum = jnp.asarray(logits)
        paid, slope = jax.value_and_grad(lambda t: pay(divergence, t)[0])(optimum)
        assert float(paid) == pytest.approx(-exact, abs=1e-12)
        np.testing.assert_allclose(slope, 0, atol=1e-12)
        away = optimum + jnp.asarray(np.random.default_rng(0).normal(size=5)) / 3
        if divergence is not divergences.total_variation:  # flat at infinity
            assert pay(divergence, away)[0] > paid + 1e-3


@every_divergence
def test_the_generator_pays_the_value_or_wants_to_be_real(divergence):
    with jax.enable_x64(True):
        logits = jnp.asarray(np.random.default_rng(1).normal(size=5))
        discriminator, generator = pay(divergence, logits)
        reals = (P * np.asarray(divergence.activation(logits))).sum()
        assert float(discriminator + generator) == pytest.approx(-reals, abs=1e-12)
        _, wants = pay(divergence, logits, saturating=False)
        of_fakes = (Q * np.asarray(divergence.activation(logits))).sum()
        assert float(wants) == pytest.approx(-of_fakes, abs=1e-12)


@every_divergence
def test_the_conjugate_is_the_functions(divergence):
    with jax.enable_x64(True):
        u = jnp.linspace(1e-4, 60, 600_001)
        for t in divergence.activation(jnp.linspace(-1.2, 1.2, 7)):
            best = (u * t - divergence.function(u)).max()
            assert float(best) == pytest.approx(
                float(divergence.conjugate(t)), abs=1e-3
            )


@every_divergence
def test_the_stable_form_is_the_composition(divergence):
    if divergence.conjugate_of_activation is None:
        assert divergence.name in {"pearson", "total_variation"}
        return
    with jax.enable_x64(True):
        logits = jnp.linspace(-12, 12, 49)
        np.testing.assert_allclose(
            divergence.conjugate_of_activation(logits),
            divergence.conjugate(divergence.activation(logits)),
            rtol=1e-9,
            atol=1e-9,
        )


@every_divergence
def test_logits_are_large_for_reals(divergence):
    grid = divergence.activation(jnp.linspace(-3, 3, 61))
    assert (jnp.diff(grid) > 0).all()
    f_of_one = float(divergence.function(jnp.float32(1)))
    assert f_of_one == pytest.approx(-math.log(4) if divergence.name == "gan" else 0)


def test_that_of_the_first_gan_is_minimax():
    real, fake = random(0, 6, scale=4), random(1, 6, scale=4)
    ours = play(f_divergence(divergences.gan), round_of(real, fake))
    theirs = play(minimax(), round_of(real, fake))
    for player in theirs:
        assert float(ours[player]["gan"]) == pytest.approx(
            float(theirs[player]["minimax"]), rel=1e-6
        )


def test_growth_is_exponential_to_e_to_the_30_and_along_a_tangent_beyond():
    grow = divergences.kl.conjugate_of_activation
    for v in (-5.0, 0.0, 10.0, 30.9):
        assert float(grow(jnp.float32(v))) == pytest.approx(math.exp(v - 1), rel=1e-5)
    e30 = math.exp(30)
    assert float(grow(jnp.float32(41.0))) == pytest.approx(11 * e30, rel=1e-5)
    assert float(jax.grad(grow)(jnp.float32(1e4))) == pytest.approx(e30, rel=1e-5)


def test_a_divergence_of_ones_own():
    # Le Cam's: f(u) = ½ (u - 1)² / (u + 1), with f* by hand and g(v) = ½ - 2σ(-v),
    # which is f'(u) = ½ - 2 / (u + 1)² at another logit.
    le_cam = divergences.Divergence(
        "le_cam",
        function=lambda u: 0.5 * (u - 1) ** 2 / (u + 1),
        conjugate=lambda t: 2 - t - 2 * jnp.sqrt(2 * (0.5 - t)),
        activation=lambda v: 0.5 - 2 * jax.nn.sigmoid(-v),
    )
    ratio = P / Q
    share = 1 / (1 + ratio) ** 2  # σ(-v) at the optimum
    with jax.enable_x64(True):
        optimum = jnp.asarray(np.log((1 - share) / share))
        paid, slope = jax.value_and_grad(lambda t: pay(le_cam, t)[0])(optimum)
        exact = (0.5 * (P - Q) ** 2 / (P + Q)).sum()
        assert float(paid) == pytest.approx(-exact, abs=1e-12)
        np.testing.assert_allclose(slope, 0, atol=1e-12)


def test_a_name_is_not_a_divergence():
    with (
        unchecked(),
        pytest.raises(InputError, match="divergence must be a Divergence"),
    ):
        f_divergence("kl")
