"""Projection discriminators: an inner product of a class's embedding and features."""

from functools import partial

import jax
from jaxtyping import Array, Float

from jaxgan.errors import check_instance, check_positive_int
from jaxgan.networks.wrappers.features import features_shape, last_features
from jaxgan.networks.wrappers.labels import (
    add_table,
    init_table,
    look_up,
    one_hot,
    prepare_beside_table,
    split_table,
)
from jaxgan.precision import at_least_float32
from jaxgan.types import Network, Score, Tree, Variables

READER = "projection: the embedding is multiplied by"


def projection(discriminator: Network, classes: int) -> Network:
    """Add the projection of the features on the class's embedding to the logits.

        logits(x, y) = D(x) + ⟨e(y), f(x)⟩

    f is the last of the discriminator's features, summed over positions, and e(y) a
    learned embedding of the same width, drawn from N(0, 1/d) at first. The
    discriminator itself does not see the label. `headed` adds heads inside or outside.

    Args:
        discriminator: takes all inputs but the last, and returns a `Score` with
            features (b, …, d).
        classes: number of classes; the last input is integer labels (b,).

    Raises:
        InputError: if an argument is invalid, or, when the game is built, if the
            discriminator returns no features or the example's labels are not integers
            (b,) from 0 to classes - 1. Inside `jit`, where values are not known, a
            label outside the classes adds nothing.

    Reference: Miyato & Koyama 2018, arXiv:1802.05637.

        >>> import jax, jax.numpy as jnp
        >>> from jaxgan.networks import dcgan_discriminator, projection
        >>> network = projection(dcgan_discriminator((8, 8, 1), 8), classes=10)
        >>> image, label = jnp.zeros((4, 8, 8, 1)), jnp.array([3, 7, 3, 7])
        >>> variables = network.init(jax.random.key(0), image, label)
        >>> network.apply(variables, image, label)[0].logits.shape
        (4,)
    """
    check_instance("projection: discriminator", discriminator, Network, "mlp(())")
    check_positive_int("projection: classes", classes)

    def init(key: Array, *inputs: Tree) -> Variables:
        own_key, key = jax.random.split(key)
        own = discriminator.init(own_key, *inputs[:-1])
        features = features_shape(READER, discriminator, own, inputs[:-1])
        return add_table(own, init_table(key, classes, features.shape[-1]))

    def apply(
        variables: Variables,
        *inputs: Tree,
        key: Array | None = None,
        train: bool = True,
    ) -> tuple[Score, Tree]:
        own, table = split_table(variables)
        *others, label = inputs
        score, stats = discriminator.apply(own, *others, key=key, train=train)
        features = _pool(last_features(READER, score))
        chosen = one_hot("projection: labels", label, classes, like=features)
        product = (look_up(table, chosen) * features).sum(axis=-1)

        def add(logits: Array) -> Array:
            each = product.reshape(-1, *(1,) * (logits.ndim - 1))
            return at_least_float32(logits) + each

        return score._replace(logits=jax.tree.map(add, score.logits)), stats

    return Network(init, apply, partial(prepare_beside_table, discriminator))


def _pool(features: Array) -> Float[Array, "b d"]:
    """Sum features over all positions."""
    features = at_least_float32(features)
    return features.sum(axis=tuple(range(1, features.ndim - 1)))
