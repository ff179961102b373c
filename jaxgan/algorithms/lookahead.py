"""Lookahead: fast weights run ahead of slow ones, and are called back."""

from functools import partial

import jax
import jax.numpy as jnp

from jaxgan.errors import check_fraction, check_positive_int
from jaxgan.types import Algorithm, Batch, Info, State


def lookahead(
    algorithm: Algorithm, *, period: int = 5, rate: float | jax.Array = 0.5
) -> Algorithm:
    """Step as an algorithm does, and every so often go only part of the way.

        every `period` steps:  slow ← slow + rate (fast - slow),  fast ← slow

    All players' weights are called back together, so a rotation of the game is averaged
    over, and not only each player's noise. Optimizers, statistics and states of the
    loss run on. The slow weights are in `State.memory`. An average of what comes of it
    is `ema(lookahead(…))`; the other way about, it would be of the fast weights.

    Args:
        algorithm: any; what it remembers is kept.
        period: steps between two calls back.
        rate: from 0 to 1, 1 being the algorithm itself; may be traced.

    Raises:
        InputError: if `period` is not an integer of at least 1 or a concrete `rate` is
            not from 0 to 1.

    Reference: Zhang et al. 2019, arXiv:1907.08610; for games, Chavdarova et al. 2021,
    arXiv:2006.14567.

        >>> from jaxgan import lookahead
        >>> lookahead(algorithm, period=10)  # doctest: +SKIP
    """
    check_positive_int("lookahead: period", period)
    check_fraction("lookahead: rate", rate)

    def init(key: jax.Array) -> State:
        state = algorithm.init(key)
        # A copy, since donated buffers must not be shared.
        slow = jax.tree.map(jnp.copy, _params(state))
        return state._replace(memory={"slow": slow, "fast": state.memory})

    def step(state: State, batches: tuple[Batch, ...]) -> tuple[State, Info]:
        slow, memory = state.memory["slow"], state.memory["fast"]
        state, info = algorithm.step(state._replace(memory=memory), batches)
        fast = _params(state)
        slow, fast = jax.lax.cond(
            state.step % period == 0, partial(_call_back, rate), _go_on, slow, fast
        )
        variables = {
            name: value._replace(params=fast[name])
            for name, value in state.variables.items()
        }
        memory = {"slow": slow, "fast": state.memory}
        return state._replace(variables=variables, memory=memory), info

    return algorithm._replace(init=init, step=step)


def _params(state: State) -> dict:
    return {name: value.params for name, value in state.variables.items()}


def _call_back(rate: float | jax.Array, slow: dict, fast: dict) -> tuple[dict, dict]:
    slow = jax.tree.map(lambda s, f: (s + rate * (f - s)).astype(s.dtype), slow, fast)
    return slow, slow


def _go_on(slow: dict, fast: dict) -> tuple[dict, dict]:
    return slow, fast
