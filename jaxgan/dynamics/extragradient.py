"""Extragradient: update by the gradients at an extrapolated point."""

import jax
import jax.numpy as jnp

from jaxgan.dynamics.checks import check_joint_problem, check_step
from jaxgan.dynamics.field import (
    Optimizers,
    apply_gradient,
    commit,
    init_state,
    make_algorithm,
    make_field,
    owned_params,
    substep_key,
)
from jaxgan.types import Algorithm, Batch, Game, Info, State


def extragradient(
    game: Game,
    optimizers: Optimizers,
    example: Batch,
    *,
    fake_batch_size: int | None = None,
) -> Algorithm:
    """Update all players at once by the gradients at a point one step ahead.

        w½ = w - η F(w),  w ← w - η F(w½)

    A step takes two batches, one for each round; give the same one twice for the same
    data. The extrapolation is an update of the same optimizers, whose new state is then
    dropped. Otherwise schedules and moments would advance twice. Statistics and states
    of the loss advance with the second round only.

    On min max xy it converges for η < 1, with spectral radius √(1 - η² + η⁴).

    Args:
        game: any number of players.
        optimizers: an optax transformation for each player.
        example: a batch as training will give it, of arrays or of their shapes.
        fake_batch_size: number of latents that each round draws; by default the number
            of reals.

    Raises:
        InputError: before anything compiles, if the pieces do not fit; see
            `dynamics.checks`.

    Reference: Korpelevich 1976; Gidel et al. 2019, arXiv:1802.10551, algorithm 2.

        >>> import jax, jax.numpy as jnp, optax
        >>> from jaxgan import Batch, extragradient, gan, mlp, non_saturating, priors
        >>> game = gan(mlp((2,)), mlp(()), non_saturating(), priors.normal(16))
        >>> optimizers = {player: optax.adam(1e-3) for player in game.players}
        >>> algorithm = extragradient(game, optimizers, Batch(jnp.zeros((8, 2))))
        >>> state = algorithm.init(jax.random.key(0))
        >>> batches = (Batch(jnp.ones((8, 2))),) * 2
        >>> state, info = jax.jit(algorithm.step)(state, batches)
    """
    problem = check_joint_problem(game, optimizers, example, fake_batch_size)
    everyone = list(game.players)

    def step(state: State, batches: tuple[Batch, ...]) -> tuple[State, Info]:
        check_step(problem, 2, state, batches)
        first_field, second_field = (
            make_field(problem, state, everyone, batch, substep_key(state, i))
            for i, batch in enumerate(batches)
        )
        gradient, _ = first_field(owned_params(game, state, everyone))
        extrapolated = apply_gradient(problem, state, everyone, gradient)
        gradient, outcome = second_field(owned_params(game, extrapolated, everyone))
        state, info = commit(problem, state, everyone, gradient, outcome)
        return state._replace(step=state.step + 1), info

    return make_algorithm(problem, step)


def past_extragradient(
    game: Game,
    optimizers: Optimizers,
    example: Batch,
    *,
    fake_batch_size: int | None = None,
) -> Algorithm:
    """Update as `extragradient`, but extrapolate by the previous step's gradient.

        w½ = w - η F(w½'),  w ← w - η F(w½)

    Known as extrapolation from the past. It takes one gradient and one batch a step;
    `extragradient` takes two. The first extrapolation uses a gradient of zero. The
    extrapolation is an update of the same optimizers, whose new state is then dropped.
    Adam's moments already contain the gradient that it applies, so they count it twice
    there. On min max xy the points w½ are those that `optimistic` visits.

    Args:
        game: any number of players.
        optimizers: an optax transformation for each player.
        example: a batch as training will give it, of arrays or of their shapes.
        fake_batch_size: number of latents that a step draws; by default the number of
            reals.

    Raises:
        InputError: before anything compiles, if the pieces do not fit; see
            `dynamics.checks`.

    Reference: Popov 1980; Gidel et al. 2019, arXiv:1802.10551, algorithm 3.

        >>> import jax.numpy as jnp, optax
        >>> from jaxgan import Batch, gan, mlp, non_saturating
        >>> from jaxgan.dynamics import past_extragradient
        >>> from jaxgan import priors
        >>> game = gan(mlp((2,)), mlp(()), non_saturating(), priors.normal(16))
        >>> optimizers = {player: optax.adam(1e-3) for player in game.players}
        >>> algorithm = past_extragradient(game, optimizers, Batch(jnp.zeros((8, 2))))
    """
    problem = check_joint_problem(game, optimizers, example, fake_batch_size)
    everyone = list(game.players)

    def init(key: jax.Array) -> State:
        state = init_state(problem, key)
        params = owned_params(game, state, everyone)
        return state._replace(dynamics_state=jax.tree.map(jnp.zeros_like, params))

    def step(state: State, batches: tuple[Batch, ...]) -> tuple[State, Info]:
        check_step(problem, 1, state, batches)
        field = make_field(problem, state, everyone, batches[0], substep_key(state, 0))
        extrapolated = apply_gradient(problem, state, everyone, state.dynamics_state)
        gradient, outcome = field(owned_params(game, extrapolated, everyone))
        state, info = commit(problem, state, everyone, gradient, outcome)
        return state._replace(step=state.step + 1, dynamics_state=gradient), info

    return make_algorithm(problem, step, init)
