"""Frames around what a generator makes, and off what a discriminator sees."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import mlp
from jaxgan.errors import InputError
from jaxgan.networks import framed, labeled, unframed
from tests.builders import unchecked

KEY = jax.random.key(0)


def test_the_frame_is_constant_and_nobody_sees_it():
    generator = framed(mlp((4, 6, 1), (3,)), margin=2, value=0.5)
    z = jax.random.normal(KEY, (2, 5))
    variables = generator.init(KEY, z)
    image, _ = generator.apply(variables, z)
    within = image[:, 2:-2, 2:-2]
    assert image.shape == (2, 8, 10, 1)
    assert (within.size, within.mean()) != (0, 0.5)
    assert jnp.sum(image == 0.5) == image.size - within.size

    inner = mlp((), (3,))
    discriminator = unframed(inner, margin=2)
    judge = discriminator.init(KEY, image)
    np.testing.assert_array_equal(
        discriminator.apply(judge, image)[0], inner.apply(judge, within)[0]
    )


def test_conditions_are_passed_on():
    network = unframed(labeled(mlp((), (3,)), classes=3), margin=1)
    image, label = jnp.zeros((2, 4, 4, 1)), jnp.array([0, 2])
    logits, _ = network.apply(network.init(KEY, image, label), image, label)
    assert logits[0] != logits[1]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: framed("mlp", 2), "framed: generator must be"),
        (lambda: unframed(None, 2), "unframed: discriminator must be"),
        (lambda: framed(mlp(()), 0), "framed: margin must be"),
        (lambda: unframed(mlp(()), 1.5), "unframed: margin must be"),
        (
            lambda: unframed(mlp(()), 2).init(KEY, jnp.zeros((1, 4, 9, 1))),
            r"unframed: images \(4, 9, 1\) are no wider than a frame of 2",
        ),
        (
            lambda: unframed(mlp(()), 2).init(KEY, jnp.zeros((3, 2))),
            r"unframed needs images \(b, h, w, c\), got shape \(3, 2\)",
        ),
    ],
)
def test_bad_input_is_refused(build, message):
    with unchecked(), pytest.raises(InputError, match=message):
        build()


def test_a_generator_of_points_is_refused():
    network = framed(mlp((2,)), margin=2)
    variables = network.init(KEY, jnp.zeros((3, 5)))
    with unchecked(), pytest.raises(InputError, match="framed needs images"):
        network.apply(variables, jnp.zeros((3, 5)))
