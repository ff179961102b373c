import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import InputError, chain, hinge, r1, r2, wasserstein, weighted
from jaxgan.losses import gradient_balanced, stateless
from jaxgan.penalties import lecam, mode_seeking, orthogonal_penalty, path_length
from tests.builders import play, played, random, round_with, theta

REAL, FAKE = random(0, 4, 3), random(1, 4, 3)
W = random(2, 3)


def critic(x):
    return x @ W


def toward(target, weight):
    """Create the generator loss weight · E ‖fake - target‖² / 2."""
    return stateless(
        lambda record, key: {
            "generator": weight
            * record.mean(jnp.square(record.fake - target).sum(axis=-1) / 2)
        },
        name="toward",
    )


def paid(loss, fake=FAKE, term="gradient_balanced"):
    payments = play(loss, round_with(critic, REAL, fake))
    return {player: terms[term] for player, terms in payments.items()}


@pytest.mark.parametrize("weight", [0.01, 1.0, 1e4])
@pytest.mark.parametrize("ratio", [0.5, 2.0])
def test_b_pulls_as_hard_as_a_whatever_its_own_weight(weight, ratio):
    a, b = wasserstein(), toward(5.0, weight)
    # At fake i, a pulls with w/4 and b with (fake - 5)/4 times its weight.
    norms = (
        2 * np.linalg.norm(np.asarray(W, "f8")),
        np.linalg.norm(np.asarray(FAKE, "f8") - 5),
    )
    scale = ratio * norms[0] / (weight * norms[1])
    both = paid(gradient_balanced(a, b=b, ratio=ratio))
    only_a, only_b = paid(a, term="wasserstein"), paid(b, term="toward")
    expected = float(only_a["generator"]) + scale * float(only_b["generator"])
    assert float(both["generator"]) == pytest.approx(expected, rel=1e-5)
    assert both["discriminator"] == only_a["discriminator"]


def test_the_gradients_that_arrive_have_the_ratio_and_the_scale_is_a_constant():
    def slope(loss, term):
        def pay(fake):
            return paid(loss, fake, term)["generator"]

        return np.asarray(jax.grad(pay)(FAKE), "f8")

    a, b = wasserstein(), toward(5.0, 7.0)
    whole = slope(gradient_balanced(a, b=b, ratio=3.0), "gradient_balanced")
    of_a, of_b = slope(a, "wasserstein"), slope(b, "toward")
    extra = whole - of_a
    assert np.linalg.norm(extra) == pytest.approx(3 * np.linalg.norm(of_a), rel=1e-5)
    cosine = (extra * of_b).sum() / np.linalg.norm(extra) / np.linalg.norm(of_b)
    assert cosine == pytest.approx(1, abs=1e-6)


def test_a_loss_without_gradient_is_left_out():
    both = paid(gradient_balanced(wasserstein(), b=toward(FAKE, 1.0)))
    assert both["generator"] == paid(wasserstein(), term="wasserstein")["generator"]
    slope = jax.grad(
        lambda fake: paid(gradient_balanced(wasserstein(), b=toward(FAKE, 1.0)), fake)[
            "generator"
        ]
    )(FAKE)
    assert jnp.isfinite(slope).all()


def test_both_states_advance():
    loss = gradient_balanced(chain(hinge(), lecam()), b=chain(wasserstein(), lecam()))
    state = loss.init({})
    record = round_with(critic, REAL, FAKE)
    _, after = loss.evaluate(record, state, jax.random.key(0))
    for side in after["gradient_balanced"]:
        assert side["lecam"].moves == 1


def test_states_of_different_players_are_refused():
    with pytest.raises(InputError, match=r"states of a and b advance with different"):
        gradient_balanced(chain(wasserstein(), lecam()), b=path_length())


def test_a_gradient_through_the_fakes_pullback_counts():
    # Of D(x) = |x|²/2, R2 at γ = 1 is E|x|²/2, and so is b: they pull alike.
    def bowl(x):
        return jnp.square(x).sum(axis=-1) / 2

    same = stateless(
        lambda record, key: {"discriminator": record.mean(record.fake_score.logits)},
        name="same",
    )
    loss = gradient_balanced(r2(1.0), b=weighted(same, by=5.0), player="discriminator")
    both = play(loss, round_with(bowl, REAL, FAKE))["discriminator"]
    half = np.square(np.asarray(FAKE, "f8")).sum(axis=1).mean() / 2
    assert float(both["gradient_balanced"]) == pytest.approx(2 * half, rel=1e-5)


@pytest.mark.parametrize(
    "term", [path_length(), mode_seeking(), orthogonal_penalty("generator"), r1(1.0)]
)
def test_a_loss_that_does_not_read_the_fakes_is_refused(term):
    [name] = term.terms
    player = "discriminator" if name == "r1" else "generator"
    record = played(theta(), random(4, 4, 3), random(5, 4, 2))
    message = f"what b charges {player!r} does not depend on the fakes"
    with pytest.raises(InputError, match=message):
        play(gradient_balanced(wasserstein(), b=term, player=player), record)


def test_a_loss_that_does_not_charge_the_player_is_refused():
    with pytest.raises(InputError, match=r"b charges 'generator' nothing.*\['discrim"):
        paid(gradient_balanced(wasserstein(), b=r1(1.0)))


@pytest.mark.parametrize("wrong", [-1.0, float("nan")])
def test_wrong_ratios_are_refused(wrong):
    with pytest.raises(InputError, match="gradient_balanced: ratio must be"):
        gradient_balanced(hinge(), b=hinge(), ratio=wrong)
