"""What all dynamics share: the state at the start, a round of play, one player's move.

Ownership, not `stop_gradient`, decides who is differentiated: a substep differentiates
and writes what its player owns, and everything else stays bit-identical. What the
others pay, their networks' new statistics and their parts' new states are dropped, and
`jit` then removes the computation of all of it.
"""

import math
import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.tree_util import Partial
from jaxtyping import Array

from jaxgan.errors import InputError
from jaxgan.losses.combine import total
from jaxgan.types import (
    Batch,
    Game,
    Info,
    Loss,
    NetworkName,
    PartName,
    PlayerName,
    State,
    Tree,
    Turn,
    Variables,
)

Optimizers = Mapping[PlayerName, optax.GradientTransformation]


class Setting(NamedTuple):
    """What stays the same through a run; made by `dynamics.checks.set_up`."""

    game: Game
    optimizers: Optimizers
    example: Batch  # the shapes of one
    fakes: Mapping[PlayerName, int]  # how many latents a player's substep draws
    advances: Mapping[PartName, PlayerName]  # whose substeps move a part's state
    lazy: Mapping[PlayerName, Mapping[PartName, int]]  # its lazy parts' intervals


class Outcome(NamedTuple):
    """What a round of play leaves behind, besides gradients."""

    paid: dict[PlayerName, dict[PartName, Array]]
    stats: dict[NetworkName, Tree]
    loss: dict[PartName, Tree]
    view: Tree
    observed: dict[PlayerName, dict[str, Array]]


def init_state(setting: Setting, key: Array) -> State:
    """The state before the first step; each network's key is folded with its name."""
    game = setting.game
    network_key, key = jax.random.split(key)
    batch = _zeros(setting.example)
    count = len(jax.tree.leaves(batch)[0])  # as many as there are conditions
    latent = _zeros(jax.eval_shape(lambda: game.prior(key, count, batch.condition)))
    variables = {
        name: _init_network(game, name, network_key, inputs)
        for name, inputs in game.inputs(batch, latent).items()
    }
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
        loss=game.loss.init(variables),
        view=game.view.init(game.view.group(batch.real)),
        average={},
        key=key,
    )


def play_out(
    setting: Setting,
    state: State,
    params: Mapping[NetworkName, Tree],
    player: PlayerName,
    batch: Batch,
    key: Array,
    loss: Loss | None = None,
) -> tuple[Any, Outcome]:
    """Play and score one round; returns the record and what the round leaves.

    Args:
        params: of the networks whose parameters are not those in `state`.
        player: who moves after the round.
        key: of the substep.
        loss: to score it by, if not the game's own.
    """
    game = setting.game
    latent_key, play_key, loss_key = jax.random.split(key, 3)
    variables = {
        name: old._replace(params=params.get(name, old.params))
        for name, old in state.variables.items()
    }
    turn = Turn(
        batch=batch,
        latent=game.prior(latent_key, setting.fakes[player], batch.condition),
        player=player,
        params={name: value.params for name, value in variables.items()},
        view=state.view,
        step=state.step,
        key=play_key,
        draw=Partial(_draw),
        mean=Partial(jnp.mean),
        gather=Partial(_whole),
    )
    prepared = {name: game.networks[name].prepare(v) for name, v in variables.items()}
    record, stats, view = game.play(prepared, turn)
    paid, after = (loss or game.loss).evaluate(record, state.loss, loss_key)
    view = game.view.adapt(view, record)
    return record, Outcome(paid, stats, after, view, game.observe(record))


def move(
    setting: Setting, state: State, player: PlayerName, batch: Batch, key: Array
) -> tuple[State, Info]:
    """One substep: `player` plays a round and descends what it pays."""
    game, optimizer = setting.game, setting.optimizers[player]
    mine = {name: state.variables[name].params for name in game.players[player]}

    def differentiate(loss: Loss) -> tuple[dict[NetworkName, Tree], Outcome]:
        def pay(params: dict[NetworkName, Tree]) -> tuple[Array, Outcome]:
            _, outcome = play_out(setting, state, params, player, batch, key, loss)
            own = _of_player(setting, state, player, outcome)
            return total(own.paid[player]), own

        return jax.grad(pay, has_aux=True)(mine)

    gradient, outcome = differentiate(prompt(game.loss))
    gradient, outcome = add_lazy(
        setting, state, player, differentiate, gradient, outcome
    )
    updates, memory = optimizer.update(gradient, state.optimizers[player], mine)
    moved = {
        name: Variables(params, outcome.stats[name])
        for name, params in optax.apply_updates(mine, updates).items()
    }
    info = Info(
        losses=outcome.paid,
        gradient_norms={player: optax.tree.norm(gradient)},
        observed=outcome.observed,
    )
    return state._replace(
        variables=state.variables | moved,
        optimizers=state.optimizers | {player: memory},
        loss=state.loss | outcome.loss,
        view=outcome.view,
    ), info


