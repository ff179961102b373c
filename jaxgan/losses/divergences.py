"""The f-divergences, each as the game whose value at the optimum it is.

For a convex f with f(1) = 0, D_f(P‖Q) = E_Q f(p/q). With the conjugate
f*(t) = sup over u of ut - f(u), and an increasing g that maps all logits into the
domain of f*,

    D_f(P‖Q) ≥ E_P g(D(x)) - E_Q f*(g(D(y))),  equal where g(D) = f'(p/q).

A `Divergence` is that triple. Divergences here are called by the names of Nowozin et
al. 2016, arXiv:1606.00709, tables 1, 2 and 6, and logits are large for reals in each.

Where a formula grows like eᵗ its logit is bent beyond 30, so that no finite logit
overflows. That only is another increasing g, so all of the above stays exact.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxgan.errors import InputError
from jaxgan.losses.pointwise import pointwise
from jaxgan.types import Loss

LOG2 = math.log(2)


class Divergence(NamedTuple):
    """An f-divergence, in the terms of its game.

    name:       of the part of the loss.
    function:   f(u), of a density ratio u > 0.
    conjugate:  f*(t).
    activation: g(v), of a logit v.
    conjugate_of_activation: f*(g(v)) in one formula, where the two in turn would lose
        digits or overflow; None to apply them in turn.
    """

    name: str
    function: Callable[[Array], Array]
    conjugate: Callable[[Array], Array]
    activation: Callable[[Array], Array]
    conjugate_of_activation: Callable[[Array], Array] | None = None


def f_divergence(divergence: Divergence, *, saturating: bool = True) -> Loss:
    """The game whose value at the optimal discriminator is D_f(real‖fake).

        discriminator pays -E g(D(x)) + E f*(g(D(G(z))))
        generator pays     -E f*(g(D(G(z)))),  or, not saturating, -E g(D(G(z)))

    Non-saturating is the paper's practical choice for the generator (section 3.2); it
    has the same equilibrium. `minimax` is this loss over `gan`, and `jensen_shannon`
    is `minimax` with both sides log 2 higher, so its divergence is 2·JSD, twice the
    usual.

    Args:
        divergence: one of `jaxgan.divergences`, or your own.
        saturating: whether the game is zero-sum.

    Raises:
        InputError: if `divergence` is not a `Divergence`.

    Reference: Nowozin et al. 2016, arXiv:1606.00709, section 2.

        >>> from jaxgan import divergences, f_divergence
        >>> list(f_divergence(divergences.pearson).terms)
        ['pearson']
    """
    if not isinstance(divergence, Divergence):
        raise InputError(
            "f_divergence: divergence must be a Divergence, such as "
            f"jaxgan.divergences.kl, got {divergence!r}."
        )
    of_fake = divergence.conjugate_of_activation or (
        lambda v: divergence.conjugate(divergence.activation(v))
    )
    return pointwise(
        divergence.name,
        real=lambda v: -divergence.activation(v),
        fake=of_fake,
        generator=lambda v: -(of_fake if saturating else divergence.activation)(v),
    )


def _bent(t: Array) -> Array:
    """t itself up to ±30, and from there on ±(30 + log(1 + |t| - 30)).

    It maps all numbers onto all numbers, and its exponential grows along a tangent.
    """
    beyond = jnp.log1p(jnp.maximum(jnp.abs(t) - 30, 0))
    return jnp.clip(t, -30, 30) + jnp.sign(t) * beyond


kl = Divergence(
    "kl",
    function=lambda u: u * jnp.log(u),
    conjugate=lambda t: jnp.exp(t - 1),
    activation=lambda v: 1 + _bent(v - 1),
    conjugate_of_activation=lambda v: jnp.exp(_bent(v - 1)),
)
"""Kullback–Leibler, KL(real‖fake) = E_P log(p/q)."""

reverse_kl = Divergence(
    "reverse_kl",
    function=lambda u: -jnp.log(u),
    conjugate=lambda t: -1 - jnp.log(-t),
    activation=lambda v: -jnp.exp(-_bent(v)),
    conjugate_of_activation=lambda v: _bent(v) - 1,
)
"""KL(fake‖real) = E_Q log(q/p)."""

pearson = Divergence(
    "pearson",
    function=lambda u: jnp.square(u - 1),
    conjugate=lambda t: jnp.square(t) / 4 + t,
    activation=lambda v: v,
)
"""Pearson's χ², E_Q (p/q - 1)²."""

neyman = Divergence(
    "neyman",
    function=lambda u: jnp.square(1 - u) / u,
    conjugate=lambda t: 2 - 2 * jnp.sqrt(1 - t),
    activation=lambda v: 1 - jnp.exp(-_bent(v)),
    conjugate_of_activation=lambda v: 2 - 2 * jnp.exp(-_bent(v) / 2),
)
"""Neyman's χ², E_P (q/p - 1)²."""

squared_hellinger = Divergence(
    "squared_hellinger",
    function=lambda u: jnp.square(jnp.sqrt(u) - 1),
    conjugate=lambda t: t / (1 - t),
    activation=lambda v: 1 - jnp.exp(-_bent(v)),
    conjugate_of_activation=lambda v: jnp.exp(_bent(v)) - 1,
)
"""∫ (√p - √q)², from 0 to 2; others halve it."""

jensen_shannon = Divergence(
    "jensen_shannon",
    function=lambda u: u * jnp.log(u) - (u + 1) * jnp.log((u + 1) / 2),
    conjugate=lambda t: -jnp.log(2 - jnp.exp(t)),
    activation=lambda v: LOG2 - jax.nn.softplus(-v),
    conjugate_of_activation=lambda v: jax.nn.softplus(v) - LOG2,
)
"""2·JSD, in nats, from 0 to 2·log 2."""

gan = Divergence(
    "gan",
    function=lambda u: u * jnp.log(u) - (u + 1) * jnp.log(u + 1),
    conjugate=lambda t: -jnp.log(1 - jnp.exp(t)),
    activation=lambda v: -jax.nn.softplus(-v),
    conjugate_of_activation=jax.nn.softplus,
)
"""2·JSD - log 4, the value of `minimax`; here f(1) = -log 4."""

total_variation = Divergence(
    "total_variation",
    function=lambda u: 0.5 * jnp.abs(u - 1),
    conjugate=lambda t: t,
    activation=lambda v: 0.5 * jnp.tanh(v),
)
"""½ ∫ |p - q|, from 0 to 1. It is reached only in the limit of infinite logits."""
