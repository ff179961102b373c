"""The game's vector field, and the functions that all dynamics share.

At a point, each player has a gradient: of its loss, with respect to its own parameters.
Together these gradients are the game's vector field. In general the field is not the
gradient of any function, and dynamics differ in how they use it.

Ownership, not `stop_gradient`, decides what is differentiated. The movers, the players
that update after a round, differentiate and write their own parameters; everything else
stays bit-identical. The losses of the other players, the new statistics of their
networks and the new states of their terms are dropped, and `jit` then removes their
computation.
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

from jaxgan.batch_axis import (
    agreed,
    all_rows,
    draw_rows,
    global_mean,
    own_rows,
    shared,
)
from jaxgan.dynamics.lazy import add_lazy_terms, every_step_terms
from jaxgan.dynamics.microbatches import (
    WHOLE_BATCH,
    Microbatch,
    accumulate,
    take_microbatch,
)
from jaxgan.errors import check_key
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


class Problem(NamedTuple):
    """A checked game with optimizers; made by `dynamics.checks.check_problem`."""

    game: Game
    optimizers: Optimizers
    example: Batch  # shapes only
    input_shapes: Mapping[NetworkName, tuple[Tree, ...]]
    output_networks: tuple[NetworkName, ...]  # those that the game's outputs call
    fake_batch_sizes: Mapping[PlayerName, int]  # number of latents per substep
    state_owners: Mapping[TermName, PlayerName]  # whose substeps update a term's state
    lazy_intervals: Mapping[PlayerName, Mapping[TermName, int]]


class Outcome(NamedTuple):
    """The results of a round besides gradients: losses and new states."""

    losses: dict[PlayerName, dict[TermName, Array]]
    stats: dict[NetworkName, Tree]
    loss_states: dict[TermName, Tree]
    view_states: dict[str, Tree]
    diagnostics: dict[PlayerName, dict[str, Array]]


Field = Callable[[Params], tuple[Params, Outcome]]
"""`(params) -> (gradient, outcome)`: the vector field of some players."""

Step = Callable[[State, tuple[Batch, ...]], tuple[State, Info]]


def make_algorithm(
    problem: Problem,
    step: Step,
    init: Callable[[Array], State] | None = None,
) -> Algorithm:
    """Make an algorithm of a step and an init, by default `init_state`."""
    start = init or partial(init_state, problem)

    def checked(key: Array) -> State:
        check_key("init: key", key)
        return start(key)

    return Algorithm(checked, step, problem.output_networks)


def init_state(problem: Problem, key: Array) -> State:
    """Make the initial state; each network's key is folded with its name."""
    game = problem.game
    network_key, key = jax.random.split(key)
    variables = {
        name: game.networks[name].init(
            jax.random.fold_in(network_key, zlib.crc32(name.encode())),
            *zeros_like(inputs),
        )
        for name, inputs in problem.input_shapes.items()
    }
    frozen = {name: variables.pop(name) for name in game.frozen}
    opt_states = {
        player: problem.optimizers[player].init(
            {name: variables[name].params for name in names}
        )
        for player, names in game.players.items()
    }
    return State(
        step=jnp.int32(0),
        variables=variables,
        opt_states=opt_states,
        loss_states=game.loss.init(variables | frozen),
        view_states=init_views(game, zeros_like(problem.example)),
        ema={},
        frozen=frozen,
        key=key,
    )


def init_views(game: Game, batch: Batch) -> dict[str, Tree]:
    """Make the initial state of each of a game's views."""
    return {name: view.init(batch.real) for name, view in game.views.items()}


def zeros_like(shapes: Tree) -> Tree:
    """Make a tree of zeros with the given shapes."""
    return jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)


def state_shapes(problem: Problem) -> State:
    """Infer the shapes of a state without computing it."""
    return jax.eval_shape(lambda key: init_state(problem, key), jax.random.key(0))


