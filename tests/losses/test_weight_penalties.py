import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import InputError, Variables, chain, non_saturating, rename
from jaxgan.penalties import (
    historical_averaging,
    orthogonal_penalty,
    weight_decay_penalty,
)
from tests.builders import (
    algorithm_of,
    batches,
    bits,
    play,
    random,
    round_of,
    small_game,
)

PARAMS = {
    "generator": {"kernel": random(0, 3, 2), "bias": random(1, 2)},
    "discriminator": {"conv": random(2, 3, 3, 2, 4), "scale": random(3, 4)},
}
CONV = np.asarray(PARAMS["discriminator"]["conv"], "f8").reshape(18, 4)
DENSE = np.asarray(PARAMS["generator"]["kernel"], "f8")


@pytest.mark.parametrize(
    ("network", "matrix"), [("generator", DENSE), ("discriminator", CONV)]
)
def test_orthogonal_charges_the_products_of_different_filters(network, matrix):
    # Brock et al. 2018, equation 3.
    gram = matrix.T @ matrix
    expected = 0.5 * np.square(gram - np.diag(np.diag(gram))).sum()
    paid = play(orthogonal_penalty(network, weight=0.5), round_of(params=PARAMS))
    assert list(paid) == [network]
    assert float(paid[network]["orthogonal_penalty"]) == pytest.approx(
        expected, rel=1e-5
    )


def test_orthogonal_filters_of_any_length_cost_nothing():
    params = {"generator": {"kernel": jnp.diag(jnp.array([1.0, 5.0, 0.1]))}}
    paid = play(orthogonal_penalty("generator", weight=1.0), round_of(params=params))
    assert paid == {"generator": {"orthogonal_penalty": 0.0}}


@pytest.mark.parametrize(
    ("network", "matrix"), [("generator", DENSE), ("discriminator", CONV)]
)
def test_decay_is_half_the_square_of_the_kernels_alone(network, matrix):
    paid = play(weight_decay_penalty(network, weight=3.0), round_of(params=PARAMS))
    expected = 1.5 * np.square(matrix).sum()
    assert float(paid[network]["weight_decay_penalty"]) == pytest.approx(
        expected, rel=1e-5
    )


def test_the_gradient_of_decay_is_the_kernel():
    slope = jax.grad(
        lambda params: play(
            weight_decay_penalty("generator", weight=3.0), round_of(params=params)
        )["generator"]["weight_decay_penalty"]
    )(PARAMS)
    np.testing.assert_allclose(
        slope["generator"]["kernel"], 3 * PARAMS["generator"]["kernel"], rtol=1e-6
    )
    for spared in (slope["generator"]["bias"], slope["discriminator"]["conv"]):
        np.testing.assert_array_equal(spared, 0.0)


def test_history_is_the_mean_of_what_has_been():
    # Salimans et al. 2016, section 3.3, over four steps by hand.
    loss = historical_averaging("generator", weight=0.5)
    seen = [
        {"generator": {"w": random(i, 3), "b": random(10 + i, 2)}} for i in range(4)
    ]
    state = loss.init({name: Variables(value) for name, value in seen[0].items()})
    for step, params in enumerate(seen):
        past = seen[: max(step, 1)]
        expected = sum(
            np.square(
                np.asarray(params["generator"][name], "f8")
                - np.mean(
                    [np.asarray(p["generator"][name], "f8") for p in past], axis=0
                )
            ).sum()
            for name in ("w", "b")
        )
        record = round_of(params=params)
        paid, state = loss.evaluate(record, state, jax.random.key(0))
        amount = float(paid["generator"]["historical_averaging"])
        assert amount == pytest.approx(0.5 * expected, rel=1e-4, abs=1e-9)


def test_history_starts_with_a_copy_and_has_no_gradient():
    params = {"generator": {"w": jnp.ones(3)}}
    loss = historical_averaging("generator", weight=1.0)
    state = loss.init({"generator": Variables(params["generator"])})
    mean = state["historical_averaging"].mean["w"]
    assert mean.unsafe_buffer_pointer() != (
        params["generator"]["w"].unsafe_buffer_pointer()
    )

    def pay(params):
        record = round_of(params={"generator": params})
        return loss.evaluate(record, state, jax.random.key(0))[0]["generator"][
            "historical_averaging"
        ]

    np.testing.assert_allclose(jax.grad(pay)({"w": jnp.full(3, 3.0)})["w"], 4.0)


def test_the_player_may_have_another_name():
    loss = rename(
        orthogonal_penalty("generator", weight=1.0), names={"generator": "painter"}
    )
    assert list(play(loss, round_of(params=PARAMS))) == ["painter"]


def test_history_advances_with_its_player():
    game = small_game(chain(non_saturating(), historical_averaging("discriminator")))
    algorithm = algorithm_of(game, order=("generator",))
    state = algorithm.init(jax.random.key(0))
    after, _ = algorithm.step(state, batches(1))
    assert bits(after.loss_states) == bits(state.loss_states)


@pytest.mark.parametrize(
    "make", [orthogonal_penalty, weight_decay_penalty, historical_averaging]
)
def test_a_network_that_is_not_in_the_game_is_refused(make):
    message = (
        f"{make.__name__}: network 'painter' is not in the game; its networks are "
        r"\['discriminator', 'generator'\]"
    )
    with pytest.raises(InputError, match=message):
        algorithm_of(small_game(chain(non_saturating(), make("painter"))))


@pytest.mark.parametrize(
    "make", [orthogonal_penalty, weight_decay_penalty, historical_averaging]
)
@pytest.mark.parametrize("wrong", [-1.0, float("nan"), float("inf")])
def test_wrong_weights_are_refused(make, wrong):
    with pytest.raises(InputError, match=f"{make.__name__}: weight must be .* {wrong}"):
        make("generator", weight=wrong)


def test_a_long_history_of_narrow_numbers_is_still_their_mean():
    loss = historical_averaging("generator", weight=1.0)
    zeros = jnp.zeros(2, jnp.bfloat16)
    state = loss.init({"generator": Variables(zeros)})

    @jax.jit
    def see(params, state):
        record = round_of(params={"generator": params})
        return loss.evaluate(record, state, jax.random.key(0))[1]

    for value in [0.0] * 600 + [4.0] * 600:
        state = see(zeros + jnp.bfloat16(value), state)
    mean = state["historical_averaging"].mean
    np.testing.assert_allclose(mean, 2.0, rtol=1e-4)
