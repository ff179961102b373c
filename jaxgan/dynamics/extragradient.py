"""Extragradient moves: look ahead, and go where the gradient there points."""

import jax
import jax.numpy as jnp

from jaxgan.dynamics.checks import check_batches, set_up_together
from jaxgan.dynamics.field import (
    Optimizers,
    algorithm_of,
    descend,
    field_of,
    init_state,
    land,
    params_of,
    substep_key,
)
from jaxgan.types import Algorithm, Batch, Game, Info, State


def extragradient(
    game: Game, optimizers: Optimizers, example: Batch, *, fakes: int | None = None
) -> Algorithm:
    """Move all players at once by the gradients of a point one step ahead.

        w½ = w - η F(w),  w ← w - η F(w½)

    A step takes two batches, one for each round; give the same one twice for the same
    data. The look-ahead is an update of the same optimizers, whose state after it is
    dropped, or schedules and moments would move twice. Statistics and states of the
    loss move with the second round alone.

    On min max xy it converges for η < 1, with spectral radius √(1 - η² + η⁴).

    Args:
        game: any number of players.
        optimizers: an optax transformation for each player.
        example: a batch as training will give it, of arrays or of their shapes.
        fakes: how many latents each round draws; by default as many as there are reals.

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
    setting = set_up_together(game, optimizers, example, fakes)
    everyone = list(game.players)

    def step(state: State, batches: tuple[Batch, ...]) -> tuple[State, Info]:
        check_batches(2, batches)
        here, there = (
            field_of(setting, state, everyone, batch, substep_key(state, i))
            for i, batch in enumerate(batches)
        )
        gradient, _ = here(params_of(game, state, everyone))
        ahead = descend(setting, state, everyone, gradient)
        gradient, outcome = there(params_of(game, ahead, everyone))
        state, info = land(setting, state, everyone, gradient, outcome)
        return state._replace(step=state.step + 1), info

    return algorithm_of(setting, step)


def past_extragradient(
    game: Game, optimizers: Optimizers, example: Batch, *, fakes: int | None = None
) -> Algorithm:
    """Extrapolation from the past: look ahead by the gradient of the last look-ahead.

        w½ = w - η F(w½'),  w ← w - η F(w½)

    One gradient and one batch a step, where `extragradient` takes two. The first
    look-ahead has no past, and its gradient is zero. The look-ahead is an update of the
    same optimizers, whose state after it is dropped; Adam's moments know its gradient
    already and see it twice there. On min max xy its w½ goes where `optimistic` goes.

    Args:
        game: any number of players.
        optimizers: an optax transformation for each player.
        example: a batch as training will give it, of arrays or of their shapes.
        fakes: how many latents a step draws; by default as many as there are reals.

    Raises:
        InputError: before anything compiles, if the pieces do not fit; see
            `dynamics.checks`.

    Reference: Popov 1980; Gidel et al. 2019, arXiv:1802.10551, algorithm 3.

        >>> import jax.numpy as jnp, optax
        >>> from jaxgan import Batch, gan, mlp, non_saturating, past_extragradient
        >>> from jaxgan import priors
        >>> game = gan(mlp((2,)), mlp(()), non_saturating(), priors.normal(16))
        >>> optimizers = {player: optax.adam(1e-3) for player in game.players}
        >>> algorithm = past_extragradient(game, optimizers, Batch(jnp.zeros((8, 2))))
    """
    setting = set_up_together(game, optimizers, example, fakes)
    everyone = list(game.players)

    def init(key: jax.Array) -> State:
        state = init_state(setting, key)
        params = params_of(game, state, everyone)
        return state._replace(memory=jax.tree.map(jnp.zeros_like, params))

    def step(state: State, batches: tuple[Batch, ...]) -> tuple[State, Info]:
        check_batches(1, batches)
        field = field_of(setting, state, everyone, batches[0], substep_key(state, 0))
        ahead = descend(setting, state, everyone, state.memory)
        gradient, outcome = field(params_of(game, ahead, everyone))
        state, info = land(setting, state, everyone, gradient, outcome)
        return state._replace(step=state.step + 1, memory=gradient), info

    return algorithm_of(setting, step, init)
