"""What all dynamics share: a round of play, and the vector field that it makes.

At a point, each player has a gradient: of what it pays, with respect to what it owns.
Together they are the game's vector field. No function has it for its gradient, unless
all want the same, and dynamics differ in the use they make of it.

Ownership, not `stop_gradient`, decides who is differentiated: those who move
differentiate and write what they own, and everything else stays bit-identical. What the
others pay, their networks' new statistics and their terms' new states are dropped, and
`jit` then removes the computation of all of it.
"""

import zlib
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.tree_util import Partial
from jaxtyping import Array

from jaxgan.dynamics.lazy import add_lazy, prompt
from jaxgan.dynamics.microbatches import WHOLE, Share, accumulate, share_of
from jaxgan.games.calls import bind
from jaxgan.losses.combine import sum_terms
from jaxgan.losses.reductions import mask_unweighted
from jaxgan.precision import standard_promotion
from jaxgan.types import (
    Algorithm,
    Batch,
    Game,
    Info,
    Loss,
    NetworkName,
    PlayerName,
    State,
    TermName,
    Tree,
    Turn,
)

Optimizers = Mapping[PlayerName, optax.GradientTransformation]
Players = Collection[PlayerName]
Params = dict[NetworkName, Tree]


class Setting(NamedTuple):
    """What stays the same through a run; made by `dynamics.checks.set_up`."""

    game: Game
    optimizers: Optimizers
    example: Batch  # the shapes of one
    inputs: Mapping[NetworkName, tuple[Tree, ...]]  # shapes of what networks take
    shown: tuple[NetworkName, ...]  # the networks that the game's outputs call
    fakes: Mapping[PlayerName, int]  # how many latents a player's substep draws
    advances: Mapping[TermName, PlayerName]  # whose substeps move a term's state
    lazy: Mapping[PlayerName, Mapping[TermName, int]]  # its lazy terms' intervals


class Outcome(NamedTuple):
    """What a round of play leaves behind, besides gradients."""

    paid: dict[PlayerName, dict[TermName, Array]]
    stats: dict[NetworkName, Tree]
    loss: dict[TermName, Tree]
    view: dict[str, Tree]
    diagnostics: dict[PlayerName, dict[str, Array]]


Field = Callable[[Params], tuple[Params, Outcome]]


def algorithm_of(
    setting: Setting,
    step: Callable[[State, tuple[Batch, ...]], tuple[State, Info]],
    init: Callable[[Array], State] | None = None,
) -> Algorithm:
    """The algorithm with this step, from `init_state` or another beginning."""
    return Algorithm(init or partial(init_state, setting), step, setting.shown)


def init_state(setting: Setting, key: Array) -> State:
    """The state before the first step; each network's key is folded with its name."""
    game = setting.game
    network_key, key = jax.random.split(key)
    variables = {
        name: game.networks[name].init(
            jax.random.fold_in(network_key, zlib.crc32(name.encode())),
            *zeros_like(inputs),
        )
        for name, inputs in setting.inputs.items()
    }
    frozen = {name: variables.pop(name) for name in game.frozen}
    optimizers = {
        player: setting.optimizers[player].init(
            {name: variables[name].params for name in names}
        )
        for player, names in game.players.items()
    }
    return State(
        step=jnp.int32(0),
        variables=variables,
        optimizers=optimizers,
        loss=game.loss.init(variables | frozen),
        view=init_views(game, zeros_like(setting.example)),
        average={},
        frozen=frozen,
        key=key,
    )


def init_views(game: Game, batch: Batch) -> dict[str, Tree]:
    """The state of each of a game's views before the first step."""
    return {name: view.init(batch.real) for name, view in game.views.items()}


def zeros_like(shapes: Tree) -> Tree:
    """Arrays of zeros in the shapes of a tree."""
    return jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)


def state_shapes(setting: Setting) -> State:
    """The shapes of a state, of which nothing is computed."""
    return jax.eval_shape(lambda key: init_state(setting, key), jax.random.key(0))


def substep_key(state: State, substep: int) -> Array:
    """The key of one of a step's substeps, or rounds."""
    return jax.random.fold_in(jax.random.fold_in(state.key, state.step), substep)


def play_out(
    setting: Setting,
    state: State,
    movers: Players,
    batch: Batch,
    key: Array,
    *,
    loss: Loss | None = None,
    share: Share = WHOLE,
) -> tuple[Any, Outcome]:
    """Play and score one round; returns the record and what the round leaves.

    Args:
        movers: who moves after the round.
        key: of the substep.
        loss: to score it by, if not the game's own.
        share: which share of the batch is played.
    """
    game = setting.game
    latent_key, play_key, loss_key = jax.random.split(key, 3)
    first, *others = movers
    latent = game.prior(latent_key, setting.fakes[first], batch.condition)
    variables = state.variables | state.frozen
    params = {name: value.params for name, value in variables.items()}
    player = None if others else first
    given = (player, batch, latent, params, state.view, state.step, play_key)
    turn = turn_of(*given, share)
    record, stats, views = game.play(bind(game, variables), turn)
    paid, after = (loss or game.loss).evaluate(record, state.loss, loss_key)
    return record, Outcome(paid, stats, after, views, game.diagnostics(record))


