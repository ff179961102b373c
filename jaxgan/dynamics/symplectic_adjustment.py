"""Symplectic gradient adjustment: counteract the rotational part of the field."""

import jax
import jax.numpy as jnp
import optax

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

ALIGNMENT = 0.1  # the paper's ε; it decides the sign when the alignment is near 0


def symplectic_adjustment(
    game: Game,
    optimizers: Optimizers,
    example: Batch,
    *,
    weight: float | jax.Array = 1.0,
    fake_batch_size: int | None = None,
) -> Algorithm:
    """Update simultaneously along the field adjusted against its rotation.

        w ← w - η (F + λ Aᵀ F),  A = ½ (J - Jᵀ),  λ = ±weight

    The sign makes the adjustment attract to stable points and repel from unstable ones.
    With H = ½‖F‖² and d parameters, it is the sign of ⟨F, ∇H⟩ ⟨AᵀF, ∇H⟩ / d + 0.1. It
    costs about four more gradients. In a potential game A is 0; on min max xy the
    dynamics are those of `consensus`.

    Args:
        game: any number of players.
        optimizers: an optax transformation for each player.
        example: a batch as training will give it, of arrays or of their shapes.
        weight: |λ|, at least 0; may be traced.
        fake_batch_size: number of latents that a step draws; by default the number of
            reals.

    Raises:
        InputError: before anything compiles, if a concrete weight is negative or not
            finite, or the pieces do not fit; see `dynamics.checks`.

    Reference: Balduzzi et al. 2018, arXiv:1802.05642, algorithm 1.

        >>> import jax.numpy as jnp, optax
        >>> from jaxgan import Batch, gan, mlp, non_saturating, priors
        >>> from jaxgan.dynamics import symplectic_adjustment
        >>> game = gan(mlp((2,)), mlp(()), non_saturating(), priors.normal(16))
        >>> optimizers = {player: optax.sgd(0.1) for player in game.players}
        >>> algorithm = symplectic_adjustment(
        ...     game, optimizers, Batch(jnp.zeros((8, 2)))
        ... )
    """
    check_non_negative("symplectic_adjustment: weight", weight)
    problem = check_joint_problem(game, optimizers, example, fake_batch_size)

    def direction(field: Field, params: Params) -> tuple[Params, Outcome]:
        gradient, pullback, outcome = jax.vjp(field, params, has_aux=True)
        [vjp] = pullback(gradient)  # Jᵀ F = ∇H
        _, jvp, _ = jax.jvp(field, (params,), (gradient,), has_aux=True)  # J F
        adjustment = jax.tree.map(lambda v, j: (v - j) / 2, vjp, jvp)  # Aᵀ F
        size = sum(x.size for x in jax.tree.leaves(params))
        aligned = optax.tree.vdot(gradient, vjp) * optax.tree.vdot(adjustment, vjp)
        sign = jnp.where(aligned / size + ALIGNMENT >= 0, 1.0, -1.0)
        adjust = lambda g, a: g + (sign * weight).astype(g.dtype) * a  # noqa: E731
        return jax.tree.map(adjust, gradient, adjustment), outcome

    return make_algorithm(problem, joint_step(problem, direction))
