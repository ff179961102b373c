import colorsys
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import Batch, InputError, shuffled
from jaxgan.data import (
    Dataset,
    bernoulli_binarize,
    draw_once,
    in_memory,
    moving_clip,
    random_flip,
    random_hue,
    random_transform,
    sample_tuples,
    stack_channels,
    zip_sources,
)
from jaxgan.data.datasets import as_dataset
from tests.builders import bits


def transform_copies(transform, *reals, condition=(), copies=1, seed=0):
    """One example, transformed with `copies` keys."""
    real = reals[0] if len(reals) == 1 else reals
    example = jax.tree.map(jnp.asarray, Batch(real, condition))
    keys = jax.random.split(jax.random.key(seed), copies)
    found = jax.jit(jax.vmap(transform, (0, None)))(keys, example)
    return jax.tree.map(np.asarray, found)


def photo(height=3, width=4, channels=3, seed=0):
    shape = (height, width, channels)
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def within(count, share, of):
    """No further than five standard deviations from what is to be expected."""
    return abs(count - share * of) <= 5 * np.sqrt(of * share * (1 - share))


def test_random_flip_flips_half_of_the_images():
    image = photo()
    found = transform_copies(random_flip, image, condition=(np.int32(7),), copies=1000)
    as_it_was = (found.real == image).all(axis=(1, 2, 3))
    about = (found.real == image[:, ::-1]).all(axis=(1, 2, 3))
    assert (as_it_was != about).all() and within(about.sum(), 0.5, 1000)
    assert (found.condition[0] == 7).all() and found.real.dtype == np.float32


def test_random_flip_flips_images_of_a_pair_alike():
    first, second = photo(), photo(5, 6, 1)
    one, other = transform_copies(random_flip, first, second, copies=50).real
    about = (one == first[:, ::-1]).all(axis=(1, 2, 3))
    assert about.any() and not about.all()
    for flipped, left, right in zip(about, one, other, strict=True):
        expected = (first[:, ::-1], second[:, ::-1]) if flipped else (first, second)
        assert bits((left, right)) == bits(expected)


@pytest.mark.parametrize("kind", [np.float32, jnp.bfloat16])
def test_bernoulli_binarize_draws_with_the_brightness_as_probability(kind):
    brightness = np.array([-1, -0.9, -0.5, 0, 0.25, 0.75, 1], np.float32)
    image = np.tile(brightness[:, None, None], (1, 1000, 1)).astype(kind)
    [found] = transform_copies(bernoulli_binarize, image).real
    assert found.shape == image.shape and found.dtype == kind
    found = found.astype(np.float32)
    assert set(found.ravel().tolist()) == {-1, 1}
    for row, value in zip(found, brightness, strict=True):
        assert within((row == 1).sum(), (np.float32(kind(value)) + 1) / 2, 1000)
    assert (found[0] == -1).all() and (found[-1] == 1).all()


def test_bernoulli_binarize_draws_pixels_independently():
    gray = np.zeros((1, 1000, 2), np.float32)
    one, other = (
        transform_copies(bernoulli_binarize, gray, copies=2).real.reshape(2, 1000, 2)
        == 1
    )
    pairs = (one[:, 0], one[:, 1]), (one[:, 0], other[:, 0]), (one[1:, 0], one[:-1, 0])
    for left, right in pairs:
        assert within((left == right).sum(), 0.5, len(left))


def test_random_hue_turns_white_to_a_saturated_color_and_keeps_black():
    image = np.linspace(-1, 1, 5, dtype=np.float32).reshape(1, 5, 1)
    found = transform_copies(random_hue, image, copies=500).real
    assert found.shape == (500, 1, 5, 3) and found.dtype == np.float32
    black, white = found[:, 0, 0], found[:, 0, 4]
    assert (black == -1).all()
    assert (white.max(axis=-1) == 1).all() and (white.min(axis=-1) == -1).all()
    # Between them in proportion to the brightness.
    between = -1 + np.linspace(0, 1, 5).reshape(1, 5, 1) * (white[:, None] + 1)
    np.testing.assert_allclose(found[:, 0], between, atol=1e-6)


def test_random_hue_is_uniform():
    white = np.ones((1, 1, 1), np.float32)
    colors = transform_copies(random_hue, white, copies=1000).real.reshape(-1, 3)
    hues = sorted(colorsys.rgb_to_hsv(*((c + 1) / 2).tolist())[0] for c in colors)
    # Kolmogorov-Smirnov: 1.95 / √n is exceeded once in a thousand times.
    assert abs(np.array(hues) - np.arange(1000) / 1000).max() < 1.95 / np.sqrt(1000)


