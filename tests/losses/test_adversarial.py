import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy.special import expit

from jaxgan import (
    InputError,
    hinge,
    least_squares,
    minimax,
    non_saturating,
    wasserstein,
)
from jaxgan.games.rounds import as_score
from jaxgan.losses import Targets, pointwise, uniform_targets
from tests.builders import play, random, round_of

LOSSES = {
    "minimax": minimax(),
    "non_saturating": non_saturating(),
    "wasserstein": wasserstein(),
    "hinge": hinge(),
    "least_squares": least_squares(-1.0, b=2.0, c=0.5),
}


def softplus(t):
    return np.logaddexp(0, t)


def nothing(t):
    return 0 * t


def logistic(sign, side):
    """Compute ±log σ(±t) and its derivative in float64, by the papers' formulas."""
    return lambda t: sign * softplus(side * t), lambda t: sign * side * expit(side * t)


def linear(sign):
    return lambda t: sign * t, lambda t: sign * np.ones_like(t)


def ramp(side):
    return lambda t: np.maximum(0, 1 + side * t), lambda t: side * (1 + side * t > 0)


def square(target):
    return lambda t: (t - target) ** 2 / 2, lambda t: t - target


NOTHING = (nothing, nothing)

# What each player pays: for a real's logit, then for a fake's, with the derivatives.
FORMULAS = {
    ("minimax", "discriminator"): (logistic(1, -1), logistic(1, 1)),
    ("minimax", "generator"): (NOTHING, logistic(-1, 1)),
    ("non_saturating", "discriminator"): (logistic(1, -1), logistic(1, 1)),
    ("non_saturating", "generator"): (NOTHING, logistic(1, -1)),
    ("wasserstein", "discriminator"): (linear(-1), linear(1)),
    ("wasserstein", "generator"): (NOTHING, linear(-1)),
    ("hinge", "discriminator"): (ramp(-1), ramp(1)),
    ("hinge", "generator"): (NOTHING, linear(-1)),
    ("least_squares", "discriminator"): (square(2.0), square(-1.0)),
    ("least_squares", "generator"): (NOTHING, square(0.5)),
}

every_payment = pytest.mark.parametrize(("name", "player"), FORMULAS)


def payment(name, player, real, fake, **fields):
    return play(LOSSES[name], round_of(real, fake, **fields))[player][name]


def of_reals(name, player, logits):
    return FORMULAS[name, player][0][0](np.asarray(logits, "f8"))


def of_fakes(name, player, logits):
    return FORMULAS[name, player][1][0](np.asarray(logits, "f8"))


@pytest.mark.parametrize(
    ("name", "player", "expected"),
    [
        ("minimax", "discriminator", 2 * math.log(2)),
        ("minimax", "generator", -math.log(2)),
        ("non_saturating", "discriminator", 2 * math.log(2)),
        ("non_saturating", "generator", math.log(2)),
        ("wasserstein", "discriminator", 0.0),
        ("wasserstein", "generator", 0.0),
        ("hinge", "discriminator", 2.0),  # Lim & Ye 2017: both margins missed by 1
        ("hinge", "generator", 0.0),
        ("least_squares", "discriminator", 2.5),  # Mao et al. 2016: (b² + a²) / 2
        ("least_squares", "generator", 0.125),  # c² / 2
    ],
)
def test_an_undecided_discriminator_costs_what_the_papers_say(name, player, expected):
    paid = payment(name, player, jnp.zeros(5), jnp.zeros(5))
    assert float(paid) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("shape", [(6,), (6, 3, 2)], ids=["(b,)", "(b, h, w)"])
@every_payment
def test_payments_are_their_formulas(name, player, shape):
    real, fake = random(1, *shape, scale=3), random(2, *shape, scale=3)
    expected = of_reals(name, player, real).mean() + of_fakes(name, player, fake).mean()
    paid = payment(name, player, real, fake)
    assert float(paid) == pytest.approx(expected, rel=2e-6, abs=1e-6)


@every_payment
def test_unequal_batches_are_averaged_each_by_itself(name, player):
    real, fake = random(3, 2), random(4, 5)
    expected = of_reals(name, player, real).mean() + of_fakes(name, player, fake).mean()
    assert float(payment(name, player, real, fake)) == pytest.approx(expected, abs=1e-5)


@every_payment
def test_weights_weigh_the_reals(name, player):
    real, fake, weight = random(5, 4), random(6, 4), jnp.array([0.0, 1.0, 2.5, 0.5])
    weighed = np.asarray(weight, "f8") * of_reals(name, player, real)
    expected = weighed.mean() + of_fakes(name, player, fake).mean()
    paid = payment(name, player, real, fake, weight=weight)
    assert float(paid) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("extreme", [-1e4, 1e4])
