"""Tests of multi-scale discriminators, sums of losses and fields of records."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import (
    InputError,
    Network,
    alternating,
    chain,
    focus,
    gan,
    gradient_penalty,
    hinge,
    mlp,
    non_saturating,
    priors,
    r1,
    r2,
    rename,
    weighted,
)
from jaxgan.games.pairing import joint, separate
from jaxgan.losses import multi_scale
from jaxgan.penalties import drift_penalty, lecam
from jaxgan.types import Variables
from tests.builders import (
    assert_close,
    batches,
    play,
    random,
    reals,
    round_of,
    tiered,
    unchecked,
)

LOSS = chain(hinge(), r1(0.5), r2(0.5), gradient_penalty(), lecam(0.1))


def two_scales(shapes=((), (2,))):
    """Create a discriminator of two separate MLPs, one for each scale."""
    terms = [mlp(shape, (6,), activation=jnp.tanh) for shape in shapes]

    def init(key, x):
        made = [
            term.init(k, x)
            for term, k in zip(terms, jax.random.split(key, 2), strict=True)
        ]
        return Variables([each.params for each in made])

    def apply(variables, x, key=None, train=True):
        logits = [
            term.apply(Variables(p), x)[0]
            for term, p in zip(terms, variables.params, strict=True)
        ]
        return tuple(logits), ()

    return Network(init, apply), terms


def step_of(discriminator, loss, pairing=separate):
    game = gan(
        mlp((2,), (6,), activation=jnp.tanh),
        discriminator,
        loss,
        priors.normal(3),
        pairing=pairing,
    )
    algorithm = alternating(game, dict.fromkeys(game.players, optax.sgd(0.1)), reals(0))
    return algorithm.init(jax.random.key(0)), jax.jit(algorithm.step)


@pytest.mark.slow
@pytest.mark.parametrize("pairing", [separate, joint])
def test_the_loss_of_several_scales_is_the_mean_of_each_alone(pairing):
    network, terms = two_scales()
    state, step = step_of(network, multi_scale(LOSS, scales=2), pairing)
    _, info = step(state, batches())
    for i, term in enumerate(terms):
        own, own_step = step_of(term, weighted(LOSS, by=0.5), pairing)
        params = state.variables["discriminator"].params[i]
        own = own._replace(
            variables=state.variables | {"discriminator": Variables(params)}
        )
        _, alone = own_step(own, batches())
        for name in ("hinge", "r1", "r2", "lecam"):
            found = info.losses["discriminator"][f"{name}_{i}"]
            assert_close(found, alone.losses["discriminator"][name], rtol=1e-4)


def test_scales_that_the_loss_does_not_know_are_refused():
    network, _ = two_scales()
    match = "returns 2 logits, one for each scale, but the loss reads one; wrap"
    for loss in (hinge(), hinge() + r1(1.0), drift_penalty() + hinge()):
        with unchecked(), pytest.raises(InputError, match=match):
            step_of(network, loss)
    with pytest.raises(InputError, match=r"must return 3 logits, got 2"):
        step_of(network, multi_scale(hinge(), scales=3))
    with pytest.raises(InputError, match=r"must return 2 logits, got 1"):
        step_of(mlp(()), multi_scale(hinge(), scales=2))
    with pytest.raises(InputError, match="multi_scale: scales must be an integer"):
        multi_scale(hinge(), scales=0)


PATCHES = [(3,), (2, 3), (2, 2, 2), (1, 2, 1, 2)]


@pytest.mark.parametrize("patch", tiered(PATCHES, [(3,), (2, 2, 2)]))
def test_logits_may_have_any_patch_axes(patch):
    state, step = step_of(mlp(patch, (6,)), hinge() + r1(1.0) + gradient_penalty())
    _, info = step(state, batches())
    assert all(bool(jnp.isfinite(x).all()) for x in jax.tree.leaves(info))


# Sums


def test_a_sum_is_the_chain():
    assert {**(hinge() + r1(1.0)).terms}.keys() == chain(hinge(), r1(1.0)).terms.keys()
    record = round_of(random(0, 4), random(1, 4))
    one = play(non_saturating() + drift_penalty(), record)
    other = play(chain(drift_penalty(), non_saturating()), record)
    for player in one:
        assert {**one[player]} == {**other[player]}
    with pytest.raises(InputError, match="two terms of the sum are named 'hinge'"):
        hinge() + hinge()
    with pytest.raises(TypeError):
        hinge() + 3


def test_a_name_focuses_on_a_field_and_names_the_parts():
    inner = round_of(random(0, 4), random(1, 4))

    class Outer:
        forth = inner

    named = focus(hinge() + drift_penalty(), on="forth")
    assert sorted(named.terms) == ["forth_drift_penalty", "forth_hinge"]
    found, expected = play(named, Outer()), play(hinge() + drift_penalty(), inner)
    for player, terms in expected.items():
        for name, amount in terms.items():
            np.testing.assert_array_equal(found[player][f"forth_{name}"], amount)
    match = r"have no field 'back'; they have \[.*'real'"
    with pytest.raises(InputError, match=match):
        play(focus(hinge(), on="back"), inner)
    message = "focus: on must be a function"
    with unchecked(), pytest.raises(InputError, match=message):
        focus(hinge(), on=3)
    assert list(
        rename(focus(hinge(), on="forth"), names={"forth_hinge": "x"}).terms
    ) == ["x"]