def turn_of(
    player: PlayerName | None,
    batch: Batch,
    latent: Tree,
    params: Mapping[NetworkName, Tree],
    view: Mapping[str, Tree],
    step: Array,
    key: Array,
    share: Share = WHOLE,
) -> Turn:
    """What a round is played from, of which a share of the batch is played.

    What weighs nothing is hidden from everyone, in the conditions too.
    """
    batch = share_of(batch, share)
    real, condition = mask_unweighted(batch.weight, (batch.real, batch.condition))
    return Turn(
        batch=batch._replace(real=real, condition=condition),
        latent=share_of(latent, share),
        player=player,
        params=params,
        view=view,
        step=step,
        key=key,
        draw=Partial(_draw, share),
        mean=Partial(jnp.mean),
        gather=Partial(_whole),
    )


def field_of(
    setting: Setting,
    state: State,
    movers: Players,
    batch: Batch,
    key: Array,
    *,
    at: Callable[[Params], State] | None = None,
) -> Field:
    """The vector field of those who move: `params -> (gradient, outcome)`.

    It is a pure function of what the movers own, of any number of derivatives, played
    with the same numbers wherever it is evaluated. One forward pass serves all movers.

    Args:
        movers: who moves.
        key: of the substep.
        at: where the game is played when the movers have these parameters; by default
            at the state with these parameters in place of its own.
    """
    game = setting.game
    at = at or partial(with_params, state)

    def pay(
        loss: Loss, share: Share, params: Params
    ) -> tuple[dict[PlayerName, Array], Outcome]:
        there = at(params)
        _, outcome = play_out(
            setting, there, movers, batch, key, loss=loss, share=share
        )
        own = _of_movers(setting, state, movers, outcome)
        return {player: sum_terms(own.paid[player]) for player in movers}, own

    def differentiate(loss: Loss, params: Params) -> tuple[Params, Outcome]:
        def once(share: Share) -> tuple[Params, Outcome]:
            paid, pull, own = jax.vjp(partial(pay, loss, share), params, has_aux=True)
            gradient: Params = {}
            for player in movers:
                one = {p: jnp.full_like(paid[p], p == player) for p in paid}
                [pulled] = pull(one)
                gradient |= {name: pulled[name] for name in game.players[player]}
            return gradient, own

        return accumulate(once, game.microbatches)

    def field(params: Params) -> tuple[Params, Outcome]:
        gradient, outcome = differentiate(prompt(game.loss), params)
        lazy = {n: k for player in movers for n, k in setting.lazy[player].items()}
        if not lazy:
            return gradient, outcome
        again = partial(differentiate, params=params)
        return add_lazy(again, game.loss, lazy, state, gradient, outcome)

    return field


def params_of(game: Game, state: State, players: Players) -> Params:
    """What some players own, as it is."""
    return {
        name: state.variables[name].params
        for player in players
        for name in game.players[player]
    }


def with_params(state: State, params: Params) -> State:
    """The state with other parameters in some networks."""
    moved = {n: state.variables[n]._replace(params=p) for n, p in params.items()}
    return state._replace(variables=state.variables | moved)


def descend(setting: Setting, state: State, movers: Players, gradient: Params) -> State:
    """One update of the movers' optimizers from where they are, and nothing else."""
    for player in movers:
        mine = params_of(setting.game, state, [player])
        slope = {name: gradient[name] for name in mine}
        with standard_promotion():
            updates, memory = setting.optimizers[player].update(
                slope, state.optimizers[player], mine
            )
        state = with_params(state, optax.apply_updates(mine, updates))
        state = state._replace(optimizers=state.optimizers | {player: memory})
    return state


def land(
    setting: Setting, state: State, movers: Players, gradient: Params, outcome: Outcome
) -> tuple[State, Info]:
    """Where a move along a gradient ends: the state, and what the movers report.

    The state has what the round leaves besides gradients, too: statistics, and states
    of loss and view. Its step is as it was.
    """
    players = setting.game.players
    state = descend(setting, state, movers, gradient)
    after = {n: state.variables[n]._replace(stats=s) for n, s in outcome.stats.items()}
    state = state._replace(
        variables=state.variables | after,
        loss=state.loss | outcome.loss,
        view=outcome.view,
    )
    norms = {
        player: optax.tree.norm({name: gradient[name] for name in players[player]})
        for player in movers
    }
    return state, Info(outcome.paid, norms, outcome.diagnostics)


def move(
    setting: Setting,
    state: State,
    player: PlayerName,
    batch: Batch,
    key: Array,
    *,
    at: Callable[[Params], State] | None = None,
) -> tuple[State, Info]:
    """One substep: `player` plays a round and descends what it pays.

    Args:
        at: as for `field_of`.
    """
    field = field_of(setting, state, [player], batch, key, at=at)
    gradient, outcome = field(params_of(setting.game, state, [player]))
    return land(setting, state, [player], gradient, outcome)


def _of_movers(
    setting: Setting, state: State, movers: Players, outcome: Outcome
) -> Outcome:
    """What of an outcome a move leaves; the rest need not be computed."""
    game = setting.game
    return Outcome(
        paid={player: outcome.paid.get(player, {}) for player in movers},
        stats={n: outcome.stats[n] for player in movers for n in game.players[player]},
        loss={
            name: new
            for name, new in outcome.loss.items()
            if setting.advances[name] in movers
        },
        view={
            name: outcome.view[name] if view.advances in movers else state.view[name]
            for name, view in game.views.items()
        },
        diagnostics={p: outcome.diagnostics.get(p, {}) for p in movers},
    )


def _whole(batch: Array) -> Array:
    return batch


def _draw(share: Share, sampler: Any, key: Array, shape: tuple[int, ...]) -> Array:
    whole = (shape[0] * share.count, *shape[1:])
    return share_of(sampler(key, whole), share)
