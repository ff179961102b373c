"""Generate a trained game's outputs from rows of latents and of examples.

Row i of an output is generated from row i of the latents and of the examples, in every
game: conditional samples, reconstructions, translations, predictions.
"""

import math
from collections.abc import Callable, Mapping
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr
from numpy.typing import NDArray

from jaxgan.data.datasets import Dataset, as_dataset
from jaxgan.data.sources import batch_as_float
from jaxgan.errors import (
    InputError,
    check_function,
    check_instance,
    check_mapping,
    check_positive_int,
    check_seed,
)
from jaxgan.games.calls import bind_to_evaluate, stand_ins, to_evaluate
from jaxgan.types import Batch, Game, NetworkName, State, Tree, Variables

NOTHING = Batch(())
"""The examples of a game that has none: an empty batch."""

CHUNK = 256
"""Maximum number of rows generated at once."""

Maker = Callable[..., Tree]
"""`(variables, latents, batch=NOTHING) -> rows of an output`, as NumPy arrays."""


def best_variables(state: State) -> dict[NetworkName, Variables]:
    """Return the averaged networks, or the trained ones where no average is kept."""
    check_instance("state", state, State, "algorithm.init(key)")
    return state.variables | state.frozen | state.ema


def maker(game: Game, output: str | None = None) -> Maker:
    """Compile one of a game's outputs, in evaluation mode.

    Rows are generated in equal parts of at most 256. So each number of rows is compiled
    once, and few rows are computed beyond those requested.

    Args:
        game: the game.
        output: name of the output; by default the first.

    Returns:
        A function `(variables, latents, batch=Batch(()))` of any number of latents and
        as many examples; an output that reads no examples needs none. It returns floats
        as float32.

    Raises:
        InputError: if the game has no such output.

        >>> import jax
        >>> from jaxgan import gan, mlp, non_saturating, priors
        >>> from jaxgan.sampling import maker
        >>> game = gan(mlp((2,)), mlp(()), non_saturating(), priors.normal(16))
        >>> latents = game.prior(jax.random.key(0), 10, ())
        >>> network = game.networks["generator"]
        >>> variables = {"generator": network.init(jax.random.key(1), latents)}
        >>> maker(game)(variables, latents).shape
        (10, 2)
    """
    check_instance("game", game, Game, "gan(…)")
    return _maker(game, output_name(game, output))


@lru_cache(maxsize=8)  # a game's outputs are compiled once
def _maker(game: Game, output: str) -> Maker:
    function = game.outputs[output]

    @jax.jit
    def compute(variables: dict, latent: Tree, batch: Batch) -> Tree:
        calls = bind_to_evaluate(game, variables)
        try:
            made = function(calls, latent, batch)
        except KeyError as error:
            if error.args[0] not in game.networks:
                raise
            raise InputError(
                f"variables: the output {output!r} calls {error}, which they lack; "
                f"they are of {sorted(variables)}."
            ) from error
        return jax.tree.map(_as_float32, made)

    def make(
        variables: Mapping[NetworkName, Variables],
        latents: Tree,
        batch: Batch = NOTHING,
    ) -> Tree:
        check_mapping("variables", variables, "state.ema")
        check_instance("batch", batch, Batch, "Batch(images)")
        given = jax.tree.map(np.asarray, (latents, batch))
        parts = [
            jax.tree.map(np.asarray, compute(dict(variables), *_padded(given, rows)))
            for rows in parts_of(count_rows(given))
        ]
        made = jax.tree.map(lambda *x: np.concatenate(x), *parts)
        return jax.tree.map(lambda x: x[: count_rows(given)], made)

    return make


def output_name(game: Game, output: str | None) -> str:
    """Return the name of an output, by default the first, after checking it.

    Raises:
        InputError: if the game has no outputs, or none of that name.
    """
    if not game.outputs:
        raise InputError("the game has no outputs; give it some with outputs={…}.")
    if output is None:
        return next(iter(game.outputs))
    if not isinstance(output, str) or output not in game.outputs:
        raise InputError(
            f"output: the game makes no {output!r}; it makes {sorted(game.outputs)}."
        )
    return output


def parts_of(count: int) -> list[slice]:
    """Split rows into equal parts of at most `CHUNK`; the last may exceed the count."""
    size = math.ceil(count / math.ceil(count / CHUNK))
    return [slice(start, start + size) for start in range(0, count, size)]


def count_rows(tree: Tree) -> int:
    """Count the rows of a tree.

    Raises:
        InputError: if it has no leaves, so that the number is unknown.
    """
    leaves = jax.tree.leaves(tree)
    if not leaves:
        raise InputError(
            "the game has no latents, so its outputs are made from examples: give the "
            "experiment examples=…."
        )
    return len(leaves[0])


def draw_latents(
    game: Game, count: int, seed: int, condition: tuple[Tree, ...] = ()
) -> Tree:
    """Draw latents from the game's prior, given conditions.

    Raises:
        InputError: if `count` is not an integer of at least 1.
    """
    check_instance("game", game, Game, "gan(…)")
    check_positive_int("count", count)
    check_seed("seed", seed)
    check_condition(condition)
    return game.prior(jax.random.key(seed), count, condition)


