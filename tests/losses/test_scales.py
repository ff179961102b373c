"""Discriminators with several logits, sums of losses, and fields of records."""

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
    drift,
    focus,
    gan,
    gradient_penalty,
    hinge,
    lecam,
    mlp,
    multi_scale,
    non_saturating,
    priors,
    r1,
    r2,
    rename,
    weighted,
)
from jaxgan.games.pairing import joint, separate
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
    """A discriminator of two MLPs, one for each scale, that share nothing."""
    parts = [mlp(shape, (6,), activation=jnp.tanh) for shape in shapes]

    def init(key, x):
        made = [
            part.init(k, x)
            for part, k in zip(parts, jax.random.split(key, 2), strict=True)
        ]
        return Variables([each.params for each in made])

    def apply(variables, x, key=None, train=True):
        logits = [
            part.apply(Variables(p), x)[0]
            for part, p in zip(parts, variables.params, strict=True)
        ]
        return tuple(logits), ()

    return Network(init, apply), parts


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


@pytest.mark.parametrize("pairing", tiered([separate, joint], [separate]))
def test_the_loss_of_several_scales_is_the_mean_of_each_alone(pairing):
    network, parts = two_scales()
    state, step = step_of(network, multi_scale(LOSS, 2), pairing)
    _, info = step(state, batches())
    for i, part in enumerate(parts):
        own, own_step = step_of(part, weighted(0.5, LOSS), pairing)
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
    for loss in (hinge(), hinge() + r1(1.0), drift() + hinge()):
        with unchecked(), pytest.raises(InputError, match=match):
            step_of(network, loss)
    with pytest.raises(InputError, match=r"the loss is of 3 logits, but .* returns 2"):
        step_of(network, multi_scale(hinge(), 3))
    with pytest.raises(InputError, match=r"the loss is of 2 logits, but .* returns 1"):
        step_of(mlp(()), multi_scale(hinge(), 2))
    with pytest.raises(InputError, match="multi_scale: scales must be an integer"):
        multi_scale(hinge(), 0)


PATCHES = [(3,), (2, 3), (2, 2, 2), (1, 2, 1, 2)]


@pytest.mark.parametrize("patch", tiered(PATCHES, [(3,), (2, 2, 2)]))
def test_logits_may_have_any_patch_axes(patch):
    state, step = step_of(mlp(patch, (6,)), hinge() + r1(1.0) + gradient_penalty())
    _, info = step(state, batches())
    assert all(bool(jnp.isfinite(x).all()) for x in jax.tree.leaves(info))


# Sums


def test_a_sum_is_the_chain():
    assert {**(hinge() + r1(1.0)).parts}.keys() == chain(hinge(), r1(1.0)).parts.keys()
    record = round_of(random(0, 4), random(1, 4))
    one = play(non_saturating() + drift(), record)
    other = play(chain(drift(), non_saturating()), record)
    for player in one:
        assert {**one[player]} == {**other[player]}
    with pytest.raises(InputError, match="two parts of the sum are named 'hinge'"):
        hinge() + hinge()
    with pytest.raises(TypeError):
        hinge() + 3


def test_a_name_focuses_on_a_field_and_names_the_parts():
    inner = round_of(random(0, 4), random(1, 4))

    class Outer:
        forth = inner

    named = focus("forth", hinge() + drift())
    assert sorted(named.parts) == ["forth_drift", "forth_hinge"]
    found, expected = play(named, Outer()), play(hinge() + drift(), inner)
    for player, parts in expected.items():
        for name, amount in parts.items():
            np.testing.assert_array_equal(found[player][f"forth_{name}"], amount)
    match = r"have no field 'back'; they have \[.*'real'"
    with pytest.raises(InputError, match=match):
        play(focus("back", hinge()), inner)
    message = "focus: lens must be a function"
    with unchecked(), pytest.raises(InputError, match=message):
        focus(3, hinge())
    assert list(rename({"forth_hinge": "x"}, focus("forth", hinge())).parts) == ["x"]
