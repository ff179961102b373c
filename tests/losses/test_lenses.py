import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import InputError, focus, hinge, non_saturating, r2
from jaxgan.losses import top_k
from tests.builders import play, random, round_of, round_with

LOGITS = jnp.array([3.0, -1.0, 2.0, 0.5, 7.0])


def paid(fraction, logits=LOGITS, player="generator", step=0, **fields):
    loss = focus(hinge(), on=top_k(fraction), player=player)
    record = round_of(jnp.zeros(5), logits, step=jnp.int32(step), **fields)
    return {who: float(terms["hinge"]) for who, terms in play(loss, record).items()}


@pytest.mark.parametrize(
    ("fraction", "kept"),
    [
        (1.0, [3, -1, 2, 0.5, 7]),
        (0.6, [7, 3, 2]),
        (0.5, [7, 3, 2]),
        (0.2, [7]),
        (1e-6, [7]),
    ],
)
def test_the_generator_is_shown_its_best_fakes(fraction, kept):
    # Sinha et al. 2020; hinge charges minus the mean logit.
    assert paid(fraction)["generator"] == pytest.approx(-np.mean(kept), rel=1e-6)
    everyone = np.maximum(0, 1 + np.asarray(LOGITS)).mean() + 1
    assert paid(fraction)["discriminator"] == pytest.approx(everyone, rel=1e-6)


def test_without_a_player_everyone_sees_through_the_lens():
    best = np.array([7.0, 3.0])
    both = paid(0.4, player=None)
    assert both["discriminator"] == pytest.approx((1 + best).mean() + 1)


def test_ties_share():
    logits = jnp.array([1.0, 2, 2, 2, 0])
    assert paid(0.4, logits)["generator"] == pytest.approx(-2.0)


def test_only_the_kept_have_a_gradient():
    slope = jax.grad(
        lambda t: play(
            focus(hinge(), on=top_k(0.4), player="generator"), round_of(jnp.zeros(5), t)
        )["generator"]["hinge"]
    )(LOGITS)
    np.testing.assert_allclose(slope, [-0.5, 0, 0, 0, -0.5], rtol=1e-6)


def test_the_fraction_may_follow_the_step_or_be_traced():
    falling = lambda step: 1 - 0.4 * step  # noqa: E731
    assert paid(falling, step=0) == paid(1.0)
    assert paid(falling, step=1) == paid(0.6)
    swept = jax.vmap(
        lambda fraction: play(
            focus(hinge(), on=top_k(fraction)), round_of(jnp.zeros(5), LOGITS)
        )["generator"]["hinge"]
    )(jnp.array([0.2, 0.6]))
    np.testing.assert_allclose(swept, [-7, -4], rtol=1e-6)


def test_weights_multiply():
    w = jnp.array([1.0, 1, 1, 1, 3])
    assert paid(0.4, fake_weight=w)["generator"] == pytest.approx(-(3 + 21) / 2)


def test_penalties_see_through_the_lens():
    fake = random(0, 4, 3)

    def critic(x):  # logits that rise with the index, slopes that are the image
        return 0.5 * jnp.square(x).sum(axis=-1) + 100 * jnp.arange(4.0)

    record = round_with(critic, fake, fake)
    squares = np.square(np.asarray(fake, "f8")).sum(axis=1)
    term = play(focus(r2(2.0), on=top_k(0.5)), record)["discriminator"]["r2"]
    assert float(term) == pytest.approx(squares[2:].mean(), rel=1e-5)


def test_a_player_whom_the_loss_does_not_charge_changes_nothing():
    record = round_of(jnp.zeros(5), LOGITS)
    focused = play(focus(non_saturating(), on=top_k(0.2), player="painter"), record)
    assert focused == play(non_saturating(), record)


@pytest.mark.parametrize("wrong", [-0.1, 1.5, float("nan")])
def test_a_fraction_must_be_from_0_to_1(wrong):
    with pytest.raises(InputError, match=f"top_k: fraction must be .* got {wrong}"):
        top_k(wrong)
