"""Core types of jaxgan: `Network`, `Game`, `Loss`, `State`, `Algorithm` and others.

A GAN is a differentiable **game**. It has **networks**, and **players** that each own
some of them. One **round** of play computes the fakes and the scores once, and records
them. A **loss** maps the record to what each player pays; losses add. **Dynamics** are
update rules for the players. They turn a game into an **algorithm**: two pure
functions, `init` and `step`. All training state is a pytree and all computation is done
by pure functions, so `jit`, `vmap`, `scan` and sharding apply from outside.

All other modules import this one. This one imports only `errors`.
"""

import dataclasses
import math
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

import jax
from jax.tree_util import Partial
from jaxtyping import Array, Float, Int, Key

from jaxgan.errors import (
    InputError,
    check_entries,
    check_function,
    check_instance,
    check_mapping,
    check_name,
    check_names,
    check_positive_int,
)

Tree = Any
"""Any pytree of arrays."""

PlayerName = str
NetworkName = str
TermName = str

R = TypeVar("R")
Reads = TypeVar("Reads", contravariant=True)
"""Type of the record that a loss reads; a loss of `Record` fits every game."""


class Variables(NamedTuple):
    """A network's parameters and statistics."""

    params: Tree  # trained, by the owner's optimizer
    stats: Tree = ()  # not trained: batch statistics, spectral-norm vectors


def _unchanged(variables: Variables) -> Variables:
    return variables


@runtime_checkable
class Apply(Protocol):
    """Type of `Network.apply`: computes the output and the new statistics."""

    def __call__(
        self,
        variables: Variables,
        /,
        *inputs: Tree,
        key: Array | None = None,
        train: bool = True,
    ) -> tuple[Tree, Tree]:
        """Compute `(output, stats)`; `variables` is not changed.

        Args:
            variables: as returned by `prepare`.
            *inputs: with a leading batch axis.
            key: random key, for dropout for instance; None if there is none.
            train: True for batch statistics and dropout, False for evaluation mode.
        """
        ...


class Network(NamedTuple):
    """A parametric function as a pair of pure functions.

    init:    `(key, *example_inputs) -> Variables`.
    apply:   `(variables, *inputs, key=None, train=True) -> (output, stats)`.
    prepare: `(variables) -> variables`, a differentiable reparametrization of the
             weights (spectral norm, weight norm), run once a substep before `apply`.
    """

    init: Callable[..., Variables]
    apply: Apply
    prepare: Callable[[Variables], Variables] = _unchanged

    def __repr__(self) -> str:
        """Return a short text; functions say nothing when printed."""
        return "Network(init, apply, prepare)"


@runtime_checkable
class Call(Protocol):
    """A network bound to its variables, as a game's `play` calls it; a pytree."""

    def __call__(
        self,
        *inputs: Tree,
        stats: Tree = None,
        key: Array | None = None,
        train: bool = True,
    ) -> tuple[Tree, Tree]:
        """Compute `(output, stats)`, as `Network.apply` does.

        Args:
            *inputs: with a leading batch axis.
            stats: replace the network's own statistics. In the second and later calls
                of a round, pass the statistics that the previous call returned.
            key: random key, for dropout for instance.
            train: as for `Network.apply`; frozen networks are always in evaluation
                mode.
        """
        ...


Calls = Mapping[NetworkName, Call]


class Score(NamedTuple):
    """A discriminator's output: logits of float32 or wider, features, further heads.

    A multi-scale discriminator returns a tuple of such logits, one array for each
    scale; its losses are then made with `multi_scale`.
    """

    logits: Float[Array, "b *patch"]
    features: Tree = ()  # hidden layers, for feature matching for instance
    extra: Tree = ()  # further heads: class logits, code posteriors


class Batch(NamedTuple):
    """The real examples of one substep."""

    real: Tree  # images (b, h, w, c) in [-1, 1], or any leaves (b, …)
    condition: tuple[Tree, ...] = ()  # further network inputs: labels, …
    weight: Float[Array, "b *patch"] | None = None  # per example or patch