def test_random_hue_needs_gray_images():
    with pytest.raises(InputError) as refused:
        transform_copies(random_hue, photo())
    assert str(refused.value) == (
        "random_hue: the images of example must be gray, (b, h, w, 1); these have "
        "3 channels."
    )


@pytest.mark.parametrize("kind", [np.uint8, np.int32, np.int64])
def test_stack_channels_stacks_images_and_makes_digits_of_labels(kind):
    images = [photo(channels=1, seed=seed) for seed in range(3)]
    labels = tuple(kind(digit) for digit in (9, 0, 7))
    [real], [[number]], _ = transform_copies(stack_channels, *images, condition=labels)
    assert bits(real) == bits(np.concatenate(images, axis=-1))
    assert number == 907 and number.dtype == np.int32
    assert transform_copies(stack_channels, *images).condition == ()


@pytest.mark.parametrize("digits", [(5,), (0, 4), (1, 2, 3, 4)])
def test_stack_channels_takes_any_number_of_images(digits):
    images = tuple(photo(channels=2, seed=seed) for seed in digits)
    example = Batch(images, tuple(map(jnp.int32, digits)))
    found = stack_channels(jax.random.key(0), example)
    assert found.real.shape == (3, 4, 2 * len(digits))
    assert int(found.condition[0]) == int("".join(map(str, digits)))


def test_stack_channels_after_zip_sources_or_sample_tuples():
    images = np.arange(10, dtype=np.uint8).reshape(10, 1, 1, 1) * 25
    digits = Batch(images, (np.arange(10, dtype=np.uint8),))
    one = shuffled(digits, 10)
    fresh = random_transform(zip_sources(one, one, one), stack_channels)
    once = shuffled(draw_once(sample_tuples(digits, 3, 50), stack_channels), 10)
    for source in (fresh, once):
        for batch in source(0, 0):
            told = np.rint((np.asarray(batch.real).reshape(10, 3) + 1) * 127.5) / 25
            assert (told @ [100, 10, 1]).tolist() == batch.condition[0].tolist()


def corners(clips, value=1.0):
    """The first row and column of the image of one value, and what it fills."""
    seen = clips[..., 0] == value
    top, left = seen.any(axis=-1).argmax(axis=-1), seen.any(axis=-2).argmax(axis=-1)
    height = seen.any(axis=-1).sum(axis=-1)
    width = seen.any(axis=-2).sum(axis=-1)
    return np.stack([top, left], axis=-1), np.stack([height, width], axis=-1), seen


def test_moving_clip_shows_the_whole_image_in_every_frame():
    images = photo(3, 5, 2), photo(4, 2, 2, seed=1)
    for image in images:
        clips = transform_copies(moving_clip(frames=12, size=9), image, copies=8).real
        assert clips.shape == (8, 12, 9, 9, 2) and clips.dtype == np.float32
        height, width, _ = image.shape
        for frame in clips.reshape(-1, 9, 9, 2):
            rows, columns, _ = np.nonzero(frame != -1)
            top, left = rows.min(), columns.min()
            assert bits(frame[top : top + height, left : left + width]) == bits(image)
            assert (frame != -1).sum() == image.size


@pytest.mark.parametrize("speed", [0.02, 0.3])
def test_moving_clip_moves_at_its_speed(speed):
    white = np.ones((3, 3, 1), np.float32)
    clips = transform_copies(moving_clip(20, 103, speed), white, copies=10).real
    where, extent, _ = corners(clips)
    assert (extent == 3).all() and where.min() >= 0 and where.max() <= 100
    steps = abs(np.diff(where, axis=1))
    assert steps.max() <= speed * 100 + 1
    # A step without a rebound is as long as the speed says, up to a pixel each way.
    straight = np.median(steps, axis=1)
    lengths = np.hypot(*straight.T)
    assert (abs(lengths - speed * 100) <= np.sqrt(2)).all()


