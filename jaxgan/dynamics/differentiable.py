"""Check that optimizers can be differentiated, by differentiating them once."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import optax

from jaxgan.dynamics.field import Problem, owned_params, state_shapes
from jaxgan.errors import InputError, is_concrete
from jaxgan.precision import standard_promotion
from jaxgan.types import PlayerName, Tree


def check_differentiable(
    problem: Problem, players: Sequence[PlayerName], derive: Callable
) -> None:
    """Check that dynamics can differentiate through the players' optimizers.

    Each player's `update` is differentiated once, at parameters and gradients of zero;
    dead units have gradients of zero. Optimizers with traced hyperparameters pass.

    Args:
        derive: `jax.vjp` or `jax.linearize`, whichever the dynamics use.

    Raises:
        InputError: if an update cannot be differentiated, or its derivative there is
            not finite.
    """
    state = state_shapes(problem)
    for player in players:
        shapes = owned_params(problem.game, state, [player])
        zeros = jax.tree.map(jnp.zeros_like, shapes)
        try:
            derivative = _update_derivative(problem.optimizers[player], zeros, derive)
        except Exception as error:  # whatever an optimizer may raise
            reason = str(error).strip().split("\n")[0]
            raise InputError(
                f"optimizers[{player!r}] cannot be differentiated: {reason}"
            ) from error
        for x in jax.tree.leaves(derivative):
            if is_concrete(x) and not jnp.isfinite(x).all():
                raise InputError(
                    f"optimizers[{player!r}] cannot be differentiated: its update's "
                    "derivative at gradient zero is not finite; Adam needs eps_root "
                    "above 0, such as optax.adam(1e-3, eps_root=1e-8)."
                )


def _update_derivative(
    optimizer: optax.GradientTransformation, zeros: Tree, derive: Callable
) -> Tree:
    """Differentiate the first update, with a cotangent or tangent of ones."""
    start = optimizer.init(zeros)
    update = lambda gradient: optimizer.update(gradient, start, zeros)[0]  # noqa: E731
    with standard_promotion():
        return derive(update, zeros)[1](jax.tree.map(jnp.ones_like, zeros))