class Turn(NamedTuple):
    """The inputs of one round, except the networks."""

    batch: Batch
    latent: Tree
    player: PlayerName | None  # that updates after this round; None if several
    params: Mapping[NetworkName, Tree]  # before `prepare`, as the optimizers have them
    view_states: Mapping[str, Tree]  # by the names of the views
    step: Int[Array, ""]  # of the iteration, not the substep
    key: Key[Array, ""]
    draw: Partial
    mean: Partial
    gather: Partial


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Record:
    """The record of a round, common to all games; a game's own record adds fields.

    Reading a field is cheaper than computing it again: `jit` removes the fields that no
    loss reads. The record's functions are pytrees, so it passes through `cond`, `vmap`,
    `scan` and `remat`; it never crosses a public `jit`.

    weight: of each real in averages over reals, or of each of its patches, persons or
        frames; None if all weigh the same.
    params: of every network, before `prepare`, as the optimizers have them.
    step: number of the iteration.
    draw: `(sampler, key, shape) -> array`: random numbers for a global batch, split
        between the devices; `shape[0]` is the number of examples on this device.
    mean: `(array, axis=None) -> array`: the average over the global batch and all other
        axes, or with `axis=0` over the batch alone.
    gather: `(array (b, …)) -> array (B, …)`: the global batch, for losses that compare
        all pairs of examples.
    """

    real: Tree
    latent: Tree
    condition: tuple[Tree, ...]
    weight: Float[Array, "b *patch"] | None
    params: Mapping[NetworkName, Tree]
    step: Int[Array, ""]
    draw: Partial
    mean: Partial
    gather: Partial

    @classmethod
    def of(cls: type[R], turn: Turn, **computed: Any) -> R:
        """Make a record of a turn and of what the game computed.

        Args:
            turn: the inputs of the round.
            **computed: further fields, or replacements of the turn's.
        """
        fields = {
            "real": turn.batch.real,
            "condition": turn.batch.condition,
            "weight": turn.batch.weight,
            "latent": turn.latent,
            "params": turn.params,
            "step": turn.step,
            "draw": turn.draw,
            "mean": turn.mean,
            "gather": turn.gather,
        }
        return cls(**fields | computed)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Round(Record):
    """The record of a GAN's round: reals, fakes and the discriminator's scores of them.

    fake_weight: of each fake, like `weight` for reals.
    real_pullback, fake_pullback: `(cotangent) -> d<logits, cotangent>/d image`, from
        the forward pass that gave the scores; the gradient is with respect to the image
        before the view's augmentation.
    critic: `(image, condition=(), train=True) -> Score`, evaluates the discriminator at
        other points, in the given mode, without writing statistics.
    generate: `(latent, condition=(), train=True) -> image`, likewise for the generator;
        None if the fakes do not come from latents alone.
    """

    fake: Tree
    fake_weight: Float[Array, "m *patch"] | None
    real_score: Score
    fake_score: Score
    real_pullback: Partial
    fake_pullback: Partial
    critic: Partial
    generate: Partial | None


Losses = dict[PlayerName, Float[Array, ""]]


@dataclasses.dataclass(frozen=True)
class Term(Generic[Reads]):
    """One named summand of a loss.

    init:     `(variables) -> S`, the term's state; `()` if it has none.
    evaluate: `(record, S, key) -> (losses, S)`, what each player pays for this term.
    state_owner: the player whose substeps update the state; by default the first, in
              name order, of the players that the term charges.
    interval: dynamics evaluate the term in iterations whose number is a multiple of it;
              in others the term charges nothing and its state does not change.
    mentions: names that `focus` and `rename` were given for it; each must be that of a
              term of the game's loss or of a player whom it charges.
    """

    init: Callable[[Mapping[NetworkName, Variables]], Tree]
    evaluate: Callable[[Reads, Tree, Key[Array, ""]], tuple[Losses, Tree]]
    state_owner: PlayerName | None = None
    interval: int = 1
    mentions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_function("init", self.init, "lambda variables: ()")
        check_function("evaluate", self.evaluate, "lambda record, state, key: …")
        if self.state_owner is not None:
            check_name("state_owner", self.state_owner)
        check_positive_int("interval", self.interval)
        check_names("mentions", self.mentions)


