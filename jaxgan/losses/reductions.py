"""How a loss averages: over patches, by example weight, over the global batch.

Everything is averaged in float32 at least, whatever the networks compute in. A payment
of an example counts by its weight, so payments are linear in the weights. An average
that is compared with something, on the way to a payment, is one of weights whose mean
is one; see `fair`.

A weight may be of an example's patches, persons or frames. Its mean over them is then
the example's, and what is averaged over patches before it is compared, squared or
differentiated is averaged by their shares of it.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.errors import InputError
from jaxgan.precision import wide
from jaxgan.types import Round, Score, Tree

Weight = Float[Array, "b ..."] | None
"""Of each example, or of each of its patches; None where all count alike."""


def per_example(
    values: Float[Array, "b *patch"], weight: Weight = None
) -> Float[Array, " b"]:
    """Average everything but the batch: patch logits count as one, by their shares."""
    values = wide(values)
    if weight is not None and weight.ndim > 1 and values.ndim > 1:
        values = patch_shares(weight, values) * values
    return values.mean(axis=tuple(range(1, values.ndim)))


def patch_shares(weight: Array, values: Float[Array, "b *patch"]) -> Array:
    """Weights of patches over the mean of their example's, in the axes of `values`.

    Where an example weighs nothing they are 0.
    """
    fitted = _fitted(weight, values)
    mean = fitted.mean(axis=tuple(range(1, fitted.ndim)), keepdims=True)
    return jnp.where(mean > 0, fitted / jnp.where(mean > 0, mean, 1), 0)


def of_examples(weight: Weight) -> Float[Array, " b"] | None:
    """The weight of each example: the mean of its patches'."""
    return weight if weight is None or weight.ndim == 1 else per_example(weight)


def hidden(weight: Weight, images: Tree) -> Tree:
    """Images with zeros at places that weigh nothing, where a weight is of places.

    Places are the image's where its axes begin with the weight's: persons or frames.
    """
    if weight is None:
        return images

    def hide(x: Array) -> Array:
        if not of_places(weight, x):
            return x
        seen = (weight != 0).reshape(*weight.shape, *(1,) * (x.ndim - weight.ndim))
        return jnp.where(seen, x, jnp.zeros((), x.dtype))

    return jax.tree.map(hide, images)


def of_places(weight: Weight, x: Array) -> bool:
    """Whether a weight is of places that an array has: its axes begin with them."""
    return (
        weight is not None
        and weight.ndim > 1
        and weight.shape == x.shape[: weight.ndim]
    )


def of_images(weight: Weight, image: Float[Array, "b ..."]) -> Weight:
    """A weight for values at each pixel: by place, if its places are the image's."""
    return weight if of_places(weight, image) else of_examples(weight)


def over_reals(record: Round, values: Float[Array, "b *patch"]) -> Float[Array, ""]:
    """The batch average of a value of each real example, `Round.weight` included."""
    return over(record, values, record.weight)


def over_fakes(record: Round, values: Float[Array, "b *patch"]) -> Float[Array, ""]:
    """The batch average of a value of each fake, `Round.fake_weight` included."""
    return over(record, values, record.fake_weight)


def over(
    record: Round, values: Float[Array, "b *patch"], weight: Weight | float
) -> Float[Array, ""]:
    """The batch average of each value times its weight.

    Raises:
        InputError: if the weight is of other patches than the values.
    """
    if weight is not None and not isinstance(weight, float) and weight.ndim > 1:
        return record.mean(per_example(_fitted(weight, values) * wide(values)))
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
    each = fair(record, of_examples(weight))
    return record.gather(jnp.ones(len(like), like.dtype) * each)


def mean_of_others(
    values: Float[Array, "n n"], weight: Float[Array, " n"]
) -> Float[Array, ""]:
    """The mean over pairs of two different examples, weighed by both."""
    n = len(weight)
    weighed = values * weight[:, None] * weight[None, :]
    return jnp.where(jnp.eye(n, dtype=bool), 0.0, weighed).sum() / (n * (n - 1))


def pair_weight(record: Round) -> Weight:
    """Of each real with its fake: the product of their weights.

    Under a condition the two belong together, and their one weight counts once.
    """
    if record.condition and record.fake_weight is not None:
        return record.fake_weight
    return product(record.weight, record.fake_weight)


def product(one: Weight, other: Weight) -> Weight:
    """The product of two weights, of which one may be of examples, one of patches."""
    if one is None or other is None:
        return other if one is None else one
    few, many = sorted((one, other), key=jnp.ndim)
    return few.reshape(*few.shape, *(1,) * (many.ndim - few.ndim)) * many


def _fitted(weight: Array, values: Float[Array, "b *patch"]) -> Array:
    """A weight in the axes of values: averaged over those that they do not have."""
    weight = weight.mean(axis=tuple(range(values.ndim, weight.ndim)))
    if weight.shape != values.shape[: weight.ndim]:
        raise InputError(
            f"a weight of shape {weight.shape} does not belong to values of shape "
            f"{values.shape}; it must be (b,), or begin like the logits."
        )
    return weight.reshape(*weight.shape, *(1,) * (values.ndim - weight.ndim))


def count_pairs(term: str, record: Round) -> int:
    """How many reals there are, each with its fake.

    Raises:
        InputError: if there are not as many fakes.
    """
    reals, fakes = (
        jax.tree.leaves(score.logits)[0].shape[0]
        for score in (record.real_score, record.fake_score)
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
