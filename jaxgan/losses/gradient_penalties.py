"""Gradient penalties of the discriminator: R1, R2, WGAN-GP, DRAGAN and others.

Gradients are with respect to the image before the view's augmentation. Squares are
summed over pixels and channels, then averaged over the batch. Patch logits are averaged
over patches, by their weights, before they are differentiated.

With BatchNorm in the discriminator, an example's logit depends on the other examples,
those of weight zero included.
The penalties then differentiate the sum of the batch's logits, so the gradient at an
image includes its effect on the other logits through the batch statistics. All
penalties are still defined, but they no longer measure the slope at a single point.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.errors import check_flag, check_function, check_non_negative
from jaxgan.losses.combine import stateless
from jaxgan.losses.reductions import (
    Weight,
    count_pairs,
    image_weights,
    mask_unweighted,
    mean_over_fakes,
    mean_over_reals,
    noise_like,
    normalized_mean,
    pair_weight,
    per_example,
    present,
    relative_patch_weights,
    require_callable,
    safe_norm,
    squared_norm,
    weighted_mean,
)
from jaxgan.precision import at_least_float32, promote_types
from jaxgan.types import Loss, Losses, Round, Score, Tree

Points = Callable[[str, Round, Array], tuple[Tree, Weight]]
"""Point sampler of a gradient penalty, `(term, record, key) -> (images, weight)`."""


def r1(gamma: float | Array) -> Loss:
    """Create the R1 penalty: a zero-centered gradient penalty on reals.

        discriminator pays γ/2 · E ‖∇ₓ D(x)‖²

    The gradient reuses the forward pass of the round (`real_pullback`). The factor 1/2
    is part of the convention, as in StyleGAN and R3GAN. StudioGAN's generic λ is the
    same γ; its StyleGAN variant multiplies by the interval, as `every` does. Of p patch
    logits the mean is differentiated; code that differentiates their sum pays p² times
    as much.

    Args:
        gamma: γ ≥ 0; may be traced.

    Raises:
        InputError: if a concrete `gamma` is negative or not finite.

    Reference: Mescheder et al. 2018, arXiv:1801.04406, equation 9.

        >>> from jaxgan import chain, non_saturating, r1
        >>> loss = chain(non_saturating(), r1(gamma=0.1))
    """
    check_non_negative("r1: gamma", gamma)

    def evaluate(record: Round, key: Array) -> Losses:
        del key
        gradient = record.real_pullback(
            _mean_logit_cotangent(record.real_score, record.weight)
        )
        square = squared_norm(mask_unweighted(record.weight, gradient))
        return {"discriminator": 0.5 * gamma * mean_over_reals(record, square)}

    return stateless(evaluate, name="r1")


def r2(gamma: float | Array) -> Loss:
    """Create the R2 penalty: a zero-centered gradient penalty on fakes.

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

    def evaluate(record: Round, key: Array) -> Losses:
        del key
        gradient = record.fake_pullback(
            _mean_logit_cotangent(record.fake_score, record.fake_weight)
        )
        square = squared_norm(mask_unweighted(record.fake_weight, gradient))
        return {"discriminator": 0.5 * gamma * mean_over_fakes(record, square)}

    return stateless(evaluate, name="r2")


def interpolates(term: str, record: Round, key: Array) -> tuple[Tree, Weight]:
    """Sample the points of WGAN-GP on lines between reals and fakes.

    x̂ = ε x + (1 - ε) G(z), with one ε ~ U(0, 1) for each pair. A pair's weight is the
    product of the weights of its real and its fake, see `pair_weight`.
    """
    epsilon = record.draw(jax.random.uniform, key, (count_pairs(term, record),))

    def mix(real: Float[Array, "b ..."], fake: Float[Array, "b ..."]) -> Array:
        dtype = promote_types(real.dtype, fake.dtype)
        each = epsilon.reshape(-1, *(1,) * (real.ndim - 1)).astype(dtype)
        return each * real.astype(dtype) + (1 - each) * fake.astype(dtype)

    return jax.tree.map(mix, record.real, record.fake), pair_weight(record)