@dataclasses.dataclass(frozen=True)
class Loss(Generic[Reads]):
    """A sum of named terms. See `jaxgan.losses.combine` for its algebra.

    A term's random key is the step's key folded with a hash of its name. So neither the
    order of the terms nor the presence of others changes what a term computes.
    """

    terms: Mapping[TermName, Term[Reads]]

    def __post_init__(self) -> None:
        check_entries("terms", self.terms, Term)

    def __repr__(self) -> str:
        """Return the names of the terms."""
        return f"Loss({' + '.join(self.terms)})"

    def __add__(self, other: "Loss[Reads]") -> "Loss[Reads]":
        """Add two losses: take the union of their terms.

        Raises:
            InputError: if two terms have the same name.
        """
        if not isinstance(other, Loss):
            return NotImplemented
        shared = sorted(self.terms.keys() & other.terms.keys())
        if shared:
            raise InputError(
                f"two terms of the sum are named {shared[0]!r}; give one another name "
                f'with rename(loss, names={{"{shared[0]}": …}}).'
            )
        return Loss({**self.terms, **other.terms})

    def init(self, variables: Mapping[NetworkName, Variables]) -> dict[TermName, Tree]:
        """Make the initial state of every term."""
        return {name: term.init(variables) for name, term in self.terms.items()}

    def evaluate(
        self, record: Reads, state: Mapping[TermName, Tree], key: Key[Array, ""]
    ) -> tuple[dict[PlayerName, dict[TermName, Array]], dict[TermName, Tree]]:
        """Compute what each player pays for each term, and the terms' next states.

        Every term is evaluated, whatever its interval; the dynamics select those due.
        """
        losses: dict[PlayerName, dict[TermName, Array]] = {}
        states = {}
        for name in sorted(self.terms):
            term_key = jax.random.fold_in(key, zlib.crc32(name.encode()))
            charged, states[name] = self.terms[name].evaluate(
                record, state[name], term_key
            )
            for player, amount in charged.items():
                losses.setdefault(player, {})[name] = amount
        return losses, states


def no_pool(state: Tree, fake: Tree, key: Array, player: PlayerName) -> tuple:
    """Return the fakes unchanged; the default `View.pool`."""
    del key, player
    return fake, state


class View(NamedTuple):
    """A transformation of the discriminator's inputs, such as augmentation or packing.

    It applies to every call of the discriminator, also in penalties. `View()` is the
    identity. `jaxgan.views.compose` composes views.

    init:  `(reals) -> S`, the initial state from a batch's shapes.
    pool:  `(S, fake, key, player) -> (fake, S)`, replay from a pool of earlier fakes;
           `player` is the one that updates after the round.
    group: `(x) -> x`, packing of several examples into one.
    show:  `(S, key, x, step) -> x`, augmentation and noise.
    adapt: `(S, record) -> S`, the next state from the scores of a substep.
    state_owner: the player whose substeps update the state; by default set by the game.
    """

    init: Callable[[Tree], Tree] = lambda reals: ()
    pool: Callable[[Tree, Tree, Array, PlayerName], tuple[Tree, Tree]] = no_pool
    group: Callable[[Tree], Tree] = lambda x: x
    show: Callable[[Tree, Array, Tree, Array], Tree] = lambda state, key, x, step: x
    adapt: Callable[[Tree, Round], Tree] = lambda state, record: state
    state_owner: PlayerName | None = None


@runtime_checkable
class Output(Protocol):
    """A function that computes something from a trained game's networks."""

    def __call__(
        self,
        call: Mapping[NetworkName, Callable[..., Tree]],
        latent: Tree,
        batch: Batch,
        /,
    ) -> Tree:
        """Compute rows of output from rows of latents and of examples.

        Args:
            call: the networks by name, in evaluation mode: `call[name](*inputs)`
                returns the output without statistics.
            latent: drawn from the prior under `batch.condition`.
            batch: held-out examples, shaped like those of training.

        Returns:
            A tree whose row i is computed from row i of the latents and the examples.
        """
        ...


