"""Simultaneous updates: all players update from the same parameters."""

from collections.abc import Callable

from jaxgan.dynamics.checks import check_joint_problem, check_step
from jaxgan.dynamics.field import (
    Field,
    Optimizers,
    Outcome,
    Params,
    Problem,
    Step,
    commit,
    make_algorithm,
    make_field,
    owned_params,
    substep_key,
)
from jaxgan.types import Algorithm, Batch, Game, Info, State

Direction = Callable[[Field, Params], tuple[Params, Outcome]]
"""`(field, params) -> (direction, outcome)`: the descent direction at a point."""


def simultaneous(
    game: Game,
    optimizers: Optimizers,
    example: Batch,
    *,
    fake_batch_size: int | None = None,
) -> Algorithm:
    """Update all players at once, from one round played for all of them.

        w ← w - η F(w),  F = (∇ of each player's loss by its own parameters)

    A step takes one `Batch`. It needs fewer operations than `alternating`, since the
    forward pass is shared. But on min max xy it spirals outward: the step's eigenvalues
    are 1 ± iη, of modulus √(1+η²).

    Args:
        game: any number of players.
        optimizers: an optax transformation for each player.
        example: a batch as training will give it, of arrays or of their shapes.
        fake_batch_size: number of latents that a step draws; by default the number of
            reals.

    Raises:
        InputError: before anything compiles, if the pieces do not fit; see
            `dynamics.checks`.

    Reference: Goodfellow et al. 2014, arXiv:1406.2661; Mescheder et al. 2017,
    arXiv:1705.10461.

        >>> import jax, jax.numpy as jnp, optax
        >>> from jaxgan import Batch, gan, mlp, non_saturating, priors, simultaneous
        >>> game = gan(mlp((2,)), mlp(()), non_saturating(), priors.normal(16))
        >>> optimizers = {player: optax.adam(1e-3) for player in game.players}
        >>> algorithm = simultaneous(game, optimizers, Batch(jnp.zeros((8, 2))))
        >>> state = algorithm.init(jax.random.key(0))
        >>> state, info = jax.jit(algorithm.step)(state, (Batch(jnp.ones((8, 2))),))
        >>> sorted(info.losses)
        ['discriminator', 'generator']
    """
    problem = check_joint_problem(game, optimizers, example, fake_batch_size)
    step = joint_step(problem, lambda field, params: field(params))
    return make_algorithm(problem, step)


def joint_step(problem: Problem, direction: Direction) -> Step:
    """Make a step that updates all players at once along a direction."""
    everyone = list(problem.game.players)

    def step(state: State, batches: tuple[Batch, ...]) -> tuple[State, Info]:
        check_step(problem, 1, state, batches)
        field = make_field(problem, state, everyone, batches[0], substep_key(state, 0))
        params = owned_params(problem.game, state, everyone)
        gradient, outcome = direction(field, params)
        state, info = commit(problem, state, everyone, gradient, outcome)
        return state._replace(step=state.step + 1), info

    return step
