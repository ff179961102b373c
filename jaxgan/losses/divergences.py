"""Losses of f-GAN: variational bounds on f-divergences.

For a convex f with f(1) = 0, D_f(P‖Q) = E_Q f(p/q). With the conjugate
f*(t) = sup over u of ut - f(u), and an increasing g that maps all logits into the
domain of f*,

    D_f(P‖Q) ≥ E_P g(D(x)) - E_Q f*(g(D(y))),  equal where g(D) = f'(p/q).

A `Divergence` is the triple (f, f*, g). The names follow Nowozin et al. 2016,
arXiv:1606.00709, tables 1, 2 and 6. Logits are large for reals in each.

Where a formula grows like eᵗ, its logit grows only logarithmically beyond 30, so no
finite logit overflows. This is only a different increasing g, so the bound above and
its equality stay exact.
"""

import dataclasses
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxgan.errors import InputError, check_flag, check_function, check_name
from jaxgan.losses.pointwise import pointwise
from jaxgan.types import Loss

__all__ = [
    "Divergence",
    "f_divergence",
    "gan",
    "jensen_shannon",
    "kl",
    "neyman",
    "pearson",
    "reverse_kl",
    "squared_hellinger",
    "total_variation",
]

LOG2 = math.log(2)


@dataclasses.dataclass(frozen=True)
class Divergence:
    """An f-divergence with its convex conjugate and output activation.

    name:       name of the loss term.
    function:   f(u) of a density ratio u > 0.
    conjugate:  the convex conjugate f*(t).
    activation: the output activation g(v) of a logit v.
    conjugate_of_activation: f*(g(v)) as one formula, where the composition would lose
        digits or overflow; None to use the composition.
    """

    name: str
    function: Callable[[Array], Array]
    conjugate: Callable[[Array], Array]
    activation: Callable[[Array], Array]
    conjugate_of_activation: Callable[[Array], Array] | None = None

    def __post_init__(self) -> None:
        check_name("name", self.name)
        for part in ("function", "conjugate", "activation"):
            check_function(part, getattr(self, part), "jnp.exp")
        if self.conjugate_of_activation is not None:
            check_function(
                "conjugate_of_activation", self.conjugate_of_activation, "jnp.exp"
            )


def f_divergence(divergence: Divergence, *, saturating: bool = True) -> Loss:
    """Create the f-GAN loss, which estimates D_f(real‖fake).

        discriminator pays -E g(D(x)) + E f*(g(D(G(z))))
        generator pays     -E f*(g(D(G(z)))),  or, not saturating, -E g(D(G(z)))

    At the optimal discriminator, D_f is minus the discriminator's loss. The
    non-saturating generator loss is the paper's practical choice (section 3.2) and has
    the same equilibrium. With `divergences.gan` this loss is `minimax`. With
    `divergences.jensen_shannon` it is `minimax` with both expectations of V raised by
    log 2, so its divergence is 2·JSD, twice the usual.

    Args:
        divergence: one of `jaxgan.losses.divergences`, or your own.
        saturating: True for the zero-sum game, False for the non-saturating one.

    Raises:
        InputError: if `divergence` is not a `Divergence`.

    Reference: Nowozin et al. 2016, arXiv:1606.00709, section 2.

        >>> from jaxgan.losses import divergences, f_divergence
        >>> list(f_divergence(divergences.pearson).terms)
        ['pearson']
    """
    if not isinstance(divergence, Divergence):
        raise InputError(
            "f_divergence: divergence must be a Divergence, such as "
            f"jaxgan.losses.divergences.kl, got {divergence!r}."
        )
    check_flag("f_divergence: saturating", saturating)
    fake_loss = divergence.conjugate_of_activation or (
        lambda v: divergence.conjugate(divergence.activation(v))
    )
    return pointwise(
        divergence.name,
        real=lambda v: -divergence.activation(v),
        fake=fake_loss,
        generator=lambda v: -(fake_loss if saturating else divergence.activation)(v),
    )


def _log_beyond_30(t: Array) -> Array:
    """Return t, but ±(30 + log(1 + |t| - 30)) beyond ±30.

    It is an increasing map of the reals onto the reals. Above 30 its exponential
    follows the tangent of eᵗ at 30.
    """
    beyond = jnp.log1p(jnp.maximum(jnp.abs(t) - 30, 0))
    return jnp.clip(t, -30, 30) + jnp.sign(t) * beyond


kl = Divergence(
    "kl",
    function=lambda u: u * jnp.log(u),
    conjugate=lambda t: jnp.exp(t - 1),
    activation=lambda v: 1 + _log_beyond_30(v - 1),
    conjugate_of_activation=lambda v: jnp.exp(_log_beyond_30(v - 1)),
)
"""Kullback–Leibler, KL(real‖fake) = E_P log(p/q)."""

reverse_kl = Divergence(
    "reverse_kl",
    function=lambda u: -jnp.log(u),
    conjugate=lambda t: -1 - jnp.log(-t),
    activation=lambda v: -jnp.exp(-_log_beyond_30(v)),
    conjugate_of_activation=lambda v: _log_beyond_30(v) - 1,
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
    activation=lambda v: 1 - jnp.exp(-_log_beyond_30(v)),
    conjugate_of_activation=lambda v: 2 - 2 * jnp.exp(-_log_beyond_30(v) / 2),
)
"""Neyman's χ², E_P (q/p - 1)²."""

squared_hellinger = Divergence(
    "squared_hellinger",
    function=lambda u: jnp.square(jnp.sqrt(u) - 1),
    conjugate=lambda t: t / (1 - t),
    activation=lambda v: 1 - jnp.exp(-_log_beyond_30(v)),
    conjugate_of_activation=lambda v: jnp.exp(_log_beyond_30(v)) - 1,
)
"""∫ (√p - √q)², from 0 to 2; other definitions halve it."""

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
"""½ ∫ |p - q|, from 0 to 1; the bound is tight only for infinite logits."""
