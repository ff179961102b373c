"""Optimistic gradient descent: each player extrapolates its last change of update."""

import optax

from jaxgan.dynamics.field import Optimizers
from jaxgan.dynamics.players import check_optimizers
from jaxgan.dynamics.simultaneous import simultaneous
from jaxgan.types import Algorithm, Batch, Game


def optimistic(
    game: Game,
    optimizers: Optimizers,
    example: Batch,
    *,
    fake_batch_size: int | None = None,
) -> Algorithm:
    """Update simultaneously, extrapolating each player's update.

        w ← w + 2 u - u',  u = the optimizer's update, u' = the one before

    So for SGD w ← w - 2η F(w) + η F(w'), which needs one gradient and one batch a step.
    The first move, which has none before it, is plain: u' = u.
    On min max xy it converges for η < 1/√3, with spectral radius
    √((1 + √(1-4η²)) / 2) up to η = ½.

    It appends `optax.scale_by_optimistic_gradient` to each player's optimizer. Append
    it yourself to use it with `alternating`, or if another transformation must come
    last: `clip_weights` before it would no longer keep weights in their set.

    Args:
        game: any number of players.
        optimizers: an optax transformation for each player.
        example: a batch as training will give it, of arrays or of their shapes.
        fake_batch_size: number of latents that a step draws; by default the number of
            reals.

    Raises:
        InputError: before anything compiles, if the pieces do not fit; see
            `dynamics.checks`.

    Reference: Daskalakis et al. 2018, arXiv:1711.00141.

        >>> import jax.numpy as jnp, optax
        >>> from jaxgan import Batch, gan, mlp, non_saturating, priors
        >>> from jaxgan.dynamics import optimistic
        >>> game = gan(mlp((2,)), mlp(()), non_saturating(), priors.normal(16))
        >>> optimizers = {player: optax.adam(1e-3) for player in game.players}
        >>> algorithm = optimistic(game, optimizers, Batch(jnp.zeros((8, 2))))
    """
    check_optimizers(game, optimizers)
    extrapolated = {
        player: optax.chain(optimizer, optax.scale_by_optimistic_gradient())
        for player, optimizer in optimizers.items()
    }
    return simultaneous(game, extrapolated, example, fake_batch_size=fake_batch_size)
