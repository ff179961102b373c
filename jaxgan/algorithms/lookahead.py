"""Lookahead: slow weights that are periodically updated towards fast weights."""

from functools import partial

import jax
import jax.numpy as jnp

from jaxgan.errors import check_fraction, check_instance, check_positive_int
from jaxgan.types import Algorithm, Batch, Info, State


def lookahead(
    algorithm: Algorithm, *, period: int = 5, slow_step_size: float | jax.Array = 0.5
) -> Algorithm:
    """Interpolate between slow and fast weights every few steps of an algorithm.

        every `period` steps:  slow ← slow + α (fast - slow),  fast ← slow

    with α = `slow_step_size`. The weights of all players are synchronized in the same
    step, so lookahead averages over rotations of the game, and not only over each
    player's noise. Optimizers, statistics and states of the loss are not reset. The
    slow weights are in `State.dynamics_state`. For an average of the slow weights use
    `ema(lookahead(…))`; `lookahead(ema(…))` averages the fast ones.

    Args:
        algorithm: any; its own `State.dynamics_state` is kept.
        period: number of steps between two updates of the slow weights.
        slow_step_size: from 0 to 1; at 1 the algorithm is unchanged. May be traced.

    Raises:
        InputError: if `period` is not an integer of at least 1 or a concrete
            `slow_step_size` is not from 0 to 1.

    Reference: Zhang et al. 2019, arXiv:1907.08610; for games, Chavdarova et al. 2021,
    arXiv:2006.14567.

        >>> from jaxgan.algorithms import lookahead
        >>> lookahead(algorithm, period=10)  # doctest: +SKIP
    """
    check_instance("lookahead: algorithm", algorithm, Algorithm, "alternating(…)")
    check_positive_int("lookahead: period", period)
    check_fraction("lookahead: slow_step_size", slow_step_size)

    def init(key: jax.Array) -> State:
        state = algorithm.init(key)
        # A copy, since donated buffers must not be shared.
        slow = jax.tree.map(jnp.copy, _params(state))
        return state._replace(
            dynamics_state={"slow": slow, "fast": state.dynamics_state}
        )

    def step(state: State, batches: tuple[Batch, ...]) -> tuple[State, Info]:
        slow, memory = state.dynamics_state["slow"], state.dynamics_state["fast"]
        state, info = algorithm.step(state._replace(dynamics_state=memory), batches)
        fast = _params(state)
        slow, fast = jax.lax.cond(
            state.step % period == 0,
            partial(_synchronize, slow_step_size),
            _keep,
            slow,
            fast,
        )
        variables = {
            name: value._replace(params=fast[name])
            for name, value in state.variables.items()
        }
        memory = {"slow": slow, "fast": state.dynamics_state}
        return state._replace(variables=variables, dynamics_state=memory), info

    return algorithm._replace(init=init, step=step)


def _params(state: State) -> dict:
    return {name: value.params for name, value in state.variables.items()}


def _synchronize(
    step_size: float | jax.Array, slow: dict, fast: dict
) -> tuple[dict, dict]:
    """Update the slow weights towards the fast ones; reset the fast ones to them."""

    def interpolate(s: jax.Array, f: jax.Array) -> jax.Array:
        return (s + step_size * (f - s)).astype(s.dtype)

    slow = jax.tree.map(interpolate, slow, fast)
    return slow, slow


def _keep(slow: dict, fast: dict) -> tuple[dict, dict]:
    return slow, fast
