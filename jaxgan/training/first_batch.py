"""Checks of the first batches, before anything is trained on them.

What a network cannot learn from would show as losses that are not finite, or not at
all: numbers that are not finite, weights below 0, examples out of the generator's
reach, and examples that are all the same.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Literal

from jaxgan.data.datasets import Dataset
from jaxgan.data.sources import Source
from jaxgan.errors import InputError, check_weights
from jaxgan.sampling.outputs import output_program
from jaxgan.types import Batch, Game, NetworkName, Tree, Variables

LARGE = 100
"""Size of numbers that networks of usual weights hardly learn to make."""

BOUNDS = {"tanh": (-1.0, 1.0), "logistic": (0.0, 1.0)}
"""Ranges of the operations that a generator may end in."""

SAME_VALUES = {
    "broadcast_in_dim",
    "convert_element_type",
    "copy",
    "expand_dims",
    "reshape",
    "rev",
    "slice",
    "squeeze",
    "transpose",
}
"""Operations of one array whose results are among its values."""

Range = tuple[float, float]

logger = logging.getLogger(__name__)


def check_batches(batches: Sequence[Batch]) -> None:
    """Refuse batches that hold no numbers to train on.

    Raises:
        InputError: if a number of an example or a condition is not finite, or a weight
            is negative or not finite.
    """
    for batch in batches:
        if batch.weight is not None:
            check_weights("weight", batch.weight)
        for name, leaf in _floats(batch._replace(weight=None)):
            wrong = ~np.isfinite(leaf.reshape(len(leaf), -1)).all(axis=1)
            if wrong.any():
                raise InputError(
                    f"{name} holds numbers that are not finite, in {wrong.sum()} of "
                    f"the {len(leaf)} examples of the first batch; leave these out, or "
                    "replace the numbers with data.map."
                )
    reals = [np.asarray(leaf) for leaf in jax.tree.leaves(batches[0].real)]
    if reals and len(reals[0]) > 1 and all((x == x[:1]).all() for x in reals):
        logger.warning(
            "real: all %d examples of the first batch are the same.", len(reals[0])
        )


def with_extreme_labels(batch: Batch, source: Source) -> Batch:
    """Put the least and the greatest labels of all data into a batch.

    So what checks the labels of a batch checks those of all batches. Only of a source
    that draws from arrays as they are; of others the batch is returned unchanged.
    """
    reads: tuple[Any, ...] = getattr(source, "reads", ())
    data = reads[0] if len(reads) == 1 else None
    arrays = data.arrays if isinstance(data, Dataset) else None
    if arrays is None:
        return batch
    kinds = {jax.tree.structure(each.condition) for each in (arrays, batch)}
    if len(kinds) > 1:
        return batch

    def extreme(drawn: Any, known: Any) -> Any:
        integers = all(np.issubdtype(x.dtype, np.integer) for x in (drawn, known))
        if not integers or drawn.shape[1:] != known.shape[1:] or len(drawn) < 2:
            return drawn
        changed = np.array(drawn)
        changed[0], changed[1] = known.min(axis=0), known.max(axis=0)
        return changed

    condition = jax.tree.map(extreme, batch.condition, arrays.condition)
    return batch._replace(condition=condition)


def check_reach(
    game: Game,
    variables: Mapping[NetworkName, Variables],
    examples: Batch,
    batch: Batch,
) -> None:
    """Refuse reals that a generator with a bounded output cannot make.

    A generator that ends in tanh makes numbers from -1 to 1. Reals may exceed that by
    half of the range, as noise does.

    Args:
        game: the game.
        variables: of all networks, or their shapes.
        examples: that outputs are made of.
        batch: the first batch.

    Raises:
        InputError: if reals of the shape of an output exceed its range.
    """
    ranges = _ranges(game, variables, examples)
    for name, leaf in _floats(Batch(batch.real)):
        low, high = float(leaf.min()), float(leaf.max())
        reach = ranges.get(leaf.shape[1:])
        if reach is None:
            if max(-low, high) > LARGE:
                logger.warning(
                    "%s goes from %.6g to %.6g; networks learn numbers of about -1 to "
                    "1 more easily, so consider to scale it.",
                    name,
                    low,
                    high,
                )
            continue
        least, most = reach
        margin = (most - least) / 2
        if low < least - margin or high > most + margin:
            raise InputError(
                f"{name} goes from {low:.6g} to {high:.6g}, but the generator only "
                f"makes {least:g} to {most:g}; scale the data to that range. (Images "
                "of uint8 are scaled to -1 to 1 for you.)"
            )


def _floats(tree: Tree) -> list[tuple[str, np.ndarray]]:
    """List the arrays of floats by name, such as `real` or `condition[0]`."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return [
        (jax.tree_util.keystr(path).lstrip("."), np.asarray(leaf, np.float64))
        for path, leaf in leaves
        if jnp.issubdtype(leaf.dtype, jnp.floating)
    ]


def _ranges(
    game: Game, variables: Mapping[NetworkName, Variables], examples: Batch
) -> dict[tuple[int, ...], Range | None]:
    """Find the range of all outputs of each shape; None if one has no bounds."""
    ranges: dict[tuple[int, ...], Range | None] = {}
    for name in game.outputs:
        program, made = output_program(game, name, variables, examples, 2)
        jaxpr = program.jaxpr
        for variable, leaf in zip(jaxpr.outvars, jax.tree.leaves(made), strict=True):
            found, shape = _trace_back(jaxpr, variable), leaf.shape[1:]
            own = found if isinstance(found, tuple) else None
            if own is not None and shape in ranges:
                other = ranges[shape]
                own = other and (min(own[0], other[0]), max(own[1], other[1]))
            ranges[shape] = own
    return ranges


def _trace_back(jaxpr: Any, variable: Any) -> Range | int | None:
    """Follow a value of a program back to the operation that bounds it.

    Returns:
        The range, the number of the input that it is, or None if it has no bounds.
    """
    made_by = {out: equation for equation in jaxpr.eqns for out in equation.outvars}
    while not isinstance(variable, Literal) and variable in made_by:
        equation = made_by[variable]
        operation = equation.primitive.name
        if operation in BOUNDS:
            return BOUNDS[operation]
        inner = equation.params.get("jaxpr", equation.params.get("call_jaxpr"))
        if operation in SAME_VALUES:
            variable = equation.invars[0]
        elif inner is not None and operation not in ("scan", "shard_map"):
            inner = getattr(inner, "jaxpr", inner)
            place = equation.outvars.index(variable)
            found = _trace_back(inner, inner.outvars[place])
            if not isinstance(found, int):
                return found
            variable = equation.invars[found]
        else:
            return None
    inputs = [*jaxpr.invars]
    return inputs.index(variable) if variable in inputs else None
