"""How a loss averages: over patches, by example weight, over the global batch.

Everything is averaged in float32 at least, whatever the networks compute in. A payment
of an example counts by its weight, so payments are linear in the weights. An average
that is compared with something, on the way to a payment, is one of weights whose mean
is one; see `fair`.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.errors import InputError
from jaxgan.precision import wide
from jaxgan.types import Round, Score, Tree

Weight = Float[Array, " b"] | None
"""Of each example, or None where all count alike."""


def per_example(values: Float[Array, "b *patch"]) -> Float[Array, " b"]:
    """Average everything but the batch: patch logits count as one."""
    return wide(values).mean(axis=tuple(range(1, values.ndim)))


def over_reals(record: Round, values: Float[Array, "b *patch"]) -> Float[Array, ""]:
    """The batch average of a value of each real example, `Round.weight` included."""
    return over(record, values, record.weight)


def over_fakes(record: Round, values: Float[Array, "b *patch"]) -> Float[Array, ""]:
    """The batch average of a value of each fake, `Round.fake_weight` included."""
    return over(record, values, record.fake_weight)


def over(
    record: Round, values: Float[Array, "b *patch"], weight: Weight | float
) -> Float[Array, ""]:
    """The batch average of each example's value times its weight."""
    values = per_example(values)
    return record.mean(values if weight is None else weight * values)


def fair(record: Round, weight: Weight) -> Array | float:
    """Weights scaled to a mean of one; all one if there are none, or all are zero."""
    if weight is None:
        return 1.0
    mean = record.mean(wide(weight))
    return jnp.where(mean > 0, weight / jnp.where(mean > 0, mean, 1), 1.0)


def fair_mean(
    record: Round, values: Float[Array, "b *patch"], weight: Weight
) -> Float[Array, ""]:
    """The batch average under fair weights, to compare something with."""
    return over(record, values, fair(record, weight))


def gathered(record: Round, weight: Weight, like: Float[Array, "b ..."]) -> Array:
    """The fair weight of each example of the global batch, as many as `like` holds."""
    return record.gather(jnp.ones(len(like), like.dtype) * fair(record, weight))


def mean_of_others(
    values: Float[Array, "n n"], weight: Float[Array, " n"]
) -> Float[Array, ""]:
    """The mean over pairs of two different examples, weighed by both."""
    n = len(weight)
    weighed = values * weight[:, None] * weight[None, :]
    return jnp.where(jnp.eye(n, dtype=bool), 0.0, weighed).sum() / (n * (n - 1))


def pair_weight(record: Round) -> Weight:
    """Of each real with its fake: the product of their weights."""
    if record.weight is None or record.fake_weight is None:
        return record.fake_weight if record.weight is None else record.weight
    return record.weight * record.fake_weight


def count_pairs(term: str, record: Round) -> int:
    """How many reals there are, each with its fake.

    Raises:
        InputError: if there are not as many fakes.
    """
    reals, fakes = (
        score.logits.shape[0] for score in (record.real_score, record.fake_score)
    )
    if reals != fakes:
        raise InputError(
            f"{term} pairs each real with a fake, so their batches must have equal "
            f"sizes, got {reals} reals and {fakes} fakes."
        )
    return reals


def squared_distances(
    x: Float[Array, "n d"], y: Float[Array, "m d"]
) -> Float[Array, "n m"]:
    """‖x - y‖² for every pair."""
    # Of differences, not by the binomial formula, which loses the small distances.
    return jnp.square(x[:, None, :] - y[None, :, :]).sum(axis=-1)


def noise_like(record: Round, key: Array, tree: Tree) -> Tree:
    """Standard normal numbers of the global batch, in the shapes of a tree."""
    leaves, structure = jax.tree.flatten(tree)
    keys = jax.random.split(key, len(leaves))
    noise = [
        record.draw(jax.random.normal, leaf_key, leaf.shape).astype(leaf.dtype)
        for leaf_key, leaf in zip(keys, leaves, strict=True)
    ]
    return jax.tree.unflatten(structure, noise)


def probe(term: str, record: Any, name: str) -> Any:
    """The probe `name` of a round: `critic` or `generate`.

    Raises:
        InputError: if the game's rounds have no such probe.
    """
    function = getattr(record, name, None)
    if function is None:
        raise InputError(
            f"{term} needs `{name}`, which the rounds of this game do not have; use it "
            "in a game that has one, or focus it on a part of the record that does."
        )
    return function


def features(term: str, score: Score) -> list[Array]:
    """The hidden layers that a discriminator returned, as a list.

    Raises:
        InputError: if it returned none.
    """
    layers = jax.tree.leaves(score.features)
    if not layers:
        raise InputError(
            f"{term} needs the discriminator's features, but it returns none: let it "
            "return Score(logits, features=…)."
        )
    return [wide(layer) for layer in layers]


def safe_norm(x: Tree) -> Float[Array, " b"]:
    """The Euclidean norm of each example, whose gradient at zero is zero, not NaN."""
    return safe_root(squared_norm(x))


def safe_root(square: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """√t, whose gradient at zero is zero, not infinite."""
    positive = square > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, square, 1.0)), 0.0)


def squared_norm(x: Tree) -> Float[Array, " b"]:
    """The sum of squares of each example, over all leaves."""
    squares = [
        jnp.square(wide(leaf)).sum(axis=tuple(range(1, leaf.ndim)))
        for leaf in jax.tree.leaves(x)
    ]
    return sum(squares[1:], start=squares[0])
