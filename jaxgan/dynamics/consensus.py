"""Consensus optimization: players also agree to seek where all gradients vanish."""

import jax
import jax.numpy as jnp

from jaxgan.dynamics.checks import set_up_together
from jaxgan.dynamics.field import Field, Optimizers, Outcome, Params
from jaxgan.dynamics.simultaneous import together
from jaxgan.errors import check_non_negative
from jaxgan.types import Algorithm, Batch, Game


def consensus(
    game: Game,
    optimizers: Optimizers,
    example: Batch,
    *,
    weight: float | jax.Array,
    fakes: int | None = None,
) -> Algorithm:
    """Simultaneous moves that also descend half the squared length of the field.

        w ← w - η (F(w) + γ ∇ ½‖F(w)‖²),  ∇ ½‖F‖² = Jᵀ F

    It draws to every stationary point, good or bad, in proportion to γ; on min max xy
    the step's eigenvalues are 1 - ηγ ± iη. Second derivatives are exact, so it costs
    about two more gradients. On batches, ½‖F‖² of the batch is a biased estimate, as
    in the paper.

    Args:
        game: any number of players.
        optimizers: an optax transformation for each player.
        example: a batch as training will give it, of arrays or of their shapes.
        weight: γ, at least 0; may be traced.
        fakes: how many latents a step draws; by default as many as there are reals.

    Raises:
        InputError: before anything compiles, if a concrete weight is negative or not
            finite, or the pieces do not fit; see `dynamics.checks`.

    Reference: Mescheder et al. 2017, arXiv:1705.10461.

        >>> import jax.numpy as jnp, optax
        >>> from jaxgan import Batch, consensus, gan, mlp, non_saturating, priors
        >>> game = gan(mlp((2,)), mlp(()), non_saturating(), priors.normal(16))
        >>> optimizers = {player: optax.sgd(0.1) for player in game.players}
        >>> algorithm = consensus(
        ...     game, optimizers, Batch(jnp.zeros((8, 2))), weight=0.5
        ... )
    """
    check_non_negative("consensus: weight", weight)
    setting = set_up_together(game, optimizers, example, fakes)

    def direction(field: Field, params: Params) -> tuple[Params, Outcome]:
        gradient, pull, outcome = jax.vjp(field, params, has_aux=True)
        [agreement] = pull(gradient)
        add = lambda g, a: g + jnp.asarray(weight, g.dtype) * a  # noqa: E731
        return jax.tree.map(add, gradient, agreement), outcome

    return together(setting, direction)
