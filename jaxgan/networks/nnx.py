"""Adapter for Flax NNX modules: `from_nnx`.

A module is split once into its structure and its arrays. Every call merges *fresh*
variables, because NNX's own `merge(graphdef, state)` aliases the caller's: the call
would then mutate them, and it fails inside nested transformations. Parameters are never
read back after a call, since `nnx.SpectralNorm` overwrites its raw weights.
"""

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from jaxgan.errors import InputError, check_function, check_instance
from jaxgan.precision import with_dtypes_of
from jaxgan.types import Network, Tree, Variables

if TYPE_CHECKING:
    from flax import nnx


def from_nnx(make: Callable[["nnx.Rngs"], "nnx.Module"]) -> Network:
    """Wrap a function that builds an NNX module as a network.

    Each call puts the module in train or eval mode, and passes `train` on if the
    module's `__call__` takes it. The network's key replaces the module's random streams
    in every call; without a key they are fixed. All variables but `nnx.Param` and
    random streams are statistics, which change only when the network's player moves.
    Flax's running variance is the biased one of the batch; PyTorch's is not.

    Args:
        make: `(rngs) -> module`; the module takes the network's inputs.

    Raises:
        InputError: if `make` is not a function that builds a module.

        >>> import jax
        >>> from flax import nnx
        >>> from jaxgan import from_nnx
        >>> network = from_nnx(lambda rngs: nnx.Linear(2, 3, rngs=rngs))
        >>> x = jax.numpy.ones((4, 2))
        >>> output, stats = network.apply(network.init(jax.random.key(0), x), x)
        >>> output.shape
        (4, 3)
    """
    from flax import nnx  # a second to import

    if isinstance(make, nnx.Module):
        raise InputError(
            "from_nnx: make must be a function of rngs, such as lambda rngs: "
            f"{type(make).__name__}(rngs=rngs), got a module."
        )
    check_function("from_nnx: make", make, "lambda rngs: nnx.Linear(2, 3, rngs=rngs)")
    shapes = nnx.eval_shape(lambda: make(nnx.Rngs(0)))
    check_instance("from_nnx: what make returns", shapes, nnx.Module, "nnx.Linear")
    structure, params_shape, streams, stats_shape = _split(shapes)

    def init(key: jax.Array, *inputs: Tree) -> Variables:
        del inputs
        _, params, _, stats = _split(make(nnx.Rngs(key)))
        return Variables(nnx.to_pure_dict(params), nnx.to_pure_dict(stats))

    def apply(
        variables: Variables,
        *inputs: Tree,
        key: jax.Array | None = None,
        train: bool = True,
    ) -> tuple[Any, Tree]:
        key = jax.random.key(0) if key is None else key
        module = nnx.merge(
            structure,
            _fill(params_shape, variables.params),
            _seed_streams(streams, key),
            _fill(stats_shape, variables.stats),
        )
        module.train() if train else module.eval()
        takes_train = "train" in inspect.signature(type(module).__call__).parameters
        output = module(*inputs, **({"train": train} if takes_train else {}))
        if not train:
            return output, variables.stats
        stats = nnx.to_pure_dict(_split(module)[3])
        return output, with_dtypes_of(stats, variables.stats)

    return Network(init, apply)


def _split(module: Any) -> tuple[Any, Tree, Tree, Tree]:
    """Split a module into structure, parameters, random streams and statistics."""
    from flax import nnx

    parts: Any = nnx.split(module, nnx.Param, nnx.RngState, ...)
    return parts


def _fill(shapes: Tree, values: Tree) -> Tree:
    """Make an NNX state of a plain dictionary of values."""
    from flax import nnx

    fresh = jax.tree.map(lambda x: x, shapes)
    nnx.replace_by_pure_dict(fresh, values)
    return fresh


def _seed_streams(streams: Tree, key: jax.Array) -> Tree:
    """Reset random streams: a key folded with each one's index, and counts of zero."""
    from flax import nnx

    return nnx.from_flat_state(
        [
            (
                path,
                variable.replace(
                    jax.random.fold_in(key, index)
                    if isinstance(variable, nnx.RngKey)
                    else jnp.uint32(0)
                ),
            )
            for index, (path, variable) in enumerate(nnx.to_flat_state(streams))
        ]
    )
