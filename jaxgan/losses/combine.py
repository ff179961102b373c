"""Functions that combine, scale, schedule and rename losses.

A loss is a sum of terms with unique names. Each function acts on the terms:

- `chain(a, b)` is the union of the terms. It is commutative and associative, with the
  empty `chain()` as its identity. This holds bit for bit, also for random terms: a
  term folds the step's key with its name, not with its position.
- `weighted`, `every` and `focus` act on each term separately, and `rename` on the
  names. So all of them distribute over `chain`.

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
    check_mapping,
    check_name,
    check_non_negative,
    check_positive_int,
)
from jaxgan.precision import standard_promotion
from jaxgan.types import Loss, Losses, PlayerName, Term, Tree


def stateless(
    evaluate: Callable[[Any, jax.Array], Losses],
    *,
    name: str,
    state_owner: PlayerName | None = None,
) -> Loss:
    """Create a one-term loss from a function `(record, key) -> {player: scalar}`.

    Args:
        evaluate: returns the losses by player, scalars of at least float32.
        name: name of the term, also in the log.
        state_owner: see `Term`.

    Raises:
        InputError: if `evaluate` is no function or a name is no string.

        >>> from jaxgan.losses import stateless
        >>> drift = stateless(
        ...     lambda record, key: {
        ...         "discriminator": 1e-3 * record.mean(record.real_score.logits ** 2)
        ...     },
        ...     name="drift_penalty",
        ... )
    """

    check_function("stateless: evaluate", evaluate, "lambda record, key: {…}")
    check_name("stateless: name", name)
    if state_owner is not None:
        check_name("stateless: state_owner", state_owner)

    def with_state(record: Any, state: Tree, key: jax.Array) -> tuple[Losses, Tree]:
        return evaluate(record, key), state

    return Loss({name: Term(lambda variables: (), with_state, state_owner)})


def chain(*losses: Loss) -> Loss:
    """Add losses, `a + b + …`: the result has the terms of all.

    Raises:
        InputError: if two terms have the same name; `rename` one of them.
    """
    for loss in losses:
        check_loss("chain: every argument", loss)
    return sum(losses, start=Loss({}))


def weighted(loss: Loss, *, by: float | jax.Array | optax.Schedule) -> Loss:
    """Multiply a loss by a constant, or by a schedule `by(step)`.

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
        def evaluate(record: Any, state: Tree, key: jax.Array) -> tuple[Losses, Tree]:
            now = schedule_value(by, record.step)
            losses, state = term.evaluate(record, state, key)
            return {player: now * amount for player, amount in losses.items()}, state

        return dataclasses.replace(term, evaluate=evaluate)

    return _map_terms(scale, loss)


def every(loss: Loss, *, n: int) -> Loss:
    """Apply lazy regularization: evaluate a loss every n iterations, times n.

    In the other iterations the loss is not computed and its state does not change.
    Dynamics compile substeps with and without it, so skipped iterations have no extra
    cost. n counts iterations, not substeps. Intervals multiply:
    `every(every(loss, n=3), n=2)` is `every(loss, n=6)`.

    The n-fold gradient is added to that of the other terms, in one update. StyleGAN2
    takes an optimizer step of its own for it, and therefore multiplies Adam's rate by
    n / (n + 1) and raises its betas to that power.

    Raises:
        InputError: if `n` is not an integer of at least 1.

    Reference: Karras et al. 2019, arXiv:1912.04958, section 3.1.
    """
    check_loss("every: loss", loss)
    check_positive_int("every: n", n)
    if n == 1:
        return loss

    def lazy(term: Term) -> Term:
        def evaluate(record: Any, state: Tree, key: jax.Array) -> tuple[Losses, Tree]:
            losses, after = term.evaluate(record, state, key)
            return {player: n * amount for player, amount in losses.items()}, after

        return dataclasses.replace(term, evaluate=evaluate, interval=n * term.interval)

    return _map_terms(lazy, loss)


