"""Flax NNX modules as networks.

A module is split once into its structure and its arrays. Every call merges *fresh*
variables: NNX's own `merge(graphdef, state)` aliases the caller's, which then change
under it, and it fails inside nested transformations. Parameters are never read back
after a call, since `nnx.SpectralNorm` overwrites its raw weights.
"""

import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from jaxgan.types import Network, Tree, Variables


def from_nnx(make: Callable[[nnx.Rngs], nnx.Module]) -> Network:
    """Wrap a function that builds an NNX module.

    The module is put in train or eval mode for each call, and `train` is passed on too
    if its `__call__` takes it. The network's key replaces the module's random streams
    in every call; without a key they are fixed.
    Everything but `nnx.Param` and random streams counts as statistics.

    Args:
        make: from random streams to a module, which takes the network's inputs.

        >>> import jax
        >>> from flax import nnx
        >>> from jaxgan import from_nnx
        >>> network = from_nnx(lambda rngs: nnx.Linear(2, 3, rngs=rngs))
        >>> x = jax.numpy.ones((4, 2))
        >>> output, stats = network.apply(network.init(jax.random.key(0), x), x)
        >>> output.shape
        (4, 3)
    """
    structure, params_shape, streams, stats_shape = _split(
        nnx.eval_shape(lambda: make(nnx.Rngs(0)))
    )

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
            _filled(params_shape, variables.params),
            _seeded(streams, key),
            _filled(stats_shape, variables.stats),
        )
        module.train() if train else module.eval()
        takes_train = "train" in inspect.signature(type(module).__call__).parameters
        output = module(*inputs, **({"train": train} if takes_train else {}))
        if not train:
            return output, variables.stats
        return output, nnx.to_pure_dict(_split(module)[3])

    return Network(init, apply)


def _split(module: nnx.Module) -> tuple[Any, Tree, Tree, Tree]:
    parts: Any = nnx.split(module, nnx.Param, nnx.RngState, ...)
    return parts


def _filled(shapes: Tree, values: Tree) -> Tree:
    fresh = jax.tree.map(lambda x: x, shapes)
    nnx.replace_by_pure_dict(fresh, values)
    return fresh


def _seeded(streams: Tree, key: jax.Array) -> Tree:
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
