"""InfoGAN's networks: shapes, scales of their weights, and labels."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import Variables
from jaxgan.errors import InputError
from jaxgan.networks import (
    infogan_discriminator,
    infogan_encoder,
    infogan_generator,
)
from jaxgan.networks.strided import Down, Up, he_transposed
from tests.builders import assert_close

KEY = jax.random.key(0)
LATENTS = jax.random.normal(jax.random.key(1), (64, 8))


def test_images_have_the_shape_that_is_asked_for():
    for shape in ((28, 28, 1), (8, 12, 3)):
        g = infogan_generator(shape, 4, hidden=6)
        d = infogan_discriminator(shape, 4, hidden=6)
        image, _ = jax.eval_shape(
            g.apply, jax.eval_shape(g.init, KEY, LATENTS), LATENTS
        )
        assert image.shape == (64, *shape)
        score, _ = jax.eval_shape(d.apply, jax.eval_shape(d.init, KEY, image), image)
        assert score.logits.shape == (64,)
        maps = (64, shape[0] // 4, shape[1] // 4, 8)
        assert [layer.shape for layer in score.features] == [maps, (64, 6)]


def test_an_encoder_has_the_layers_of_a_discriminator_and_codes():
    images = jnp.ones((2, 8, 8, 1))
    shapes = [
        jax.tree.map(jnp.shape, network.init(KEY, images).params)
        for network in (
            infogan_encoder((8, 8, 1), 5, 4, hidden=6),
            infogan_discriminator((8, 8, 1), 4, hidden=6),
        )
    ]
    assert shapes[0].pop("Dense_1")["kernel"] == (6, 5)
    assert shapes[1].pop("Dense_1")["kernel"] == (6, 1)
    assert shapes[0] == shapes[1]
    network = infogan_encoder((8, 8, 1), 5, 4, hidden=6)
    codes, _ = network.apply(network.init(KEY, images), images)
    assert codes.shape == (2, 5)


def test_a_decoder_has_no_statistics_and_the_output_activation_asked_for():
    made = {}
    for name, activation in (("logits", lambda x: x), ("images", jnp.tanh)):
        network = infogan_generator(
            (8, 8, 1), 4, hidden=6, batch_norm=False, output_activation=activation
        )
        variables = network.init(KEY, LATENTS)
        assert not jax.tree.leaves(variables.stats)
        made[name], _ = network.apply(variables, LATENTS)
        alone, _ = network.apply(variables, LATENTS[:1])
        assert_close(alone, made[name][:1], rtol=1e-4, atol=1e-6)
    assert_close(jnp.tanh(made["logits"]), made["images"], rtol=1e-6)


def test_networks_are_linear_under_a_linear_activation():
    linear = {"hidden": 6, "activation": lambda x: x}
    decoder = infogan_generator(
        (8, 8, 1), 4, **linear, batch_norm=False, output_activation=lambda x: x
    )
    encoder = infogan_encoder((8, 8, 1), 5, 4, **linear)
    images = jax.random.normal(KEY, (64, 8, 8, 1))
    for network, x in ((decoder, LATENTS), (encoder, images)):
        variables = network.init(KEY, x)
        made = lambda x, f=network, v=variables: f.apply(v, x)[0]  # noqa: E731
        assert_close(made(x - 3 * x[::-1]), made(x) - 3 * made(x)[::-1], atol=1e-4)


def test_residual_blocks_are_no_change_at_the_start_and_one_later():
    def decoder(blocks):
        return infogan_generator(
            (8, 8, 1), 4, hidden=6, batch_norm=False, blocks=blocks
        )

    images = jax.random.normal(KEY, (64, 8, 8, 1))
    encoder = lambda n: infogan_encoder((8, 8, 1), 5, 4, hidden=6, blocks=n)  # noqa: E731
    for make, x in ((decoder, LATENTS), (encoder, images)):
        plain, deep = make(0).init(KEY, x).params, make(2).init(KEY, x).params
        assert len(deep) == len(plain) + 4
        shared = {"Dense_0": plain["Dense_0"], "Dense_5": plain["Dense_1"]}
        params = (
            deep | {n: w for n, w in plain.items() if n[:2] in ("Do", "Up")} | shared
        )
        assert_close(apply(make(2), params, x), apply(make(0), plain, x), rtol=1e-5)
        kernel = jnp.ones_like(params["Dense_2"]["kernel"])
        moved = params | {"Dense_2": params["Dense_2"] | {"kernel": kernel}}
        assert np.abs(apply(make(2), moved, x) - apply(make(0), plain, x)).max() > 0.01


def apply(network, params, x):
    """Apply a network that has no statistics."""
    return network.apply(Variables(params, {}), x)[0]


@pytest.mark.parametrize("layer", [Down, Up])
def test_a_layer_keeps_the_mean_square_of_what_a_relu_lets_through(layer):
    """By He's rule, which counts no pixels beyond the edge."""
    x = jax.nn.relu(jax.random.normal(KEY, (8, 32, 32, 32)))
    module = layer(64)
    y = module.apply(module.init(KEY, x), x)[:, 1:-1, 1:-1]
    assert_close(jnp.mean(y**2), 2 * jnp.mean(x**2), rtol=0.1)
    kernel = he_transposed(0.5)(KEY, (4, 4, 32, 64))
    assert_close(jnp.std(kernel), 0.5 * (2 / (4 * 64)) ** 0.5, rtol=0.05)