def test_moving_clip_goes_straight_until_it_rebounds():
    white = np.ones((3, 3, 1), np.float32)
    where, *_ = corners(
        transform_copies(moving_clip(60, 43, 0.1), white, copies=6).real
    )
    for path in where.reshape(6, 60, 2).transpose(0, 2, 1).reshape(12, 60):
        steps = np.diff(path)
        pace = abs(steps).max()
        if pace < 2:  # along the other axis
            continue
        turns = np.flatnonzero(np.diff(np.sign(steps[abs(steps) > 1])))
        assert len(turns) >= 60 * (pace - 1) // 40 - 1
        # Where it turns it is no further from a wall than a step.
        for before, at, after in zip(path, path[1:], path[2:], strict=False):
            if (at - before) * (after - at) < 0:
                assert min(at, 40 - at) <= pace


def test_moving_clip_reaches_all_walls():
    white = np.ones((3, 3, 1), np.float32)
    where, *_ = corners(transform_copies(moving_clip(60, 5, 0.1), white, copies=6).real)
    for axis in (0, 1):
        assert set(where[..., axis].ravel().tolist()) == {0, 1, 2}


def test_moving_clip_starts_anywhere_and_goes_in_all_directions():
    white = np.ones((1, 1, 1), np.float32)
    where, *_ = corners(
        transform_copies(moving_clip(2, 101, 0.2), white, copies=400).real
    )
    start, towards = where[:, 0], where[:, 1] - where[:, 0]
    for axis in (0, 1):
        assert within((start[:, axis] < 25).sum(), 0.25, 400)
        assert within((towards[:, axis] > 0).sum(), 0.5, 400)
    assert within((towards[:, 0] * towards[:, 1] > 0).sum(), 0.5, 400)
    assert within((start[:, 0] < start[:, 1]).sum(), 0.5, 400)


def test_moving_clip_shows_the_brighter_pixel_where_images_overlap():
    # In a square of four, two images of three have four pixels or more in common.
    faint, bright = (np.full((3, 3, 1), value, np.float32) for value in (-0.5, 0.5))
    clips = transform_copies(moving_clip(10, 4, 0.5), faint, bright, copies=20).real
    assert set(clips.ravel().tolist()) == {-1, -0.5, 0.5}
    assert ((clips == 0.5).sum(axis=(2, 3, 4)) == 9).all()
    left = (clips == -0.5).sum(axis=(2, 3, 4))
    assert left.max() == 5 and left.min() == 0


def test_moving_clip_moves_several_images_independently():
    one, other = (np.full((1, 1, 1), value, np.float32) for value in (0.5, 1.0))
    clips = transform_copies(moving_clip(5, 50, 0.1), one, other, copies=50).real
    first, _, seen = corners(clips, 0.5)
    second, _, _ = corners(clips, 1.0)
    assert seen.any(axis=(2, 3)).mean() > 0.9  # not hidden behind the other
    apart = np.diff(first, axis=1) != np.diff(second, axis=1)
    assert apart.any(axis=(1, 2)).all()


def test_moving_clip_is_a_function_of_the_key_and_keeps_conditions():
    image, label = photo(), np.int32(3)
    one, same = (
        transform_copies(moving_clip(), image, condition=(label,)) for _ in range(2)
    )
    other = transform_copies(moving_clip(), image, condition=(label,), seed=1)
    assert bits(one) == bits(same) != bits(other)
    assert one.real.shape == (1, 20, 64, 64, 3) and one.condition[0].tolist() == [3]


def test_moving_clip_rests_if_the_image_fills_the_square():
    image = photo(4, 4)
    [clip] = transform_copies(moving_clip(3, 4), image).real
    assert bits(clip) == bits(np.stack([image] * 3))


@pytest.mark.parametrize("shape", [(9, 2), (2, 9)])
def test_moving_clip_refuses_images_larger_than_the_square(shape):
    with pytest.raises(InputError) as refused:
        transform_copies(moving_clip(size=8), photo(*shape))
    assert str(refused.value) == (
        f"moving_clip: images of {shape[0]}×{shape[1]} do not fit in a square of 8."
    )


@pytest.mark.parametrize("count", ["frames", "size"])
def test_moving_clip_checks_its_counts(count):
    message = f"moving_clip: {count} must be an integer of at least 1, got 0"
    with pytest.raises(InputError, match=message):
        moving_clip(**{count: 0})


def noisy(key, example):
    noise = jax.random.normal(key, example.real.shape)
    return example._replace(real=example.real + noise)


def digits(size=40):
    images = np.random.default_rng(0).integers(256, size=(size, 5, 7, 1))
    return Batch(images.astype(np.uint8), (np.arange(size),))


