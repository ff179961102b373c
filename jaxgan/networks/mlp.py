"""Multi-layer perceptrons, for low-dimensional data and first experiments."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.errors import check_flag, check_function, check_positive_ints
from jaxgan.networks.linen import from_linen
from jaxgan.precision import standard_promotion
from jaxgan.types import Network, Score, Tree


def mlp(
    output_shape: Sequence[int],
    hidden: Sequence[int] = (128, 128),
    *,
    activation: Callable[[Array], Array] = jax.nn.relu,
    output_activation: Callable[[Array], Array] = lambda x: x,
    features: bool = False,
) -> Network:
    """Make a multi-layer perceptron.

    For a generator, give the shape of an example; for a discriminator, `()`. Inputs are
    flattened, and several inputs (a condition, for instance) are concatenated.

    Args:
        output_shape: of one example's output.
        hidden: widths of the hidden layers.
        activation: after each hidden layer.
        output_activation: after the last layer; `jnp.tanh` for images.
        features: return a discriminator's `Score` with the last hidden layer as its
            features, which `headed` and `projection` read.

    Raises:
        InputError: if a width or an axis size of the output is not an integer of at
            least 1, or another argument is invalid.

        >>> import jax
        >>> from jaxgan import mlp
        >>> network = mlp((8, 8, 1), hidden=(32,), output_activation=jax.numpy.tanh)
        >>> z = jax.numpy.ones((4, 16))
        >>> image, _ = network.apply(network.init(jax.random.key(0), z), z)
        >>> image.shape
        (4, 8, 8, 1)
    """
    check_positive_ints("mlp: output_shape", output_shape)
    check_positive_ints("mlp: hidden", hidden)
    check_function("mlp: activation", activation, "jax.nn.relu")
    check_function("mlp: output_activation", output_activation, "jnp.tanh")
    check_flag("mlp: features", features)
    module = _MLP(
        tuple(hidden), tuple(output_shape), activation, output_activation, features
    )
    network = from_linen(module)

    def apply(*given: Any, **mode: Any) -> tuple[Any, Tree]:
        with standard_promotion():  # of parameters and narrower inputs, as Flax does it
            return network.apply(*given, **mode)

    return network._replace(apply=apply)


class _MLP(nn.Module):
    hidden: tuple[int, ...]
    output_shape: tuple[int, ...]
    activation: Callable[[Array], Array]
    output_activation: Callable[[Array], Array]
    features: bool

    @nn.compact
    def __call__(self, *inputs: Float[Array, "b ..."]) -> Float[Array, "b ..."] | Score:
        x = jnp.concatenate([x.reshape(x.shape[0], -1) for x in inputs], axis=-1)
        for width in self.hidden:
            x = self.activation(nn.Dense(width)(x))
        last = x
        x = self.output_activation(nn.Dense(math.prod(self.output_shape))(x))
        x = x.reshape(x.shape[0], *self.output_shape)
        return Score(x, features=(last,)) if self.features else x
