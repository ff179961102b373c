import math
from functools import partial

import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import InputError
from jaxgan.metrics.features.extractor import as_uint8
from jaxgan.metrics.perceptual_path_length import perceptual_path_length
from jaxgan.sampling.interpolation import lerp, slerp
from tests.builders import unchecked


def squared(one, other):
    return np.square(np.float64(one) - other).reshape(len(one), -1).sum(axis=1)


def normal(seed, n, d):
    return np.random.default_rng(seed).normal(size=(n, d))


def linear(matrix, latents):
    return latents @ matrix


MATRIX = normal(9, 5, 8)
everything = partial(perceptual_path_length, discard=(0.0, 100.0))


def test_a_linear_generator_has_its_closed_form():
    # G(z) = zA moves by ε(z₂ - z₁)A, wherever it is.
    start, end = normal(0, 300, 5), normal(1, 300, 5)
    lengths = squared(end @ MATRIX, start @ MATRIX)
    found = everything(partial(linear, MATRIX), start, end, squared, lerp)
    assert found.value == pytest.approx(lengths.mean(), rel=1e-8)
    assert found.error == pytest.approx(lengths.std(ddof=1) / math.sqrt(300), rel=1e-8)


def test_on_the_circle_it_is_the_squared_angle():
    start, end = np.tile([1.0, 0.0], (10, 1)), np.tile([0.0, 1.0], (10, 1))
    found = everything(lambda z: z, start, end, squared, slerp)
    assert found.value == pytest.approx((math.pi / 2) ** 2, rel=1e-7)


@pytest.mark.parametrize("epsilon", [1e-2, 1e-3, 1e-4])
def test_the_step_does_not_matter(epsilon):
    start, end = normal(0, 50, 5), normal(1, 50, 5)
    found = everything(np.tanh, start, end, squared, lerp, epsilon)
    finest = everything(np.tanh, start, end, squared, lerp, 1e-5)
    assert found.value == pytest.approx(finest.value, rel=3 * epsilon)


def test_the_place_is_drawn_from_the_whole_way():
    # On the way from 0 to 1, t³ moves by 3t² dt: the mean of 9t⁴ is 9/5.
    start, end = np.zeros((4000, 1)), np.ones((4000, 1))
    found = everything(lambda z: z**3, start, end, squared, lerp)
    assert found.value == pytest.approx(9 / 5, abs=4 * found.error)
    assert found.error < 0.05
    other = everything(lambda z: z**3, start, end, squared, lerp, seed=1)
    assert other.value != found.value


def test_the_outer_percentiles_are_left_out():
    # With lengths 0² … 199², of which the lowest and highest two are outside.
    ways = np.arange(200.0)[:, None]
    found = perceptual_path_length(
        lambda z: z, np.zeros((200, 1)), ways, squared, lerp, epsilon=0.5
    )
    # StyleGAN's rule by NumPy's percentiles of ranks: 1 % of 199 is 1.99, so from the
    # rank 1 (lower) to the rank 198 (higher).
    expected = np.square(np.arange(1, 199.0)).mean()
    assert found.value == pytest.approx(expected, rel=1e-9)


def test_the_error_is_how_much_the_trimmed_mean_varies():
    rng = np.random.default_rng(0)
    found = np.array(
        [
            perceptual_path_length(
                lambda z: z,
                np.zeros((200, 1)),
                rng.lognormal(0, 0.7, (200, 1)),
                squared,
                lerp,
                epsilon=0.5,
                discard=(20.0, 80.0),
            )
            for _ in range(200)
        ]
    )
    error = math.sqrt(np.square(found[:, 1]).mean())
    assert error == pytest.approx(found[:, 0].std(ddof=1), rel=0.15)


def test_a_generator_in_float32_is_good_enough_and_bytes_are_not():
    start, end = normal(0, 60, 5), normal(1, 60, 5)

    def images(z):
        return np.tanh(z @ MATRIX / 3).reshape(len(z), 2, 4, 1)

    def single(z):
        return np.asarray(jnp.tanh(z.astype(np.float32) @ MATRIX / 3)).reshape(-1, 8)

    exact = everything(images, start, end, squared, lerp)
    assert everything(single, start, end, squared, lerp).value == pytest.approx(
        exact.value, rel=0.01
    )

    def rounded(z):
        return as_uint8(images(z)) / 127.5

    bytes_seen = everything(rounded, start, end, squared, lerp)
    # Hardly a pixel changes its level; one that does adds (1/127.5)²/ε² = 6151.
    assert not 0.5 < bytes_seen.value / exact.value < 2


def test_float64_is_used_here_alone():
    kinds = []

    def watched(z):
        kinds.append((z.dtype, jnp.ones(1).dtype))
        return z

    everything(watched, normal(0, 3, 2), normal(1, 3, 2), squared, slerp)
    assert kinds == [(np.float64, np.float32)] * 2
    assert jnp.ones(2).dtype == jnp.float32


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epsilon": 0.0}, "epsilon must be above 0, got 0.0"),
        ({"seed": -1}, "seed must be an integer from 0"),
        ({"discard": (99.0, 1.0)}, "discard must be two percentiles, the lower first"),
        ({"discard": (1.0, 101.0)}, "discard must be two percentiles"),
        (
            {"end": np.zeros((3, 4))},
            r"same shape \(n, d\) .* got \(3, 2\) and \(3, 4\)",
        ),
        (
            {"path": "lerp"},
            "path must be a function, such as jaxgan.sampling.slerp",
        ),
        ({"distance": lambda a, b: np.zeros(2)}, "one finite number for each of 3"),
        ({"distance": lambda a, b: np.full(3, np.nan)}, "one finite number for each"),
    ],
)
def test_what_cannot_be_measured_is_refused(change, message):
    given = {
        "generate": lambda z: z,
        "start": np.zeros((3, 2)),
        "end": np.ones((3, 2)),
        "distance": squared,
        "path": lerp,
    }
    with unchecked(), pytest.raises(InputError, match=message):
        perceptual_path_length(**(given | change))