@every_payment
def test_extreme_logits_give_exact_values_and_gradients(name, player, extreme):
    logits = jnp.array([extreme, 0.5])
    value, gradients = jax.value_and_grad(
        lambda real, fake: payment(name, player, real, fake), argnums=(0, 1)
    )(logits, logits)
    expected = of_reals(name, player, logits) + of_fakes(name, player, logits)
    assert float(value) == pytest.approx(expected.mean(), rel=1e-6, abs=1e-3)
    for gradient, (_, slope) in zip(gradients, FORMULAS[name, player], strict=True):
        exact = slope(np.asarray(logits, "f8")) / 2
        np.testing.assert_allclose(gradient, exact, rtol=1e-6, atol=1e-7)


@every_payment
def test_gradients_match_finite_differences(name, player):
    with jax.enable_x64(True):
        logits = [jnp.asarray(random(i, 3, 2), jnp.float64) for i in (7, 8)]
        check_grads(lambda *of: payment(name, player, *of), logits, order=2)


@every_payment
def test_bfloat16_logits_are_paid_in_float32(name, player):
    wide = [random(i, 5, scale=4).astype(jnp.bfloat16) for i in (9, 10)]
    scores = [as_score(logits) for logits in wide]
    paid = payment(name, player, *(score.logits for score in scores))
    expected = payment(name, player, *(logits.astype(jnp.float32) for logits in wide))
    assert paid.dtype == jnp.float32
    assert paid == expected


def test_minimax_is_a_zero_sum_game_up_to_what_the_generator_cannot_change():
    real, fake = random(11, 6), random(12, 6)
    paid = play(minimax(), round_of(real, fake))
    both = paid["discriminator"]["minimax"] + paid["generator"]["minimax"]
    only_real = softplus(-np.asarray(real, "f8")).mean()
    assert float(both) == pytest.approx(only_real, abs=1e-6)


@pytest.mark.parametrize("shift", [-7.0, 0.25, 64.0])
def test_a_shift_of_the_critic_changes_no_gradient_of_wasserstein(shift):
    real, fake = jnp.array([1.0, 2.5, -3.0]), jnp.array([0.5, -1.5, 4.0])

    def pay(shift, player):
        return payment("wasserstein", player, real + shift, fake + shift)

    assert float(pay(shift, "discriminator")) == pytest.approx(
        float(pay(0.0, "discriminator")), abs=1e-5
    )
    assert float(jax.grad(pay)(shift, "discriminator")) == pytest.approx(0, abs=1e-6)
    assert float(pay(shift, "generator")) == pytest.approx(
        float(pay(0.0, "generator")) - shift, abs=1e-5
    )


def test_at_the_optimal_discriminator_minimax_measures_the_js_divergence():
    # Goodfellow et al. 2014, proposition 1 and theorem 1: D* = p / (p + q), and
    # V(D*) = 2·JSD(p, q) - log 4.
    p_counts, q_counts = np.array([1, 2, 3, 4, 6]), np.array([5, 1, 4, 4, 2])
    p, q = p_counts / 16, q_counts / 16
    m = (p + q) / 2
    jsd = (p * np.log(p / m)).sum() / 2 + (q * np.log(q / m)).sum() / 2
    real, fake = (np.repeat(np.arange(5), counts) for counts in (p_counts, q_counts))

    def pay(table):
        return payment("minimax", "discriminator", table[real], table[fake])

    optimum = jnp.log(jnp.asarray(p / q, jnp.float32))  # the logit of D*
    value, slope = jax.value_and_grad(pay)(optimum)
    assert float(value) == pytest.approx(math.log(4) - 2 * jsd, abs=1e-6)
    np.testing.assert_allclose(slope, 0, atol=1e-7)
    away = random(13, 5, scale=0.3)
    assert pay(optimum + away) > value + 1e-3


def test_least_squares_with_pearsons_targets_measures_pearsons_divergence():
    # Mao et al. 2016, section 3.2.2: with b - c = 1 and b - a = 2, at the optimal
    # discriminator, E_p (D - c)² + E_q (D - c)² is Pearson's χ² of p + q and 2q.
    p, q = np.array([1, 2, 3, 4, 6]) / 16, np.array([5, 1, 4, 4, 2]) / 16
    a, b, c = -1.0, 1.0, 0.0
    best = jnp.asarray((b * p + a * q) / (p + q), jnp.float32)

    def pay(table, player, fakes=q):
        weights = {"weight": jnp.asarray(5 * p), "fake_weight": jnp.asarray(5 * fakes)}
        record = round_of(table, table, **weights)
        return play(least_squares(a, b=b, c=c), record)[player]["least_squares"]

    slope = jax.grad(pay)(best, "discriminator")
    np.testing.assert_allclose(slope, 0, atol=1e-6)
    measured = 2 * (pay(best, "generator", p) + pay(best, "generator", q))
    pearson = ((2 * q - (p + q)) ** 2 / (p + q)).sum()
    assert float(measured) == pytest.approx(pearson, rel=1e-6)


