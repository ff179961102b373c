"""How a loss averages: over patches, by example weight, over the global batch."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.types import Round


def per_example(values: Float[Array, "b *patch"]) -> Float[Array, " b"]:
    """Average everything but the batch: patch logits count as one."""
    return values.mean(axis=tuple(range(1, values.ndim)))


def over_reals(record: Round, values: Float[Array, "b *patch"]) -> Float[Array, ""]:
    """The batch average of a value of each real example, `Round.weight` included."""
    values = per_example(values)
    if record.weight is not None:
        values = record.weight * values
    return record.mean(values)


def over_fakes(record: Round, values: Float[Array, "b *patch"]) -> Float[Array, ""]:
    """The batch average of a value of each fake."""
    return record.mean(per_example(values))


def safe_norm(x: Float[Array, "b ..."]) -> Float[Array, " b"]:
    """The Euclidean norm of each example, whose gradient at zero is zero, not NaN."""
    square = squared_norm(x)
    positive = square > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, square, 1.0)), 0.0)


def squared_norm(x: Float[Array, "b ..."]) -> Float[Array, " b"]:
    """The sum of squares of each example."""
    return jnp.square(x).sum(axis=tuple(range(1, x.ndim)))
