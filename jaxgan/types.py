"""The vocabulary of jaxgan: the records that everything else makes, reads or returns.

A GAN is a differentiable **game**. It has **networks**, and **players** who each own
some of them. One **round** of play computes the fakes and the scores, once, and
records them. A **loss** reads the round and says what each player pays; losses add.
**Dynamics** let the players move and turn a game into an **algorithm**: two pure
functions, `init` and `step`. Everything that trains is a pytree and everything that
acts is a pure function, so `jit`, `vmap`, `scan` and sharding apply from outside.

All other rooms import this one, and this one imports none of them.
"""

import dataclasses
import zlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.tree_util import Partial
from jaxtyping import Array, Float, Int, Key

Tree = Any
"""Any pytree of arrays."""

PlayerName = str
NetworkName = str
PartName = str


class Variables(NamedTuple):
    """What a network carries from step to step."""

    params: Tree  # trained, by the owner's optimiser
    stats: Tree = ()  # not trained: batch statistics, spectral-norm vectors


def _unchanged(variables: Variables) -> Variables:
    return variables


class Network(NamedTuple):
    """A parametric function as a pair of pure functions.

    init:    `(key, *example_inputs) -> Variables`.
    apply:   `(variables, *inputs, key=None, train=True) -> (output, stats)`, where
             `stats` are the statistics after the call; `variables` is not changed.
    prepare: `(variables) -> variables`, a differentiable map in weight space that
             runs once a substep, before any `apply` (spectral norm, weight norm).
    """

    init: Callable[..., Variables]
    apply: Callable[..., tuple[Tree, Tree]]
    prepare: Callable[[Variables], Variables] = _unchanged


class Score(NamedTuple):
    """What a discriminator returns. `logits` are float32 or wider."""

    logits: Float[Array, "b *patch"]
    features: Tree = ()  # hidden layers, for losses that compare them
    extra: Tree = ()  # further heads: class logits, code posteriors


class Batch(NamedTuple):
    """The real examples of one substep."""

    real: Tree  # images (b, h, w, c) in [-1, 1], or any leaves with b in front
    condition: tuple[Tree, ...] = ()  # further inputs of both networks: labels, …
    weight: Float[Array, " b"] | None = None  # of each example in averages over reals


class Turn(NamedTuple):
    """All that one round is played from, the networks' variables aside."""

    batch: Batch
    latent: Tree
    player: PlayerName | None  # who moves after this round; None where several do
    params: Mapping[NetworkName, Tree]  # as the optimisers see them, before `prepare`
    view: Tree  # the view's state
    step: Int[Array, ""]  # of the iteration, not the substep
    key: Key[Array, ""]
    draw: Partial
    mean: Partial
    gather: Partial


@partial(
    jax.tree_util.register_dataclass,
    data_fields=[
        *("real", "fake", "latent", "condition", "weight", "fake_weight"),
        *("real_score", "fake_score", "real_pullback", "fake_pullback"),
        *("critic", "generate", "params", "step", "draw", "mean", "gather"),
    ],
    meta_fields=[],
)
@dataclasses.dataclass(frozen=True)
class Round:
    """What one round of a two-player game computed: everything a loss may read.

    The record is generous and `jit` prunes what no loss reads, so prefer reading it
    to computing again. Its functions are pytrees, so a round passes through `cond`,
    `vmap`, `scan` and `remat`; it never crosses a public `jit`.

    weight, fake_weight: of each real and each fake in averages over them, or None where
        all count alike.
    real_pullback, fake_pullback: `(cotangent) -> d<logits, cotangent>/d image`, of the
        same forward pass that gave the scores, with respect to the image before the
        view shows it.
    critic: `(image, condition=(), train=True) -> Score`, a probe at other points; it
        runs the discriminator in the mode named and never writes statistics.
    generate: `(latent, condition=(), train=True) -> image`, likewise.
    draw: `(sampler, key, shape) -> array`: random numbers of a global batch, of which
        each device holds its share; `shape[0]` counts this device's examples.
    mean: `(array) -> scalar`: the average over the global batch and all other axes.
    gather: `(array (b, …)) -> array (B, …)`: the global batch, for what compares each
        example with each other.
    """

    real: Tree
    fake: Tree
    latent: Tree
    condition: tuple[Tree, ...]
    weight: Float[Array, " b"] | None
    fake_weight: Float[Array, " m"] | None
    real_score: Score
    fake_score: Score
    real_pullback: Partial
    fake_pullback: Partial
    critic: Partial
    generate: Partial
    params: Mapping[NetworkName, Tree]
    step: Int[Array, ""]
    draw: Partial
    mean: Partial
    gather: Partial


Payments = dict[PlayerName, Float[Array, ""]]


class Part(NamedTuple):
    """One named summand of a loss.

    init:     `(variables) -> S`, the part's state; `()` where it has none.
    evaluate: `(record, S, key) -> (payments, S)`, what each player pays for this part.
    advances: the player whose substeps move the state; by default the first, in name
              order, of those whom the part charges.
    interval: the part is evaluated in iterations whose number is a multiple; in others
              it charges nothing and its state rests.
    """

    init: Callable[[Mapping[NetworkName, Variables]], Tree]
    evaluate: Callable[[Any, Tree, Key[Array, ""]], tuple[Payments, Tree]]
    advances: PlayerName | None = None
    interval: int = 1


