"""Networks whose inputs are changed first."""

from collections.abc import Callable, Sequence

from jaxtyping import Array

from jaxgan.types import Network, Tree, Variables


def with_inputs(network: Network, change: Callable[..., Sequence[Tree]]) -> Network:
    """Apply a function to a network's inputs before the network.

    Args:
        network: takes the inputs that `change` returns.
        change: `(*inputs) -> inputs`.
    """

    def init(key: Array, *inputs: Tree) -> Variables:
        return network.init(key, *change(*inputs))

    def apply(
        variables: Variables,
        *inputs: Tree,
        key: Array | None = None,
        train: bool = True,
    ) -> tuple[Tree, Tree]:
        return network.apply(variables, *change(*inputs), key=key, train=train)

    return network._replace(init=init, apply=apply)