def substep_key(state: State, substep: int) -> Array:
    """Derive the random key of one of a step's substeps, or rounds."""
    return jax.random.fold_in(jax.random.fold_in(state.key, state.step), substep)


def play_round(
    problem: Problem,
    state: State,
    movers: Players,
    batch: Batch,
    key: Array,
    *,
    loss: Loss | None = None,
    microbatch: Microbatch = WHOLE_BATCH,
) -> tuple[Any, Outcome]:
    """Play one round and evaluate its loss; return the record and the outcome.

    Args:
        movers: the players that update after the round.
        key: of the substep.
        loss: evaluated in place of the game's own.
        microbatch: the part of the batch that is played.
    """
    game = problem.game
    latent_key, play_key, loss_key = jax.random.split(key, 3)
    first, *others = movers
    count = problem.fake_batch_sizes[first]
    latent = own_rows(game.prior(latent_key, count, all_rows(batch.condition)))
    variables = state.variables | state.frozen
    params = {name: value.params for name, value in variables.items()}
    turn = make_turn(
        player=None if others else first,
        batch=batch,
        latent=latent,
        params=params,
        view_states=state.view_states,
        step=state.step,
        key=play_key,
        microbatch=microbatch,
    )
    record, stats, views = game.play(bind(game, variables), turn)
    losses, after = (loss or game.loss).evaluate(record, state.loss_states, loss_key)
    outcome = Outcome(
        losses=losses,
        stats=stats,
        loss_states=after,
        view_states=views,
        diagnostics=game.diagnostics(record),
    )
    return record, agreed(outcome)


def make_turn(
    *,
    player: PlayerName | None,
    batch: Batch,
    latent: Tree,
    params: Mapping[NetworkName, Tree],
    view_states: Mapping[str, Tree],
    step: Array,
    key: Array,
    microbatch: Microbatch = WHOLE_BATCH,
) -> Turn:
    """Make the inputs of a round played on a microbatch.

    Reals and conditions of weight zero are set to zero.
    """
    batch = take_microbatch(batch, microbatch)
    real, condition = mask_unweighted(batch.weight, (batch.real, batch.condition))
    return Turn(
        batch=batch._replace(real=real, condition=condition),
        latent=take_microbatch(latent, microbatch),
        player=player,
        params=params,
        view_states=view_states,
        step=step,
        key=key,
        draw=Partial(_draw_microbatch, microbatch),
        mean=Partial(global_mean),
        gather=Partial(all_rows),
    )


def make_field(
    problem: Problem,
    state: State,
    movers: Players,
    batch: Batch,
    key: Array,
    *,
    state_at: Callable[[Params], State] | None = None,
) -> Field:
    """Make the movers' vector field: `(params) -> (gradient, outcome)`.

    It is a pure function of the movers' parameters, differentiable any number of times.
    Every evaluation uses the same random numbers. One forward pass serves all movers.

    Args:
        movers: the players that update.
        key: of the substep.
        state_at: `(params) -> state` in which the round is played; by default the given
            state with the movers' parameters replaced.
    """
    game = problem.game
    state_at = state_at or partial(with_params, state)

    def pay(
        loss: Loss, microbatch: Microbatch, params: Params
    ) -> tuple[dict[PlayerName, Array], Outcome]:
        _, outcome = play_round(
            problem,
            state_at(shared(params)),
            movers,
            batch,
            key,
            loss=loss,
            microbatch=microbatch,
        )
        own = _restrict_to_movers(problem, state, movers, outcome)
        return {player: sum_terms(own.losses[player]) for player in movers}, own

    def differentiate(loss: Loss, params: Params) -> tuple[Params, Outcome]:
        def differentiate_part(part: Microbatch) -> tuple[Params, Outcome]:
            losses, pull, own = jax.vjp(partial(pay, loss, part), params, has_aux=True)
            gradient: Params = {}
            for player in movers:
                one_hot = {p: jnp.full_like(x, p == player) for p, x in losses.items()}
                [pulled] = pull(one_hot)
                gradient |= {name: pulled[name] for name in game.players[player]}
            return gradient, own

        return accumulate(differentiate_part, game.microbatches)

    def field(params: Params) -> tuple[Params, Outcome]:
        gradient, outcome = differentiate(every_step_terms(game.loss), params)
        intervals = {
            name: interval
            for player in movers
            for name, interval in problem.lazy_intervals[player].items()
        }
        if not intervals:
            return gradient, outcome
        return add_lazy_terms(
            partial(differentiate, params=params),
            game.loss,
            intervals,
            state,
            gradient,
            outcome,
        )

    return field


