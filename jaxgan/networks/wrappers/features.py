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
        InputError: if it returns none.
    """
    output, _ = jax.eval_shape(
        lambda variables: discriminator.apply(
            discriminator.prepare(variables), *inputs, train=False
        ),
        variables,
    )
    return last_features(reader, output)
