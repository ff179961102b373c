"""Optax transformations for weight clipping and orthogonal weights.

Each must be the last in an `optax.chain`. It changes the update such that the updated
parameters are projected onto the constraint set.

    optax.chain(optax.rmsprop(5e-5), clip_weights(0.01))
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from jaxgan.errors import InputError, check_positive
from jaxgan.precision import at_least_float32
from jaxgan.types import Tree

__all__ = [
    "clip_weights",
    "project_orthogonal",
]


def clip_weights(limit: float | Array = 0.01) -> optax.GradientTransformation:
    """Clip all parameters to [-c, c] after each update, as in the original WGAN.

        θ ← clip(θ + update, -c, c)

    It applies to all parameters, including biases and scales, as in the paper's code.
    Use `optax.masked` to exclude some. The bound holds up to the rounding of one
    addition.

    Args:
        limit: c > 0; may be traced.

    Raises:
        InputError: if a concrete `limit` is not positive.

    Reference: Arjovsky et al. 2017, arXiv:1701.07875, algorithm 1.

        >>> import jax.numpy as jnp, optax
        >>> from jaxgan.optimizers import clip_weights
        >>> optimizer = optax.chain(optax.sgd(1.0), clip_weights(0.1))
        >>> w, gradient = jnp.array([0.0, 0.05]), jnp.array([0.5, 0.01])
        >>> update, _ = optimizer.update(gradient, optimizer.init(w), w)
        >>> optax.apply_updates(w, update)
        Array([-0.1 ,  0.04], dtype=float32)
    """
    check_positive("clip_weights: limit", limit)
    return _projected("clip_weights", lambda x: jnp.clip(x, -limit, limit))


def project_orthogonal() -> optax.GradientTransformation:
    """Project each kernel to the nearest orthogonal matrix after each update.

        W ← U Vᵀ,  where W + update = U Σ Vᵀ

    Kernels are the parameters with two or more axes, reshaped to matrices with one
    column for each output. Their columns become orthonormal, or their rows if there are
    fewer rows than columns. Other parameters are updated as usual. All singular values
    are then one, so a dense layer is 1-Lipschitz, and a convolution is so up to the
    overlap of its windows.

    Reference: Müller et al. 2019, arXiv:1911.13060; the nearest matrix:
    Higham 1986, doi:10.1137/0907079.

        >>> import jax.numpy as jnp, optax
        >>> from jaxgan.optimizers import project_orthogonal
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
        left, _, right = jnp.linalg.svd(at_least_float32(matrix), full_matrices=False)
        return (left @ right).astype(kernel.dtype).reshape(kernel.shape)

    return _projected("project_orthogonal", nearest)


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
