"""Simultaneous moves: all players answer what the others were."""

from collections.abc import Callable

from jaxgan.dynamics.checks import check_batches, set_up_together
from jaxgan.dynamics.field import (
    Field,
    Optimizers,
    Outcome,
    Params,
    Setting,
    algorithm_of,
    field_of,
    land,
    params_of,
    substep_key,
)
from jaxgan.types import Algorithm, Batch, Game, Info, State

Direction = Callable[[Field, Params], tuple[Params, Outcome]]


def simultaneous(
    game: Game, optimizers: Optimizers, example: Batch, *, fakes: int | None = None
) -> Algorithm:
    """Let all players move at once, after one round played for all of them.

        w ← w - η F(w),  F = (∇ of what each player pays, by what it owns)

    A step takes one `Batch`. It needs fewer operations than the moves of `alternating`,
    since the forward pass is shared, but on min max xy it spirals outward: the step's
    eigenvalues are 1 ± iη, of modulus √(1+η²).

    Args:
        game: any number of players.
        optimizers: an optax transformation for each player.
        example: a batch as training will give it, of arrays or of their shapes.
        fakes: how many latents a step draws; by default as many as there are reals.

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
    setting = set_up_together(game, optimizers, example, fakes)
    return together(setting, lambda field, params: field(params))


def together(setting: Setting, direction: Direction) -> Algorithm:
    """The algorithm in which all descend a direction that is made of the field."""
    everyone = list(setting.game.players)

    def step(state: State, batches: tuple[Batch, ...]) -> tuple[State, Info]:
        check_batches(1, batches)
        field = field_of(setting, state, everyone, batches[0], substep_key(state, 0))
        gradient, outcome = direction(field, params_of(setting.game, state, everyone))
        state, info = land(setting, state, everyone, gradient, outcome)
        return state._replace(step=state.step + 1), info

    return algorithm_of(setting, step)
