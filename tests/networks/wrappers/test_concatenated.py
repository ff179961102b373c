import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import InputError, Variables, mlp
from jaxgan.networks import (
    concatenated,
    dcgan_discriminator,
    dcgan_generator,
    labeled,
)
from tests.builders import random

LABELS = jnp.array([0, 2, 1, 0], jnp.int32)


def seen(*inputs):
    """Return what the wrapped network gets of these inputs."""
    network = mlp(())._replace(apply=lambda variables, x, **mode: (x, ()))
    return concatenated(network).apply(Variables(()), *inputs)[0]


def test_vectors_become_constant_maps_beside_an_image():
    image, vector = random(0, 4, 2, 3, 1), random(1, 4, 5)
    maps = np.stack([np.tile(v, (2, 3, 1)) for v in np.asarray(vector)])
    expected = np.concatenate([image, maps], axis=-1)
    np.testing.assert_array_equal(seen(image, vector), expected)


def test_vectors_lie_beside_a_latent_and_images_beside_an_image():
    for one, other in (
        (random(0, 4, 3), random(1, 4, 5)),
        (random(0, 4, 2, 3, 1), random(1, 4, 2, 3, 4)),
    ):
        expected = np.concatenate([one, other], axis=-1)
        np.testing.assert_array_equal(seen(one, other), expected)
        np.testing.assert_array_equal(seen(one), one)


def test_further_inputs_take_the_dtype_of_the_first():
    assert seen(random(0, 4, 3).astype(jnp.bfloat16), random(1, 4, 5)).dtype == (
        jnp.bfloat16
    )


@pytest.mark.parametrize("embedding", [None, 2])
def test_networks_of_one_input_take_labels(embedding):
    width = 3 if embedding is None else embedding
    generator, discriminator = (
        labeled(concatenated(network), 3, embedding=embedding)
        for network in (
            dcgan_generator((8, 8, 1), 4),
            dcgan_discriminator((8, 8, 1 + width), 4),
        )
    )
    latent = jnp.tile(random(0, 1, 5), (4, 1))
    variables = generator.init(jax.random.key(0), latent, LABELS)
    image, _ = generator.apply(variables, latent, LABELS, train=False)
    assert image.shape == (4, 8, 8, 1)
    variables = discriminator.init(jax.random.key(1), image, LABELS)
    same = jnp.tile(image[:1], (4, 1, 1, 1))
    score, _ = discriminator.apply(variables, same, LABELS, train=False)
    np.testing.assert_array_equal(image[0], image[3])
    assert score.logits[0] == score.logits[3]
    assert len({float(x) for x in score.logits[:3]}) == 3
    assert not np.array_equal(image[0], image[1])


def test_labels_and_maps_of_another_size_are_refused():
    image = random(0, 4, 2, 3, 1)
    for wrong in (LABELS, random(1, 4, 3, 2, 1), random(1, 3, 5)):
        with pytest.raises(InputError, match=r"concatenated: a further input must be"):
            seen(image, wrong)
