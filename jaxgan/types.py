"""The vocabulary of jaxgan: the records that everything else makes, reads or returns.

A GAN is a differentiable **game**. It has **networks**, and **players** who each own
some of them. One **round** of play computes the fakes and the scores, once, and
records them. A **loss** reads the record and says what each player pays; losses add.
**Dynamics** let the players move and turn a game into an **algorithm**: two pure
functions, `init` and `step`. Everything that trains is a pytree and everything that
acts is a pure function, so `jit`, `vmap`, `scan` and sharding apply from outside.

All other rooms import this one, and this one imports none of them but `errors`.
"""

import dataclasses
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

import jax
from jax.tree_util import Partial
from jaxtyping import Array, Float, Int, Key

from jaxgan.errors import InputError

Tree = Any
"""Any pytree of arrays."""

PlayerName = str
NetworkName = str
TermName = str

R = TypeVar("R")
Reads = TypeVar("Reads", contravariant=True)
"""The kind of record that a loss reads; a loss of `Record` serves every game."""


class Variables(NamedTuple):
    """What a network carries from step to step."""

    params: Tree  # trained, by the owner's optimizer
    stats: Tree = ()  # not trained: batch statistics, spectral-norm vectors


def _unchanged(variables: Variables) -> Variables:
    return variables


@runtime_checkable
class Apply(Protocol):
    """How a network computes: its output, and its statistics after the call."""

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
            variables: prepared.
            *inputs: with the batch in front.
            key: of dropout and its kin; None where there is none.
            train: whether statistics are the batch's, and dropout drops.
        """
        ...


class Network(NamedTuple):
    """A parametric function as a pair of pure functions.

    init:    `(key, *example_inputs) -> Variables`.
    apply:   `(variables, *inputs, key=None, train=True) -> (output, stats)`.
    prepare: `(variables) -> variables`, a differentiable map in weight space that
             runs once a substep, before any `apply` (spectral norm, weight norm).
    """

    init: Callable[..., Variables]
    apply: Apply
    prepare: Callable[[Variables], Variables] = _unchanged


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
            *inputs: with the batch in front.
            stats: in place of the network's own, where it was called before in the
                round: the statistics that the call before returned.
            key: of dropout and its kin.
            train: as for `Network.apply`; frozen networks evaluate whatever it says.
        """
        ...


Calls = Mapping[NetworkName, Call]


class Score(NamedTuple):
    """What a discriminator returns. `logits` are float32 or wider.

    A discriminator may return several logits, one for each scale it looks at, as a
    tuple of such arrays; its losses are then made with `multi_scale`.
    """

    logits: Float[Array, "b *patch"]
    features: Tree = ()  # hidden layers, for losses that compare them
    extra: Tree = ()  # further heads: class logits, code posteriors


class Batch(NamedTuple):
    """The real examples of one substep."""

    real: Tree  # images (b, h, w, c) in [-1, 1], or any leaves with b in front
    condition: tuple[Tree, ...] = ()  # further inputs of both networks: labels, …
    weight: Float[Array, "b *patch"] | None = None  # of each example, or of its patches


