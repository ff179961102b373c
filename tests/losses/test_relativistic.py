import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import (
    InputError,
    chain,
    gradient_penalty,
    hinge,
    least_squares,
    non_saturating,
    r1,
    rename,
    wasserstein,
    weighted,
)
from jaxgan.losses import feature_matching, mmd, relativistic, relativistic_average
from jaxgan.penalties import consistency, weight_decay_penalty
from tests.builders import bits, play, random, round_of, unchecked

REAL, FAKE = random(0, 6, scale=2), random(1, 6, scale=2)
R, F = np.asarray(REAL, "f8"), np.asarray(FAKE, "f8")


def softplus(t):
    return np.logaddexp(0, t)


def relu(t):
    return np.maximum(0, t)


def paid(loss, real=REAL, fake=FAKE, **fields):
    [(name, _)] = loss.terms.items()
    payments = play(loss, round_of(real, fake, **fields))
    return tuple(payments[who][name] for who in ("discriminator", "generator"))


@pytest.mark.parametrize(
    ("base", "discriminator", "generator"),
    [
        # Jolicoeur-Martineau 2018, RSGAN; Huang et al. 2025 (R3GAN)
        (non_saturating(), softplus(F - R).mean(), softplus(R - F).mean()),
        # the same with f(m) = max(0, 1 - m), f(m) = -m and f(m) = ½ (m - 1)²
        (hinge(), relu(1 - (R - F)).mean(), relu(1 + (R - F)).mean()),
        (wasserstein(), (F - R).mean(), (R - F).mean()),
        (
            least_squares(-1.0, b=1.0),
            0.5 * ((R - F - 1) ** 2).mean(),
            0.5 * ((F - R - 1) ** 2).mean(),
        ),
    ],
    ids=["logistic", "hinge", "linear", "squares"],
)
def test_pairing_is_its_formula(base, discriminator, generator):
    ours = paid(relativistic(base))
    np.testing.assert_allclose(ours, (discriminator, generator), rtol=1e-5)


def test_a_base_that_is_not_symmetric_pays_half_of_both_sides():
    m = R - F
    expected = 0.5 * (0.5 * (m - 1) ** 2 + 0.5 * m**2).mean()
    assert float(paid(relativistic(least_squares()))[0]) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("base", "discriminator", "generator"),
    [
        # Jolicoeur-Martineau 2018, RaSGAN, RaHingeGAN and half of RaLSGAN (appendix)
        (
            non_saturating(),
            softplus(-(R - F.mean())).mean() + softplus(F - R.mean()).mean(),
            softplus(R - F.mean()).mean() + softplus(-(F - R.mean())).mean(),
        ),
        (
            hinge(),
            relu(1 - (R - F.mean())).mean() + relu(1 + (F - R.mean())).mean(),
            relu(1 + (R - F.mean())).mean() + relu(1 - (F - R.mean())).mean(),
        ),
        (
            least_squares(-1.0, b=1.0),
            0.5 * ((R - F.mean() - 1) ** 2 + (F - R.mean() + 1) ** 2).mean(),
            0.5 * ((F - R.mean() - 1) ** 2 + (R - F.mean() + 1) ** 2).mean(),
        ),
    ],
    ids=["logistic", "hinge", "squares"],
)
def test_the_average_is_its_formula(base, discriminator, generator):
    ours = paid(relativistic_average(base))
    np.testing.assert_allclose(ours, (discriminator, generator), rtol=1e-5)


@pytest.mark.parametrize("make", [relativistic, relativistic_average])
@pytest.mark.parametrize("base", [non_saturating(), hinge(), wasserstein()])
@pytest.mark.parametrize("shift", [-7.0, 0.25, 64.0])
def test_a_shift_of_all_logits_changes_nothing(make, base, shift):
    moved, still = paid(make(base), REAL + shift, FAKE + shift), paid(make(base))
    np.testing.assert_allclose(moved, still, rtol=1e-4, atol=1e-4)


