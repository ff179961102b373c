"""Losses that are functions of single logits, and soft targets (label smoothing).

Most adversarial losses are three functions of a logit: the discriminator's loss for a
real example, its loss for a fake, and the generator's loss for a fake. `pointwise`
builds a `Loss` from the three; `adversarial.py` and `divergences.py` define the
standard ones.

Patch logits `(b, h, w)` are averaged over patches, then over the batch.
"""

import dataclasses
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.errors import InputError, check_fraction, check_function, check_name
from jaxgan.losses.combine import stateless
from jaxgan.losses.reductions import mean_over_fakes, mean_over_reals
from jaxgan.precision import at_least_float32
from jaxgan.types import Loss, Losses, Round

LogitFunction = Callable[[Array], Array]
"""Elementwise function from logits to losses."""

Target = float | Array | Callable[[Array, tuple[int, ...]], Array]
"""A number from 0 (fake) to 1 (real), or `(key, shape) -> targets`."""


@dataclasses.dataclass(frozen=True)
class Targets:
    """Soft targets of the discriminator for reals and fakes: 1 is real, 0 is fake.

    At a target y, the discriminator pays y times its loss for a real plus 1 - y times
    its loss for a fake. For the logistic losses this is the cross-entropy. For least
    squares it has the gradient of a regression on y·b + (1 - y)·a. Examples:

    - `Targets(real=0.9)` is one-sided label smoothing; the optimal discriminator is
      then 0.9·p / (p + q). `Targets(0.9, 0.1)` is two-sided label smoothing, with
      (0.9·p + 0.1·q) / (p + q).
    - `Targets(real=uniform_targets(0.7, 1.0))` draws a new target for each example.
    - `Targets(real=lambda key, shape: jax.random.bernoulli(key, 0.95, shape))` flips
      the label of one real in twenty.

    Targets change only the discriminator's loss, not the generator's. The default is
    hard targets; TF-GAN's discriminators smooth by 0.25 by default.

    Reference: Salimans et al. 2016, arXiv:1606.03498, section 3.4.

        >>> from jaxgan import non_saturating
        >>> from jaxgan.losses import Targets
        >>> loss = non_saturating(Targets(real=0.9))
    """

    real: Target = 1.0
    fake: Target = 0.0

    def __post_init__(self) -> None:
        for name, target in (("real", self.real), ("fake", self.fake)):
            if not callable(target):
                check_fraction(f"targets.{name}", target)


def uniform_targets(
    low: float, high: float
) -> Callable[[Array, tuple[int, ...]], Array]:
    """Create random soft targets: one draw from U(low, high) for each example.

    Raises:
        InputError: if not 0 ≤ low ≤ high ≤ 1.

        >>> from jaxgan import hinge
        >>> from jaxgan.losses import Targets, uniform_targets
        >>> loss = hinge(Targets(uniform_targets(0.7, 1.0), uniform_targets(0.0, 0.3)))
    """
    check_fraction("uniform_targets: low", low)
    check_fraction("uniform_targets: high", high)
    if low > high:
        raise InputError(
            f"uniform_targets: low must be at most high, got {low} and {high}."
        )
    return partial(_sample_uniform, low, high)


def pointwise(
    name: str,
    *,
    real: LogitFunction,
    fake: LogitFunction,
    generator: LogitFunction,
    targets: Targets = Targets(),
) -> Loss:
    """Create a loss from three elementwise functions of the logits.

        discriminator pays E real(D(x)) + E fake(D(G(z)))
        generator pays     E generator(D(G(z)))

    Args:
        name: name of the loss's only term.
        real: the discriminator's loss at the logit of a real.
        fake: the discriminator's loss at the logit of a fake.
        generator: the generator's loss at the logit of a fake. All three must be
            finite at every finite logit.
        targets: soft targets of the discriminator, see `Targets`.

    Raises:
        InputError: if `targets` are no `Targets`, one of the three is
            no function, or `name` is no string.

        >>> from jaxgan.losses import pointwise
        >>> linear = pointwise(
        ...     "linear",
        ...     real=lambda t: -t,
        ...     fake=lambda t: t,
        ...     generator=lambda t: -t,
        ... )
    """
    check_name("pointwise: name", name)
    for part, function in (("real", real), ("fake", fake), ("generator", generator)):
        check_function(f"{name}: {part}", function, "lambda logits: -logits")
    if not isinstance(targets, Targets):
        raise InputError(
            f"{name}: targets must be Targets(real, fake), got {targets!r}."
        )

    def evaluate(record: Round, key: jax.Array) -> Losses:
        real_key, fake_key = jax.random.split(key)
        reals = at_least_float32(record.real_score.logits)
        fakes = at_least_float32(record.fake_score.logits)

        def discriminator_loss(
            target: Target, key: jax.Array, logits: Float[Array, "b *patch"]
        ) -> Float[Array, "b *patch"]:
            if isinstance(target, int | float) and target in (0, 1):
                return real(logits) if target else fake(logits)
            y = _sample_target(record, target, key, logits)
            return y * real(logits) + (1 - y) * fake(logits)

        return {
            "discriminator": mean_over_reals(
                record, discriminator_loss(targets.real, real_key, reals)
            )
            + mean_over_fakes(
                record, discriminator_loss(targets.fake, fake_key, fakes)
            ),
            "generator": mean_over_fakes(record, generator(fakes)),
        }

    return stateless(evaluate, name=name)


def _sample_target(
    record: Round, target: Target, key: Array, logits: Array
) -> float | Array:
    """Return a fixed target, or draw one for each example."""
    if not callable(target):
        return target
    each = (logits.shape[0],) + (1,) * (logits.ndim - 1)
    return jnp.asarray(record.draw(target, key, each), logits.dtype)


def _sample_uniform(
    low: float, high: float, key: Array, shape: tuple[int, ...]
) -> Array:
    return jax.random.uniform(key, shape, minval=low, maxval=high)
