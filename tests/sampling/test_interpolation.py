import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import InputError, priors
from jaxgan.sampling.interpolation import (
    interpolate,
    leaf_names,
    lerp,
    slerp,
    traverse,
)
from tests.builders import assert_close, random, small_game

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


# Trees of latents


def coded_game():
    return small_game()._replace(
        prior=priors.together(
            code=priors.categorical(3), style=priors.uniform(1), noise=priors.normal(4)
        )
    )


def test_a_way_moves_every_leaf_from_its_start_to_its_end():
    latents = {"a": random(0, 4, 3), "b": random(1, 4, 2, 5)}
    points = interpolate(latents, lerp, 6)
    assert points["a"].shape == (12, 3) and points["b"].shape == (12, 2, 5)
    for name, leaf in latents.items():
        ways = points[name].reshape(2, 6, *leaf.shape[1:])
        assert_close(ways[:, 0], leaf[:2])
        assert_close(ways[:, -1], leaf[2:])


def test_leaves_are_named_by_their_keys():
    assert leaf_names({"a": {"b": 1}, "c": (2, 3)}) == ["a.b", "c.0", "c.1"]
    assert leaf_names(np.zeros(3)) == [""]


def test_a_traversal_moves_one_leaf_and_holds_the_others():
    game = coded_game()
    start = game.prior(jax.random.key(1), 2, ())
    moved, columns = traverse(game, start, "code", 5)
    assert columns == 3  # a column a class
    np.testing.assert_array_equal(moved["code"], np.tile(np.eye(3), (2, 1)))
    for name in ("style", "noise"):
        np.testing.assert_array_equal(moved[name], np.repeat(start[name], 3, axis=0))


def test_a_traversal_of_a_number_goes_through_its_range():
    moved, columns = traverse(coded_game(), coded_game().prior(KEY, 2, ()), "style", 5)
    assert columns == 5
    first, second = moved["style"].reshape(2, 5)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(first, [-0.98, -0.49, 0, 0.49, 0.98], atol=0.05)


def test_a_traversal_of_a_vector_goes_from_one_draw_to_another():
    moved, columns = traverse(coded_game(), coded_game().prior(KEY, 1, ()), "noise", 3)
    start, middle, end = moved["noise"]
    assert columns == 3
    assert_close(middle, (start + end) / 2)


@pytest.mark.parametrize("name", ["", "odd"])
def test_only_a_leaf_can_be_traversed(name):
    game = coded_game()
    with pytest.raises(InputError, match=r"name: the latents have no leaf .*'code'"):
        traverse(game, game.prior(KEY, 1, ()), name, 3)
    with pytest.raises(InputError, match="only one, without a name"):
        traverse(small_game(), small_game().prior(KEY, 1, ()), name, 3)


KEY = jax.random.key(0)
