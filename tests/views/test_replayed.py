"""Tests of the image pool of CycleGAN and of composed views."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import InputError, View, alternating, gradient_penalty, non_saturating
from jaxgan.types import no_pool
from jaxgan.views.compose import compose
from jaxgan.views.replayed import replayed
from tests.builders import (
    algorithm_of,
    assert_close,
    batches,
    bits,
    random,
    small_game,
    unchecked,
)

SIZE = 5


def by_hand(held, filled, fakes, coins, places):
    """Apply the rule of the paper's code, in plain Python."""
    held, shown = list(held), []
    for fake, coin, place in zip(fakes, coins, places, strict=True):
        if filled < SIZE:
            held[filled] = fake
            filled += 1
            shown.append(fake)
        elif coin:
            shown.append(held[place])
            held[place] = fake
        else:
            shown.append(fake)
    return held, filled, shown


def chance(key, count):
    coin_key, place_key = jax.random.split(key)
    coins = jax.random.bernoulli(coin_key, 0.5, (count,))
    return coins, jax.random.randint(place_key, (count,), 0, SIZE)


@pytest.mark.parametrize("count", [1, 4, 12])  # more than the pool holds, too
def test_the_pool_is_the_papers_rule_one_fake_after_the_other(count):
    view = replayed(SIZE)
    state = view.init(random(0, count, 2))
    held, filled = [np.zeros(2)] * SIZE, 0
    swapped = 0
    for t in range(6):
        fakes, key = random(t, count, 2), jax.random.key(t)
        held, filled, expected = by_hand(held, filled, fakes, *chance(key, count))
        shown, state = jax.jit(view.pool, static_argnums=3)(
            state, fakes, key, "discriminator"
        )
        assert_close(shown, jnp.stack(expected))
        assert_close(state.fakes, jnp.stack(held))
        assert int(state.filled) == filled
        swapped += int((np.asarray(shown) != np.asarray(fakes)).any(axis=1).sum())
    assert swapped > 0 or count == 1


def test_half_of_the_fakes_are_earlier_ones():
    view = replayed(50)
    state = view.init(jnp.zeros((1000, 1)))
    _, state = view.pool(state, jnp.ones((1000, 1)), jax.random.key(0), "discriminator")
    now = jnp.full((1000, 1), 2.0)
    shown, _ = view.pool(state, now, jax.random.key(1), "discriminator")
    # Some of the swapped fakes entered the pool in the same batch.
    earlier = float((shown == 1).mean())
    assert 50 / 1000 * 0.5 < earlier < 0.5


def test_the_generator_is_paid_for_what_it_makes_now():
    view = replayed(SIZE)
    state = view.init(jnp.zeros((4, 2)))
    fakes = random(0, 4, 2)
    shown, after = view.pool(state, fakes, jax.random.key(0), "generator")
    assert shown is fakes and after is state


def test_a_game_under_a_pool_resumes_it():
    algorithm = algorithm_of(small_game(view=replayed(SIZE)))
    state, step = algorithm.init(jax.random.key(0)), jax.jit(algorithm.step)
    for t in range(3):
        state, _ = step(state, batches(seed=t))
    pool = state.view_states["discriminator"]
    assert int(pool.filled) == SIZE and bool(jnp.isfinite(pool.fakes).all())
    assert len({*map(bytes, np.asarray(pool.fakes))}) == SIZE


def test_a_pool_in_a_conditional_game_is_refused():
    labels = jax.nn.one_hot(jnp.arange(8) % 3, 3)
    batch = batches(1)[0]._replace(condition=(labels,))
    game = small_game(view=replayed(SIZE))
    sgd = {player: optax.sgd(0.1) for player in game.players}
    with pytest.raises(InputError, match="scored under the conditions of other"):
        alternating(game, sgd, batch)


def test_a_pool_of_nothing_is_refused():
    with pytest.raises(InputError, match="replayed: size must be an integer of at"):
        replayed(0)


# Views composed

STEP = jnp.int32(0)


def louder(factor):
    return View(
        init=lambda reals: jnp.float32(factor),
        show=lambda state, key, x, step: state * x,
        adapt=lambda state, record: state + 1,
    )


def shifted_by(amount):
    return View(show=lambda state, key, x, step: x + amount)


def test_composed_views_act_one_after_the_other():
    one, other = (
        compose(louder(2.0), shifted_by(1.0)),
        compose(shifted_by(1.0), louder(2.0)),
    )
    x, key = random(0, 3, 2), jax.random.key(0)
    assert_close(one.show(one.init(x), key, x, STEP), 2 * x + 1)
    assert_close(other.show(other.init(x), key, x, STEP), 2 * (x + 1))
    nested = compose(louder(2.0), compose(shifted_by(1.0), louder(3.0)))
    assert_close(nested.show(nested.init(x), key, x, STEP), 3 * (2 * x + 1))


def test_nothing_composed_shows_everything_as_it_is():
    algorithms = [
        algorithm_of(small_game(non_saturating() + gradient_penalty(), view=view))
        for view in (View(), compose())
    ]
    states = []
    for algorithm in algorithms:
        state = algorithm.init(jax.random.key(0))
        states.append(jax.jit(algorithm.step)(state, batches())[0])
    assert bits(states[0].variables) == bits(states[1].variables)
    assert compose().pool is compose(louder(1.0)).pool is no_pool


def test_states_of_composed_views_move_each_by_itself():
    view = compose(replayed(SIZE), louder(2.0))
    assert view.pool is not no_pool
    algorithm = algorithm_of(small_game(view=view))
    state = algorithm.init(jax.random.key(0))
    state, _ = jax.jit(algorithm.step)(state, batches())
    pool, factor = state.view_states["discriminator"]
    assert int(pool.filled) == SIZE and float(factor) == 3.0


def test_a_view_with_a_state_has_a_player_who_moves_it():
    composed = compose(replayed(SIZE, "critic"), shifted_by(1.0))
    assert composed.state_owner == "critic"
    match = r"view 'discriminator' state_owner: \['critic'\] do not play"
    with pytest.raises(InputError, match=match):
        algorithm_of(small_game(view=composed))


def test_what_cannot_be_composed_is_refused():
    message = "compose: every argument must be a View"
    with unchecked(), pytest.raises(InputError, match=message):
        compose(louder)
    with pytest.raises(InputError, match="advance with different players"):
        compose(View(state_owner="generator"), View(state_owner="discriminator"))
