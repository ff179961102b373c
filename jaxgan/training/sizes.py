"""Check the sizes of networks before anything allocates them."""

import math
from collections.abc import Mapping

import jax
import psutil

from jaxgan.errors import InputError
from jaxgan.types import NetworkName, Variables


def check_sizes(variables: Mapping[NetworkName, Variables]) -> None:
    """Check that the networks fit into the machine's memory.

    Args:
        variables: variables of all networks, or their shapes.

    Raises:
        InputError: if one alone does not.
    """
    memory = psutil.virtual_memory().total
    for name, own in variables.items():
        leaves = jax.tree.leaves(own)
        size = sum(math.prod(x.shape) * x.dtype.itemsize for x in leaves)
        if size > memory:
            raise InputError(
                f"the network {name!r} would take {size / 2**30:,.0f} GB, and the "
                f"machine has {memory / 2**30:,.0f} GB; make it smaller."
            )
