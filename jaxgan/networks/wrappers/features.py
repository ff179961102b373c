"""The last features of a discriminator, which heads and projections read."""

from typing import Any

import jax

from jaxgan.errors import InputError
from jaxgan.types import Network, Score, Tree, Variables


def last_features(reader: str, score: Tree) -> Any:
    """Return the last layer of a score's features, an array or its shape.

    Raises:
        InputError: if there are none.
    """
    layers = jax.tree.leaves(score.features) if isinstance(score, Score) else []
    if not layers:
        raise InputError(
            f"{reader} the discriminator's features, but it returns none: let it "
            "return Score(logits, features=…)."
        )
    return layers[-1]


def features_shape(
    reader: str, discriminator: Network, variables: Variables, inputs: tuple[Tree, ...]
) -> jax.ShapeDtypeStruct:
    """Infer the shape of a discriminator's last features, without computing them.

    Raises:
        InputError: if it returns none, or some that are not (b, …, d).
    """
    output, _ = jax.eval_shape(
        lambda variables: discriminator.apply(
            discriminator.prepare(variables), *inputs, train=False
        ),
        variables,
    )
    features = last_features(reader, output)
    if len(features.shape) < 2 or not features.shape[-1]:
        raise InputError(
            f"{reader} the discriminator's features, which must be (b, …, d), with d "
            f"of at least 1; got {features.shape}."
        )
    return features