def check_condition(condition: tuple[Tree, ...]) -> None:
    """Check that a condition is a tuple of arrays.

    Raises:
        InputError: if it is not.
    """
    check_instance("condition", condition, tuple, "(labels,)")
    if not all(hasattr(leaf, "dtype") for leaf in jax.tree.leaves(condition)):
        raise InputError(f"condition must be a tuple of arrays, got {condition!r}.")


def draw_examples(
    examples: Callable[[], Dataset | Batch] | None, count: int, seed: int
) -> Batch:
    """Open a data set and draw examples from it without replacement.

    If there are too few, they are repeated in the same order.

    Raises:
        InputError: if an argument is not valid.
    """
    check_positive_int("count", count)
    check_seed("seed", seed)
    if examples is None:
        return NOTHING
    check_function("examples", examples, "lambda: Batch(images)")
    data = as_dataset(examples(), name="examples()")
    return batch_as_float(data.gather(_order(len(data), count, seed)))


def choose(examples: Batch, count: int, seed: int) -> Batch:
    """Draw from examples in memory, as `draw_examples` does from a data set."""
    if not jax.tree.leaves(examples):
        return examples
    order = _order(count_rows(examples), count, seed)
    return jax.tree.map(lambda x: x[order], examples)


def _order(total: int, count: int, seed: int) -> NDArray[np.int64]:
    return np.resize(np.random.default_rng(seed).permutation(total), count)


def reads_real(game: Game, output: str | None, slim: Batch) -> bool:
    """Return True if an output reads the examples themselves, not only conditions.

    Args:
        game: the game.
        output: name of the output; by default the first.
        slim: a few examples with their conditions only.
    """
    function = game.outputs[output_name(game, output)]

    def compute() -> Tree:
        return function(to_evaluate(stand_ins(game, {})), *_zeros(game, slim, 2))

    try:
        jax.eval_shape(compute)
    except Exception:  # any error from reading a missing leaf
        return True
    return False


def check_outputs(
    game: Game, variables: Mapping[NetworkName, Variables], example: Batch
) -> None:
    """Check that every output can be generated from examples like these.

    Args:
        game: the game.
        variables: variables of all networks, or their shapes.
        example: a few examples, or their shapes, or `NOTHING`.

    Raises:
        InputError: if an output fails, its number of rows differs from the examples',
            or the shape of a row depends on the number of rows.
    """
    for name in game.outputs:
        few, more = (output_shapes(game, name, variables, example, n) for n in (2, 3))
        same = jax.tree.map(lambda x: x.shape[1:], few) == jax.tree.map(
            lambda x: x.shape[1:], more
        )
        counts = [{x.shape[:1] for x in jax.tree.leaves(made)} for made in (few, more)]
        if not same or counts != [{(2,)}, {(3,)}]:
            shapes = [[x.shape for x in jax.tree.leaves(made)] for made in (few, more)]
            raise InputError(
                f"output {name!r} makes arrays of shapes {shapes[0]} from 2 rows and "
                f"{shapes[1]} from 3; row i must be made from row i, in the same shape "
                "for any number of rows."
            )


def output_shapes(
    game: Game,
    name: str,
    variables: Mapping[NetworkName, Variables],
    example: Batch,
    count: int,
) -> Tree:
    """Infer the shapes of an output for a number of rows, without computing it.

    Raises:
        InputError: if it cannot be generated from examples like these.
    """
    try:
        return output_program(game, name, variables, example, count)[1]
    except InputError:
        raise
    except Exception as error:  # whatever an output may raise
        reason = str(error).strip().split("\n")[0]
        hint = "" if jax.tree.leaves(example) else "; if it reads some, give examples=…"
        raise InputError(
            f"output {name!r} cannot be made from examples of shapes "
            f"{jax.tree.map(lambda x: x.shape[1:], tuple(example))}: {reason}{hint}"
        ) from error


def output_program(
    game: Game,
    name: str,
    variables: Mapping[NetworkName, Variables],
    example: Batch,
    count: int,
) -> tuple[ClosedJaxpr, Tree]:
    """Trace an output for a number of rows: the program, and the shapes it makes."""

    def compute(variables: dict) -> Tree:
        rows = _zeros(game, example, count)
        return game.outputs[name](bind_to_evaluate(game, variables), *rows)

    return jax.make_jaxpr(compute, return_shape=True)(dict(variables))


def _zeros(game: Game, example: Batch, count: int) -> tuple[Tree, Batch]:
    """Make latents, and examples of zeros of the same shapes, to trace outputs with."""
    batch = jax.tree.map(lambda x: jnp.zeros((count, *x.shape[1:]), x.dtype), example)
    return game.prior(jax.random.key(0), count, batch.condition), batch


def _padded(rows: Tree, part: slice) -> Tree:
    """Take a part of the rows, and repeat the last row if there are too few.

    Padding with zeros could mask everything in a row, and an output may divide by the
    number of unmasked entries.
    """
    missing = max(0, part.stop - count_rows(rows))
    return jax.tree.map(
        lambda x: np.pad(x[part], [(0, missing)] + [(0, 0)] * (x.ndim - 1), "edge"),
        rows,
    )


def _as_float32(x: jax.Array) -> jax.Array:
    return x.astype(jnp.float32) if jnp.issubdtype(x.dtype, jnp.floating) else x