def perturbed_reals(scale: float | Array = 0.5) -> Points:
    """Create the point sampler of DRAGAN: reals with added Gaussian noise.

    x̂ = x + scale · s · n, with n ~ N(0, I) and s the standard deviation of all pixels
    of the batch's reals, weighted by `Batch.weight`.

    Raises:
        InputError: if a concrete `scale` is negative or not finite.

        >>> from jaxgan import gradient_penalty
        >>> from jaxgan.penalties import perturbed_reals
        >>> local = gradient_penalty(10.0, one_sided=True, points=perturbed_reals(0.1))
    """
    check_non_negative("perturbed_reals: scale", scale)

    def points(term: str, record: Round, key: Array) -> tuple[Tree, Weight]:
        del term

        def disturb(
            real: Float[Array, "b ..."], noise: Float[Array, "b ..."]
        ) -> Float[Array, "b ..."]:
            weight = image_weights(record.weight, real)
            pixels = at_least_float32(real)
            mean = normalized_mean(record, pixels, weight)
            variance = normalized_mean(record, jnp.square(pixels - mean), weight)
            return real + (scale * jnp.sqrt(variance) * at_least_float32(noise)).astype(
                real.dtype
            )

        noise = noise_like(record, key, record.real)
        return jax.tree.map(disturb, record.real, noise), record.weight

    return points


def gradient_penalty(
    weight: float | Array = 10.0,
    *,
    target: float | Array = 1.0,
    one_sided: bool = False,
    points: Points = interpolates,
) -> Loss:
    """Create the WGAN-GP gradient penalty, between real and fake images.

        discriminator pays λ · E (‖∇ D(x̂)‖ - t)²,  x̂ = ε x + (1 - ε) G(z),
        or, one-sided, λ · E max(0, ‖∇ D(x̂)‖ - t)²

    The one-sided penalty (WGAN-LP) does not penalize gradient norms below t.
    The norm is computed for each example, and its gradient at zero is zero. In a
    conditional game, each interpolate uses the condition of its pair.

    Other implementations differ: torchgan draws one ε for the whole batch, the Keras
    example draws ε from a normal distribution, and TF-GAN uses (‖∇‖ / t - 1)², which
    differs if t ≠ 1. Of p patch logits the mean is differentiated; where code
    differentiates their sum, the norm is p times as large.

    Args:
        weight: λ ≥ 0; may be traced.
        target: t ≥ 0, the target gradient norm; may be traced.
        one_sided: if True, penalize only norms above the target.
        points: where gradients are taken: `interpolates`, `perturbed_reals(…)`, or
            your own `(term, record, key) -> (images, weight)`.

    Raises:
        InputError: if a concrete argument is negative or not finite, or, when the game
            is built, if there are not as many fakes as reals.

    Reference: Gulrajani et al. 2017, arXiv:1704.00028, equation 3; one-sided: Petzka et
    al. 2017, arXiv:1709.08894.

        >>> from jaxgan import chain, gradient_penalty, wasserstein
        >>> wgan_gp = chain(wasserstein(), gradient_penalty(10.0))
    """
    return _gradient_norm_penalty("gradient_penalty", weight, target, one_sided, points)


def zero_centered_penalty(
    weight: float | Array = 10.0, *, points: Points = interpolates
) -> Loss:
    """Create a zero-centered gradient penalty between real and fake images.

        discriminator pays λ · E ‖∇ D(x̂)‖²,  x̂ = ε x + (1 - ε) G(z)

    It has no factor 1/2, unlike `r1` and `r2`, as in its paper.

    Args:
        weight: λ ≥ 0; may be traced. The paper uses 100.
        points: see `gradient_penalty`.

    Raises:
        InputError: if a concrete `weight` is negative or not finite, or, when the game
            is built, if there are not as many fakes as reals.

    Reference: Thanh-Tung et al. 2019, arXiv:1902.03984.

        >>> from jaxgan import chain, non_saturating
        >>> from jaxgan.penalties import zero_centered_penalty
        >>> loss = chain(non_saturating(), zero_centered_penalty(100.0))
    """
    check_non_negative("zero_centered_penalty: weight", weight)
    _check_points("zero_centered_penalty", points)

    def evaluate(record: Round, key: Array) -> Losses:
        gradient, weights = _input_gradients(
            "zero_centered_penalty", record, points, key
        )
        return {
            "discriminator": weight
            * weighted_mean(record, squared_norm(gradient), weights)
        }

    return stateless(evaluate, name="zero_centered_penalty")