def test_labels_move_the_scales_and_biases_of_classes():
    network = infogan_generator((8, 8, 1), 4, hidden=6, classes=3)
    labels = jnp.arange(64) % 3
    variables = network.init(KEY, LATENTS, labels)
    assert variables.params["ConditionalBatchNorm_0"]["scale"].shape == (3, 6)
    moved = jax.tree.map(lambda w: w, variables.params)
    moved["ConditionalBatchNorm_0"]["bias"] = jnp.ones((3, 6)).at[1].set(0)
    before, after = (
        network.apply(variables._replace(params=p), LATENTS, labels, train=False)[0]
        for p in (variables.params, moved)
    )
    changed = np.any(np.asarray(before != after), axis=(1, 2, 3))
    np.testing.assert_array_equal(changed, np.asarray(labels) != 1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: infogan_generator((28, 28)), r"image_shape must be \(height, width"),
        (lambda: infogan_generator((30, 28, 1)), "multiples of 4"),
        (lambda: infogan_discriminator((28, 0, 1)), "image_shape"),
        (lambda: infogan_discriminator((28, 28, 1), 0), "channels"),
        (lambda: infogan_generator((28, 28, 1), hidden=0), "hidden"),
        (lambda: infogan_generator((28, 28, 1), classes=0), "classes"),
        (
            lambda: infogan_generator((28, 28, 1), classes=3, batch_norm=False),
            "give batch_norm=True",
        ),
        (
            lambda: infogan_generator((28, 28, 1), blocks=-1),
            "infogan_generator: blocks",
        ),
        (
            lambda: infogan_encoder((28, 28, 1), 4, blocks=True),
            "infogan_encoder: blocks",
        ),
        (lambda: infogan_encoder((28, 28, 1), 0), "output_size"),
        (lambda: infogan_encoder((28, 30, 1), 4), "multiples of 4"),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_bad_inputs_are_refused():
    with pytest.raises(InputError, match="was built for images"):
        infogan_discriminator((8, 8, 1)).init(KEY, jnp.zeros((2, 8, 8, 3)))
    with pytest.raises(InputError, match="made with classes"):
        infogan_generator((8, 8, 1)).init(KEY, LATENTS, jnp.arange(64) % 3)
    with pytest.raises(InputError, match="made with classes"):
        infogan_generator((8, 8, 1), classes=3).init(KEY, LATENTS)
