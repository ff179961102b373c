"""Losses that are sums of functions of single logits, and what the labels say.

Most adversarial losses are three functions of a logit t: what the discriminator pays
for a real's, what it pays for a fake's, and what the generator pays for a fake's.
`pointwise` makes a loss of them; `adversarial.py` and `divergences.py` hold the known
ones.

Patch logits `(b, h, w)` are averaged over patches, then over the batch.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.errors import InputError, check_share
from jaxgan.losses.combine import stateless
from jaxgan.losses.reductions import over_fakes, over_reals
from jaxgan.precision import wide
from jaxgan.types import Loss, Payments, Round

OfLogit = Callable[[Array], Array]
"""What is paid for logits, elementwise."""

Label = float | Array | Callable[[Array, tuple[int, ...]], Array]
"""A number from 0, fake, to 1, real; or `(key, shape) -> labels`."""


class Labels(NamedTuple):
    """What the discriminator is told of the reals and of the fakes: 1 is real, 0 fake.

    For a logit labeled y it pays y times what it would pay for a real's and 1 - y
    times what it would for a fake's; for the logistic losses that is the cross-entropy,
    and for least squares it has the gradient of the target moved by as much. So

    - `Labels(real=0.9)` is one-sided smoothing, which makes the optimal discriminator
      0.9·p / (p + q); `Labels(0.9, 0.1)` is two-sided: (0.9·p + 0.1·q) / (p + q);
    - `Labels(real=noisy(0.7, 1.0))` draws each example's label anew;
    - `Labels(real=lambda key, shape: jax.random.bernoulli(key, 0.95, shape))` lies of
      one real in twenty.

    Labels are the discriminator's alone; what the generator pays does not change. They
    are plain unless asked for; TF-GAN's discriminators smooth by 0.25 by default.

    Reference: Salimans et al. 2016, arXiv:1606.03498, section 3.4.

        >>> from jaxgan import Labels, non_saturating
        >>> loss = non_saturating(Labels(real=0.9))
    """

    real: Label = 1.0
    fake: Label = 0.0


def uniform_targets(
    low: float, high: float
) -> Callable[[Array, tuple[int, ...]], Array]:
    """Labels drawn from U(low, high), one for each example.

    Raises:
        InputError: if not 0 ≤ low ≤ high ≤ 1.

        >>> from jaxgan import Labels, hinge, uniform_targets
        >>> loss = hinge(Labels(uniform_targets(0.7, 1.0), uniform_targets(0.0, 0.3)))
    """
    check_share("uniform_targets: low", low)
    check_share("uniform_targets: high", high)
    if low > high:
        raise InputError(
            f"uniform_targets: low must be at most high, got {low} and {high}."
        )
    return partial(_uniform, low, high)


def pointwise(
    name: str,
    real: OfLogit,
    fake: OfLogit,
    generator: OfLogit,
    labels: Labels = Labels(),
) -> Loss:
    """The loss of one term that is made of functions of a logit.

        discriminator pays E real(D(x)) + E fake(D(G(z)))
        generator pays     E generator(D(G(z)))

    Args:
        name: of the term.
        real, fake, generator: elementwise, finite at every finite logit.
        labels: see `Labels`.

    Raises:
        InputError: if a label is a concrete number outside 0 to 1.

        >>> from jaxgan import pointwise
        >>> linear = pointwise("linear", lambda t: -t, lambda t: t, lambda t: -t)
    """
    if not isinstance(labels, Labels):
        raise InputError(f"{name}: labels must be Labels(real, fake), got {labels!r}.")
    for field, label in labels._asdict().items():
        if not callable(label):
            check_share(f"{name}: labels.{field}", label)

    def evaluate(record: Round, key: jax.Array) -> Payments:
        real_key, fake_key = jax.random.split(key)
        reals, fakes = wide(record.real_score.logits), wide(record.fake_score.logits)

        def told(
            label: Label, key: jax.Array, logits: Float[Array, "b *patch"]
        ) -> Float[Array, "b *patch"]:
            if isinstance(label, int | float) and label in (0, 1):
                return real(logits) if label else fake(logits)
            y = _drawn(record, label, key, logits)
            return y * real(logits) + (1 - y) * fake(logits)

        return {
            "discriminator": over_reals(record, told(labels.real, real_key, reals))
            + over_fakes(record, told(labels.fake, fake_key, fakes)),
            "generator": over_fakes(record, generator(fakes)),
        }

    return stateless(evaluate, name)


def _drawn(record: Round, label: Label, key: Array, logits: Array) -> float | Array:
    """The label itself, or one drawn for each example."""
    if not callable(label):
        return label
    each = (logits.shape[0],) + (1,) * (logits.ndim - 1)
    return jnp.asarray(record.draw(label, key, each), logits.dtype)


def _uniform(low: float, high: float, key: Array, shape: tuple[int, ...]) -> Array:
    return jax.random.uniform(key, shape, minval=low, maxval=high)
