"""The proximal point method: implicit updates by the gradients at the next point."""

import jax
import jax.numpy as jnp
import optax
from jax.scipy.sparse.linalg import gmres

from jaxgan.dynamics.checks import check_joint_problem, check_step
from jaxgan.dynamics.differentiable import check_differentiable
from jaxgan.dynamics.field import (
    Optimizers,
    Params,
    apply_gradient,
    commit,
    make_algorithm,
    make_field,
    owned_params,
    substep_key,
)
from jaxgan.errors import check_positive_int
from jaxgan.types import Algorithm, Batch, Game, Info, State

RESTARTS = 5  # of GMRES, every 20 products; its error then shows in the residual


def proximal_point(
    game: Game,
    optimizers: Optimizers,
    example: Batch,
    *,
    iterations: int = 3,
    fake_batch_size: int | None = None,
) -> Algorithm:
    """Update simultaneously by the gradients at the point that the update reaches.

        w ← w⁺  where  w⁺ = w - η F(w⁺)

    On min max xy it converges for every η, with spectral radius 1/√(1 + η²); the other
    dynamics approximate it. The equation is solved by Newton's method. Each iteration
    solves a linear system by GMRES on Jacobian-vector products; one iteration is exact
    for a quadratic game. The norm of the residual w⁺ - w + η F(w⁺) over each player's
    parameters is reported as `diagnostics[player]["residual"]`. If it is not small, the
    equation has not been solved. Meant for small games.

    Args:
        game: any number of players.
        optimizers: an optax transformation for each player; all must have finite
            derivatives at gradient zero, so Adam needs `eps_root` above 0.
        example: a batch as training will give it, of arrays or of their shapes.
        iterations: number of Newton iterations.
        fake_batch_size: number of latents that a step draws; by default the number of
            reals.

    Raises:
        InputError: before anything compiles, if `iterations` is not an integer of at
            least 1, an optimizer cannot be differentiated, or the pieces do not fit;
            see `dynamics.checks`.

    Reference: Rockafellar 1976; Mokhtari et al. 2020, arXiv:1901.08511.

        >>> import jax.numpy as jnp, optax
        >>> from jaxgan import Batch, gan, mlp, non_saturating, priors
        >>> from jaxgan.dynamics import proximal_point
        >>> generator, discriminator = mlp((2,), (8,)), mlp((), (8,))
        >>> game = gan(generator, discriminator, non_saturating(), priors.normal(4))
        >>> optimizers = {player: optax.sgd(0.1) for player in game.players}
        >>> algorithm = proximal_point(game, optimizers, Batch(jnp.zeros((8, 2))))
    """
    check_positive_int("proximal_point: iterations", iterations)
    problem = check_joint_problem(game, optimizers, example, fake_batch_size)
    everyone = list(game.players)
    check_differentiable(problem, everyone, jax.linearize)

    def step(state: State, batches: tuple[Batch, ...]) -> tuple[State, Info]:
        check_step(problem, 1, state, batches)
        field = make_field(problem, state, everyone, batches[0], substep_key(state, 0))

        def residual(params: Params) -> Params:
            gradient, _ = field(params)
            updated = apply_gradient(problem, state, everyone, gradient)
            return _subtract(params, owned_params(game, updated, everyone))

        params = owned_params(game, state, everyone)
        for _ in range(iterations):
            error, jvp = jax.linearize(residual, params)
            correction, _ = gmres(jvp, error, tol=_tolerance(params), maxiter=RESTARTS)
            params = _subtract(params, correction)
        gradient, outcome = field(params)
        state, info = commit(problem, state, everyone, gradient, outcome)
        error = _subtract(params, owned_params(game, state, everyone))
        diagnostics = {
            player: info.diagnostics[player]
            | {"residual": optax.tree.norm({name: error[name] for name in names})}
            for player, names in game.players.items()
        }
        info = info._replace(diagnostics=diagnostics)
        return state._replace(step=state.step + 1), info

    return make_algorithm(problem, step)


def _subtract(one: Params, other: Params) -> Params:
    return jax.tree.map(jnp.subtract, one, other)


def _tolerance(params: Params) -> float:
    """Return the relative tolerance of the linear systems: ten float epsilons."""
    return 10 * max(float(jnp.finfo(x.dtype).eps) for x in jax.tree.leaves(params))