@dataclasses.dataclass(frozen=True, eq=False)
class Game(Generic[R]):
    """A differentiable game: networks, the players that own them, and a loss.

    networks: by name.
    players:  the networks that each player owns. Their order is the default order of
              updates. With `frozen`, they partition the networks.
    prior:    `(key, n, condition) -> latents`: all randomness of single examples.
    play:     `(call, turn) -> (record, stats, views)`: `call` has the networks by name;
              returned are the statistics of every network that is not frozen, and the
              views' states, after the round.
    loss:     reads the record that `play` returns.
    outputs:  functions of the trained networks, by name: samples, reconstructions, …;
              the first one is scored in evaluation.
    frozen:   networks that are not trained: initialized once, never written, and always
              in evaluation mode.
    diagnostics: `(record) -> {player: {name: scalar}}`, reported in that player's
              substeps.
    views:    transformations of the discriminators' inputs, by the names that `play`
              uses.
    microbatches: number of microbatches in a round; see `microbatched`.
    """

    networks: Mapping[NetworkName, Network]
    players: Mapping[PlayerName, tuple[NetworkName, ...]]
    prior: Callable[[Array, int, tuple[Tree, ...]], Tree]
    play: Callable[[Calls, Turn], tuple[R, dict[NetworkName, Tree], dict[str, Tree]]]
    loss: Loss[R]
    outputs: Mapping[str, Output] = dataclasses.field(default_factory=dict)
    frozen: tuple[NetworkName, ...] = ()
    diagnostics: Callable[[R], dict[PlayerName, dict[str, Array]]] = lambda record: {}
    views: Mapping[str, View] = dataclasses.field(default_factory=dict)
    microbatches: int = 1

    def __post_init__(self) -> None:
        check_entries("networks", self.networks, Network)
        check_mapping("players", self.players, '{"generator": ("generator",)}')
        if not self.players:
            raise InputError("players: a game needs at least one, with its networks.")
        for player, owned in self.players.items():
            check_name("players: each name", player)
            check_names(f"players[{player!r}]", owned)
        for name in ("prior", "play", "diagnostics"):
            check_function(name, getattr(self, name), "one that gan(…) makes")
        check_instance("loss", self.loss, Loss, "non_saturating()")
        check_mapping("outputs", self.outputs, '{"samples": function}')
        for name, output in self.outputs.items():
            check_name("outputs: each name", name)
            check_function(f"outputs[{name!r}]", output, "that of a gan(…)")
        check_names("frozen", self.frozen)
        check_entries("views", self.views, View)
        check_positive_int("microbatches", self.microbatches)

    def __repr__(self) -> str:
        """Return the names of players, networks, terms and outputs."""
        owned = {player: [*names] for player, names in self.players.items()}
        return f"Game(players={owned}, loss={self.loss}, outputs={[*self.outputs]})"

    def _replace(self, **changes: Any) -> "Game[R]":
        """Return the game with some fields replaced, like `NamedTuple._replace`."""
        return dataclasses.replace(self, **changes)


def count_parameters(variables: Any) -> int:
    """Count the parameters of a network's variables, or of their shapes.

    Leaves that have no shape, as in a state of shardings, count as one number.
    """
    params = getattr(variables, "params", variables)
    return sum(math.prod(getattr(x, "shape", ())) for x in jax.tree.leaves(params))


class State(NamedTuple):
    """The training state: everything carried from one iteration to the next."""

    step: Int[Array, ""]  # iterations done
    variables: dict[NetworkName, Variables]
    opt_states: dict[PlayerName, Tree]
    loss_states: dict[TermName, Tree]
    view_states: dict[str, Tree]
    ema: dict[NetworkName, Variables]  # averages; empty unless `ema`
    frozen: dict[NetworkName, Variables]  # never changes
    key: Key[Array, ""]  # never changes: randomness is folded from (key, step, substep)
    dynamics_state: Tree = ()  # an earlier gradient, slow weights

    def __repr__(self) -> str:
        """Return the step and the networks' numbers of parameters."""
        if not isinstance(self.variables, dict):  # such as a tree of axes
            return tuple.__repr__(self)
        sizes = {name: count_parameters(v) for name, v in self.variables.items()}
        return f"State(step={self.step}, parameters={sizes})"


class Info(NamedTuple):
    """Losses, gradient norms and diagnostics of a step, by player.

    They are means over the player's substeps.
    """

    losses: dict[PlayerName, dict[TermName, Float[Array, ""]]]
    gradient_norms: dict[PlayerName, Float[Array, ""]]
    diagnostics: dict[PlayerName, dict[str, Float[Array, ""]]]


class Algorithm(NamedTuple):
    """A training algorithm: two pure functions, `init` and `step`.

    init: `(key) -> State`.
    step: `(state, batches) -> (state, info)`, with one `Batch` for each substep.
    output_networks: those that the game's outputs call; by default `ema` averages
          them.
    """

    init: Callable[[Key[Array, ""]], State]
    step: Callable[[State, tuple[Batch, ...]], tuple[State, Info]]
    output_networks: tuple[NetworkName, ...] = ()

    def __repr__(self) -> str:
        """Return a short text; functions say nothing when printed."""
        return "Algorithm(init, step)"
