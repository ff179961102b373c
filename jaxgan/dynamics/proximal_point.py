"""The proximal point method: move by the gradients of where the move will end."""

import jax
import jax.numpy as jnp
import optax
from jax.scipy.sparse.linalg import gmres

from jaxgan.dynamics.checks import check_batches, set_up_together
from jaxgan.dynamics.differentiable import check_differentiable
from jaxgan.dynamics.field import (
    Optimizers,
    Params,
    algorithm_of,
    descend,
    field_of,
    land,
    params_of,
    substep_key,
)
from jaxgan.errors import check_positive_int
from jaxgan.types import Algorithm, Batch, Game, Info, State

RESTARTS = 5  # of GMRES, every 20 products; what it then leaves is in the residual


def proximal_point(
    game: Game,
    optimizers: Optimizers,
    example: Batch,
    *,
    iterations: int = 3,
    fakes: int | None = None,
) -> Algorithm:
    """Simultaneous moves by the gradients of the point that they lead to.

        w ← w⁺  where  w⁺ = w - η F(w⁺)

    On min max xy it converges for every η, with spectral radius 1/√(1 + η²); the other
    dynamics approximate it. The equation is solved by Newton's method, each iteration
    of which solves a linear system by GMRES on Jacobian-vector products; one iteration
    is exact for a quadratic game. What is left of the equation, w⁺ - w + η F(w⁺), is
    reported as `diagnostics[player]["residual"]`, its norm over that player's
    parameters: where it is not small, the equation has not been solved. Meant for small
    games.

    Args:
        game: any number of players.
        optimizers: an optax transformation for each player; all must have finite
            derivatives at gradient zero, so Adam needs `eps_root` above 0.
        example: a batch as training will give it, of arrays or of their shapes.
        iterations: of Newton's method.
        fakes: how many latents a step draws; by default as many as there are reals.

    Raises:
        InputError: before anything compiles, if `iterations` is not an integer of at
            least 1, an optimizer cannot be differentiated, or the pieces do not fit;
            see `dynamics.checks`.

    Reference: Rockafellar 1976; Mokhtari et al. 2020, arXiv:1901.08511.

        >>> import jax.numpy as jnp, optax
        >>> from jaxgan import Batch, gan, mlp, non_saturating, priors, proximal_point
        >>> generator, discriminator = mlp((2,), (8,)), mlp((), (8,))
        >>> game = gan(generator, discriminator, non_saturating(), priors.normal(4))
        >>> optimizers = {player: optax.sgd(0.1) for player in game.players}
        >>> algorithm = proximal_point(game, optimizers, Batch(jnp.zeros((8, 2))))
    """
    check_positive_int("proximal_point: iterations", iterations)
    setting = set_up_together(game, optimizers, example, fakes)
    everyone = list(game.players)
    check_differentiable(setting, everyone, jax.linearize)

    def step(state: State, batches: tuple[Batch, ...]) -> tuple[State, Info]:
        check_batches(1, batches)
        field = field_of(setting, state, everyone, batches[0], substep_key(state, 0))

        def residual(params: Params) -> Params:
            gradient, _ = field(params)
            moved = descend(setting, state, everyone, gradient)
            return _minus(params, params_of(game, moved, everyone))

        params = params_of(game, state, everyone)
        for _ in range(iterations):
            left, slope = jax.linearize(residual, params)
            correction, _ = gmres(slope, left, tol=_tolerance(params), maxiter=RESTARTS)
            params = _minus(params, correction)
        gradient, outcome = field(params)
        state, info = land(setting, state, everyone, gradient, outcome)
        left = _minus(params, params_of(game, state, everyone))
        diagnostics = {
            player: info.diagnostics[player]
            | {"residual": optax.tree.norm({name: left[name] for name in names})}
            for player, names in game.players.items()
        }
        info = info._replace(diagnostics=diagnostics)
        return state._replace(step=state.step + 1), info

    return algorithm_of(setting, step)


def _minus(one: Params, other: Params) -> Params:
    return jax.tree.map(jnp.subtract, one, other)


def _tolerance(params: Params) -> float:
    """Of the linear systems: a few roundings."""
    return 10 * max(float(jnp.finfo(x.dtype).eps) for x in jax.tree.leaves(params))
