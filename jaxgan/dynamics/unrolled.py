"""Unrolled updates: one player differentiates through the others' next updates."""

from collections.abc import Mapping, Sequence
from functools import partial

import jax

from jaxgan.dynamics.alternating import alternating_step
from jaxgan.dynamics.checks import check_problem
from jaxgan.dynamics.differentiable import check_differentiable
from jaxgan.dynamics.field import (
    Optimizers,
    Params,
    apply_gradient,
    make_algorithm,
    make_field,
    owned_params,
    substep,
    with_params,
)
from jaxgan.dynamics.players import check_game, check_order
from jaxgan.errors import InputError, check_positive_int
from jaxgan.types import Algorithm, Batch, Game, Info, PlayerName, State


def unrolled(
    game: Game,
    optimizers: Optimizers,
    example: Batch,
    *,
    unroll_steps: int,
    player: PlayerName | None = None,
    order: Sequence[PlayerName] | None = None,
    fake_batch_sizes: Mapping[PlayerName, int] | None = None,
) -> Algorithm:
    """Update in turn, one player differentiating through k updates of the others.

        θ ← θ - η d/dθ L(θ, φ_k(θ)),  φ_{i+1} = φ_i - η' ∇_φ L'(θ, φ_i)

    The derivative is the total one, through all k updates of the others' optimizers,
    momenta included. The unrolled parameters, statistics and states of the loss are
    then dropped, so the others' own substeps are not affected. All unrolled updates use
    the batch and the key of the player's own substep. So they also use its latents, if
    `fake_batch_sizes` are equal. Several other players are unrolled simultaneously. In
    a `microbatched` game the updates are unrolled again for every microbatch.

    Args:
        game: any number of players.
        optimizers: an optax transformation for each player; those of the others must
            have finite derivatives at gradient zero, so Adam needs `eps_root` above 0.
        example: a batch as training will give it, of arrays or of their shapes.
        unroll_steps: k, the number of unrolled updates; each costs about two gradients,
            and memory.
        player: the player that unrolls the others; by default the last of `order`.
        order: the player of each substep; by default each player of the game once.
        fake_batch_sizes: number of latents that a player's substep draws, by player; by
            default the number of reals.

    Raises:
        InputError: before anything compiles, if `unroll_steps` is not an integer of at
            least 1, `player` is not a player of the game, another player's optimizer
            cannot be differentiated, or the pieces do not fit; see `dynamics.checks`.

    Reference: Metz et al. 2017, arXiv:1611.02163.

        >>> import jax.numpy as jnp, optax
        >>> from jaxgan import Batch, gan, mlp, non_saturating, priors
        >>> from jaxgan.dynamics import unrolled
        >>> generator, discriminator = mlp((2,), (8,)), mlp((), (8,))
        >>> game = gan(generator, discriminator, non_saturating(), priors.normal(4))
        >>> adam = optax.adam(1e-3, eps_root=1e-8)
        >>> optimizers = {player: adam for player in game.players}
        >>> algorithm = unrolled(
        ...     game, optimizers, Batch(jnp.zeros((8, 2))), unroll_steps=5
        ... )
    """
    check_positive_int("unrolled: unroll_steps", unroll_steps)
    check_game(game)
    order = tuple(game.players) if order is None else order
    check_order(game, order)
    player = order[-1] if player is None else player
    check_order(game, [player], "unrolled: player")
    problem = check_problem(game, optimizers, example, fake_batch_sizes)
    others = [other for other in game.players if other != player]
    if not others:
        raise InputError(
            f"unrolled: {player!r} is the only player, so there is nobody to unroll."
        )
    check_differentiable(problem, others, jax.vjp)

    def unroll(state: State, batch: Batch, key: jax.Array, params: Params) -> State:
        state = with_params(state, params)
        for _ in range(unroll_steps):
            field = make_field(problem, state, others, batch, key)
            gradient, _ = field(owned_params(game, state, others))
            state = apply_gradient(problem, state, others, gradient)
        return state

    def unrolled_substep(
        state: State, mover: PlayerName, batch: Batch, key: jax.Array
    ) -> tuple[State, Info]:
        state_at = partial(unroll, state, batch, key) if mover == player else None
        return substep(problem, state, mover, batch, key, state_at=state_at)

    step = alternating_step(problem, order, unrolled_substep)
    return make_algorithm(problem, step)