def prompt(loss: Loss) -> Loss:
    """The parts that are evaluated in every iteration."""
    return Loss({n: part for n, part in loss.parts.items() if part.interval == 1})


def add_lazy(
    setting: Setting,
    state: State,
    player: PlayerName,
    differentiate: Callable[[Loss], tuple[Tree, Outcome]],
    gradient: Tree,
    outcome: Outcome,
) -> tuple[Tree, Outcome]:
    """Add what the lazy parts that are due pay and pull, played over again.

    The replay costs the iterations in which parts are due another forward pass. In
    return the others pass nothing but the gradient through the conditional; otherwise
    they would fill with zeros all that the lazy parts' own gradient reads.
    """
    lazy = setting.lazy[player]
    if not lazy:
        return gradient, outcome
    loss = setting.game.loss

    def awake(due: Collection[int]) -> Loss:
        parts = {n: loss.parts[n]._replace(interval=1) for n in lazy if lazy[n] in due}
        return Loss(parts)

    _, asleep = jax.eval_shape(lambda: differentiate(awake(lazy.values())))
    paid = _zeros(asleep.paid[player])
    states = {name: state.loss[name] for name in asleep.loss}

    def add(due: Collection[int]) -> tuple[Tree, dict, dict]:
        if not due:
            return gradient, paid, states
        extra, now = differentiate(awake(due))
        both = jax.tree.map(jnp.add, gradient, extra)
        return both, paid | now.paid[player], states | now.loss

    gradient, paid, states = by_phase(sorted({*lazy.values()}), state.step, add)
    return gradient, outcome._replace(
        paid={player: outcome.paid[player] | paid}, loss=outcome.loss | states
    )


def by_phase(
    intervals: Sequence[int], step: Array, compute: Callable[[Collection[int]], Any]
) -> Any:
    """`compute(due)`, with those of the intervals of which `step` is a multiple.

    Every set that can be due is compiled as a branch of its own.
    """
    due = []
    for code in range(2 ** len(intervals)):
        dividing = [n for i, n in enumerate(intervals) if code >> i & 1]
        # What divides their least common multiple divides the step with them.
        due.append(tuple(n for n in intervals if math.lcm(*dividing) % n == 0))
    cases = sorted(set(due))
    divides = jnp.array([step % n == 0 for n in intervals])
    now = (divides << jnp.arange(len(intervals))).sum()
    case = jnp.array([cases.index(each) for each in due])[now]
    return jax.lax.switch(case, [partial(compute, each) for each in cases])


def _of_player(
    setting: Setting, state: State, player: PlayerName, outcome: Outcome
) -> Outcome:
    """What of an outcome a player's move leaves; the rest need not be computed."""
    game = setting.game
    return Outcome(
        paid={player: outcome.paid.get(player, {})},
        stats={name: outcome.stats[name] for name in game.players[player]},
        loss={
            name: new
            for name, new in outcome.loss.items()
            if setting.advances[name] == player
        },
        view=outcome.view if game.view.advances == player else state.view,
        observed={player: outcome.observed.get(player, {})},
    )


def mean_infos(infos: list[Info]) -> Info:
    """One report of several substeps: each player's own mean."""

    def merge(*reports: dict[PlayerName, Any]) -> dict[PlayerName, Any]:
        merged = {}
        for player in sorted({player for report in reports for player in report}):
            of_player = [report[player] for report in reports if player in report]
            merged[player] = jax.tree.map(lambda *x: sum(x) / len(x), *of_player)
        return merged

    return Info(*(merge(*reports) for reports in zip(*infos, strict=True)))


def _init_network(
    game: Game, name: NetworkName, key: Array, inputs: tuple[Tree, ...]
) -> Variables:
    try:
        return game.networks[name].init(
            jax.random.fold_in(key, zlib.crc32(name.encode())), *inputs
        )
    except InputError:
        raise
    except Exception as error:  # whatever the module library says of wrong shapes
        shapes = jax.tree.map(lambda x: x.shape, inputs)
        reason = str(error).strip().split("\n")[0]
        raise InputError(
            f"network {name!r} cannot take inputs of shapes {shapes}: {reason}"
        ) from error


def _zeros(tree: Tree) -> Tree:
    return jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), tree)


def _whole(batch: Array) -> Array:
    return batch


def _draw(sampler: Any, key: Array, shape: tuple[int, ...]) -> Array:
    return sampler(key, shape)