def test_averages_allow_batches_of_unequal_sizes():
    one = paid(relativistic_average(hinge()), REAL, FAKE[:4])
    f = F[:4]
    expected = relu(1 - (R - f.mean())).mean() + relu(1 + (f - R.mean())).mean()
    assert float(one[0]) == pytest.approx(expected, rel=1e-5)


def test_pairs_count_by_both_weights():
    v, w = jnp.array([1.0, 2, 0, 1, 1, 0.5]), jnp.array([0.5, 1, 3, 1, 2, 1])
    ours = paid(relativistic(hinge()), weight=v, fake_weight=w)
    both = np.asarray(v * w)
    np.testing.assert_allclose(
        ours,
        ((both * relu(1 - (R - F))).mean(), (both * relu(1 + (R - F))).mean()),
        rtol=1e-5,
    )


def test_averages_are_weighed():
    v, w = jnp.array([1.0, 2, 0, 1, 1, 1]), jnp.array([0.5, 1, 0.5, 1, 2, 1])
    ours = paid(relativistic_average(wasserstein()), weight=v, fake_weight=w)
    v_mean, w_mean = float(v.mean()), float(w.mean())
    r, f = (np.asarray(v) * R).mean() / v_mean, (np.asarray(w) * F).mean() / w_mean
    expected = -(np.asarray(v) * (R - f)).mean() + (np.asarray(w) * (F - r)).mean()
    assert float(ours[0]) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("make", [relativistic, relativistic_average])
def test_it_distributes_over_chain_and_weights(make):
    record = round_of(REAL, FAKE)
    both = play(make(chain(hinge(), weighted(non_saturating(), by=2.0))), record)
    apart = play(chain(make(hinge()), weighted(make(non_saturating()), by=2.0)), record)
    assert sorted(both) == ["discriminator", "generator"]
    assert bits(both) == bits(apart)


def test_the_optimum_of_rsgan_is_flat_where_both_are_alike():
    slope = jax.grad(lambda t: paid(relativistic(non_saturating()), t, t)[0])(REAL)
    np.testing.assert_allclose(slope, 0, atol=1e-7)


def test_pairs_need_equal_batches():
    with pytest.raises(InputError, match=r"relativistic pairs .* 6 reals and 4 fakes"):
        paid(relativistic(hinge()), REAL, FAKE[:4])


@pytest.mark.parametrize("make", [relativistic, relativistic_average])
@pytest.mark.parametrize(
    "base",
    [
        r1(1.0),
        gradient_penalty(),
        consistency(lambda key, image: image),
        feature_matching(),
        weight_decay_penalty("discriminator"),
        mmd(embed=lambda score: score.features[0]),
    ],
    ids=lambda base: next(iter(base.terms)),
)
def test_bases_of_more_than_logits_are_refused(make, base):
    [name] = base.terms
    message = f"^{make.__name__}: the base term '{name}' reads more than logits"
    with pytest.raises(InputError, match=message):
        paid(make(base))


@pytest.mark.parametrize("make", [relativistic, relativistic_average])
def test_a_base_is_a_loss(make):
    with unchecked(), pytest.raises(InputError, match=f"{make.__name__}: base must be"):
        make("hinge")


@pytest.mark.parametrize("shift", [-7.0, 8.0])
def test_a_shift_changes_nothing_under_weights_of_any_mean(shift):
    weights = {"weight": jnp.full(6, 0.5), "fake_weight": jnp.linspace(0, 3, 6)}
    loss = relativistic_average(hinge())
    moved = paid(loss, REAL + shift, FAKE + shift, **weights)
    np.testing.assert_allclose(moved, paid(loss, **weights), rtol=1e-4, atol=1e-4)


def test_a_base_that_charges_someone_else_is_refused():
    with pytest.raises(InputError, match="'hinge' charges the discriminator nothing"):
        paid(relativistic(rename(hinge(), names={"discriminator": "critic"})))