class Turn(NamedTuple):
    """All that one round is played from, the networks aside."""

    batch: Batch
    latent: Tree
    player: PlayerName | None  # who moves after this round; None where several do
    params: Mapping[NetworkName, Tree]  # as the optimizers see them, before `prepare`
    view: Mapping[str, Tree]  # the views' states, by name
    step: Int[Array, ""]  # of the iteration, not the substep
    key: Key[Array, ""]
    draw: Partial
    mean: Partial
    gather: Partial


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Record:
    """What every round knows, whatever is played. A game's own record adds fields.

    A record is generous and `jit` prunes what no loss reads, so prefer reading it to
    computing again. Its functions are pytrees, so it passes through `cond`, `vmap`,
    `scan` and `remat`; it never crosses a public `jit`.

    weight: of each real in averages over them, or of each of its patches, persons or
        frames; None where all count alike.
    params: of every network, as the optimizers see them.
    step: of the iteration.
    draw: `(sampler, key, shape) -> array`: random numbers of a global batch, of which
        each device holds its share; `shape[0]` counts this device's examples.
    mean: `(array) -> scalar`: the average over the global batch and all other axes.
    gather: `(array (b, …)) -> array (B, …)`: the global batch, for what compares each
        example with each other.
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
        """The record of a round: what its turn says, and what the game computed."""
        known = {
            **{"real": turn.batch.real, "condition": turn.batch.condition},
            **{"weight": turn.batch.weight, "latent": turn.latent},
            **{"params": turn.params, "step": turn.step},
            **{"draw": turn.draw, "mean": turn.mean, "gather": turn.gather},
        }
        return cls(**known | computed)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Round(Record):
    """A discriminator's scores of reals and fakes: all that a GAN's loss may read.

    fake_weight: of each fake, as `weight` is of each real.
    real_pullback, fake_pullback: `(cotangent) -> d<logits, cotangent>/d image`, of the
        same forward pass that gave the scores, with respect to the image before the
        view shows it.
    critic: `(image, condition=(), train=True) -> Score`, a probe at other points; it
        runs the discriminator in the mode named and never writes statistics.
    generate: `(latent, condition=(), train=True) -> image`, likewise; None where the
        fakes do not come from latents alone.
    """

    fake: Tree
    fake_weight: Float[Array, "m *patch"] | None
    real_score: Score
    fake_score: Score
    real_pullback: Partial
    fake_pullback: Partial
    critic: Partial
    generate: Partial | None


Payments = dict[PlayerName, Float[Array, ""]]


@dataclasses.dataclass(frozen=True)
class Term(Generic[Reads]):
    """One named summand of a loss.

    init:     `(variables) -> S`, the term's state; `()` where it has none.
    evaluate: `(record, S, key) -> (payments, S)`, what each player pays for this term.
    advances: the player whose substeps move the state; by default the first, in name
              order, of those whom the term charges.
    interval: dynamics evaluate the term in iterations whose number is a multiple; in
              others it charges nothing and its state rests.
    """

    init: Callable[[Mapping[NetworkName, Variables]], Tree]
    evaluate: Callable[[Reads, Tree, Key[Array, ""]], tuple[Payments, Tree]]
    advances: PlayerName | None = None
    interval: int = 1


@dataclasses.dataclass(frozen=True)
class Loss(Generic[Reads]):
    """A sum of named terms. See `jaxgan.losses.combine` for its algebra.

    A term's randomness is the step's key folded with a hash of its name, so neither
    the order of the terms nor the presence of others changes what a term computes.
    """

    terms: Mapping[TermName, Term[Reads]]

    def __add__(self, other: "Loss[Reads]") -> "Loss[Reads]":
        """The union of the terms.

        Raises:
            InputError: if two have the same name.
        """
        if not isinstance(other, Loss):
            return NotImplemented
        twice = sorted(self.terms.keys() & other.terms.keys())
        if twice:
            raise InputError(
                f"two terms of the sum are named {twice[0]!r}; give one another name "
                f'with rename(loss, names={{"{twice[0]}": …}}).'
            )
        return Loss({**self.terms, **other.terms})

    def init(self, variables: Mapping[NetworkName, Variables]) -> dict[TermName, Tree]:
        """The state of every term."""
        return {name: term.init(variables) for name, term in self.terms.items()}

    def evaluate(
        self, record: Reads, state: Mapping[TermName, Tree], key: Key[Array, ""]
    ) -> tuple[dict[PlayerName, dict[TermName, Array]], dict[TermName, Tree]]:
        """What each player pays for each term, and the terms' next states.

        Every term is evaluated, whatever its interval: the dynamics say what is due.
        """
        payments: dict[PlayerName, dict[TermName, Array]] = {}
        states = {}
        for name in sorted(self.terms):
            part_key = jax.random.fold_in(key, zlib.crc32(name.encode()))
            paid, states[name] = self.terms[name].evaluate(
                record, state[name], part_key
            )
            for player, amount in paid.items():
                payments.setdefault(player, {})[name] = amount
        return payments, states


def no_pool(state: Tree, fake: Tree, key: Array, player: PlayerName) -> tuple:
    """The pool of a view that has none: every fake is shown when it is made."""
    del key, player
    return fake, state


class View(NamedTuple):
    """What the discriminator is shown, in every use of it, penalties included.

    `View()` shows everything as it is. `jaxgan.views.compose` puts one after another.

    init:  `(reals) -> S`, from a batch's shapes.
    pool:  `(S, fake, key, player) -> (fake, S)`, a memory of earlier fakes; `player`
           is the one who moves after the round.
    group: `(x) -> x`, packing several examples into one.
    show:  `(S, key, x, step) -> x`, augmentation and noise.
    adapt: `(S, round) -> S`, after a substep, from what it scored.
    advances: the player whose substeps move the state; by default the game says.
    """

    init: Callable[[Tree], Tree] = lambda reals: ()
    pool: Callable[[Tree, Tree, Array, PlayerName], tuple[Tree, Tree]] = no_pool
    group: Callable[[Tree], Tree] = lambda x: x
    show: Callable[[Tree, Array, Tree, Array], Tree] = lambda state, key, x, step: x
    adapt: Callable[[Tree, Round], Tree] = lambda state, record: state
    advances: PlayerName | None = None


@runtime_checkable
class Output(Protocol):
    """Something that a trained game can produce."""

    def __call__(
        self,
        call: Mapping[NetworkName, Callable[..., Tree]],
        latent: Tree,
        batch: Batch,
        /,
    ) -> Tree:
        """Make rows of latents and rows of examples into rows of something.

        Args:
            call: the networks by name, in evaluation mode: `call[name](*inputs)` is an
                output alone.
            latent: drawn from the prior under `batch.condition`.
            batch: held-out examples, shaped like those of training.

        Returns:
            A tree whose row i is made of row i of the latents and of the examples.
        """
        ...


@dataclasses.dataclass(frozen=True)
class Game(Generic[R]):
    """Who plays, with what, for which stakes, and what can be made of it.

    networks: by name.
    players:  which networks each player owns, in the order in which they move unless
              dynamics are told otherwise; with `frozen` they partition the networks.
    prior:    `(key, n, condition) -> latents`: all chance that belongs to an example.
    play:     `(call, turn) -> (record, stats, views)`: `call` has the networks by name;
              returned are the statistics of every network that is not frozen, and the
              views' states, after the round.
    loss:     reads the record that `play` makes.
    outputs:  what the trained game can produce, by name: samples, reconstructions, …;
              the first is what is scored.
    frozen:   networks that nobody trains: initialized once, never written, and always
              in evaluation mode.
    diagnostics: `(record) -> {player: {name: scalar}}`, reported in that player's
              substeps.
    views:    what each discriminator is shown, by the names that `play` uses.
    microbatches: in how many shares a round is played; see `microbatched`.
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

    def _replace(self, **changes: Any) -> "Game[R]":
        """The game with other fields, as of the named tuples here."""
        return dataclasses.replace(self, **changes)


