"""What the discriminator pays for being steep.

Gradients are with respect to the image before the view shows it. Their squares are
summed over pixels and channels, then averaged over the batch; patch logits are averaged
over patches, by their weights, before they are differentiated.

Where the discriminator has BatchNorm, one example's logit depends on the others: the
gradient at an image is then that of the sum of the batch's logits, and contains how the
image moves the others' logits through the mean and the variance. It is defined, and
every penalty here may be used so, but it is no longer the slope at one point.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.errors import check_function, check_non_negative
from jaxgan.losses.combine import stateless
from jaxgan.losses.reductions import (
    Weight,
    count_pairs,
    hidden,
    noise_like,
    over,
    over_fakes,
    over_reals,
    pair_weight,
    patch_shares,
    per_example,
    probe,
    safe_norm,
    squared_norm,
)
from jaxgan.precision import wide
from jaxgan.types import Loss, Payments, Round, Score, Tree

Points = Callable[[str, Round, Array], tuple[Tree, Weight]]
"""`(term, record, key) -> (images, weight)`: where a slope is measured."""


def r1(gamma: float | Array) -> Loss:
    """Zero-centered gradient penalty on the real images.

        discriminator pays γ/2 · E ‖∇ₓ D(x)‖²

    The gradient comes from the round's own forward pass (`real_pullback`). The factor
    1/2 is part of the convention, as in StyleGAN and R3GAN; StudioGAN's generic λ is
    the same γ, and its StyleGAN variant multiplies by the interval, as `every` does.

    Args:
        gamma: γ ≥ 0; may be traced.

    Raises:
        InputError: if a concrete `gamma` is negative or not finite.

    Reference: Mescheder et al. 2018, arXiv:1801.04406, equation 9.

        >>> from jaxgan import chain, non_saturating, r1
        >>> loss = chain(non_saturating(), r1(gamma=0.1))
    """
    check_non_negative("r1: gamma", gamma)

    def evaluate(record: Round, key: Array) -> Payments:
        del key
        slope = record.real_pullback(_one_each(record.real_score, record.weight))
        square = squared_norm(hidden(record.weight, slope))
        return {"discriminator": 0.5 * gamma * over_reals(record, square)}

    return stateless(evaluate, "r1")


def r2(gamma: float | Array) -> Loss:
    """Zero-centered gradient penalty on the fakes.

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

    def evaluate(record: Round, key: Array) -> Payments:
        del key
        slope = record.fake_pullback(_one_each(record.fake_score, record.fake_weight))
        square = squared_norm(hidden(record.fake_weight, slope))
        return {"discriminator": 0.5 * gamma * over_fakes(record, square)}

    return stateless(evaluate, "r2")


def interpolates(term: str, record: Round, key: Array) -> tuple[Tree, Weight]:
    """The points of WGAN-GP: x̂ = ε x + (1 - ε) G(z), one ε ~ U(0, 1) for each pair.

    A pair counts by the product of its weights.
    """
    share = record.draw(jax.random.uniform, key, (count_pairs(term, record),))

    def mix(real: Float[Array, "b ..."], fake: Float[Array, "b ..."]) -> Array:
        each = share.reshape(-1, *(1,) * (real.ndim - 1)).astype(real.dtype)
        return each * real + (1 - each) * fake

    return jax.tree.map(mix, record.real, record.fake), pair_weight(record)


def perturbed_reals(scale: float | Array = 0.5) -> Points:
    """The points of DRAGAN: x̂ = x + scale · s · n, n ~ N(0, I).

    s is the standard deviation of all pixels of the batch's reals, whatever their
    weights.

    Raises:
        InputError: if a concrete `scale` is negative or not finite.

        >>> from jaxgan import perturbed_reals, gradient_penalty
        >>> local = gradient_penalty(10.0, one_sided=True, points=perturbed_reals(0.1))
    """
    check_non_negative("perturbed_reals: scale", scale)

    def points(term: str, record: Round, key: Array) -> tuple[Tree, Weight]:
        del term

        def disturb(
            real: Float[Array, "b ..."], noise: Float[Array, "b ..."]
        ) -> Float[Array, "b ..."]:
            variance = record.mean(jnp.square(wide(real) - record.mean(wide(real))))
            return real + (scale * jnp.sqrt(variance) * wide(noise)).astype(real.dtype)

        noise = noise_like(record, key, record.real)
        return jax.tree.map(disturb, record.real, noise), record.weight

    return points


def gradient_penalty(
    weight: float | Array = 10.0,
    target: float | Array = 1.0,
    *,
    one_sided: bool = False,
    points: Points = interpolates,
) -> Loss:
    """The penalty of WGAN-GP: unit slope between real and fake images.

        discriminator pays λ · E (‖∇ D(x̂)‖ - t)²,  x̂ = ε x + (1 - ε) G(z),
        or, one-sided, λ · E max(0, ‖∇ D(x̂)‖ - t)²

    One-sided is WGAN-LP, which lets the critic be flatter than a Lipschitz bound asks.
    The norm is each example's own, and its gradient at zero is zero. torchgan draws one
    ε for the whole batch and the Keras example a normal one: those are other penalties,
    as is TF-GAN's (‖∇‖ / t - 1)² where t is not one.
    Under a condition each interpolate is judged by that of its pair.

    Args:
        weight: λ ≥ 0; may be traced.
        target: t ≥ 0, the slope asked for; may be traced.
        one_sided: whether only too steep is charged.
        points: where the slope is measured: `interpolates`, `perturbed_reals(…)`, or
            your own `(term, record, key) -> (images, weight)`.

    Raises:
        InputError: if a concrete argument is negative or not finite, or, when the game
            is built, if there are not as many fakes as reals.

    Reference: Gulrajani et al. 2017, arXiv:1704.00028, equation 3; one-sided: Petzka et
    al. 2017, arXiv:1709.08894.

        >>> from jaxgan import chain, gradient_penalty, wasserstein
        >>> wgan_gp = chain(wasserstein(), gradient_penalty(10.0))
    """
    return _slope_penalty("gradient_penalty", weight, target, one_sided, points)


