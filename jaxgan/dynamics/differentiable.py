"""Whether optimizers can be differentiated, found out by differentiating them once."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import optax

from jaxgan.dynamics.field import Setting, params_of, state_shapes
from jaxgan.errors import InputError, is_concrete
from jaxgan.precision import standard_promotion
from jaxgan.types import PlayerName, Tree


def check_differentiable(
    setting: Setting, players: Sequence[PlayerName], derive: Callable
) -> None:
    """Refuse optimizers that dynamics could not differentiate through.

    Each player's `update` is differentiated once, at parameters and gradients of zero,
    where dead units leave them. Optimizers with traced hyperparameters pass.

    Args:
        derive: `jax.vjp` or `jax.linearize`, as the dynamics will.

    Raises:
        InputError: if an update cannot be differentiated so, or has a derivative there
            that is not finite.
    """
    state = state_shapes(setting)
    for player in players:
        shapes = params_of(setting.game, state, [player])
        zeros = jax.tree.map(jnp.zeros_like, shapes)
        try:
            slope = _slope(setting.optimizers[player], zeros, derive)
        except Exception as error:  # whatever an optimizer may raise
            reason = str(error).strip().split("\n")[0]
            raise InputError(
                f"optimizers[{player!r}] cannot be differentiated: {reason}"
            ) from error
        for x in jax.tree.leaves(slope):
            if is_concrete(x) and not jnp.isfinite(x).all():
                raise InputError(
                    f"optimizers[{player!r}] cannot be differentiated: its update's "
                    "derivative at gradient zero is not finite; Adam needs eps_root "
                    "above 0, such as optax.adam(1e-3, eps_root=1e-8)."
                )


def _slope(
    optimizer: optax.GradientTransformation, zeros: Tree, derive: Callable
) -> Tree:
    """Of the first update, with a one for every parameter."""
    start = optimizer.init(zeros)
    update = lambda gradient: optimizer.update(gradient, start, zeros)[0]  # noqa: E731
    with standard_promotion():
        return derive(update, zeros)[1](jax.tree.map(jnp.ones_like, zeros))
