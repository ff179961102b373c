"""The algebra of losses: every function here returns a `Loss`.

A loss is a sum of terms with unique names, and all of the algebra is on the terms:

- `chain(a, b)` is the union of the terms. It is commutative and associative, and the
  empty `chain()` is its identity, bit for bit, random terms included: a term draws
  from the step's key folded with its own name, not with its position.
- `weighted`, `every` and `focus` act on each term alone, and `rename` on the names, so
  all of them distribute over `chain`.

    >>> from jaxgan import chain, every, non_saturating, r1
    >>> loss = chain(non_saturating(), every(r1(gamma=10.0), n=16))
    >>> sorted(loss.terms)
    ['non_saturating', 'r1']
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from jaxgan.errors import (
    InputError,
    check_function,
    check_non_negative,
    check_positive_int,
)
from jaxgan.precision import standard_promotion
from jaxgan.types import Loss, Payments, PlayerName, Term, Tree


def stateless(
    evaluate: Callable[[Any, jax.Array], Payments],
    name: str,
    state_owner: PlayerName | None = None,
) -> Loss:
    """Lift `(record, key) -> {player: scalar}` to a loss of one term.

    Args:
        evaluate: what each charged player pays, scalars of at least float32.
        name: of the term, as it will stand in the log.
        state_owner: see `Term`.

        >>> from jaxgan import stateless
        >>> drift = stateless(
        ...     lambda record, key: {
        ...         "discriminator": 1e-3 * record.mean(record.real_score.logits ** 2)
        ...     },
        ...     name="drift_penalty",
        ... )
    """

    def with_state(record: Any, state: Tree, key: jax.Array) -> tuple[Payments, Tree]:
        return evaluate(record, key), state

    return Loss({name: Term(lambda variables: (), with_state, state_owner)})


def chain(*losses: Loss) -> Loss:
    """The sum of losses, `a + b + …`: the union of their terms.

    Raises:
        InputError: if two terms have the same name; `rename` one of them.
    """
    for loss in losses:
        check_loss("chain: every argument", loss)
    return sum(losses, start=Loss({}))


def weighted(loss: Loss, *, by: float | jax.Array | optax.Schedule) -> Loss:
    """Multiply what everyone pays by a number, or by `by(step)` if it is callable.

    Raises:
        InputError: if a concrete weight is negative or not finite.

        >>> import optax
        >>> from jaxgan import r1, weighted
        >>> fading = weighted(r1(10.0), by=optax.cosine_decay_schedule(1.0, 10_000))
    """
    check_loss("weighted: loss", loss)
    if not callable(by):
        check_non_negative("weighted: by", by)

    def scale(term: Term) -> Term:
        def evaluate(record: Any, state: Tree, key: jax.Array) -> tuple[Payments, Tree]:
            now = at_step(by, record.step)
            paid, state = term.evaluate(record, state, key)
            return {player: now * amount for player, amount in paid.items()}, state

        return dataclasses.replace(term, evaluate=evaluate)

    return _on_parts(scale, loss)


def every(loss: Loss, *, n: int) -> Loss:
    """Lazy regularization: pay n times as much, once in n iterations.

    In the other iterations the loss is not computed and its state rests. Dynamics
    compile the substeps with and without it, so that those without cost what they would
    if it were not there. Iterations count, not substeps, and `every` multiplies:
    `every(every(loss, n=3), n=2)` is `every(loss, n=6)`.

    Raises:
        InputError: if `n` is not an integer of at least 1.

    Reference: Karras et al. 2019, arXiv:1912.04958, section 3.1.
    """
    check_loss("every: loss", loss)
    check_positive_int("every: n", n)
    if n == 1:
        return loss

    def lazy(term: Term) -> Term:
        def evaluate(record: Any, state: Tree, key: jax.Array) -> tuple[Payments, Tree]:
            paid, after = term.evaluate(record, state, key)
            return {player: n * amount for player, amount in paid.items()}, after

        return dataclasses.replace(term, evaluate=evaluate, interval=n * term.interval)

    return _on_parts(lazy, loss)


def focus(
    loss: Loss,
    *,
    on: str | Callable[[Any], Any],
    player: PlayerName | None = None,
) -> Loss:
    """Apply a loss to `on(record)`: a part or a restriction of a bigger record.

    A name stands for the field of that name, and then begins the terms' names: the two
    directions of CycleGAN are `focus(least_squares(), on="forth")`, whose term is
    `forth_least_squares`, and `focus(least_squares(), on="back")`. With `player`, only
    what that player pays is seen through the lens, as in `focus(non_saturating(),
    on=top_k(0.5), player="generator")`. What others pay, and the state, come from the
    record as it is.

    Raises:
        InputError: if `on` is neither a name nor a function, or, when the game is
            built, if its records have no such field.
    """
    check_loss("focus: loss", loss)
    if isinstance(on, str):
        seen = focus(loss, on=field(on), player=player)
        return Loss({f"{on}_{name}": term for name, term in seen.terms.items()})
    check_function("focus: on", on, "lambda record: record.forth")

    def through(term: Term) -> Term:
        def evaluate(record: Any, state: Tree, key: jax.Array) -> tuple[Payments, Tree]:
            if player is None:
                return term.evaluate(on(record), state, key)
            paid, after = term.evaluate(record, state, key)
            if player in paid:
                focused, _ = term.evaluate(on(record), state, key)
                paid = paid | {player: focused[player]}
            return paid, after

        return dataclasses.replace(term, evaluate=evaluate)

    return _on_parts(through, loss)


def field(name: str) -> Callable[[Any], Any]:
    """The lens that sees one field of a record.

    Raises:
        InputError: by the lens, if the record has no such field.
    """

    def lens(record: Any) -> Any:
        if not hasattr(record, name):
            there = [each.name for each in dataclasses.fields(record)]
            raise InputError(
                f"focus: the records of this game have no field {name!r}; they have "
                f"{there}."
            )
        return getattr(record, name)

    return lens


def rename(loss: Loss, *, names: Mapping[str, str]) -> Loss:
    """Give players and terms other names: `{"discriminator": "d_x", "r1": "r1_x"}`.

    Names that the loss does not use are ignored, so one mapping serves many losses.

    Raises:
        InputError: if two terms end up with one name.
    """
    check_loss("rename: loss", loss)

    def moved(term: Term) -> Term:
        def evaluate(record: Any, state: Tree, key: jax.Array) -> tuple[Payments, Tree]:
            paid, state = term.evaluate(record, state, key)
            renamed: Payments = {}
            for player, amount in paid.items():
                new = names.get(player, player)
                renamed[new] = renamed[new] + amount if new in renamed else amount
            return renamed, state

        state_owner = term.state_owner and names.get(term.state_owner, term.state_owner)
        return dataclasses.replace(term, evaluate=evaluate, state_owner=state_owner)

    return chain(
        *(
            Loss({names.get(name, name): term})
            for name, term in _on_parts(moved, loss).terms.items()
        )
    )


def at_step(value: float | Array | optax.Schedule, step: Array) -> float | Array:
    """A number as it is, or what a schedule makes of the iteration's."""
    if not callable(value):
        return value
    with standard_promotion():  # schedules multiply integer steps by rates
        return value(step)


def total(terms: Mapping[str, jax.Array]) -> Float[Array, ""]:
    """What a player pays: the sum of the terms, in name order."""
    first, *others = [terms[name] for name in sorted(terms)] or [jnp.float32(0)]
    return sum(others, start=first)


def check_loss(name: str, value: Any) -> None:
    """Refuse what is not a `Loss`.

    Raises:
        InputError: if so.
    """
    if not isinstance(value, Loss):
        raise InputError(f"{name} must be a Loss, such as hinge(), got {value!r}.")


def _on_parts(change: Callable[[Term], Term], loss: Loss) -> Loss:
    return Loss({name: change(term) for name, term in loss.terms.items()})
