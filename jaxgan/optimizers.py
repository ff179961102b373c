"""Optimizers that keep weights inside a set, as optax transformations.

Each goes last in an `optax.chain`: it changes the update so that the parameters land on
the nearest point of the set.

    optax.chain(optax.rmsprop(5e-5), clip_weights(0.01))
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from jaxgan.errors import InputError, check_positive
from jaxgan.precision import wide
from jaxgan.types import Tree


def clip_weights(limit: float | Array = 0.01) -> optax.GradientTransformation:
    """The weight clipping of the first WGAN: every parameter stays in [-c, c].

        θ ← clip(θ + update, -c, c)

    All parameters, biases and scales included, as in the paper's code; `optax.masked`
    spares some. The bound holds to the rounding of one addition.

    Args:
        limit: c > 0; may be traced.

    Raises:
        InputError: if a concrete `limit` is not positive.

    Reference: Arjovsky et al. 2017, arXiv:1701.07875, algorithm 1.

        >>> import jax.numpy as jnp, optax
        >>> from jaxgan import clip_weights
        >>> optimizer = optax.chain(optax.sgd(1.0), clip_weights(0.1))
        >>> w, gradient = jnp.array([0.0, 0.05]), jnp.array([0.5, 0.01])
        >>> update, _ = optimizer.update(gradient, optimizer.init(w), w)
        >>> optax.apply_updates(w, update)
        Array([-0.1 ,  0.04], dtype=float32)
    """
    check_positive("clip_weights: limit", limit)
    return _projected("clip_weights", lambda x: jnp.clip(x, -limit, limit))


def project_orthogonal() -> optax.GradientTransformation:
    """Every kernel stays a matrix with orthonormal columns (or rows, if it is wide).

        W ← U Vᵀ,  where W + update = U Σ Vᵀ

    the nearest such matrix. Kernels are the parameters of two or more dimensions, as
    matrices with one column an output; all else is updated as usual. Every singular
    value is then one, so a dense layer is 1-Lipschitz, a convolution up to the overlap
    of its windows.

    Reference: Müller et al. 2019, arXiv:1911.13060; the nearest matrix:
    Higham 1986, doi:10.1137/0907079.

        >>> import jax.numpy as jnp, optax
        >>> from jaxgan import project_orthogonal
        >>> optimizer = optax.chain(optax.sgd(1.0), project_orthogonal())
        >>> w, gradient = 3 * jnp.eye(2), jnp.zeros((2, 2))
        >>> update, _ = optimizer.update(gradient, optimizer.init(w), w)
        >>> bool(jnp.allclose(optax.apply_updates(w, update), jnp.eye(2), atol=1e-6))
        True
    """

    def nearest(kernel: Float[Array, "..."]) -> Float[Array, "..."]:
        if kernel.ndim < 2:
            return kernel
        matrix = kernel.reshape(-1, kernel.shape[-1])
        left, _, right = jnp.linalg.svd(wide(matrix), full_matrices=False)
        return (left @ right).astype(kernel.dtype).reshape(kernel.shape)

    return _projected("orthogonal_weights", nearest)


def _projected(
    name: str, project: Callable[[Array], Array]
) -> optax.GradientTransformation:
    def update(updates: Tree, params: Tree | None) -> Tree:
        if params is None:
            raise InputError(
                f"{name} needs the parameters too: update(gradient, state, params)."
            )
        return jax.tree.map(lambda u, p: project(p + u) - p, updates, params)

    return optax.stateless(update)
