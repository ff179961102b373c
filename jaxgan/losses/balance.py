"""A sum of two losses whose gradients are kept in a fixed ratio."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.errors import InputError, check_non_negative
from jaxgan.losses.averages import probe, safe_root, squared_norm
from jaxgan.types import Loss, Part, Payments, PlayerName, Round, Tree


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
    at all of its variables; at the images it does not depend on the architecture and
    costs one more pass of the discriminator. s is 0 where ∇ b is.

    Args:
        a: the loss that is kept as it is.
        b: the loss that is scaled.
        ratio: ≥ 0, of b's pull to a's; may be traced.
        player: whose payment is balanced.
        name: of the one part that the sum is; both states advance together.

    Raises:
        InputError: if a concrete `ratio` is negative or not finite, or the two losses'
            states advance with different players, or, when the game is built, if one of
            them does not charge the player or the rounds have no `critic`.

    Reference: Esser et al. 2020 (VQGAN), arXiv:2012.09841, equation 7.

        >>> from jaxgan import feature_matching, gradient_balanced, non_saturating
        >>> loss = gradient_balanced(feature_matching(), non_saturating(), 0.1)
    """
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

    return Loss({name: Part(init, evaluate, _advances(a, b))})


def _pull(
    loss: Loss, which: str, record: Round, state: Tree, key: Array, player: PlayerName
) -> Float[Array, ""]:
    """The norm of the gradient of what the player pays, at the fakes."""
    critic = probe("gradient_balanced", record, "critic")

    def pay(fake: Tree) -> Float[Array, ""]:
        seen = replace(record, fake=fake, fake_score=critic(fake, record.condition))
        paid, _ = _total(loss, seen, state, key)
        if player not in paid:
            raise InputError(
                f"gradient_balanced: {which} charges {player!r} nothing, so there is "
                f"no gradient to balance; it charges {sorted(paid)}."
            )
        return paid[player]

    slope = jax.lax.stop_gradient(jax.grad(pay)(record.fake))
    return safe_root(record.mean(squared_norm(slope)))


def _total(loss: Loss, record: Round, state: Tree, key: Array) -> tuple[Payments, Tree]:
    """What each player pays for all parts, and their next states."""
    payments, after = loss.evaluate(record, state, key)
    paid = {
        player: sum((parts[name] for name in sorted(parts)), start=jnp.float32(0))
        for player, parts in payments.items()
    }
    return paid, after


def _added(one: Payments, other: Payments) -> Payments:
    both = {player: one[player] + other[player] for player in {*one} & {*other}}
    return {**one, **other, **both}


def _advances(a: Loss, b: Loss) -> PlayerName | None:
    named = {part.advances for loss in (a, b) for part in loss.parts.values()} - {None}
    if len(named) > 1:
        raise InputError(
            "gradient_balanced: the states of a and b advance with different players, "
            f"{sorted(map(str, named))}; balance losses that advance with one."
        )
    return named.pop() if named else None