TRANSFORMS = {
    "bernoulli_binarize": bernoulli_binarize,
    "moving_clip": moving_clip(3, 9),
    "noisy": noisy,
}


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
def test_draw_once_is_the_same_each_time_and_in_every_batch(transform):
    once = draw_once(as_dataset(digits(), ("a", "b")), transform)
    whole = once.gather(np.arange(40))
    assert once.arrays is None and once.classes == ("a", "b")
    assert whole.real.dtype == np.float32 and isinstance(whole.real, np.ndarray)
    assert bits(in_memory(once).arrays) == bits(whole)
    some = np.array([39, 0, 3, 3, 17])
    for chosen in (some, some[:1], np.arange(39, -1, -1)):
        expected = jax.tree.map(partial(np.take, indices=chosen, axis=0), whole)
        assert bits(once.gather(chosen)) == bits(expected)


def test_draw_once_is_a_function_of_the_seed():
    drawn = [
        bits(draw_once(digits(), bernoulli_binarize, seed).gather(np.arange(3)))
        for seed in (0, 0, 1)
    ]
    assert drawn[0] == drawn[1] != drawn[2]


def test_draw_once_draws_independently_for_every_example():
    alike = Batch(np.full((30, 8, 8, 1), 127, np.uint8))
    drawn = draw_once(alike, bernoulli_binarize).gather(np.arange(30)).real
    assert len({image.tobytes() for image in drawn}) == 30


def test_draw_once_passes_images_as_floats_and_is_lazy():
    asked = []

    def gather(indices):
        asked.append(indices.tolist())
        return Batch(digits().real[indices])

    once = draw_once(Dataset(40, gather), lambda key, example: example)
    assert asked == [[0]]  # to see its kind
    asked.clear()
    found = once.gather(np.array([4, 0])).real
    assert asked == [[4, 0]]
    expected = (digits().real[[4, 0]] - np.float32(127.5)) * np.float32(1 / 127.5)
    np.testing.assert_array_equal(found, expected)


def test_draw_once_needs_a_seed():
    with pytest.raises(
        InputError, match="draw_once: seed must be an integer from 0 to"
    ):
        draw_once(digits(), bernoulli_binarize, seed=2**32)


def test_random_flip_flips_image_conditions_too():
    images = np.random.default_rng(0).integers(0, 256, (40, 4, 4, 1), np.uint8)
    source = random_transform(
        shuffled(Batch(images, (images, np.arange(40))), 40, 1), random_flip
    )
    [batch] = source(0, 0)
    np.testing.assert_array_equal(batch.real, batch.condition[0])
    assert sorted(batch.condition[1].tolist()) == list(range(40))


def test_labels_that_change_lose_their_names():
    labeled = as_dataset(
        Batch(np.zeros((5, 4, 4, 1), np.uint8), (np.arange(5),)), tuple("abcde")
    )
    assert draw_once(sample_tuples(labeled, 3, 6), stack_channels).classes == ()
    assert draw_once(labeled, bernoulli_binarize).classes == tuple("abcde")


def test_stack_channels_needs_one_label_for_each_image():
    with pytest.raises(
        InputError, match="stack_channels: each of the 2 images of example may have one"
    ):
        image = jnp.zeros((4, 4, 1))
        stack_channels(jax.random.key(0), Batch((image, image), (jnp.zeros(()),)))


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan")])
def test_moving_clip_checks_its_speed(speed):
    with pytest.raises(InputError, match="moving_clip: speed must be "):
        moving_clip(speed=speed)


def test_stack_channels_needs_a_tuple():
    with pytest.raises(
        InputError, match=r"stack_channels: example\.real must be a tuple of images"
    ):
        stack_channels(jax.random.key(0), Batch(jnp.zeros((4, 4, 1))))


@pytest.mark.parametrize("transform", [bernoulli_binarize, random_hue])
def test_images_of_one_example_are_transformed_independently(transform):
    gray = jnp.full((8, 8, 1), 0.2)
    one, other = transform(jax.random.key(3), Batch((gray, gray))).real
    assert not np.array_equal(one, other)


def test_draw_once_does_not_depend_on_how_many_are_gathered():
    data = draw_once(
        Batch(np.full((9, 4, 4, 1), 127, np.uint8)), bernoulli_binarize, seed=1
    )
    whole = data.gather(np.arange(9)).real
    for count in range(1, 9):
        np.testing.assert_array_equal(data.gather(np.arange(count)).real, whole[:count])
