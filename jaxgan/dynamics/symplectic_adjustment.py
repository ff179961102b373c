"""Symplectic gradient adjustment: against the part of the field that only rotates."""

import jax
import jax.numpy as jnp
import optax

from jaxgan.dynamics.checks import set_up_together
from jaxgan.dynamics.field import Field, Optimizers, Outcome, Params
from jaxgan.dynamics.simultaneous import together
from jaxgan.errors import check_non_negative
from jaxgan.types import Algorithm, Batch, Game

ALIGNMENT = 0.1  # the paper's ε, which decides the sign where there is little to tell


def symplectic_adjustment(
    game: Game,
    optimizers: Optimizers,
    example: Batch,
    *,
    weight: float | jax.Array = 1.0,
    fakes: int | None = None,
) -> Algorithm:
    """Simultaneous moves along a field turned against its own rotation.

        w ← w - η (F + λ Aᵀ F),  A = ½ (J - Jᵀ),  λ = ±weight

    The sign makes the adjustment draw to stable points and away from unstable ones:
    with H = ½‖F‖² and d parameters, it is that of ⟨F, ∇H⟩ ⟨AᵀF, ∇H⟩ / d + 0.1. It
    costs about four more gradients. In a game of common interest A is 0; on min max xy
    it is `consensus`.

    Args:
        game: any number of players.
        optimizers: an optax transformation for each player.
        example: a batch as training will give it, of arrays or of their shapes.
        weight: |λ|, at least 0; may be traced.
        fakes: how many latents a step draws; by default as many as there are reals.

    Raises:
        InputError: before anything compiles, if a concrete weight is negative or not
            finite, or the pieces do not fit; see `dynamics.checks`.

    Reference: Balduzzi et al. 2018, arXiv:1802.05642, algorithm 1.

        >>> import jax.numpy as jnp, optax
        >>> from jaxgan import Batch, gan, mlp, non_saturating, priors
        >>> from jaxgan import symplectic_adjustment
        >>> game = gan(mlp((2,)), mlp(()), non_saturating(), priors.normal(16))
        >>> optimizers = {player: optax.sgd(0.1) for player in game.players}
        >>> algorithm = symplectic_adjustment(
        ...     game, optimizers, Batch(jnp.zeros((8, 2)))
        ... )
    """
    check_non_negative("symplectic_adjustment: weight", weight)
    setting = set_up_together(game, optimizers, example, fakes)

    def direction(field: Field, params: Params) -> tuple[Params, Outcome]:
        gradient, pull, outcome = jax.vjp(field, params, has_aux=True)
        [across] = pull(gradient)  # Jᵀ F = ∇H
        _, along, _ = jax.jvp(field, (params,), (gradient,), has_aux=True)  # J F
        turned = jax.tree.map(lambda t, n: (t - n) / 2, across, along)
        size = sum(x.size for x in jax.tree.leaves(params))
        favor = optax.tree.vdot(gradient, across) * optax.tree.vdot(turned, across)
        sign = jnp.where(favor / size + ALIGNMENT >= 0, 1.0, -1.0)
        adjust = lambda g, t: g + (sign * weight).astype(g.dtype) * t  # noqa: E731
        return jax.tree.map(adjust, gradient, turned), outcome

    return together(setting, direction)
