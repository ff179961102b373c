"""Conditional networks with integer labels as inputs."""

import jax
from jaxtyping import Array

from jaxgan.errors import check_instance, check_positive_int
from jaxgan.types import Network, Tree, Variables


def labeled(network: Network, classes: int) -> Network:
    """One-hot encode a network's last input, integer labels (b,).

    An `mlp` concatenates its inputs; wrapped so, it is the network of the conditional
    GAN.

    Args:
        network: takes `(*inputs, one-hot labels (b, classes))`.
        classes: number of classes.

    Raises:
        InputError: if `classes` is not an integer of at least 1.

    Reference: Mirza & Osindero 2014, arXiv:1411.1784.

        >>> import jax, jax.numpy as jnp
        >>> from jaxgan import mlp
        >>> from jaxgan.networks import labeled
        >>> generator = labeled(mlp((2,)), classes=10)
        >>> latent, label = jnp.zeros((4, 16)), jnp.array([3, 7, 3, 7])
        >>> variables = generator.init(jax.random.key(0), latent, label)
        >>> generator.apply(variables, latent, label)[0].shape
        (4, 2)
    """
    check_instance("labeled: network", network, Network, "mlp(())")
    check_positive_int("labeled: classes", classes)

    def encode(inputs: tuple[Tree, ...]) -> tuple[Tree, ...]:
        return *inputs[:-1], jax.nn.one_hot(inputs[-1], classes)

    def init(key: Array, *inputs: Tree) -> Variables:
        return network.init(key, *encode(inputs))

    def apply(
        variables: Variables,
        *inputs: Tree,
        key: Array | None = None,
        train: bool = True,
    ) -> tuple[Tree, Tree]:
        return network.apply(variables, *encode(inputs), key=key, train=train)

    return network._replace(init=init, apply=apply)
