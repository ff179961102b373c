"""Consensus optimization: all players also minimize the norm of the vector field."""

import jax
import jax.numpy as jnp

from jaxgan.dynamics.checks import check_joint_problem
from jaxgan.dynamics.field import (
    Field,
    Optimizers,
    Outcome,
    Params,
    make_algorithm,
)
from jaxgan.dynamics.simultaneous import joint_step
from jaxgan.errors import check_non_negative
from jaxgan.types import Algorithm, Batch, Game


def consensus(
    game: Game,
    optimizers: Optimizers,
    example: Batch,
    *,
    weight: float | jax.Array,
    fake_batch_size: int | None = None,
) -> Algorithm:
    """Update simultaneously and also descend half the squared norm of the field.

        w ← w - η (F(w) + γ ∇ ½‖F(w)‖²),  ∇ ½‖F‖² = Jᵀ F

    The second term attracts to every stationary point, stable or not, in proportion to
    γ. On min max xy the step's eigenvalues are 1 - ηγ ± iη. Second derivatives are
    exact, so it costs about two more gradients. On batches, ½‖F‖² of the batch is a
    biased estimate, as in the paper.

    Args:
        game: any number of players.
        optimizers: an optax transformation for each player.
        example: a batch as training will give it, of arrays or of their shapes.
        weight: γ, at least 0; may be traced.
        fake_batch_size: number of latents that a step draws; by default the number of
            reals.

    Raises:
        InputError: before anything compiles, if a concrete weight is negative or not
            finite, or the pieces do not fit; see `dynamics.checks`.

    Reference: Mescheder et al. 2017, arXiv:1705.10461.

        >>> import jax.numpy as jnp, optax
        >>> from jaxgan import Batch, gan, mlp, non_saturating, priors
        >>> from jaxgan.dynamics import consensus
        >>> game = gan(mlp((2,)), mlp(()), non_saturating(), priors.normal(16))
        >>> optimizers = {player: optax.sgd(0.1) for player in game.players}
        >>> algorithm = consensus(
        ...     game, optimizers, Batch(jnp.zeros((8, 2))), weight=0.5
        ... )
    """
    check_non_negative("consensus: weight", weight)
    problem = check_joint_problem(game, optimizers, example, fake_batch_size)

    def direction(field: Field, params: Params) -> tuple[Params, Outcome]:
        gradient, pullback, outcome = jax.vjp(field, params, has_aux=True)
        [regularizer] = pullback(gradient)  # Jᵀ F
        add = lambda g, r: g + jnp.asarray(weight, g.dtype) * r  # noqa: E731
        return jax.tree.map(add, gradient, regularizer), outcome

    return make_algorithm(problem, joint_step(problem, direction))
