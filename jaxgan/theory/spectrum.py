"""Local stability of a training step: its Jacobian, eigenvalues and spectral radius.

Near an equilibrium w*, a step multiplies the distance from it by the step's Jacobian.
So training converges if all eigenvalues lie within the unit circle, at the rate of the
largest modulus. The Jacobian covers not only parameters but the whole state: momenta,
moments and gradients of earlier steps.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Complex, Float

from jaxgan.errors import InputError, check_instance
from jaxgan.types import Algorithm, Batch, State


def jacobian(
    algorithm: Algorithm, state: State, batches: tuple[Batch, ...]
) -> Float[np.ndarray, "n n"]:
    """Compute the Jacobian of a step, ∂(next state) / ∂(state), over all floats.

    These are the parameters and statistics, the states of optimizers, loss and view,
    the average, frozen networks, and the memory of the dynamics, flattened in this
    order.

    Args:
        algorithm: any.
        state: the point. If the first steps differ from later ones, take a few first.
        batches: of the step.
    """
    check_instance("algorithm", algorithm, Algorithm, "alternating(…)")
    check_instance("state", state, State, "algorithm.init(key)")
    check_instance("batches", batches, tuple, "(batch,)")
    if not batches:
        raise InputError("batches must be those of a step, at least one.")
    for batch in batches:
        check_instance("batches: each", batch, Batch, "Batch(reals)")
    flat, restore = ravel_pytree(_floats(state))

    def step(flat: Array) -> Array:
        after, _ = algorithm.step(_with_floats(state, restore(flat)), batches)
        return ravel_pytree(_floats(after))[0]

    return np.asarray(jax.jit(jax.jacobian(step))(flat))


def eigenvalues(
    algorithm: Algorithm, state: State, batches: tuple[Batch, ...]
) -> Complex[np.ndarray, " n"]:
    """Compute the eigenvalues of a step's Jacobian, the largest modulus first.

    On the bilinear game, those of simultaneous updates with step size 1 are 1 ± i:

        >>> import jax, jax.numpy as jnp, optax
        >>> from jaxgan import Batch, simultaneous
        >>> from jaxgan.theory import games, spectrum
        >>> batch = Batch(jnp.zeros((1, 1)))
        >>> optimizers = dict.fromkeys(["generator", "discriminator"], optax.sgd(1.0))
        >>> algorithm = simultaneous(games.bilinear(), optimizers, batch)
        >>> state = algorithm.init(jax.random.key(0))
        >>> [complex(x) for x in spectrum.eigenvalues(algorithm, state, (batch,))]
        [(1+1j), (1-1j)]
    """
    values = np.linalg.eigvals(jacobian(algorithm, state, batches).astype(np.float64))
    return values[np.argsort(-np.abs(values), kind="stable")].astype(np.complex128)


def spectral_radius(
    algorithm: Algorithm, state: State, batches: tuple[Batch, ...]
) -> float:
    """Compute the largest modulus of a step's eigenvalues.

    If it is below 1, the point attracts.
    """
    return float(np.abs(eigenvalues(algorithm, state, batches)[0]))


def _floats(state: State) -> list[Array]:
    return [x for x in jax.tree.leaves(state) if _is_float(x)]


def _with_floats(state: State, floats: list[Array]) -> State:
    leaves, structure = jax.tree.flatten(state)
    fresh = iter(floats)
    mixed = [next(fresh) if _is_float(x) else x for x in leaves]
    return jax.tree.unflatten(structure, mixed)


def _is_float(x: Array) -> bool:
    return jnp.issubdtype(x.dtype, jnp.floating)
