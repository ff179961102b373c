"""Conditional networks with integer labels as inputs."""

from functools import partial

import jax
from jaxtyping import Array

from jaxgan.errors import check_instance, check_positive_int
from jaxgan.networks.wrappers.inputs import with_inputs
from jaxgan.networks.wrappers.labels import (
    add_table,
    init_table,
    look_up,
    one_hot,
    prepare_beside_table,
    split_table,
)
from jaxgan.types import Network, Tree, Variables


def labeled(network: Network, classes: int, *, embedding: int | None = None) -> Network:
    """Encode a network's last input, integer labels (b,), one-hot or as embeddings.

    An `mlp` concatenates its inputs; wrapped so, it is the network of the conditional
    GAN. Other networks concatenate if they are `concatenated`.

    Args:
        network: takes `(*inputs, vectors of the labels (b, d))`.
        classes: number of classes.
        embedding: d, the width of learned embeddings, drawn from N(0, 1/d) at first; by
            default the vectors are one-hot, and d is `classes`.

    Raises:
        InputError: if `classes` or `embedding` is not an integer of at least 1, or,
            when dynamics are built on the game, if the example's labels are not
            integers (b,) from 0 to classes - 1. Inside `jit`, where values are not
            known, the vector of a label outside the classes is zero.

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
    if embedding is not None:
        check_positive_int("labeled: embedding", embedding)
        return _embedded(network, classes, embedding)

    def encode(*inputs: Tree) -> tuple[Tree, ...]:
        *others, label = inputs
        return *others, one_hot("labeled: labels", label, classes, like=others)

    return with_inputs(network, encode)


def _embedded(network: Network, classes: int, width: int) -> Network:
    """Embed the last input by a table that lies beside the network's parameters."""

    def encode(table: Array, inputs: tuple[Tree, ...]) -> tuple[Tree, ...]:
        *others, label = inputs
        chosen = one_hot("labeled: labels", label, classes, like=others)
        return *others, look_up(table, chosen)

    def init(key: Array, *inputs: Tree) -> Variables:
        own, key = jax.random.split(key)
        table = init_table(key, classes, width)
        return add_table(network.init(own, *encode(table, inputs)), table)

    def apply(
        variables: Variables,
        *inputs: Tree,
        key: Array | None = None,
        train: bool = True,
    ) -> tuple[Tree, Tree]:
        own, table = split_table(variables)
        return network.apply(own, *encode(table, inputs), key=key, train=train)

    return Network(init, apply, partial(prepare_beside_table, network))
