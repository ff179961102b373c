"""Tests of differentiable augmentation."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from jax.test_util import check_grads

from jaxgan import (
    Batch,
    alternating,
    chain,
    gan,
    mlp,
    non_saturating,
    priors,
    r1,
)
from jaxgan.batch_axis import BATCH_AXIS
from jaxgan.errors import InputError
from jaxgan.views.augmentation import (
    brightness,
    contrast,
    cutout,
    diff_augment,
    saturation,
    translation,
)

KEY = jax.random.key(0)
CHANGES = [translation(), cutout(), brightness(), saturation(), contrast()]


def images(count=200, height=8, width=12, channels=3):
    """Return images without a pixel of 0."""
    shape = (count, height, width, channels)
    return jax.random.uniform(jax.random.key(1), shape, minval=0.1, maxval=1.0)


def test_every_shift_within_reach_comes_up_and_no_other():
    given = np.asarray(images())
    moved = np.asarray(translation(1 / 4)(KEY, jnp.asarray(given)))
    seen = set()
    for down in range(-8, 9):
        for right in range(-12, 13):
            there = np.zeros_like(given)
            rows = slice(max(down, 0), 8 + min(down, 0))
            columns = slice(max(right, 0), 12 + min(right, 0))
            from_rows = slice(max(-down, 0), 8 + min(-down, 0))
            from_columns = slice(max(-right, 0), 12 + min(-right, 0))
            there[:, rows, columns] = given[:, from_rows, from_columns]
            alike = (there == moved).all(axis=(1, 2, 3))
            if (alike & moved.any(axis=(1, 2, 3))).any():
                seen.add((down, right))
    # 35 moves: 200 images miss one of them with a chance of 35·(34/35)²⁰⁰ = 11 %.
    assert len(seen) >= 34
    assert {d for d, _ in seen} == {-2, -1, 0, 1, 2}
    assert {r for _, r in seen} == {-3, -2, -1, 0, 1, 2, 3}


def test_no_reach_is_no_shift():
    np.testing.assert_array_equal(translation(0.0)(KEY, images()), images())
    np.testing.assert_array_equal(cutout(0.0)(KEY, images()), images())
    np.testing.assert_array_equal(brightness(0.0)(KEY, images()), images())
    np.testing.assert_allclose(saturation(0.0)(KEY, images()), images(), atol=1e-6)
    np.testing.assert_allclose(contrast(0.0)(KEY, images()), images(), atol=1e-6)


def test_a_rectangle_is_blank_and_the_rest_is_as_it_was():
    given, holed = np.asarray(images()), np.asarray(cutout(1 / 2)(KEY, images()))
    blank = (holed == 0).all(axis=-1)
    np.testing.assert_array_equal(holed[~blank], given[~blank])
    for hole in blank:
        rows, columns = np.flatnonzero(hole.any(1)), np.flatnonzero(hole.any(0))
        assert hole.sum() == len(rows) * len(columns) > 0
        assert np.ptp(rows) == len(rows) - 1 < 4
        assert np.ptp(columns) == len(columns) - 1 < 6
    heights = blank.any(axis=2).sum(axis=1)
    assert heights.max() == 4
    assert heights.min() == 2  # cut in half at the edge
    # A pixel of the middle is blank with chance 1/2·1/2.
    np.testing.assert_allclose(blank[:, 4, 6].mean(), 1 / 4, atol=0.1)


def test_brightness_is_one_number_an_image_and_uniform():
    by = np.asarray(brightness(0.5)(KEY, images(4000)) - images(4000))
    np.testing.assert_allclose(by, by[:, :1, :1, :1] * np.ones_like(by), atol=1e-6)
    numbers = by[:, 0, 0, 0]
    assert abs(numbers.mean()) < 4 * 0.5 / np.sqrt(3 * 4000)
    np.testing.assert_allclose(numbers.std(), 0.5 / np.sqrt(3), rtol=0.05)
    assert 0.49 < np.abs(numbers).max() <= 0.5


@pytest.mark.parametrize(
    ("change", "axes", "low", "high"),
    [(saturation(), 3, 0.0, 2.0), (contrast(), (1, 2, 3), 0.5, 1.5)],
)
def test_color_is_scaled_about_its_mean_by_one_factor_an_image(change, axes, low, high):
    """As DiffAugment_pytorch.py does: (x - mean) * factor + mean."""
    given = np.asarray(images(4000, 4, 4), np.float64)
    found = np.asarray(change(KEY, images(4000, 4, 4)), np.float64)
    mean = given.mean(axis=axes, keepdims=True)
    np.testing.assert_allclose(found.mean(axis=axes, keepdims=True), mean, atol=1e-6)
    products = ((found - mean) * (given - mean)).sum(axis=(1, 2, 3), keepdims=True)
    squares = np.square(given - mean).sum(axis=(1, 2, 3), keepdims=True)
    factor = products / squares
    np.testing.assert_allclose(found, mean + factor * (given - mean), atol=1e-5)
    spread = (high - low) / np.sqrt(12)
    assert abs(factor.mean() - 1) < 4 * spread / np.sqrt(4000)
    np.testing.assert_allclose(factor.std(), spread, rtol=0.05)
    near = 0.01 * (high - low)
    assert low - 1e-5 <= factor.min() < low + near
    assert high - near < factor.max() <= high + 1e-5


def test_images_of_one_channel_have_no_saturation():
    gray = images(channels=1)
    np.testing.assert_allclose(saturation()(KEY, gray), gray, atol=1e-6)
    assert not np.allclose(contrast()(KEY, gray), gray, atol=0.01)


def test_the_default_is_the_whole_policy_of_the_paper():
    """Color, translation and cutout, in this order."""
    order = (brightness(), saturation(), contrast(), translation(), cutout())
    expected, x = images(50), images(50)
    for i, change in enumerate(order):
        expected = change(jax.random.fold_in(KEY, i), expected)
    found = diff_augment().show((), KEY, x, jnp.int32(0))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("backend", ["jit", "shard_map"])
def test_devices_draw_the_numbers_of_the_whole_batch(backend):
    view, x = diff_augment(), images(16)

    def show(x):
        return view.show((), KEY, x, jnp.int32(0))

    mesh = jax.make_mesh((8,), (BATCH_AXIS,), axis_types=(AxisType.Auto,))
    if backend == "jit":
        rows = NamedSharding(mesh, PartitionSpec(BATCH_AXIS))
        found = jax.jit(show)(jax.device_put(x, rows))
    else:
        each = PartitionSpec(BATCH_AXIS)
        mapped = jax.shard_map(show, mesh=mesh, in_specs=each, out_specs=each)
        found = jax.jit(mapped)(x)
    np.testing.assert_allclose(found, show(x), atol=1e-6)


@pytest.mark.parametrize("change", CHANGES)
def test_gradients_pass_through(change):
    @jax.jit
    def cubes(x):
        return jnp.sum(change(KEY, jnp.asarray(x)) ** 3)

    with jax.enable_x64(True):
        check_grads(cubes, (images(3, channels=1).astype(float),), order=2)


@pytest.mark.parametrize("change", CHANGES)
def test_types_and_shapes_stay(change):
    half = images().astype(jnp.bfloat16)
    assert change(KEY, half).dtype == jnp.bfloat16
    assert change(KEY, half).shape == half.shape


def test_changes_follow_each_other_with_randomness_of_their_own():
    view = diff_augment(brightness(), brightness())
    x = images(50)
    twice = view.show((), KEY, x, jnp.int32(0)) - x
    once = brightness()(jax.random.fold_in(KEY, 0), x) - x
    again = brightness()(jax.random.fold_in(KEY, 1), x) - x
    np.testing.assert_allclose(twice, once + again, atol=1e-6)
    assert not np.allclose(once, again)


def test_a_game_is_played_under_it_and_penalized_through_it():
    view = diff_augment()
    batch = Batch(images(8, 8, 8, 1))
    info = {}
    for name, chosen in {"plain": {}, "augmented": {"view": view}}.items():
        game = gan(
            mlp((8, 8, 1), (8,)),
            mlp((), (8,)),
            chain(non_saturating(), r1(1.0)),
            priors.normal(4),
            **chosen,
        )
        sgd = {player: optax.sgd(0.1) for player in game.players}
        algorithm = alternating(game, sgd, batch)
        state = algorithm.init(jax.random.key(0))
        _, info[name] = jax.jit(algorithm.step)(state, (batch, batch))
    for player, part in (("discriminator", "r1"), ("generator", "non_saturating")):
        plain, shown = (info[n].losses[player][part] for n in ("plain", "augmented"))
        assert np.isfinite(shown)
        assert shown != plain


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: translation(1.5),
            "translation: fraction must be from 0 to 1, got 1.5",
        ),
        (lambda: cutout(-0.5), "cutout: fraction must be from 0 to 1, got -0.5"),
        (lambda: brightness(float("inf")), "brightness: reach must be a finite number"),
        (lambda: saturation(1.5), "saturation: reach must be from 0 to 1, got 1.5"),
        (lambda: contrast(-0.1), "contrast: reach must be from 0 to 1, got -0.1"),
    ],
)
def test_what_is_no_change_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_points_of_the_plane_are_refused_when_the_game_is_built():
    game = gan(
        mlp((2,)),
        mlp(()),
        non_saturating(),
        priors.normal(4),
        view=diff_augment(translation()),
    )
    sgd = {player: optax.sgd(0.1) for player in game.players}
    with pytest.raises(InputError, match=r"images \(b, h, w, c\), got \(8, 2\)"):
        alternating(game, sgd, Batch(jnp.ones((8, 2))))
