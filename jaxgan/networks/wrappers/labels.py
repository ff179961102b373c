"""Integer labels as vectors: one-hot, or rows of a learned table of embeddings.

A table lies beside the parameters of the network that a wrapper extends. A label
outside the classes is refused where its value is known, outside of `jit`. Inside, its
vector is zero.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.errors import check_labels
from jaxgan.types import Network, Tree, Variables


def one_hot(name: str, label: Array, classes: int, like: Tree) -> Float[Array, "b k"]:
    """Encode labels as one-hot vectors of the dtype of other inputs.

    Args:
        name: of the argument, for messages.
        label: integers (b,) from 0 to classes - 1.
        classes: number of classes.
        like: the other inputs.

    Raises:
        InputError: if `label` is no integers (b,), or is concrete and outside the
            classes.
    """
    check_labels(name, label, classes)
    floats = (x for x in jax.tree.leaves(like) if jnp.issubdtype(x.dtype, jnp.floating))
    dtype = next((x.dtype for x in floats), jnp.float32)
    return jax.nn.one_hot(label, classes, dtype=dtype)


def look_up(
    table: Float[Array, "k d"], chosen: Float[Array, "b k"]
) -> Float[Array, "b d"]:
    """Look up the rows of a table that one-hot vectors choose, exactly."""
    # A product: its gradient adds in a fixed order, and zeros choose the zero vector.
    return jnp.dot(
        chosen, table.astype(chosen.dtype), precision=jax.lax.Precision.HIGHEST
    )


def init_table(key: Array, classes: int, width: int) -> Float[Array, "k d"]:
    """Draw vectors of length about one, as one-hot vectors have, from N(0, 1/d)."""
    return jax.random.normal(key, (classes, width)) / jnp.sqrt(float(width))


def add_table(variables: Variables, table: Array) -> Variables:
    """Put a table of embeddings beside a network's parameters."""
    return variables._replace(params={"network": variables.params, "embedding": table})


def split_table(variables: Variables) -> tuple[Variables, Array]:
    """Return a network's own variables and the table beside them."""
    params = variables.params
    return variables._replace(params=params["network"]), params["embedding"]


def prepare_beside_table(network: Network, variables: Variables) -> Variables:
    """Prepare a network's own variables, and leave the table as it is."""
    own, table = split_table(variables)
    return add_table(network.prepare(own), table)
