"""Adapter for Flax Linen modules: `from_linen`."""

import inspect
from typing import Any

import flax.linen as nn
import jax

from jaxgan.errors import check_instance, check_key
from jaxgan.precision import with_dtypes_of
from jaxgan.types import Network, Tree, Variables

STREAMS = ("dropout", "noise")


def from_linen(module: nn.Module) -> Network:
    """Wrap a Linen module as a network.

    `train` is passed on if the module's `__call__` takes it. The network's key feeds
    the random streams "dropout" and "noise". All collections but "params" are
    statistics, which change only when the network's player moves. Flax's running
    variance is the biased one of the batch; PyTorch's is not.

    Args:
        module: its `__call__` takes the network's inputs, and optionally `train`.

    Raises:
        InputError: if it is no module, such as a class.

        >>> import flax.linen as nn, jax
        >>> from jaxgan import from_linen
        >>> network = from_linen(nn.Dense(3))
        >>> x = jax.numpy.ones((4, 2))
        >>> output, stats = network.apply(network.init(jax.random.key(0), x), x)
        >>> output.shape
        (4, 3)
    """
    check_instance("from_linen: module", module, nn.Module, "nn.Dense(3)")
    takes_train = "train" in inspect.signature(type(module).__call__).parameters

    def train_argument(train: bool) -> dict[str, Any]:
        return {"train": train} if takes_train else {}

    def init(key: jax.Array, *inputs: Tree) -> Variables:
        check_key("init: key", key)
        params_key, key = jax.random.split(key)
        rngs = {"params": params_key, **_split_streams(key)}
        collections = dict(module.init(rngs, *inputs, **train_argument(True)))
        return Variables(collections.pop("params", {}), collections)

    def apply(
        variables: Variables,
        *inputs: Tree,
        key: jax.Array | None = None,
        train: bool = True,
    ) -> tuple[Any, Tree]:
        collections = {"params": variables.params, **dict(variables.stats)}
        rngs = {} if key is None else _split_streams(key)
        if not train:
            output = module.apply(
                collections, *inputs, rngs=rngs, **train_argument(False)
            )
            return output, variables.stats
        output, changed = module.apply(
            collections,
            *inputs,
            rngs=rngs,
            mutable=list(variables.stats),
            **train_argument(True),
        )
        kept = {name: variables.stats[name] for name in changed}
        return output, {**dict(variables.stats), **with_dtypes_of(changed, kept)}

    return Network(init, apply)


def _split_streams(key: jax.Array) -> dict[str, jax.Array]:
    return dict(zip(STREAMS, jax.random.split(key, len(STREAMS)), strict=True))
