"""Alternating moves: each player answers what the others have just become."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax

from jaxgan.dynamics.checks import check_batches, check_order, set_up
from jaxgan.dynamics.field import (
    Optimizers,
    Setting,
    algorithm_of,
    move,
    substep_key,
)
from jaxgan.types import Algorithm, Batch, Game, Info, PlayerName, State

Move = Callable[[State, PlayerName, Batch, jax.Array], tuple[State, Info]]


def alternating(
    game: Game,
    optimizers: Optimizers,
    example: Batch,
    *,
    order: Sequence[PlayerName] | None = None,
    fakes: Mapping[PlayerName, int] | None = None,
) -> Algorithm:
    """Let the players move in turn, each by one optimizer update.

    A step is one iteration: the substeps of `order`, each with fresh reals (its own
    `Batch`), fresh latents and fresh noise. So k discriminator moves on N real and M
    fake images, then one generator move on L, is
    `order=("discriminator",) * k + ("generator",)`, batches of N, and
    `fakes={"discriminator": M, "generator": L}`. Two time scales are two learning
    rates in `optimizers`, and negative momentum is a negative one in them, such as
    `optax.sgd(0.1, momentum=-0.5)`.

    All randomness is folded from (key, step, substep), so the position is the step.

    Args:
        game: any number of players.
        optimizers: an optax transformation for each player.
        example: a batch as training will give it, of arrays or of their shapes.
        order: who moves, substep by substep; by default each player of the game once.
        fakes: how many latents a player's substep draws; for a player not named, as
            many as there are reals.

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
    order = tuple(game.players) if order is None else order
    check_order(game, order)
    setting = set_up(game, optimizers, example, fakes)
    return in_turn(setting, order, partial(move, setting))


def in_turn(setting: Setting, order: Sequence[PlayerName], move: Move) -> Algorithm:
    """The algorithm whose step is one `move` of each player in the order."""

    def step(state: State, batches: tuple[Batch, ...]) -> tuple[State, Info]:
        check_batches(len(order), batches)
        infos = []
        for substep, (player, batch) in enumerate(zip(order, batches, strict=True)):
            state, info = move(state, player, batch, substep_key(state, substep))
            infos.append(info)
        return state._replace(step=state.step + 1), _mean_infos(infos)

    return algorithm_of(setting, step)


def _mean_infos(infos: list[Info]) -> Info:
    """One report of several substeps: each player's own mean."""

    def merge(*reports: dict[PlayerName, Any]) -> dict[PlayerName, Any]:
        merged = {}
        for player in sorted({player for report in reports for player in report}):
            of_player = [report[player] for report in reports if player in report]
            merged[player] = jax.tree.map(lambda *x: sum(x) / len(x), *of_player)
        return merged

    return Info(*(merge(*reports) for reports in zip(*infos, strict=True)))
