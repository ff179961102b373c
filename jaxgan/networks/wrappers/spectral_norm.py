"""Spectral normalization, which bounds a network's Lipschitz constant by its weights.

The largest singular value of a weight matrix W is σ(W) = uᵀWv, where u and v are its
singular vectors. One power iteration a substep suffices to follow them, since the
weights move slowly. The vectors are statistics of the network, so its owner's moves
keep them.
"""

import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.errors import (
    InputError,
    check_function,
    check_instance,
    check_positive_int,
)
from jaxgan.precision import at_least_float32
from jaxgan.types import Network, Tree, Variables

WARM_UP = 15
"""Power iterations at initialization, so that the first steps are normalized too."""


def is_weight(path: str) -> bool:
    """Return False for scales and biases, also those of each class, by their names."""
    return {"scale", "bias"}.isdisjoint(path.split("/"))


def spectral_norm(
    network: Network,
    *,
    iterations: int = 1,
    where: Callable[[str], bool] = is_weight,
) -> Network:
    """Divide each weight matrix of a network by its largest singular value.

        W / σ(W),  σ(W) = uᵀ W v,  u = W v / ‖W v‖,
        v ← Wᵀ u / ‖Wᵀ u‖  before each use of the weights

    A dense layer is then 1-Lipschitz, and a convolution is so up to the overlap of its
    windows. The optimizer trains the W that is divided. The gradient passes through σ,
    with u and v constant; at the singular vectors it is exact. Second derivatives in W,
    which some dynamics take, also hold u and v constant.

    All parameters with two or more axes are weight matrices, but for those that are
    called scale or bias, such as the tables of `ConditionalBatchNorm`. The last axis
    counts the columns: a convolution's kernel (h, w, i, o) is the matrix (h·w·i, o).
    The kernel of DCGAN's transposed convolution has the layout (h, w, o, i) of the
    convolution that it transposes. It is the matrix (h·w·o, i), from one pixel to the
    patch that it makes, and both convolutions have one bound. Flax's `ConvTranspose`
    has kernels (h, w, i, o), normalized as (h·w·i, o), as PyTorch does. A matrix of
    zeros is left as it is. Its first update makes it one of norm 1, so leave out what
    begins at zero, such as the last convolutions of R3GAN's blocks.

    Each use of the weights starts from the vectors in the statistics and iterates, in
    evaluation too. The vectors are kept in the moves of the network's own player. If
    wrappers are nested, the inner ones prepare the weights first.

    Args:
        network: any, also one of several parts, such as `headed`.
        iterations: power iterations before each use; the first use follows 15 more.
        where: `(path) -> bool`, which weights to normalize, by paths such as
            "Dense_0/kernel"; by default all but scales and biases.

    Raises:
        InputError: if `iterations` is not an integer of at least 1, or, when the game
            is built, if there is no weight to normalize.

    Reference: Miyato et al. 2018, arXiv:1802.05957, algorithm 1.

        >>> import jax, jax.numpy as jnp
        >>> from jaxgan import mlp
        >>> from jaxgan.networks import spectral_norm
        >>> network = spectral_norm(mlp((), hidden=(8,)), iterations=30)
        >>> variables = network.init(jax.random.key(0), jnp.ones((4, 2)))
        >>> weights = network.prepare(variables).params["Dense_0"]["kernel"]
        >>> bool(jnp.isclose(jnp.linalg.norm(weights, 2), 1))
        True
    """
    check_instance("spectral_norm: network", network, Network, "mlp(())")
    check_positive_int("spectral_norm: iterations", iterations)
    check_function("spectral_norm: where", where, 'lambda path: "embed" not in path')

    def init(key: Array, *inputs: Tree) -> Variables:
        variables = network.init(key, *inputs)
        weights = network.prepare(variables).params
        own_key = jax.random.fold_in(key, zlib.crc32(b"spectral_norm"))
        vectors = _draw_vectors(weights, where, own_key)
        _, vectors = _normalize_all(weights, vectors, WARM_UP)
        stats = {"network": variables.stats, "vectors": vectors}
        return Variables(variables.params, stats)

    def prepare(variables: Variables) -> Variables:
        params, stats = network.prepare(_without_vectors(variables))
        params, vectors = _normalize_all(params, variables.stats["vectors"], iterations)
        return Variables(params, {"network": stats, "vectors": vectors})

    def apply(
        variables: Variables,
        *inputs: Tree,
        key: Array | None = None,
        train: bool = True,
    ) -> tuple[Tree, Tree]:
        own = _without_vectors(variables)
        output, stats = network.apply(own, *inputs, key=key, train=train)
        return output, variables.stats | {"network": stats}

    return Network(init, apply, prepare)


