"""Losses of how unlike two things in a record are: errors and likelihoods."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.errors import (
    InputError,
    check_count_or_0,
    check_function,
    check_mapping,
    check_non_negative,
)
from jaxgan.losses.combine import stateless
from jaxgan.losses.reductions import (
    example_weights,
    require_features,
    weighted_mean,
)
from jaxgan.precision import at_least_float32
from jaxgan.types import Loss, Losses, PlayerName, Tree

Measure = Callable[[Any, Any], Float[Array, " b"]]
"""`(target, output) -> (b,)`: how unlike each example's two things are."""

Pair = Callable[[Any], tuple[Any, Any]]
"""`(record) -> (target, output)`."""


def absolute_error(
    target: Float[Array, "b ..."], output: Float[Array, "b ..."]
) -> Float[Array, " b"]:
    """Compute the mean absolute difference of each example (L1).

    >>> import jax.numpy as jnp
    >>> from jaxgan.losses import absolute_error
    >>> absolute_error(jnp.array([[0.0, 1.0]]), jnp.array([[2.0, 1.0]])).tolist()
    [1.0]
    """
    return _mean(jnp.abs(_difference("absolute_error", target, output)))


def squared_error(
    target: Float[Array, "b ..."], output: Float[Array, "b ..."]
) -> Float[Array, " b"]:
    """Compute the mean squared difference of each example (L2).

    >>> import jax.numpy as jnp
    >>> from jaxgan.losses import squared_error
    >>> squared_error(jnp.array([[0.0, 1.0]]), jnp.array([[2.0, 1.0]])).tolist()
    [2.0]
    """
    return _mean(jnp.square(_difference("squared_error", target, output)))


def reconstruction(record: Any) -> tuple[Any, Any]:
    """Return a record's reals and what is decoded of their codes."""
    return record.real, record.decoded


def the_record(record: Any) -> Any:
    """Return the record itself."""
    return record


def features_of(
    at: Callable[[Any], Any] = the_record, *, layer: int | None = None
) -> Pair:
    """Create the pair of a discriminator's features, at each real and its fake.

    Args:
        at: `(record) -> Round`, such as `lambda record: record.decoded`; by default the
            record is one.
        layer: number of the layer among those that the discriminator returns, from 0;
            the last by default.

    Raises:
        InputError: if an argument is of another type, or, when the game is built, if
            the record is no round, or its discriminator returns no such features.

    Reference: Larsen et al. 2016, arXiv:1512.09300.

        >>> from jaxgan.losses import features_of, likeness
        >>> loss = likeness(of=features_of(), weights={"generator": 1.0})
    """
    check_function("features_of: at", at, "lambda record: record.decoded")
    if layer is not None:
        check_count_or_0("features_of: layer", layer)

    def of(record: Any) -> tuple[Any, Any]:
        judged = at(record)
        real, fake = (
            require_features("features_of", score)
            for score in (judged.real_score, judged.fake_score)
        )
        index = len(real) - 1 if layer is None else layer
        if index >= len(real):
            raise InputError(
                f"features_of: layer is {layer}, but the discriminator returns "
                f"features of {len(real)} only, which are numbered from 0."
            )
        return real[index], fake[index]

    return of


def likeness(
    measure: Measure = squared_error,
    *,
    of: Pair = reconstruction,
    weights: Mapping[PlayerName, float | Array] | None = None,
) -> Loss:
    """Create the loss of how unlike two things are, such as an image and its decoding.

        each player pays its λ · E measure(target, output)

    The two come from a record: reals and their decodings (`reconstruction`), an image
    and its translation there and back, features of a real and of a fake. Of outputs
    (b, k, …), k draws for each target, the measure is averaged over draws. An example
    is weighted by `Record.weight`.

    Args:
        measure: `(target, output) -> (b,)`: `absolute_error`, `squared_error`, one of
            `likelihoods`, or a function of your own.
        of: `(record) -> (target, output)`.
        weights: λ ≥ 0 of each player that pays; may be traced. {"coder": 1} by default.

    Raises:
        InputError: if an argument is of another type or a concrete λ is negative or not
            finite, or, when the game is built, if the record has no such things, their
            shapes differ, or the measure does not give a number for each example.

    Reference: Kingma & Welling 2014, arXiv:1312.6114 (likelihoods); Isola et al. 2017,
    arXiv:1611.07004 (L1); Larsen et al. 2016, arXiv:1512.09300 (features).

        >>> from jaxgan.losses import absolute_error, chain, kl_to_prior, likelihoods
        >>> from jaxgan.losses import likeness
        >>> of_a_vae = chain(likeness(likelihoods.bernoulli()), kl_to_prior())
        >>> cycle = likeness(
        ...     absolute_error,
        ...     of=lambda record: (record.real, record.again),
        ...     weights={"generator": 10.0},
        ... )
    """
    check_function("likeness: measure", measure, "squared_error")
    check_function("likeness: of", of, "lambda record: (record.real, record.decoded)")
    weights = {"coder": 1.0} if weights is None else weights
    check_mapping("likeness: weights", weights, '{"coder": 1.0}')
    if not weights:
        raise InputError("likeness: weights must name at least one player, got none.")
    for player, weight in weights.items():
        check_non_negative(f"likeness: weights[{player!r}]", weight)

    def evaluate(record: Any, key: Array) -> Losses:
        del key
        target, output = read("likeness: of", of, record)
        each = measured(measure, target, output)
        unlike = weighted_mean(record, each, example_weights(record.weight))
        return {player: weight * unlike for player, weight in weights.items()}

    return stateless(evaluate, name="likeness")


def read(name: str, of: Callable[[Any], Any], record: Any) -> Any:
    """Read something from a record.

    Raises:
        InputError: if the record does not have it.
    """
    try:
        return of(record)
    except (AttributeError, KeyError, IndexError, TypeError) as error:
        raise InputError(
            f"{name} cannot be read from a {type(record).__name__}: {error}."
        ) from error


def measured(measure: Measure, target: Tree, output: Tree) -> Float[Array, "b *k"]:
    """Apply a measure to each example, and to each of several draws of its output.

    Raises:
        InputError: if it does not give a number for each example.
    """
    several = _rank(output) == _rank(target) + 1
    found = (jax.vmap(measure, (None, 1), 1) if several else measure)(target, output)
    count = len(jax.tree.leaves(target)[0])
    shape = getattr(found, "shape", None)
    if shape is None or shape[:1] != (count,) or len(shape) != 1 + several:
        raise InputError(
            f"likeness: measure must give a number for each of {count} examples, got "
            f"shape {shape}."
        )
    return at_least_float32(found)


def _rank(tree: Tree) -> int:
    return jax.tree.leaves(tree)[0].ndim


def _difference(name: str, target: Array, output: Array) -> Array:
    if target.shape != output.shape:
        raise InputError(
            f"{name} compares things of one shape, got {target.shape} and "
            f"{output.shape}."
        )
    return at_least_float32(target) - at_least_float32(output)


def _mean(values: Float[Array, "b ..."]) -> Float[Array, " b"]:
    return values.mean(axis=tuple(range(1, values.ndim)))
