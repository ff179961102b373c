"""What a step does near a point: the eigenvalues of its derivative.

Training near an equilibrium w* multiplies the distance from it by the step's Jacobian,
so it converges if all eigenvalues lie within the unit circle, as fast as the largest
modulus says. A step acts on more than parameters: momenta, moments and remembered
gradients belong to the point, and to the Jacobian.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Complex, Float

from jaxgan.types import Algorithm, Batch, State


def jacobian(
    algorithm: Algorithm, state: State, batches: tuple[Batch, ...]
) -> Float[np.ndarray, "n n"]:
    """∂(state after a step) / ∂(state), over all that moves and is a float.

    That is: parameters and statistics, the optimizers' states, those of loss, view
    and average, and what the dynamics remember, flattened in that order.

    Args:
        algorithm: any.
        state: the point. Take a few steps first where the first is not like the others.
        batches: of the step.
    """
    flat, restore = ravel_pytree(_floats(state))

    def step(flat: Array) -> Array:
        after, _ = algorithm.step(_with_floats(state, restore(flat)), batches)
        return ravel_pytree(_floats(after))[0]

    return np.asarray(jax.jit(jax.jacobian(step))(flat))


def eigenvalues(
    algorithm: Algorithm, state: State, batches: tuple[Batch, ...]
) -> Complex[np.ndarray, " n"]:
    """Of a step at a point, in complex128, the largest modulus first.

    On the bilinear game, simultaneous moves of size 1 have 1 ± i:

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
    """The largest modulus of a step's eigenvalues: below 1, the point attracts."""
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
