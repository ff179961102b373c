"""Weighted means over patches, examples and the global batch, and safe norms.

Means are computed in at least float32, whatever the networks' precision. Each example's
loss is multiplied by its weight, so losses are linear in the weights. An example of
weight zero counts as absent: weights of B/n for n of B examples, and of 0 for the
others, give what the batch of these n gives. Means that are
used inside a loss, for instance as a baseline, use weights normalized to mean one; see
`normalize_weights`.

A weight may have further axes, for an example's patches, persons or frames. The
example's weight is then the mean over these axes. Values that are averaged over patches
before they are compared, squared or differentiated use the patch weights divided by
that mean; see `relative_patch_weights`.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.errors import InputError
from jaxgan.precision import at_least_float32
from jaxgan.types import Record, Round, Score, Tree

Weight = Float[Array, "b ..."] | None
"""Weights of examples or of their patches; None if all are equal."""


def per_example(
    values: Float[Array, "b *patch"], weight: Weight = None
) -> Float[Array, " b"]:
    """Average each example's values, weighted by the relative patch weights."""
    values = at_least_float32(values)
    if weight is not None and weight.ndim > 1 and values.ndim > 1:
        values = relative_patch_weights(weight, values) * values
    return values.mean(axis=tuple(range(1, values.ndim)))


def relative_patch_weights(weight: Array, values: Float[Array, "b *patch"]) -> Array:
    """Divide patch weights by their mean within each example.

    The result broadcasts with `values`. It is 0 for examples of weight zero.
    """
    aligned = _align_weight(weight, values)
    mean = aligned.mean(axis=tuple(range(1, aligned.ndim)), keepdims=True)
    return jnp.where(mean > 0, aligned / jnp.where(mean > 0, mean, 1), 0)


def example_weights(weight: Weight) -> Float[Array, " b"] | None:
    """Return the weight of each example, the mean over its patches."""
    return weight if weight is None or weight.ndim == 1 else per_example(weight)


def mask_unweighted(weight: Weight, images: Tree) -> Tree:
    """Zero the positions of images whose weight is zero, such as persons or frames.

    This applies only to arrays whose leading axes are those of the weight.
    """
    if weight is None:
        return images

    def mask(x: Array) -> Array:
        if not is_per_position(weight, x):
            return x
        present = (weight != 0).reshape(*weight.shape, *(1,) * (x.ndim - weight.ndim))
        return jnp.where(present, x, jnp.zeros((), x.dtype))

    return jax.tree.map(mask, images)


def is_per_position(weight: Weight, x: Array) -> bool:
    """Return True if the weight has patch axes and the axes of `x` begin with them."""
    return (
        weight is not None
        and weight.ndim > 1
        and weight.shape == x.shape[: weight.ndim]
    )


def image_weights(weight: Weight, image: Float[Array, "b ..."]) -> Weight:
    """Return a weight for pixel values: per position if it fits, else per example."""
    return weight if is_per_position(weight, image) else example_weights(weight)


def mean_over_reals(
    record: Record, values: Float[Array, "b *patch"]
) -> Float[Array, ""]:
    """Average over the batch of reals, weighted by `Round.weight`."""
    return weighted_mean(record, values, record.weight)


def mean_over_fakes(
    record: Round, values: Float[Array, "b *patch"]
) -> Float[Array, ""]:
    """Average over the batch of fakes, weighted by `Round.fake_weight`."""
    return weighted_mean(record, values, record.fake_weight)


def weighted_mean(
    record: Record, values: Float[Array, "b *patch"], weight: Weight | float
) -> Float[Array, ""]:
    """Average values times weights over the batch, without normalizing the weights.

    Raises:
        InputError: if the patches of the weight are not those of the values.
    """
    if weight is not None and not isinstance(weight, float) and weight.ndim > 1:
        weighted = _align_weight(weight, values) * at_least_float32(values)
        return record.mean(per_example(weighted))
    values = per_example(values)
    return record.mean(values if weight is None else weight * values)


def normalize_weights(record: Record, weight: Weight) -> Array | float:
    """Scale weights to mean one; return ones if there are none or all are zero."""
    if weight is None:
        return 1.0
    mean = record.mean(at_least_float32(weight))
    return jnp.where(mean > 0, weight / jnp.where(mean > 0, mean, 1), 1.0)


def normalized_mean(
    record: Record, values: Float[Array, "b *patch"], weight: Weight
) -> Float[Array, ""]:
    """Average values over the batch with weights normalized to mean one."""
    return weighted_mean(record, values, normalize_weights(record, weight))


def gather_weights(
    record: Record, weight: Weight, like: Float[Array, "b ..."]
) -> Array:
    """Gather the normalized example weights of the global batch."""
    each = normalize_weights(record, example_weights(weight))
    return record.gather(jnp.ones(len(like), like.dtype) * each)


