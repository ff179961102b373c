"""Terms of a loss that are not evaluated in every iteration.

In an iteration in which lazy terms are due, the round is played over again for them
alone, inside a conditional. That costs it another forward pass. In return the other
iterations pass nothing but the gradient through the conditional; otherwise they would
fill with zeros all that the lazy terms' own gradient reads.
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxgan.types import Loss, State, TermName, Tree


def prompt(loss: Loss) -> Loss:
    """The terms that are evaluated in every iteration."""
    return Loss({n: term for n, term in loss.terms.items() if term.interval == 1})


def add_lazy(
    differentiate: Callable[[Loss], tuple[Tree, Any]],
    loss: Loss,
    intervals: Mapping[TermName, int],
    state: State,
    gradient: Tree,
    outcome: Any,
) -> tuple[Tree, Any]:
    """Add what the lazy terms that are due pay and pull, played over again.

    Args:
        differentiate: `(loss) -> (gradient, outcome)`.
        loss: the game's.
        intervals: of those of its terms that are lazy and concern who moves.
        state: before the move.
        gradient: of the other terms.
        outcome: of the other terms.
    """

    def awake(due: Collection[int]) -> Loss:
        chosen = [name for name, interval in intervals.items() if interval in due]
        return Loss({name: loss.terms[name] for name in chosen})

    _, asleep = jax.eval_shape(lambda: differentiate(awake(intervals.values())))
    nothing = jax.tree.map(jnp.zeros_like, asleep.paid)
    states = {name: state.loss[name] for name in asleep.loss}

    def add(due: Collection[int]) -> tuple[Tree, dict, dict]:
        if not due:
            return gradient, nothing, states
        extra, now = differentiate(awake(due))
        both = jax.tree.map(jnp.add, gradient, extra)
        return both, _joined(nothing, now.paid), states | now.loss

    gradient, paid, states = by_phase(sorted({*intervals.values()}), state.step, add)
    return gradient, outcome._replace(
        paid=_joined(outcome.paid, paid), loss=outcome.loss | states
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
    now = (divides.astype(int) << jnp.arange(len(intervals))).sum()
    case = jnp.array([cases.index(each) for each in due])[now]
    return jax.lax.switch(case, [partial(compute, each) for each in cases])


def _joined(paid: dict[str, dict], more: dict[str, dict]) -> dict[str, dict]:
    return {player: terms | more[player] for player, terms in paid.items()}