class Loss(NamedTuple):
    """A sum of named parts. See `jaxgan.losses.combine` for its algebra.

    A part's randomness is the step's key folded with a hash of its name, so neither
    the order of the parts nor the presence of others changes what a part computes.
    """

    parts: Mapping[PartName, Part]

    def init(self, variables: Mapping[NetworkName, Variables]) -> dict[PartName, Tree]:
        """The state of every part."""
        return {name: part.init(variables) for name, part in self.parts.items()}

    def evaluate(
        self, record: Any, state: Mapping[PartName, Tree], key: Key[Array, ""]
    ) -> tuple[dict[PlayerName, dict[PartName, Array]], dict[PartName, Tree]]:
        """What each player pays for each part, and the parts' next states."""
        payments: dict[PlayerName, dict[PartName, Array]] = {}
        states = {}
        for name in sorted(self.parts):
            part_key = jax.random.fold_in(key, zlib.crc32(name.encode()))
            part, given = self.parts[name], (record, state[name], part_key)
            if part.interval == 1:
                paid, states[name] = part.evaluate(*given)
            else:
                paid, states[name] = jax.lax.cond(
                    record.step % part.interval == 0,
                    partial(part.evaluate, *given),
                    partial(_rest, part, *given),
                )
            for player, amount in paid.items():
                payments.setdefault(player, {})[name] = amount
        return payments, states


def _rest(part: Part, record: Any, state: Tree, key: Array) -> tuple[Payments, Tree]:
    """Nothing paid, in the types of what would have been, and the state as it is."""
    paid, _ = jax.eval_shape(partial(part.evaluate, record), state, key)
    return jax.tree.map(jnp.zeros_like, paid), state


def _untouched(state: Tree, fake: Tree, key: Array, player: PlayerName | None) -> tuple:
    del key, player
    return fake, state


class View(NamedTuple):
    """What the discriminator is shown, in every use of it, penalties included.

    `View()` shows everything as it is.

    init:  `(example) -> S`.
    pool:  `(S, fake, key, player) -> (fake, S)`, a memory of earlier fakes; the player
           is None where several move after one round.
    group: `(x) -> x`, packing several examples into one.
    show:  `(S, key, x, step) -> x`, augmentation and noise.
    adapt: `(S, record) -> S`, after a substep, from what it scored.
    advances: the player whose substeps move the state.
    """

    init: Callable[[Tree], Tree] = lambda example: ()
    pool: Callable[[Tree, Tree, Array, PlayerName | None], tuple[Tree, Tree]] = (
        _untouched
    )
    group: Callable[[Tree], Tree] = lambda x: x
    show: Callable[[Tree, Array, Tree, Array], Tree] = lambda state, key, x, step: x
    adapt: Callable[[Tree, Any], Tree] = lambda state, record: state
    advances: PlayerName = "discriminator"


class Game(NamedTuple):
    """Who plays, with what, for which stakes.

    networks: by name.
    players:  which networks each player owns; together they partition the networks.
    inputs:   `(batch, latent) -> {network: example inputs}`, for `Network.init`.
    prior:    `(key, n, condition) -> latents`.
    play:     `(variables, turn) -> (record, stats, view_state)`; `variables` are
              prepared, `stats` those of every network after the round.
    loss:     reads the record that `play` makes.
    observe:  `(record) -> {player: {name: scalar}}`, to be watched in that player's
              substeps.
    view:     what the discriminator is shown.
    microbatches: in how many shares a round is played; see `accumulated`.
    """

    networks: Mapping[NetworkName, Network]
    players: Mapping[PlayerName, tuple[NetworkName, ...]]
    inputs: Callable[[Batch, Tree], Mapping[NetworkName, tuple[Tree, ...]]]
    prior: Callable[[Array, int, tuple[Tree, ...]], Tree]
    play: Callable[[Mapping[NetworkName, Variables], Turn], tuple[Any, dict, Tree]]
    loss: Loss
    observe: Callable[[Any], dict[PlayerName, dict[str, Array]]] = lambda record: {}
    view: View = View()
    microbatches: int = 1


class State(NamedTuple):
    """All that training carries from one iteration to the next."""

    step: Int[Array, ""]  # iterations done
    variables: dict[NetworkName, Variables]
    optimizers: dict[PlayerName, Tree]
    loss: dict[PartName, Tree]
    view: Tree
    average: dict[NetworkName, Variables]  # empty unless `averaged`
    key: Key[Array, ""]  # never changes: randomness is folded from (key, step, substep)
    memory: Tree = ()  # what dynamics remember: an earlier gradient, slow weights


class Info(NamedTuple):
    """What a step reports, by player; the mean where a player moved several times."""

    losses: dict[PlayerName, dict[PartName, Float[Array, ""]]]
    gradient_norms: dict[PlayerName, Float[Array, ""]]
    observed: dict[PlayerName, dict[str, Float[Array, ""]]]


class Algorithm(NamedTuple):
    """A way of training: two pure functions.

    init: `(key) -> State`.
    step: `(state, batches) -> (state, info)`, with one `Batch` a substep.
    """

    init: Callable[[Key[Array, ""]], State]
    step: Callable[[State, tuple[Batch, ...]], tuple[State, Info]]
