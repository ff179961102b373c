import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import InputError, mlp
from tests.builders import assert_close, random

KEY = jax.random.key(0)


@pytest.mark.parametrize(
    ("output_shape", "hidden", "kernels"),
    [
        ((), (5,), [(3, 5), (5, 1)]),
        ((2,), (5, 4), [(3, 5), (5, 4), (4, 2)]),
        ((2, 3, 1), (), [(3, 6)]),
    ],
)
def test_the_layers_are_those_asked_for(output_shape, hidden, kernels):
    network = mlp(output_shape, hidden)
    x = random(0, 7, 3)
    variables = network.init(KEY, x)
    output, stats = network.apply(variables, x)
    assert output.shape == (7, *output_shape)
    assert stats == variables.stats == {}
    layers = [variables.params[f"Dense_{i}"] for i in range(len(kernels))]
    assert [layer["kernel"].shape for layer in layers] == kernels
    assert len(variables.params) == len(kernels)


def test_activations_stand_where_they_are_said_to():
    network = mlp((2,), (5, 4), activation=jnp.sin, output_activation=jnp.tanh)
    x = random(1, 7, 3)
    variables = network.init(KEY, x)
    expected = x
    for i, activation in enumerate((jnp.sin, jnp.sin, jnp.tanh)):
        layer = variables.params[f"Dense_{i}"]
        expected = activation(expected @ layer["kernel"] + layer["bias"][None])
    assert_close(network.apply(variables, x)[0], expected, rtol=1e-5)


def test_the_default_is_relu_and_a_linear_output():
    network = mlp((1,), (64,))
    x = random(2, 50, 3)
    variables = network.init(KEY, x)
    first, last = (variables.params[f"Dense_{i}"] for i in range(2))
    hidden = np.maximum(np.asarray(x @ first["kernel"]), 0)
    assert_close(network.apply(variables, x)[0], hidden @ last["kernel"], rtol=1e-5)


def test_images_are_flattened_and_conditions_laid_beside_them():
    network = mlp((), (4,))
    image, label = random(3, 6, 2, 2, 1), random(4, 6, 3)
    variables = network.init(KEY, image, label)
    assert variables.params["Dense_0"]["kernel"].shape == (7, 4)
    flat = jnp.concatenate([image.reshape(6, 4), label], axis=1)
    assert_close(
        network.apply(variables, image, label)[0], network.apply(variables, flat)[0]
    )


@pytest.mark.parametrize(
    ("output_shape", "hidden", "message"),
    [
        ((2,), (0,), "mlp: hidden: each number must be .* got 0"),
        ((2,), (8, -1), "mlp: hidden: each number must be .* got -1"),
        ((0,), (8,), "mlp: output_shape: each number must be .* got 0"),
    ],
)
def test_impossible_widths_are_refused(output_shape, hidden, message):
    with pytest.raises(InputError, match=message):
        mlp(output_shape, hidden)