def mean_over_distinct_pairs(
    values: Float[Array, "n n"], weight: Float[Array, " n"]
) -> Float[Array, ""]:
    """Average over pairs of distinct examples, weighted by the product of weights.

    It is 0 if fewer than two examples have a positive weight.
    """
    distinct = ~jnp.eye(len(weight), dtype=bool)
    each = jnp.where(distinct, weight[:, None] * weight[None, :], 0)
    mass = each.sum()
    total = jnp.where(distinct, each * values, 0).sum()
    return jnp.where(mass > 0, total / jnp.where(mass > 0, mass, 1), 0)


def pair_weight(record: Round) -> Weight:
    """Return the weight of each pair of a real and a fake: the product of theirs.

    The product is divided by the share of pairs of which both have a weight, and
    multiplied by the shares of such reals and of such fakes. So an example of weight
    zero counts as absent, whether its partner is absent too or not. In a conditional
    game a real and its fake share one weight, which counts once.
    """
    if record.condition and record.fake_weight is not None:
        return record.fake_weight
    if record.weight is None or record.fake_weight is None:
        return multiply_weights(record.weight, record.fake_weight)
    real, fake = (present(weight) for weight in (record.weight, record.fake_weight))
    both = record.mean(real * fake)
    share = record.mean(real) * record.mean(fake) / jnp.where(both > 0, both, 1)
    return share * multiply_weights(record.weight, record.fake_weight)


def present(weight: Float[Array, "b ..."]) -> Float[Array, " b"]:
    """Return 1 for each example of positive weight and 0 for each other."""
    return (per_example(weight) > 0).astype(jnp.float32)


def multiply_weights(one: Weight, other: Weight) -> Weight:
    """Multiply two weights, each per example or per patch."""
    if one is None or other is None:
        return other if one is None else one
    few, many = sorted((one, other), key=jnp.ndim)
    return few.reshape(*few.shape, *(1,) * (many.ndim - few.ndim)) * many


def _align_weight(weight: Array, values: Float[Array, "b *patch"]) -> Array:
    """Average a weight over the axes that `values` lack, and broadcast it to them."""
    weight = weight.mean(axis=tuple(range(values.ndim, weight.ndim)))
    if weight.shape != values.shape[: weight.ndim]:
        raise InputError(
            f"a weight of shape {weight.shape} does not belong to values of shape "
            f"{values.shape}; it must be (b,), or begin like the logits."
        )
    return weight.reshape(*weight.shape, *(1,) * (values.ndim - weight.ndim))


def count_pairs(term: str, record: Round) -> int:
    """Return the number of pairs of a real and a fake.

    Raises:
        InputError: if the numbers of reals and fakes differ.
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
    """Compute ‖x - y‖² for every pair."""
    # The expansion ‖x‖² - 2x·y + ‖y‖² would lose digits of small distances.
    return jnp.square(x[:, None, :] - y[None, :, :]).sum(axis=-1)


def noise_like(record: Round, key: Array, tree: Tree) -> Tree:
    """Draw standard normal noise in the shapes of a tree, for the global batch."""
    leaves, structure = jax.tree.flatten(tree)
    keys = jax.random.split(key, len(leaves))
    noise = [
        record.draw(jax.random.normal, leaf_key, leaf.shape).astype(leaf.dtype)
        for leaf_key, leaf in zip(keys, leaves, strict=True)
    ]
    return jax.tree.unflatten(structure, noise)


def require_callable(term: str, record: Any, name: str) -> Any:
    """Return the function `name` of a round, `critic` or `generate`.

    Raises:
        InputError: if the rounds of the game have no such function.
    """
    function = getattr(record, name, None)
    if function is None:
        raise InputError(
            f"{term} needs `{name}`, which the rounds of this game do not have; use it "
            "in a game that has it, or focus it on a part of the record that has it."
        )
    return function


def require_features(term: str, score: Score) -> list[Array]:
    """Return the features of a discriminator as a list of layers.

    Raises:
        InputError: if the discriminator returned no features.
    """
    layers = jax.tree.leaves(score.features)
    if not layers:
        raise InputError(
            f"{term} needs the discriminator's features, but it returns none: let it "
            "return Score(logits, features=…)."
        )
    return [at_least_float32(layer) for layer in layers]


def safe_norm(x: Tree) -> Float[Array, " b"]:
    """Compute the Euclidean norm of each example, with gradient zero (not NaN) at 0."""
    return safe_sqrt(squared_norm(x))


def safe_sqrt(square: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Compute √t, with gradient zero (not infinite) at 0."""
    positive = square > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, square, 1.0)), 0.0)


def squared_norm(x: Tree) -> Float[Array, " b"]:
    """Sum the squares of each example over all leaves."""
    squares = [
        jnp.square(at_least_float32(leaf)).sum(axis=tuple(range(1, leaf.ndim)))
        for leaf in jax.tree.leaves(x)
    ]
    return sum(squares[1:], start=squares[0])
