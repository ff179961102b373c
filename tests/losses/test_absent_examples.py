"""An example of weight zero counts as absent, in every loss and penalty."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import Partial

from jaxgan import InputError
from tests.builders import assert_close, played, random, theta, tiered
from tests.losses.catalog import CONDITIONAL, EVERYTHING, ONE_OF_EACH_FAMILY, variables

KEPT = np.array([0, 2, 3, 6])
WEIGHT = jnp.array([0.5, 1.5, 0.75, 1.25])

PAIRED = {
    "relativistic",
    "relativistic: hinge",
    "relativistic: least squares",
    "gradient_penalty",
    "gradient_penalty: one-sided",
    "zero_centered_penalty",
    "max_gradient_penalty",
}
"""Losses that pair each real with a fake, so one cannot be absent without the other."""


def whole_and_kept(reals, fakes, condition=()):
    """Return the fields of a round with absent examples and of the round without them.

    Reals are absent if `reals`, and fakes if `fakes`. Each example that is there has
    the same random numbers in both, as the draws are one for each example.
    """
    data = {"real": random(0, 8, 3), "latent": random(1, 8, 2)}
    absent = np.setdiff1d(np.arange(8), KEPT)
    spread = jnp.zeros(8).at[KEPT].set(2 * WEIGHT)
    whole, kept = {"condition": condition}, {"condition": condition}
    for name, weight, gone in (
        ("real", "weight", reals),
        ("latent", "fake_weight", fakes),
    ):
        whole[name] = data[name].at[absent].multiply(3) if gone else data[name]
        kept[name] = data[name][KEPT] if gone else data[name]
        if gone:
            whole[weight], kept[weight] = spread, WEIGHT

    def draw(sampler, key, shape):
        numbers = sampler(key, (8, *shape[1:]))
        return numbers[KEPT] if shape[0] == len(KEPT) else numbers

    return whole, kept | {"draw": Partial(draw)}


def paid(loss, fields):
    """Return the losses, the next state, and every player's gradient."""
    state = loss.init(variables())

    def pay(theta):
        payments, after = loss.evaluate(
            played(theta, **fields), state, jax.random.key(3)
        )
        return {p: sum(terms.values()) for p, terms in payments.items()}, after

    @jax.jit
    def with_slopes(theta):
        amounts, pull, after = jax.vjp(pay, theta, has_aux=True)
        nothing = jax.tree.map(jnp.zeros_like, amounts)
        slopes = {p: pull(nothing | {p: jnp.ones_like(a)}) for p, a in amounts.items()}
        return amounts, after, slopes

    return with_slopes(theta())


def check(name, **which):
    whole, kept = whole_and_kept(**which)
    assert_close(
        paid(EVERYTHING[name], whole),
        paid(EVERYTHING[name], kept),
        rtol=2e-4,
        atol=2e-5,
    )


@pytest.mark.parametrize(
    "name",
    tiered(
        EVERYTHING,
        ["non_saturating", "mmd", "dragan", "top_k", "mode_seeking", "relativistic"],
    ),
)
def test_absent_pairs_change_nothing(name):
    check(name, reals=True, fakes=True)


@pytest.mark.parametrize("name", tiered(sorted(PAIRED | {"top_k"}), ["top_k"]))
def test_absent_examples_of_a_conditional_game_change_nothing(name):
    check(name, reals=True, fakes=True, condition=(jnp.zeros(()),))


@pytest.mark.parametrize("side", ["reals", "fakes"])
@pytest.mark.parametrize(
    "name",
    tiered(
        sorted(
            (ONE_OF_EACH_FAMILY | {"cramer", "dragan", "feature_matching"})
            - PAIRED
            - CONDITIONAL
        ),
        ["mmd"],
    ),
)
def test_absent_examples_of_one_side_change_nothing(name, side):
    check(name, reals=side == "reals", fakes=side == "fakes")


@pytest.mark.parametrize("name", sorted(PAIRED))
def test_pairs_need_both_sides(name):
    with pytest.raises(InputError, match="pairs each real with a fake"):
        check(name, reals=True, fakes=False)
