"""What all dynamics share: the state at the start, a round of play, one player's move.

Ownership, not `stop_gradient`, decides who is differentiated: a substep differentiates
and writes what its player owns, and everything else stays bit-identical. What the
others pay, their networks' new statistics and their parts' new states are dropped, and
`jit` then removes the computation of all of it.
"""

import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.tree_util import Partial
from jaxtyping import Array, Float

from jaxgan.errors import InputError
from jaxgan.types import (
    Batch,
    Game,
    Info,
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
) -> tuple[Any, Outcome]:
    """Play and score one round; returns the record and what the round leaves.

    Args:
        params: of the networks whose parameters are not those in `state`.
        player: who moves after the round.
        key: of the substep.
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
    paid, loss = game.loss.evaluate(record, state.loss, loss_key)
    view = game.view.adapt(view, record)
    return record, Outcome(paid, stats, loss, view, game.observe(record))


def move(
    setting: Setting, state: State, player: PlayerName, batch: Batch, key: Array
) -> tuple[State, Info]:
    """One substep: `player` plays a round and descends what it pays."""
    game, optimizer = setting.game, setting.optimizers[player]

    def pay(params: dict[NetworkName, Tree]) -> tuple[Array, Outcome]:
        _, outcome = play_out(setting, state, params, player, batch, key)
        return total(outcome.paid[player]), outcome

    mine = {name: state.variables[name].params for name in game.players[player]}
    gradient, outcome = jax.grad(pay, has_aux=True)(mine)
    updates, memory = optimizer.update(gradient, state.optimizers[player], mine)
    moved = {
        name: Variables(params, outcome.stats[name])
        for name, params in optax.apply_updates(mine, updates).items()
    }
    advanced = {
        name: new
        for name, new in outcome.loss.items()
        if setting.advances[name] == player
    }
    info = Info(
        losses={player: outcome.paid[player]},
        gradient_norms={player: optax.tree.norm(gradient)},
        observed={player: outcome.observed.get(player, {})},
    )
    return state._replace(
        variables=state.variables | moved,
        optimizers=state.optimizers | {player: memory},
        loss=state.loss | advanced,
        view=outcome.view if game.view.advances == player else state.view,
    ), info


def total(parts: Mapping[PartName, Array]) -> Float[Array, ""]:
    """What a player pays: the sum of the parts, in name order."""
    return sum((parts[name] for name in sorted(parts)), start=jnp.float32(0))


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
