"""What the discriminator pays for being steep.

Gradients are with respect to the image before the view shows it. Their squares are
summed over pixels and channels, then averaged over the batch; patch logits are averaged
over patches before they are differentiated. Where the discriminator has BatchNorm, one
example's logit depends on the others, and these gradients contain those cross terms.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.errors import InputError, check_non_negative
from jaxgan.losses.averages import (
    over_fakes,
    over_reals,
    per_example,
    safe_norm,
    squared_norm,
)
from jaxgan.losses.combine import stateless
from jaxgan.types import Loss, Payments, Round


def r1(gamma: float | Array) -> Loss:
    """Zero-centred gradient penalty on the real images.

        discriminator pays γ/2 · E ‖∇ₓ D(x)‖²

    The gradient comes from the round's own forward pass (`real_pullback`). The factor
    1/2 is part of the convention, as in StyleGAN and R3GAN; StudioGAN's generic λ is
    the same γ.

    Args:
        gamma: γ ≥ 0; may be traced.

    Raises:
        InputError: if a concrete `gamma` is negative or not finite.

    Reference: Mescheder et al. 2018, arXiv:1801.04406, equation 9.

        >>> from jaxgan import chain, non_saturating, r1
        >>> loss = chain(non_saturating(), r1(gamma=0.1))
    """
    check_non_negative("r1: gamma", gamma)

    def evaluate(record: Round, key: jax.Array) -> Payments:
        del key
        slope = record.real_pullback(_one_each(record.real_score.logits))
        square = squared_norm(slope)
        return {"discriminator": 0.5 * gamma * over_reals(record, square)}

    return stateless(evaluate, "r1")


def r2(gamma: float | Array) -> Loss:
    """Zero-centred gradient penalty on the fakes.

        discriminator pays γ/2 · E ‖∇ₓ D(G(z))‖²

    Args:
        gamma: γ ≥ 0; may be traced.

    Raises:
        InputError: if a concrete `gamma` is negative or not finite.

    Reference: Mescheder et al. 2018, arXiv:1801.04406, equation 10.

        >>> from jaxgan import chain, non_saturating, r1, r2
        >>> loss = chain(non_saturating(), r1(gamma=0.1), r2(gamma=0.1))
    """
    check_non_negative("r2: gamma", gamma)

    def evaluate(record: Round, key: jax.Array) -> Payments:
        del key
        slope = record.fake_pullback(_one_each(record.fake_score.logits))
        square = squared_norm(slope)
        return {"discriminator": 0.5 * gamma * over_fakes(record, square)}

    return stateless(evaluate, "r2")


def gradient_penalty(weight: float | Array = 10.0, target: float | Array = 1.0) -> Loss:
    """The penalty of WGAN-GP: unit slope between real and fake images.

        discriminator pays λ · E (‖∇ D(x̂)‖ - target)²,
        x̂ = ε x + (1 - ε) G(z),  ε ~ U(0, 1), one for each example

    The norm is each example's own, and its gradient at zero is zero. torchgan draws one
    ε for the whole batch and the Keras example a normal one: those are other penalties.

    Args:
        weight: λ ≥ 0; may be traced.
        target: the slope asked for, ≥ 0; may be traced.

    Raises:
        InputError: if a concrete argument is negative or not finite, or, when the game
            is built, if the batches of reals and fakes have unequal sizes.

    Reference: Gulrajani et al. 2017, arXiv:1704.00028, equation 3.

        >>> from jaxgan import chain, gradient_penalty, wasserstein
        >>> wgan_gp = chain(wasserstein(), gradient_penalty(10.0))
    """
    check_non_negative("gradient_penalty: weight", weight)
    check_non_negative("gradient_penalty: target", target)

    def evaluate(record: Round, key: jax.Array) -> Payments:
        between = _interpolate(record, key)

        def total(image: Float[Array, "b ..."]) -> Float[Array, ""]:
            return per_example(record.critic(image, record.condition).logits).sum()

        excess = safe_norm(jax.grad(total)(between)) - target
        penalty = over_fakes(record, jnp.square(excess))
        return {"discriminator": weight * penalty}

    return stateless(evaluate, "gradient_penalty")


def _interpolate(record: Round, key: jax.Array) -> Float[Array, "b ..."]:
    real, fake = record.real, record.fake
    if real.shape != fake.shape:
        raise InputError(
            "gradient_penalty mixes each real image with a fake, so their batches must "
            f"have equal sizes, got {real.shape[0]} reals and {fake.shape[0]} fakes."
        )
    shape = (real.shape[0],) + (1,) * (real.ndim - 1)
    share = record.draw(jax.random.uniform, key, shape).astype(real.dtype)
    return share * real + (1 - share) * fake


def _one_each(logits: Float[Array, "b *patch"]) -> Float[Array, "b *patch"]:
    """The cotangent of the sum over the batch of each example's mean logit."""
    return jnp.full_like(logits, logits.shape[0] / logits.size)