class State(NamedTuple):
    """All that training carries from one iteration to the next."""

    step: Int[Array, ""]  # iterations done
    variables: dict[NetworkName, Variables]
    optimizers: dict[PlayerName, Tree]
    loss: dict[TermName, Tree]
    view: dict[str, Tree]
    average: dict[NetworkName, Variables]  # empty unless `ema`
    frozen: dict[NetworkName, Variables]  # never changes
    key: Key[Array, ""]  # never changes: randomness is folded from (key, step, substep)
    memory: Tree = ()  # what dynamics remember: an earlier gradient, slow weights


class Info(NamedTuple):
    """What a step reports, by player; the mean where a player moved several times."""

    losses: dict[PlayerName, dict[TermName, Float[Array, ""]]]
    gradient_norms: dict[PlayerName, Float[Array, ""]]
    diagnostics: dict[PlayerName, dict[str, Float[Array, ""]]]


class Algorithm(NamedTuple):
    """A way of training: two pure functions.

    init: `(key) -> State`.
    step: `(state, batches) -> (state, info)`, with one `Batch` a substep.
    shown: the networks that the game's outputs call, which `ema` averages.
    """

    init: Callable[[Key[Array, ""]], State]
    step: Callable[[State, tuple[Batch, ...]], tuple[State, Info]]
    shown: tuple[NetworkName, ...] = ()