def zero_centered_penalty(
    weight: float | Array = 10.0, *, points: Points = interpolates
) -> Loss:
    """Zero-centered gradient penalty between real and fake images.

        discriminator pays λ · E ‖∇ D(x̂)‖²,  x̂ = ε x + (1 - ε) G(z)

    Without the 1/2 of `r1` and `r2`, as in its paper.

    Args:
        weight: λ ≥ 0; may be traced. The paper takes 100.
        points: see `gradient_penalty`.

    Raises:
        InputError: if a concrete `weight` is negative or not finite, or, when the game
            is built, if there are not as many fakes as reals.

    Reference: Thanh-Tung et al. 2019, arXiv:1902.03984.

        >>> from jaxgan import chain, non_saturating, zero_centered_penalty
        >>> loss = chain(non_saturating(), zero_centered_penalty(100.0))
    """
    check_non_negative("zero_centered_penalty: weight", weight)
    _check_points("zero_centered_penalty", points)

    def evaluate(record: Round, key: Array) -> Payments:
        slope, weights = _slope("zero_centered_penalty", record, points, key)
        return {"discriminator": weight * over(record, squared_norm(slope), weights)}

    return stateless(evaluate, "zero_centered_penalty")


def dragan(
    weight: float | Array = 10.0,
    target: float | Array = 1.0,
    scale: float | Array = 0.5,
) -> Loss:
    """The penalty of DRAGAN: unit slope in a neighborhood of the reals.

        discriminator pays λ · E (‖∇ D(x + δ)‖ - t)²,  δ = scale · s · n,  n ~ N(0, I)

    s is the standard deviation of all pixels of the batch's reals, over the global
    batch. Normal noise is the paper's formula (with a constant for scale · s). Codes
    draw it uniformly: of mean zero in compare_gan (s · U(-½, ½), then clipped), of
    positive mean in StudioGAN, torchgan and PyTorch-GAN, which moves all images the
    same way.

    Args:
        weight: λ ≥ 0; may be traced.
        target: t ≥ 0; may be traced.
        scale: ≥ 0, of the noise, in standard deviations of the data; may be traced.

    Raises:
        InputError: if a concrete argument is negative or not finite.

    Reference: Kodali et al. 2017, arXiv:1705.07215.

        >>> from jaxgan import chain, dragan, non_saturating
        >>> loss = chain(non_saturating(), dragan(10.0))
    """
    return _slope_penalty("dragan", weight, target, False, perturbed_reals(scale))


def max_gradient_penalty(
    weight: float | Array = 1.0, *, points: Points = interpolates
) -> Loss:
    """The penalty of LGAN: the steepest point of the batch alone.

        discriminator pays λ · max ‖∇ D(x̂)‖²,  over the global batch,
        x̂ = ε x + (1 - ε) G(z)

    The maximum has no example weights.

    Args:
        weight: λ ≥ 0; may be traced.
        points: see `gradient_penalty`.

    Raises:
        InputError: if a concrete `weight` is negative or not finite, or, when the game
            is built, if there are not as many fakes as reals.

    Reference: Zhou et al. 2019, arXiv:1902.05687.

        >>> from jaxgan import chain, max_gradient_penalty, wasserstein
        >>> lgan = chain(wasserstein(), max_gradient_penalty(0.1))
    """
    check_non_negative("max_gradient_penalty: weight", weight)
    _check_points("max_gradient_penalty", points)

    def evaluate(record: Round, key: Array) -> Payments:
        slope, _ = _slope("max_gradient_penalty", record, points, key)
        return {"discriminator": weight * record.gather(squared_norm(slope)).max()}

    return stateless(evaluate, "max_gradient_penalty")


def _slope_penalty(
    name: str, weight: Any, target: Any, one_sided: bool, points: Points
) -> Loss:
    check_non_negative(f"{name}: weight", weight)
    check_non_negative(f"{name}: target", target)
    _check_points(name, points)

    def evaluate(record: Round, key: Array) -> Payments:
        slope, weights = _slope(name, record, points, key)
        excess = safe_norm(slope) - target
        if one_sided:
            excess = jax.nn.relu(excess)
        return {"discriminator": weight * over(record, jnp.square(excess), weights)}

    return stateless(evaluate, name)


def _check_points(name: str, points: Points) -> None:
    check_function(f"{name}: points", points, "between")


def _slope(term: str, record: Round, points: Points, key: Array) -> tuple[Tree, Weight]:
    """The gradient of each point's logit with respect to the point, and its weight."""
    critic = probe(term, record, "critic")

    images, weights = points(term, record, key)

    def total(image: Tree) -> Float[Array, ""]:
        return per_example(critic(image, record.condition).logits, weights).sum()

    return hidden(weights, jax.grad(total)(images)), weights


def _one_each(score: Score, weight: Weight) -> Float[Array, "b *patch"]:
    """The cotangent of the sum over the batch of each example's mean logit."""
    logits = score.logits
    ones = jnp.full_like(logits, logits.shape[0] / logits.size)
    if weight is None or weight.ndim == 1 or logits.ndim == 1:
        return ones
    return ones * patch_shares(weight, logits).astype(ones.dtype)
