"""Adaptive weighting of two losses by the ratio of their gradient norms."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Var
from jax.tree_util import Partial
from jaxtyping import Array, Float

from jaxgan.errors import InputError, check_name, check_non_negative
from jaxgan.losses.combine import check_loss, sum_terms
from jaxgan.losses.reductions import require_callable, safe_sqrt, squared_norm
from jaxgan.types import Loss, Losses, PlayerName, Round, Score, Term, Tree


def gradient_balanced(
    a: Loss,
    *,
    b: Loss,
    ratio: float | Array = 1.0,
    player: PlayerName = "generator",
    name: str = "gradient_balanced",
) -> Loss:
    """Add two losses, scaling one so that their gradient norms have a fixed ratio.

        the player pays a + s · b,  s = ratio · ‖∇ a‖ / ‖∇ b‖,  a constant;
        others pay a + b

    ∇ is the gradient with respect to the generated images, through the discriminator
    too. The norm is over the whole batch. If ∇ b is 0, so is s.

    VQGAN takes the gradient at the generator's last layer. TF-GAN takes it at all
    generator variables; its `gradient_ratio` is the main loss's gradient norm over that
    of the adversarial loss. The gradient at the images does not depend on the
    architecture and costs one more discriminator pass. Both losses must depend on the
    fakes or their scores; `path_length`, `mode_seeking` and penalties on weights do
    not.

    Args:
        a: the loss that is added unscaled.
        b: the loss that is scaled.
        ratio: ≥ 0, the norm of ∇ (s · b) over the norm of ∇ a; may be traced.
        player: the player whose losses are balanced.
        name: name of the resulting term, the only one; both states advance together.

    Raises:
        InputError: if a concrete `ratio` is negative or not finite, or the two losses'
            states advance with different players, or, when the game is built, if one of
            them does not charge the player or does not depend on the fakes, or the
            rounds have no `critic`.

    Reference: Esser et al. 2020 (VQGAN), arXiv:2012.09841, equation 7.

        >>> from jaxgan import non_saturating
        >>> from jaxgan.losses import feature_matching, gradient_balanced
        >>> loss = gradient_balanced(feature_matching(), b=non_saturating(), ratio=0.1)
    """
    for which, loss in (("a", a), ("b", b)):
        check_loss(f"gradient_balanced: {which}", loss)
        lazy = sorted(n for n, term in loss.terms.items() if term.interval > 1)
        if lazy:
            raise InputError(
                f"gradient_balanced: {which} has lazy terms {lazy}, which cannot be "
                "balanced in iterations that skip them; put `every` around the "
                "balanced loss."
            )
    check_non_negative("gradient_balanced: ratio", ratio)
    check_name("gradient_balanced: player", player)
    check_name("gradient_balanced: name", name)

    def evaluate(
        record: Round, state: tuple[Tree, Tree], key: Array
    ) -> tuple[Losses, tuple[Tree, Tree]]:
        keys = jax.random.split(key)
        (losses, after_a), (scaled, after_b) = (
            _evaluate_totals(loss, record, own, own_key)
            for loss, own, own_key in zip((a, b), state, keys, strict=True)
        )
        norms = [
            _gradient_norm(loss, which, record, own, own_key, player)
            for which, loss, own, own_key in zip("ab", (a, b), state, keys, strict=True)
        ]
        positive = norms[1] > 0
        scale = jnp.where(
            positive, ratio * norms[0] / jnp.where(positive, norms[1], 1), 0
        )
        scaled = scaled | {player: jax.lax.stop_gradient(scale) * scaled[player]}
        return _add_losses(losses, scaled), (after_a, after_b)

    def init(variables: Any) -> tuple[Tree, Tree]:
        return a.init(variables), b.init(variables)

    return Loss({name: Term(init, evaluate, _state_owner(a, b))})


def _gradient_norm(
    loss: Loss, which: str, record: Round, state: Tree, key: Array, player: PlayerName
) -> Float[Array, ""]:
    """Compute the norm of the gradient of the player's loss at the fakes."""
    critic = require_callable("gradient_balanced", record, "critic")

    def pay(fake: Tree) -> Float[Array, ""]:
        def score_images(image: Tree) -> tuple[Array, Score]:
            score = critic(image, record.condition)
            return score.logits, score

        _, vjp, score = jax.vjp(score_images, fake, has_aux=True)
        pullback = Partial(_apply_vjp, vjp)
        rescored = replace(record, fake=fake, fake_score=score, fake_pullback=pullback)
        losses, _ = _evaluate_totals(loss, rescored, state, key)
        if player not in losses:
            raise InputError(
                f"gradient_balanced: {which} charges {player!r} nothing, so there is "
                f"no gradient to balance; it charges {sorted(losses)}."
            )
        return losses[player]

    if not _depends_on_input(pay, record.fake):
        raise InputError(
            f"gradient_balanced: what {which} charges {player!r} does not depend on "
            "the fakes or their scores, so there is no gradient to balance; chain it "
            "with a fixed weight instead."
        )
    gradient = jax.lax.stop_gradient(jax.grad(pay)(record.fake))
    return safe_sqrt(record.mean(squared_norm(gradient)))


def _depends_on_input(function: Callable[[Tree], Array], x: Tree) -> bool:
    """Return True if the function's output depends on its argument."""
    jaxpr = jax.make_jaxpr(function)(x).jaxpr
    reached = set(jaxpr.invars)
    for equation in jaxpr.eqns:
        if any(isinstance(v, Var) and v in reached for v in equation.invars):
            reached.update(equation.outvars)
    return any(isinstance(v, Var) and v in reached for v in jaxpr.outvars)


def _apply_vjp(vjp: Callable[[Array], tuple], cotangent: Array) -> Tree:
    return vjp(cotangent)[0]


def _evaluate_totals(
    loss: Loss, record: Round, state: Tree, key: Array
) -> tuple[Losses, Tree]:
    """Evaluate a loss; return each player's total and the next states."""
    losses, after = loss.evaluate(record, state, key)
    return {player: sum_terms(terms) for player, terms in losses.items()}, after


def _add_losses(one: Losses, other: Losses) -> Losses:
    both = {player: one[player] + other[player] for player in {*one} & {*other}}
    return {**one, **other, **both}


def _state_owner(a: Loss, b: Loss) -> PlayerName | None:
    named = {term.state_owner for loss in (a, b) for term in loss.terms.values()} - {
        None
    }
    if len(named) > 1:
        raise InputError(
            "gradient_balanced: the states of a and b advance with different players, "
            f"{sorted(map(str, named))}; balance losses that advance with one."
        )
    return named.pop() if named else None
