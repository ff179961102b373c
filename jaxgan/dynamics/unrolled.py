"""Unrolled moves: one player foresees how the others will answer it."""

from collections.abc import Mapping, Sequence
from functools import partial

import jax

from jaxgan.dynamics.alternating import in_turn
from jaxgan.dynamics.checks import check_order, set_up
from jaxgan.dynamics.differentiable import check_differentiable
from jaxgan.dynamics.field import (
    Optimizers,
    Params,
    descend,
    field_of,
    move,
    params_of,
    with_params,
)
from jaxgan.errors import InputError, check_positive_int
from jaxgan.types import Algorithm, Batch, Game, Info, PlayerName, State


def unrolled(
    game: Game,
    optimizers: Optimizers,
    example: Batch,
    *,
    moves: int,
    player: PlayerName | None = None,
    order: Sequence[PlayerName] | None = None,
    fakes: Mapping[PlayerName, int] | None = None,
) -> Algorithm:
    """Alternating moves in which one player looks through some moves of the others.

        θ ← θ - η d/dθ L(θ, φ_k(θ)),  φ_{i+1} = φ_i - η' ∇_φ L'(θ, φ_i)

    The derivative is the total one, through all k updates of the others' optimizers,
    momenta included. The others then move as they would have without being foreseen,
    so the foreseen parameters, statistics and states of the loss are dropped. All
    foreseen moves are played on the batch and the key of the player's own substep, so
    with its latents if `fakes` are alike, and at once if there are several others. In
    an `microbatched` game they are foreseen anew for every microbatch.

    Args:
        game: any number of players.
        optimizers: an optax transformation for each player; those of the others must
            have finite derivatives at gradient zero, so Adam needs `eps_root` above 0.
        example: a batch as training will give it, of arrays or of their shapes.
        moves: k, how many moves are foreseen; each costs about two gradients, and
            memory.
        player: who foresees; by default the last to move.
        order: who moves, substep by substep; by default each player of the game once.
        fakes: how many latents a player's substep draws; for a player not named, as
            many as there are reals.

    Raises:
        InputError: before anything compiles, if `moves` is not an integer of at least
            1, `player` does not play, another's optimizer cannot be differentiated, or
            the pieces do not fit; see `dynamics.checks`.

    Reference: Metz et al. 2017, arXiv:1611.02163.

        >>> import jax.numpy as jnp, optax
        >>> from jaxgan import Batch, gan, mlp, non_saturating, priors, unrolled
        >>> generator, discriminator = mlp((2,), (8,)), mlp((), (8,))
        >>> game = gan(generator, discriminator, non_saturating(), priors.normal(4))
        >>> adam = optax.adam(1e-3, eps_root=1e-8)
        >>> optimizers = {player: adam for player in game.players}
        >>> algorithm = unrolled(
        ...     game, optimizers, Batch(jnp.zeros((8, 2))), moves=5
        ... )
    """
    check_positive_int("unrolled: moves", moves)
    order = tuple(game.players) if order is None else order
    check_order(game, order)
    player = order[-1] if player is None else player
    check_order(game, [player], "unrolled: player")
    setting = set_up(game, optimizers, example, fakes)
    others = [other for other in game.players if other != player]
    if not others:
        raise InputError(f"unrolled: {player!r} plays alone; nobody answers its moves.")
    check_differentiable(setting, others, jax.vjp)

    def foresee(state: State, batch: Batch, key: jax.Array, params: Params) -> State:
        state = with_params(state, params)
        for _ in range(moves):
            field = field_of(setting, state, others, batch, key)
            gradient, _ = field(params_of(game, state, others))
            state = descend(setting, state, others, gradient)
        return state

    def move_or_foresee(
        state: State, mover: PlayerName, batch: Batch, key: jax.Array
    ) -> tuple[State, Info]:
        at = partial(foresee, state, batch, key) if mover == player else None
        return move(setting, state, mover, batch, key, at=at)

    return in_turn(setting, order, move_or_foresee)
