"""Alternating updates: players update in turn, from the others' latest parameters."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax

from jaxgan.dynamics.checks import check_problem, check_step
from jaxgan.dynamics.field import (
    Optimizers,
    Problem,
    Step,
    make_algorithm,
    substep,
    substep_key,
)
from jaxgan.dynamics.players import check_game, check_order
from jaxgan.types import Algorithm, Batch, Game, Info, PlayerName, State

Substep = Callable[[State, PlayerName, Batch, jax.Array], tuple[State, Info]]
"""`(state, player, batch, key) -> (state, info)`: one update of one player."""


def alternating(
    game: Game,
    optimizers: Optimizers,
    example: Batch,
    *,
    order: Sequence[PlayerName] | None = None,
    fake_batch_sizes: Mapping[PlayerName, int] | None = None,
) -> Algorithm:
    """Update the players in turn, each by one optimizer update.

    A step is one iteration: the substeps of `order`. Each has fresh reals (its own
    `Batch`), fresh latents and fresh noise. For k discriminator updates on N real and M
    fake images, then one generator update on L fakes, use
    `order=("discriminator",) * k + ("generator",)`, batches of N, and
    `fake_batch_sizes={"discriminator": M, "generator": L}`. For two time scales, give
    `optimizers` two learning rates. For negative momentum, give them a negative one,
    such as `optax.sgd(0.1, momentum=-0.5)`.

    All randomness is folded from (key, step, substep), so a run resumes from the step.

    Args:
        game: any number of players.
        optimizers: an optax transformation for each player.
        example: a batch as training will give it, of arrays or of their shapes.
        order: the player of each substep; by default each player of the game once.
        fake_batch_sizes: number of latents that a player's substep draws, by player; by
            default the number of reals.

    Raises:
        InputError: before anything compiles, if the pieces do not fit; see
            `dynamics.checks`.

    Reference: Goodfellow et al. 2014, arXiv:1406.2661, algorithm 1; two time scales:
    Heusel et al. 2017, arXiv:1706.08500; negative momentum: Gidel et al. 2019,
    arXiv:1807.04740.

        >>> import jax, jax.numpy as jnp, optax
        >>> from jaxgan import Batch, alternating, gan, mlp, non_saturating, priors
        >>> game = gan(mlp((2,)), mlp(()), non_saturating(), priors.normal(16))
        >>> optimizers = {player: optax.adam(1e-3) for player in game.players}
        >>> algorithm = alternating(game, optimizers, Batch(jnp.zeros((8, 2))))
        >>> state = algorithm.init(jax.random.key(0))
        >>> batches = (Batch(jnp.ones((8, 2))),) * 2
        >>> state, info = jax.jit(algorithm.step)(state, batches)
        >>> int(state.step)
        1
    """
    check_game(game)
    order = tuple(game.players) if order is None else order
    check_order(game, order)
    problem = check_problem(game, optimizers, example, fake_batch_sizes)
    step = alternating_step(problem, order, partial(substep, problem))
    return make_algorithm(problem, step)


def alternating_step(
    problem: Problem, order: Sequence[PlayerName], substep: Substep
) -> Step:
    """Make a step that calls `substep` for each player of `order`."""

    def step(state: State, batches: tuple[Batch, ...]) -> tuple[State, Info]:
        check_step(problem, len(order), state, batches)
        infos = []
        for index, (player, batch) in enumerate(zip(order, batches, strict=True)):
            state, info = substep(state, player, batch, substep_key(state, index))
            infos.append(info)
        return state._replace(step=state.step + 1), _mean_infos(infos)

    return step


def _mean_infos(infos: list[Info]) -> Info:
    """Average the reports of several substeps, player by player."""

    def merge(*reports: dict[PlayerName, Any]) -> dict[PlayerName, Any]:
        merged = {}
        for player in sorted({player for report in reports for player in report}):
            own = [report[player] for report in reports if player in report]
            merged[player] = jax.tree.map(lambda *x: sum(x) / len(x), *own)
        return merged

    return Info(*(merge(*reports) for reports in zip(*infos, strict=True)))
