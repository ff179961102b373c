"""Lazy terms cost and change something only in the iterations in which they are due."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import (
    Batch,
    Loss,
    Term,
    alternating,
    chain,
    every,
    gan,
    gradient_penalty,
    mlp,
    non_saturating,
    priors,
    r1,
    weighted,
)
from jaxgan.dynamics.lazy import by_phase
from jaxgan.networks import dcgan_discriminator, dcgan_generator
from jaxgan.penalties import drift_penalty, lecam, path_length
from tests.builders import algorithm_of, assert_close, batches, bits, small_game, tiered

BOTH = ("discriminator", "generator")


def started(loss, order=BOTH):
    algorithm = algorithm_of(small_game(loss), order=order)
    return algorithm, algorithm.init(jax.random.key(0))


def stepping(loss, order=BOTH):
    """`(number of the step) -> (state, info) after it`, compiled once."""
    algorithm, state = started(loss, order)
    step = jax.jit(algorithm.step)
    return lambda number: step(
        state._replace(step=jnp.int32(number)), batches(len(order), seed=number)
    )


LAZY = chain(
    every(r1(1.0), n=4), every(gradient_penalty(), n=6), every(path_length(), n=4)
)


@pytest.fixture(scope="module")
def lazily():
    return stepping(chain(non_saturating(), LAZY))


def test_a_step_without_them_is_the_plain_step(lazily):
    plainly = stepping(non_saturating())
    for step in (1, 2, 3, 5, 7):
        (state, info), (plain, plain_info) = lazily(step), plainly(step)
        assert bits(state.variables) == bits(plain.variables)
        assert bits(state.opt_states) == bits(plain.opt_states)
        for player, terms in info.losses.items():
            for name, paid in terms.items():
                expected = plain_info.losses[player].get(name, 0.0)
                assert float(paid) == float(expected)
        assert bits(info.gradient_norms) == bits(plain_info.gradient_norms)


@pytest.fixture(scope="module")
def by_weights():
    """A step of the terms that are paid always, weighted by the number of the step."""
    fourth, sixth = (lambda step, n=n: n * (step % n == 0) for n in (4.0, 6.0))
    return stepping(
        chain(
            non_saturating(),
            weighted(r1(1.0), by=fourth),
            weighted(gradient_penalty(), by=sixth),
            weighted(path_length(), by=fourth),
        )
    )


@pytest.mark.parametrize("step", [0, 4, 6, 12])
def test_a_step_with_them_is_that_of_weighted_parts(step, lazily, by_weights):
    state, info = lazily(step)
    expected, expected_info = by_weights(step)
    assert_close(state.variables, expected.variables, atol=2e-6)
    for player, terms in expected_info.losses.items():
        for name, paid in terms.items():
            assert float(info.losses[player][name]) == pytest.approx(
                float(paid), rel=1e-5
            )


def test_their_states_move_when_they_are_due():
    loss = chain(non_saturating(), every(lecam(), n=3))
    algorithm, state = started(loss, ("discriminator",))
    step, moves = jax.jit(algorithm.step), []
    for number in range(7):
        state, _ = step(state, batches(1, seed=number))
        moves.append(int(state.loss_states["lecam"].moves))
    assert moves == [1, 1, 1, 2, 2, 2, 3]


def test_a_player_may_pay_lazily_alone():
    loss = chain(every(non_saturating(), n=2), drift_penalty())
    (_, before), step_number = started(loss), stepping(loss, ("generator",))
    for step, moves in ((0, True), (1, False)):
        state, _ = step_number(step)
        changed = bits(state.variables["generator"]) != bits(
            before.variables["generator"]
        )
        assert changed == moves


def test_every_multiplies():
    nested, plain = every(every(r1(1.0), n=3), n=2), every(r1(1.0), n=6)
    assert nested.terms["r1"].interval == plain.terms["r1"].interval == 6
    one, other = (
        stepping(chain(non_saturating(), x), ("discriminator",))
        for x in (nested, plain)
    )
    for step in (0, 2, 3, 6):
        assert_close(one(step)[0].variables, other(step)[0].variables)


def conditionals(loss, order):
    algorithm = algorithm_of(small_game(loss), order=order)
    state = jax.eval_shape(algorithm.init, jax.random.key(0))
    text = jax.jit(algorithm.step).lower(state, batches(len(order))).compile().as_text()
    return text.count(" conditional(")


def test_only_the_substeps_that_they_charge_have_a_conditional():
    loss = chain(non_saturating(), every(gradient_penalty(), n=4))
    assert conditionals(loss, ("discriminator",)) == 1
    assert conditionals(loss, ("generator",)) == 0
    assert (
        conditionals(chain(non_saturating(), gradient_penalty()), ("discriminator",))
        == 0
    )


def test_every_set_that_can_be_due_is_a_case():
    traced = []

    def compute(due):
        traced.append(due)
        return jnp.array([n in due for n in (4, 6)])

    run = jax.jit(lambda step: by_phase((4, 6), step, compute))
    for step in range(25):
        expected = [step % 4 == 0, step % 6 == 0]
        np.testing.assert_array_equal(run(jnp.int32(step)), expected)
    assert sorted(traced) == [(), (4,), (4, 6), (6,)]


NETWORKS = {
    "dense": ((2,), mlp((2,), (4,)), mlp((), (4,))),
    "convolutional": (
        (8, 8, 1),
        dcgan_generator((8, 8, 1), 8),
        dcgan_discriminator((8, 8, 1), 8, batch_norm=False),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("networks", tiered(NETWORKS, ["dense"]))
def test_a_step_without_them_multiplies_no_more_than_the_plain_step(networks):
    shape, generator, discriminator = NETWORKS[networks]

    def products(loss):
        game = gan(generator, discriminator, loss, priors.normal(4))
        example = Batch(jnp.zeros((4, *shape)))
        optimizers = dict.fromkeys(game.players, optax.sgd(0.1))
        algorithm = alternating(game, optimizers, example)
        state = jax.eval_shape(algorithm.init, jax.random.key(0))
        text = jax.jit(algorithm.step).lower(state, (example,) * 2).compile().as_text()
        always = text[text.index("\nENTRY ") :]  # not what branches hold
        return [always.count(f" {kind}(") for kind in ("dot", "convolution")]

    lazy = every(chain(r1(1.0), path_length()), n=16)
    plain = products(non_saturating())
    assert sum(plain) > 5
    assert products(chain(non_saturating(), lazy)) == plain
    eager = products(chain(non_saturating(), r1(1.0)))
    assert sum(eager) > sum(plain)


def counter(name="counter"):
    """A term that counts its evaluations, and charges both a little."""

    def evaluate(record, state, key):
        paid = 1e-3 * record.mean(record.fake_score.logits)
        return {"discriminator": paid, "generator": -paid}, state + 1

    return Loss({name: Term(lambda variables: jnp.int32(0), evaluate)})


def test_the_state_of_a_lazy_part_rests_between_its_iterations():
    algorithm, state = started(non_saturating() + every(counter(), n=3))
    step, counts = jax.jit(algorithm.step), []
    for number in range(7):
        state, _ = step(state, batches(seed=number))
        counts.append(int(state.loss_states["counter"]))
    assert counts == [1, 1, 1, 2, 2, 2, 3]
