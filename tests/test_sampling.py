import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import InputError, Network, Variables, averaged
from jaxgan.sampling import (
    CHUNK,
    best_variables,
    draw_latents,
    lerp,
    sampler,
    slerp,
)
from tests.builders import algorithm_of, assert_close, batches, random, small_game


def test_an_average_is_sampled_where_there_is_one():
    algorithm = averaged(algorithm_of(small_game()), 0.5)
    state = algorithm.init(jax.random.key(0))
    state, _ = algorithm.step(state, batches())
    best = best_variables(state)
    assert best["generator"] is state.average["generator"]
    assert best["discriminator"] is state.variables["discriminator"]
    plain = best_variables(state._replace(average={}))
    assert plain["generator"] is state.variables["generator"]


@pytest.mark.parametrize("count", [1, CHUNK, CHUNK + 44])
def test_samples_are_the_generators_in_evaluation_mode(count):
    game = small_game(normed=("generator",))
    latents = draw_latents(game, count, seed=0)
    network = game.networks["generator"]
    variables = network.init(jax.random.key(0), latents)
    stats = jax.tree.map(lambda x: x + 0.3, variables.stats)
    variables = variables._replace(stats=stats)
    images = sampler(game)({"generator": variables}, latents)
    assert isinstance(images, np.ndarray) and images.dtype == np.float32
    expected, _ = network.apply(variables, latents, train=False)
    assert images.shape == (count, 2)
    assert_close(images, expected, rtol=1e-5)
    single = sampler(game)({"generator": variables}, latents[-1:])
    assert_close(single, images[-1:], rtol=1e-5)


def test_samples_are_of_prepared_weights_in_float32():
    network = Network(
        init=lambda key, z: Variables(jnp.ones(())),
        apply=lambda v, z, key=None, train=True: (
            (v.params * z).astype(jnp.bfloat16),
            (),
        ),
        prepare=lambda v: v._replace(params=2 * v.params),
    )
    game = small_game()._replace(networks={"g": network})
    images = sampler(game, "g")({"g": Variables(jnp.ones(()))}, jnp.ones((3, 2)))
    assert images.dtype == np.float32
    np.testing.assert_array_equal(images, np.full((3, 2), 2.0))


def test_latents_come_from_the_prior_and_the_seed():
    game = small_game()
    one, same, other = (draw_latents(game, 5, seed) for seed in (0, 0, 1))
    assert one.shape == (5, 3)
    np.testing.assert_array_equal(one, same)
    assert not np.allclose(one, other)
    with pytest.raises(InputError, match="count must be an integer of at least 1"):
        draw_latents(game, 0, 0)


START, END = random(0, 4, 8), random(1, 4, 8)


@pytest.mark.parametrize("way", [lerp, slerp])
def test_ways_start_and_end_where_they_should(way):
    assert_close(way(START, END, 0.0), START, rtol=1e-5)
    assert_close(way(START, END, 1.0), END, rtol=1e-5)
    assert not np.allclose(way(START, END, 0.5), START, atol=0.1)


def test_the_straight_way_is_straight():
    assert_close(lerp(START, END, 0.25), 0.75 * START + 0.25 * END)


@pytest.mark.parametrize("t", [0.1, 0.5, 0.9])
def test_the_way_along_the_sphere_keeps_length_and_speed(t):
    unit = [x / jnp.linalg.norm(x, axis=-1, keepdims=True) for x in (START, END)]
    between = slerp(*unit, t)
    assert_close(jnp.linalg.norm(between, axis=-1), jnp.ones(4), rtol=1e-5)
    whole = jnp.arccos((unit[0] * unit[1]).sum(-1))
    part = jnp.arccos((unit[0] * between).sum(-1))
    assert_close(part, t * whole, rtol=1e-4)


def test_the_way_along_the_sphere_is_its_formula_for_any_length():
    a, b = (np.asarray(x, "f8") for x in (START, 3 * END))
    cosine = (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
    angle = np.arccos(cosine)[:, None]
    expected = (np.sin(0.7 * angle) * a + np.sin(0.3 * angle) * b) / np.sin(angle)
    assert_close(slerp(START, 3 * END, 0.3), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("factor", [1.0, 2.0, -1.0, -0.3])
def test_latents_on_one_line_are_joined_straight(factor):
    between = slerp(START, factor * START, 0.3)
    assert_close(between, lerp(START, factor * START, 0.3), rtol=1e-3, atol=1e-3)


def test_a_whole_way_may_be_drawn_at_once():
    t = jnp.linspace(0, 1, 5)[:, None]
    way = slerp(START[0][None], END[0][None], t)
    assert way.shape == (5, 8)
    for i in range(5):
        assert_close(way[i], slerp(START[0], END[0], float(t[i, 0])), rtol=1e-5)
