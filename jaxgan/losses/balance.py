"""A sum of two losses whose gradients are kept in a fixed ratio."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Var
from jax.tree_util import Partial
from jaxtyping import Array, Float

from jaxgan.errors import InputError, check_non_negative
from jaxgan.losses.combine import check_loss, total
from jaxgan.losses.reductions import probe, safe_root, squared_norm
from jaxgan.types import Loss, Payments, PlayerName, Round, Score, Term, Tree


def gradient_balanced(
    a: Loss,
    b: Loss,
    ratio: float | Array = 1.0,
    *,
    player: PlayerName = "generator",
    name: str = "gradient_balanced",
) -> Loss:
    """A sum in which one loss pulls at the fakes as hard as the other.

        the player pays a + s · b,  s = ratio · ‖∇ a‖ / ‖∇ b‖,  a constant;
        others pay a + b

    ∇ is with respect to the generated images, through the discriminator too, and the
    norm is over the whole batch. VQGAN takes it at the generator's last layer, TF-GAN
    (whose `gradient_ratio` is the main loss's to the adversarial one's) at all of its
    variables; at the images it does not depend on the architecture and costs one more
    pass of the discriminator. So both losses must read the fakes or their scores, which
    `path_length`, `mode_seeking` and penalties on weights do not. s is 0 where ∇ b is.

    Args:
        a: the loss that is kept as it is.
        b: the loss that is scaled.
        ratio: ≥ 0, of b's pull to a's; may be traced.
        player: whose payment is balanced.
        name: of the one term that the sum is; both states advance together.

    Raises:
        InputError: if a concrete `ratio` is negative or not finite, or the two losses'
            states advance with different players, or, when the game is built, if one of
            them does not charge the player or does not read the fakes, or the rounds
            have no `critic`.

    Reference: Esser et al. 2020 (VQGAN), arXiv:2012.09841, equation 7.

        >>> from jaxgan import feature_matching, gradient_balanced, non_saturating
        >>> loss = gradient_balanced(feature_matching(), non_saturating(), 0.1)
    """
    for which, loss in (("a", a), ("b", b)):
        check_loss(f"gradient_balanced: {which}", loss)
        lazy = sorted(n for n, term in loss.terms.items() if term.interval > 1)
        if lazy:
            raise InputError(
                f"gradient_balanced: {which} has lazy terms {lazy}, which cannot be "
                "balanced where they rest; put `every` around the balanced loss."
            )
    check_non_negative("gradient_balanced: ratio", ratio)

    def evaluate(
        record: Round, state: tuple[Tree, Tree], key: Array
    ) -> tuple[Payments, tuple[Tree, Tree]]:
        keys = jax.random.split(key)
        (paid, after_a), (scaled, after_b) = (
            _total(loss, record, own, own_key)
            for loss, own, own_key in zip((a, b), state, keys, strict=True)
        )
        pulls = [
            _pull(loss, which, record, own, own_key, player)
            for which, loss, own, own_key in zip("ab", (a, b), state, keys, strict=True)
        ]
        moving = pulls[1] > 0
        scale = jnp.where(moving, ratio * pulls[0] / jnp.where(moving, pulls[1], 1), 0)
        scaled = scaled | {player: jax.lax.stop_gradient(scale) * scaled[player]}
        return _added(paid, scaled), (after_a, after_b)

    def init(variables: Any) -> tuple[Tree, Tree]:
        return a.init(variables), b.init(variables)

    return Loss({name: Term(init, evaluate, _advances(a, b))})


def _pull(
    loss: Loss, which: str, record: Round, state: Tree, key: Array, player: PlayerName
) -> Float[Array, ""]:
    """The norm of the gradient of what the player pays, at the fakes."""
    critic = probe("gradient_balanced", record, "critic")

    def pay(fake: Tree) -> Float[Array, ""]:
        def judge(image: Tree) -> tuple[Array, Score]:
            score = critic(image, record.condition)
            return score.logits, score

        _, pull, score = jax.vjp(judge, fake, has_aux=True)
        pullback = Partial(_first, pull)
        seen = replace(record, fake=fake, fake_score=score, fake_pullback=pullback)
        paid, _ = _total(loss, seen, state, key)
        if player not in paid:
            raise InputError(
                f"gradient_balanced: {which} charges {player!r} nothing, so there is "
                f"no gradient to balance; it charges {sorted(paid)}."
            )
        return paid[player]

    if not _reads(pay, record.fake):
        raise InputError(
            f"gradient_balanced: what {which} charges {player!r} does not depend on "
            "the fakes or their scores, so there is no gradient to balance; chain it "
            "with a weight of its own."
        )
    slope = jax.lax.stop_gradient(jax.grad(pay)(record.fake))
    return safe_root(record.mean(squared_norm(slope)))


def _reads(function: Callable[[Tree], Array], x: Tree) -> bool:
    """Whether any of what a function returns is computed from its argument."""
    jaxpr = jax.make_jaxpr(function)(x).jaxpr
    reached = set(jaxpr.invars)
    for equation in jaxpr.eqns:
        if any(isinstance(v, Var) and v in reached for v in equation.invars):
            reached.update(equation.outvars)
    return any(isinstance(v, Var) and v in reached for v in jaxpr.outvars)


def _first(pull: Callable[[Array], tuple], cotangent: Array) -> Tree:
    return pull(cotangent)[0]


def _total(loss: Loss, record: Round, state: Tree, key: Array) -> tuple[Payments, Tree]:
    """What each player pays for all terms, and their next states."""
    payments, after = loss.evaluate(record, state, key)
    return {player: total(terms) for player, terms in payments.items()}, after


def _added(one: Payments, other: Payments) -> Payments:
    both = {player: one[player] + other[player] for player in {*one} & {*other}}
    return {**one, **other, **both}


def _advances(a: Loss, b: Loss) -> PlayerName | None:
    named = {term.state_owner for loss in (a, b) for term in loss.terms.values()} - {
        None
    }
    if len(named) > 1:
        raise InputError(
            "gradient_balanced: the states of a and b advance with different players, "
            f"{sorted(map(str, named))}; balance losses that advance with one."
        )
    return named.pop() if named else None