# Soft targets


def test_a_soft_target_gives_the_cross_entropy():
    # Salimans et al. 2016, section 3.4: -(0.9·log σ + 0.1·log(1 - σ)) on reals.
    real, fake = random(20, 6, scale=3), random(21, 6, scale=3)
    one_sided = play(non_saturating(Targets(real=0.9)), round_of(real, fake))
    both = play(non_saturating(Targets(0.9, 0.2)), round_of(real, fake))
    t, u = np.asarray(real, "f8"), np.asarray(fake, "f8")
    of_real = (0.9 * softplus(-t) + 0.1 * softplus(t)).mean()
    of_fake = (0.2 * softplus(-u) + 0.8 * softplus(u)).mean()
    paid = float(one_sided["discriminator"]["non_saturating"])
    assert paid == pytest.approx(of_real + softplus(u).mean(), rel=1e-5)
    paid = float(both["discriminator"]["non_saturating"])
    assert paid == pytest.approx(of_real + of_fake, rel=1e-5)
    plain = play(non_saturating(), round_of(real, fake))
    assert one_sided["generator"] == both["generator"] == plain["generator"]


def test_a_soft_target_moves_the_target_of_least_squares():
    logits = random(22, 6, scale=3)

    def slope(loss):
        return jax.grad(
            lambda t: play(loss, round_of(t, t))["discriminator"]["least_squares"]
        )(logits)

    smooth = slope(least_squares(0.0, b=1.0, c=1.0, targets=Targets(0.9, 0.2)))
    np.testing.assert_allclose(
        smooth, slope(least_squares(0.2, b=0.9, c=1.0)), atol=1e-6
    )


def test_random_targets_are_drawn_for_each_example_and_side():
    zeros = jnp.zeros(20_000)
    loss = pointwise(
        "share", real=lambda t: 1 + 0 * t, fake=lambda t: 0 * t, generator=lambda t: t,
        targets=Targets(uniform_targets(0.7, 1.0), uniform_targets(0.0, 0.3)),
    )  # fmt: skip
    # Means 0.85 and 0.15, standard errors 0.0006.
    paid = play(loss, round_of(zeros, zeros))["discriminator"]["share"]
    assert float(paid) == pytest.approx(1.0, abs=0.004)
    asked = []

    def draw(sampler, key, shape):
        asked.append((shape, jax.random.key_data(key).tolist()))
        return sampler(key, shape)

    maps = jnp.zeros((4, 2, 3))
    play(loss, round_of(maps, maps, draw=jax.tree_util.Partial(draw)))
    assert [shape for shape, _ in asked] == [(4, 1, 1), (4, 1, 1)]
    assert asked[0][1] != asked[1][1]


def test_targets_may_flip_labels():
    def always_fake(key, shape):
        return jnp.zeros(shape)

    real, fake = random(23, 5), random(24, 5)
    lied = play(hinge(Targets(real=always_fake)), round_of(real, fake))
    expected = np.maximum(0, 1 + np.asarray(real)).mean()
    expected += np.maximum(0, 1 + np.asarray(fake)).mean()
    assert float(lied["discriminator"]["hinge"]) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("make", [minimax, non_saturating, hinge, least_squares])
@pytest.mark.parametrize("wrong", [-0.1, 1.2, float("nan")])
def test_soft_targets_must_be_from_0_to_1(make, wrong):
    for field in ("real", "fake"):
        message = f"targets.{field} must be .* got {wrong}"
        with pytest.raises(InputError, match=message):
            make(targets=Targets(**{field: wrong}))


def test_uniform_targets_must_be_a_range():
    for low, high in ((-0.1, 1.0), (0.0, 1.1), (0.8, 0.2), (float("nan"), 1.0)):
        with pytest.raises(InputError, match=r"uniform_targets: (low|high) must be"):
            uniform_targets(low, high)


@pytest.mark.parametrize("target", ["a", "b", "c"])
def test_targets_must_be_finite(target):
    with pytest.raises(InputError, match=f"least_squares: {target} must be a finite"):
        least_squares(**{target: float("inf")})