def owned_params(game: Game, state: State, players: Players) -> Params:
    """Select the parameters that some players own."""
    return {
        name: state.variables[name].params
        for player in players
        for name in game.players[player]
    }


def with_params(state: State, params: Params) -> State:
    """Replace the parameters of some networks in the state."""
    moved = {n: state.variables[n]._replace(params=p) for n, p in params.items()}
    return state._replace(variables=state.variables | moved)


def apply_gradient(
    problem: Problem, state: State, movers: Players, gradient: Params
) -> State:
    """Apply one optimizer update to the movers' parameters, and change nothing else."""
    for player in movers:
        own = owned_params(problem.game, state, [player])
        own_gradient = {name: gradient[name] for name in own}
        with standard_promotion():
            updates, opt_state = problem.optimizers[player].update(
                own_gradient, state.opt_states[player], own
            )
        state = with_params(state, optax.apply_updates(own, updates))
        state = state._replace(opt_states=state.opt_states | {player: opt_state})
    return state


def commit(
    problem: Problem, state: State, movers: Players, gradient: Params, outcome: Outcome
) -> tuple[State, Info]:
    """Apply the movers' gradients and the round's outcome; return the state and report.

    The outcome has the new statistics and the new states of loss and view. The step
    number is not changed.
    """
    players = problem.game.players
    state = apply_gradient(problem, state, movers, gradient)
    after = {n: state.variables[n]._replace(stats=s) for n, s in outcome.stats.items()}
    state = state._replace(
        variables=state.variables | after,
        loss_states=state.loss_states | outcome.loss_states,
        view_states=outcome.view_states,
    )
    norms = {
        player: optax.tree.norm({name: gradient[name] for name in players[player]})
        for player in movers
    }
    return state, Info(outcome.losses, norms, outcome.diagnostics)


def substep(
    problem: Problem,
    state: State,
    player: PlayerName,
    batch: Batch,
    key: Array,
    *,
    state_at: Callable[[Params], State] | None = None,
) -> tuple[State, Info]:
    """Play one round and update one player by the gradient of its loss.

    Args:
        state_at: as for `make_field`.
    """
    field = make_field(problem, state, [player], batch, key, state_at=state_at)
    gradient, outcome = field(owned_params(problem.game, state, [player]))
    return commit(problem, state, [player], gradient, outcome)


def _restrict_to_movers(
    problem: Problem, state: State, movers: Players, outcome: Outcome
) -> Outcome:
    """Keep the part of an outcome that the movers may write; `jit` removes the rest."""
    game = problem.game
    return Outcome(
        losses={player: outcome.losses.get(player, {}) for player in movers},
        stats={n: outcome.stats[n] for player in movers for n in game.players[player]},
        loss_states={
            name: new
            for name, new in outcome.loss_states.items()
            if problem.state_owners[name] in movers
        },
        view_states={
            name: (outcome if view.state_owner in movers else state).view_states[name]
            for name, view in game.views.items()
        },
        diagnostics={p: outcome.diagnostics.get(p, {}) for p in movers},
    )


def _draw_microbatch(
    microbatch: Microbatch, sampler: Any, key: Array, shape: tuple[int, ...]
) -> Array:
    """Draw random numbers for the whole batch and return those of the microbatch."""
    whole = (shape[0] * microbatch.count, *shape[1:])
    return take_microbatch(draw_rows(sampler, key, whole), microbatch)