def focus(
    loss: Loss,
    *,
    on: str | Callable[[Any], Any],
    player: PlayerName | None = None,
) -> Loss:
    """Apply a loss to `on(record)`, a part or a restriction of the record.

    If `on` is a string, it selects the field of that name and prefixes the terms'
    names. The two directions of CycleGAN are `focus(least_squares(), on="forth")`,
    whose term is `forth_least_squares`, and `focus(least_squares(), on="back")`.

    With `player`, only that player's loss is computed on `on(record)`, as in
    `focus(non_saturating(), on=top_k(0.5), player="generator")`. The other players'
    losses and the state are computed on the whole record. A player whom the loss does
    not charge changes nothing.

    Raises:
        InputError: if `on` is neither a name nor a function, `player` is no name, or,
            when the game is built, if its records have no such field or it holds no
            record, or if no term of the game's loss charges `player`.
    """
    check_loss("focus: loss", loss)
    if player is not None:
        check_name("focus: player", player)
    if isinstance(on, str):
        check_name("focus: on", on)
        seen = focus(loss, on=field(on), player=player)
        names = {name: f"{on}_{name}" for name in seen.terms}
        return Loss(
            {names[name]: _mentioning(term, names) for name, term in seen.terms.items()}
        )
    check_function("focus: on", on, "lambda record: record.forth")

    def through(term: Term) -> Term:
        def evaluate(record: Any, state: Tree, key: jax.Array) -> tuple[Losses, Tree]:
            if player is None:
                return term.evaluate(on(record), state, key)
            losses, after = term.evaluate(record, state, key)
            if player in losses:
                focused, _ = term.evaluate(on(record), state, key)
                losses = losses | {player: focused[player]}
            return losses, after

        mentions = term.mentions if player is None else (*term.mentions, player)
        return dataclasses.replace(term, evaluate=evaluate, mentions=mentions)

    return _map_terms(through, loss)


def field(name: str) -> Callable[[Any], Any]:
    """Create a lens that selects one field of a record, itself a record.

    Raises:
        InputError: when the lens is applied, if the record has no such field, or it
            holds something else.
    """

    def lens(record: Any) -> Any:
        if not hasattr(record, name):
            names = [each.name for each in dataclasses.fields(record)]
            raise InputError(
                f"focus: the records of this game have no field {name!r}; they have "
                f"{names}."
            )
        part = getattr(record, name)
        if not dataclasses.is_dataclass(part):
            raise InputError(
                f"focus: the field {name!r} is not a record that a loss can read, but "
                f"{type(part).__name__}."
            )
        return part

    return lens


def rename(loss: Loss, *, names: Mapping[str, str]) -> Loss:
    """Rename players and terms, as in `{"discriminator": "d_x", "r1": "r1_x"}`.

    One mapping works for many losses, as long as one of the game's uses each name.

    Raises:
        InputError: if `names` does not map names to names, two terms end up with one
            name, or, when the game is built, if a new name is neither that of a term
            nor of a player whom one charges, since nothing had the old one.
    """
    check_loss("rename: loss", loss)
    check_mapping("rename: names", names, '{"discriminator": "critic"}')
    for old, new in names.items():
        check_name("rename: names: each key", old)
        check_name(f"rename: names[{old!r}]", new)

    def with_new_players(term: Term) -> Term:
        def evaluate(record: Any, state: Tree, key: jax.Array) -> tuple[Losses, Tree]:
            losses, state = term.evaluate(record, state, key)
            renamed: Losses = {}
            for player, amount in losses.items():
                new = names.get(player, player)
                renamed[new] = renamed[new] + amount if new in renamed else amount
            return renamed, state

        state_owner = term.state_owner and names.get(term.state_owner, term.state_owner)
        renamed = dataclasses.replace(
            term,
            evaluate=evaluate,
            state_owner=state_owner,
            mentions=(*term.mentions, *sorted(names.keys() - loss.terms.keys())),
        )
        return _mentioning(renamed, names)

    return chain(
        *(
            Loss({names.get(name, name): term})
            for name, term in _map_terms(with_new_players, loss).terms.items()
        )
    )


def _mentioning(term: Term, names: Mapping[str, str]) -> Term:
    """Replace the names that a term mentions."""
    mentions = tuple(names.get(name, name) for name in term.mentions)
    return dataclasses.replace(term, mentions=mentions)


def schedule_value(value: float | Array | optax.Schedule, step: Array) -> float | Array:
    """Return a constant unchanged, or evaluate a schedule at the step."""
    if not callable(value):
        return value
    with standard_promotion():  # schedules multiply integer steps by rates
        return value(step)


def sum_terms(terms: Mapping[str, jax.Array]) -> Float[Array, ""]:
    """Sum a player's terms, in the order of their names."""
    first, *others = [terms[name] for name in sorted(terms)] or [jnp.float32(0)]
    return sum(others, start=first)


def check_loss(name: str, value: Any) -> None:
    """Check that a value is a `Loss`.

    Raises:
        InputError: if the value is not a `Loss`.
    """
    if not isinstance(value, Loss):
        raise InputError(f"{name} must be a Loss, such as hinge(), got {value!r}.")


def _map_terms(change: Callable[[Term], Term], loss: Loss) -> Loss:
    return Loss({name: change(term) for name, term in loss.terms.items()})
