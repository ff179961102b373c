"""Several steps in one compiled call, for accelerators that wait for the host."""

import jax

from jaxgan.errors import InputError, check_instance, check_positive_int
from jaxgan.types import Algorithm, Batch, Info, State


def many_steps(algorithm: Algorithm, n: int) -> Algorithm:
    """Make n steps of an algorithm in one call, as one `scan`.

    The host then starts a program once for n steps. On a GPU or TPU that is faster
    where a step is short; on a CPU XLA runs convolutions in a loop several times more
    slowly, so do not use it there. The n steps are those of the algorithm, up to the
    rounding of another compiled program.

    `step` takes batches with a leading axis of n in every leaf, and its report has one
    too.

    Args:
        algorithm: any.
        n: number of steps in a call.

    Raises:
        InputError: if `n` is not an integer of at least 1 or, at `step`, the batches
            have another leading axis.

        >>> import jax, jax.numpy as jnp, optax
        >>> from jaxgan import Batch, alternating, gan, mlp, non_saturating, priors
        >>> from jaxgan.algorithms import many_steps
        >>> game = gan(mlp((2,)), mlp(()), non_saturating(), priors.normal(16))
        >>> optimizers = {player: optax.adam(1e-3) for player in game.players}
        >>> one = alternating(game, optimizers, Batch(jnp.zeros((8, 2))))
        >>> ten = many_steps(one, 10)
        >>> batches = (Batch(jnp.ones((10, 8, 2))),) * 2
        >>> state, info = jax.jit(ten.step)(one.init(jax.random.key(0)), batches)
        >>> int(state.step), info.gradient_norms["generator"].shape
        (10, (10,))
    """
    check_instance("many_steps: algorithm", algorithm, Algorithm, "alternating(…)")
    check_positive_int("many_steps: n", n)

    def step(state: State, batches: tuple[Batch, ...]) -> tuple[State, Info]:
        sizes = {leaf.shape[:1] for leaf in jax.tree.leaves(batches)}
        if sizes != {(n,)}:
            raise InputError(
                f"many_steps: every leaf of the batches needs a leading axis of {n} "
                f"steps, got shapes beginning with {sorted(sizes)}."
            )
        return jax.lax.scan(algorithm.step, state, batches)

    return algorithm._replace(step=step)