def _without_vectors(variables: Variables) -> Variables:
    return variables._replace(stats=variables.stats["network"])


def _draw_vectors(weights: Tree, where: Callable[[str], bool], key: Array) -> Tree:
    """Draw a vector for each weight matrix, and `()` for each other parameter."""

    def draw(path: Any, weight: Array) -> Any:
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        if weight.ndim < 2 or not where(name):
            return ()
        own_key = jax.random.fold_in(key, len(drawn))
        kind = at_least_float32(weight).dtype
        drawn.append(jax.random.normal(own_key, weight.shape[-1:], kind))
        return drawn[-1]

    drawn: list[Array] = []
    vectors = jax.tree_util.tree_map_with_path(draw, weights)
    if not drawn:
        shapes = jax.tree.map(jnp.shape, weights)
        raise InputError(
            "spectral_norm: the network needs a weight with two or more axes that "
            f"`where` chooses; its parameters are {shapes}."
        )
    return vectors


def _normalize_all(weights: Tree, vectors: Tree, iterations: int) -> tuple[Tree, Tree]:
    """Normalize the weights that have a vector; return them and the new vectors."""

    def normalize(weight: Array, vector: Any) -> tuple[Array, Any]:
        if isinstance(vector, tuple):
            return weight, ()
        return _normalize(weight, vector, iterations)

    pairs = jax.tree.map(normalize, weights, vectors)
    normalized = jax.tree.map(lambda _, pair: pair[0], weights, pairs)
    return normalized, jax.tree.map(lambda _, pair: pair[1], weights, pairs)


@partial(jax.jit, static_argnames="iterations")  # for calls outside of a jitted step
def _normalize(
    weight: Float[Array, "*rows m"], right: Float[Array, " m"], iterations: int
) -> tuple[Float[Array, "*rows m"], Float[Array, " m"]]:
    """Divide a weight by its largest singular value, and iterate its right vector."""
    matrix = at_least_float32(weight).reshape(-1, weight.shape[-1])
    fixed = jax.lax.stop_gradient(matrix)

    def left_of(right: Array) -> Array:
        return _unit(_product(fixed, right), jnp.zeros(len(matrix), matrix.dtype))

    def iterate(_: Any, right: Array) -> Array:
        return _unit(_product(fixed.T, left_of(right)), right)

    right = jax.lax.stop_gradient(right.astype(matrix.dtype))
    right = jax.lax.fori_loop(0, iterations, iterate, right)
    sigma = _product(left_of(right), _product(matrix, right))
    sigma = jnp.where(sigma > 0, sigma, 1)  # of zeros
    return (matrix / sigma).astype(weight.dtype).reshape(weight.shape), right


def _unit(vector: Float[Array, " n"], otherwise: Float[Array, " n"]) -> Array:
    """Divide a vector by its length; of length 0, return another."""
    length = jnp.linalg.norm(vector)
    return jnp.where(length > 0, vector / length, otherwise)


def _product(one: Array, other: Array) -> Array:
    """Multiply in full precision, which accelerators do not by default."""
    return jnp.matmul(one, other, precision=jax.lax.Precision.HIGHEST)