def dragan(
    weight: float | Array = 10.0,
    *,
    target: float | Array = 1.0,
    scale: float | Array = 0.5,
) -> Loss:
    """Create the DRAGAN gradient penalty, around the reals.

        discriminator pays λ · E (‖∇ D(x + δ)‖ - t)²,  δ = scale · s · n,  n ~ N(0, I)

    s is the standard deviation of all pixels of the reals in the global batch. Gaussian
    noise is the paper's formula (with a constant for scale · s). Implementations use
    uniform noise: with mean zero in compare_gan (s · U(-½, ½), then clipped), and with
    positive mean in StudioGAN, torchgan and PyTorch-GAN, which shifts all images in the
    same direction.

    Args:
        weight: λ ≥ 0; may be traced.
        target: t ≥ 0, the target gradient norm; may be traced.
        scale: noise scale ≥ 0, in standard deviations of the data; may be traced.

    Raises:
        InputError: if a concrete argument is negative or not finite.

    Reference: Kodali et al. 2017, arXiv:1705.07215.

        >>> from jaxgan import chain, non_saturating
        >>> from jaxgan.penalties import dragan
        >>> loss = chain(non_saturating(), dragan(10.0))
    """
    return _gradient_norm_penalty(
        "dragan", weight, target, False, perturbed_reals(scale)
    )


def max_gradient_penalty(
    weight: float | Array = 1.0, *, points: Points = interpolates
) -> Loss:
    """Create the maximum gradient penalty of Lipschitz GANs (LGAN).

        discriminator pays λ · max ‖∇ D(x̂)‖²,  over the global batch,
        x̂ = ε x + (1 - ε) G(z)

    Only the steepest point of the batch is penalized. Points of weight zero are left
    out; other weights do not matter.

    Args:
        weight: λ ≥ 0; may be traced.
        points: see `gradient_penalty`.

    Raises:
        InputError: if a concrete `weight` is negative or not finite, or, when the game
            is built, if there are not as many fakes as reals.

    Reference: Zhou et al. 2019, arXiv:1902.05687.

        >>> from jaxgan import chain, wasserstein
        >>> from jaxgan.penalties import max_gradient_penalty
        >>> lgan = chain(wasserstein(), max_gradient_penalty(0.1))
    """
    check_non_negative("max_gradient_penalty: weight", weight)
    _check_points("max_gradient_penalty", points)

    def evaluate(record: Round, key: Array) -> Losses:
        gradient, weights = _input_gradients(
            "max_gradient_penalty", record, points, key
        )
        square = squared_norm(gradient)
        if weights is not None:
            square = jnp.where(present(weights) > 0, square, 0)
        return {"discriminator": weight * record.gather(square).max()}

    return stateless(evaluate, name="max_gradient_penalty")


def _gradient_norm_penalty(
    name: str, weight: Any, target: Any, one_sided: bool, points: Points
) -> Loss:
    check_non_negative(f"{name}: weight", weight)
    check_non_negative(f"{name}: target", target)
    check_flag(f"{name}: one_sided", one_sided)
    _check_points(name, points)

    def evaluate(record: Round, key: Array) -> Losses:
        gradient, weights = _input_gradients(name, record, points, key)
        excess = safe_norm(gradient) - target
        if one_sided:
            excess = jax.nn.relu(excess)
        return {
            "discriminator": weight * weighted_mean(record, jnp.square(excess), weights)
        }

    return stateless(evaluate, name=name)


def _check_points(name: str, points: Points) -> None:
    check_function(f"{name}: points", points, "interpolates")


def _input_gradients(
    term: str, record: Round, points: Points, key: Array
) -> tuple[Tree, Weight]:
    """Compute the gradient of the logits at each point; return it with the weights."""
    critic = require_callable(term, record, "critic")

    images, weights = points(term, record, key)

    def total(image: Tree) -> Float[Array, ""]:
        return per_example(critic(image, record.condition).logits, weights).sum()

    return mask_unweighted(weights, jax.grad(total)(images)), weights


def _mean_logit_cotangent(score: Score, weight: Weight) -> Float[Array, "b *patch"]:
    """Return the cotangent of the sum of the examples' mean logits."""
    logits = score.logits
    ones = jnp.full_like(logits, logits.shape[0] / logits.size)
    if weight is None or weight.ndim == 1 or logits.ndim == 1:
        return ones
    return ones * relative_patch_weights(weight, logits).astype(ones.dtype)
