"""Lazy regularization: loss terms that are not evaluated in every iteration.

In an iteration in which lazy terms are due, a second round is played for them alone,
inside a conditional. This costs another forward pass in that iteration. In return, only
the gradient passes through the conditional in all others. With a single forward pass,
the conditional would have to output zeros for every intermediate value that the lazy
terms' backward pass reads.
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxgan.types import Loss, State, TermName, Tree


def every_step_terms(loss: Loss) -> Loss:
    """Select the terms that are evaluated in every iteration."""
    return Loss({n: term for n, term in loss.terms.items() if term.interval == 1})


def add_lazy_terms(
    differentiate: Callable[[Loss], tuple[Tree, Any]],
    loss: Loss,
    intervals: Mapping[TermName, int],
    state: State,
    gradient: Tree,
    outcome: Any,
) -> tuple[Tree, Any]:
    """Evaluate the lazy terms due this step and add their losses and gradients.

    They are evaluated on a second forward pass.

    Args:
        differentiate: `(loss) -> (gradient, outcome)`.
        loss: the game's.
        intervals: of the lazy terms that concern the movers.
        state: before the update.
        gradient: of the other terms.
        outcome: of the other terms.
    """

    def due_terms(due: Collection[int]) -> Loss:
        chosen = [name for name, interval in intervals.items() if interval in due]
        return Loss({name: loss.terms[name] for name in chosen})

    _, lazy_outcome = jax.eval_shape(
        lambda: differentiate(due_terms(intervals.values()))
    )
    zero = jax.tree.map(jnp.zeros_like, lazy_outcome.losses)
    states = {name: state.loss_states[name] for name in lazy_outcome.loss_states}

    def add(due: Collection[int]) -> tuple[Tree, dict, dict]:
        if not due:
            return gradient, zero, states
        extra, due_outcome = differentiate(due_terms(due))
        both = jax.tree.map(jnp.add, gradient, extra)
        losses = _merge_losses(zero, due_outcome.losses)
        return both, losses, states | due_outcome.loss_states

    gradient, losses, states = by_phase(sorted({*intervals.values()}), state.step, add)
    return gradient, outcome._replace(
        losses=_merge_losses(outcome.losses, losses),
        loss_states=outcome.loss_states | states,
    )


def by_phase(
    intervals: Sequence[int], step: Array, compute: Callable[[Collection[int]], Any]
) -> Any:
    """Call `compute(due)` with the intervals that divide the step number.

    Each set of intervals that can be due together is compiled as a separate branch.
    """
    due = []
    for code in range(2 ** len(intervals)):
        dividing = [n for i, n in enumerate(intervals) if code >> i & 1]
        # If the step is a multiple of these intervals, it is one of their least common
        # multiple, hence of every divisor of it.
        due.append(tuple(n for n in intervals if math.lcm(*dividing) % n == 0))
    cases = sorted(set(due))
    divides = jnp.array([step % n == 0 for n in intervals])
    now = (divides.astype(int) << jnp.arange(len(intervals))).sum()
    case = jnp.array([cases.index(each) for each in due])[now]
    return jax.lax.switch(case, [partial(compute, each) for each in cases])


def _merge_losses(losses: dict[str, dict], more: dict[str, dict]) -> dict[str, dict]:
    """Merge the losses of two sets of terms, player by player."""
    return {player: terms | more[player] for player, terms in losses.items()}
