"""Consistency regularization of the logits: CR, bCR and zCR.

The losses penalize changes of the logits under augmentations or latent perturbations.

A `transform` acts on one image, `(key, image) -> image`, such as a flip or a shift.
Each image of the global batch gets its own key. Patch logits are averaged before they
are compared, since a transform may move content from one patch to another.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.errors import check_function, check_non_negative
from jaxgan.losses.combine import stateless
from jaxgan.losses.reductions import (
    Weight,
    image_weights,
    mask_unweighted,
    mean_over_fakes,
    mean_over_reals,
    noise_like,
    per_example,
    require_callable,
    weighted_mean,
)
from jaxgan.precision import at_least_float32
from jaxgan.types import Loss, Losses, Round, Score, Tree

Transform = Callable[[Array, Tree], Tree]


def consistency(transform: Transform, *, weight: float | Array = 10.0) -> Loss:
    """Create consistency regularization (CR) of the logits of reals.

        discriminator pays λ · E (D(x) - D(T(x)))²

    Args:
        transform: augmentation T of one image, `(key, image) -> image`.
        weight: λ ≥ 0; may be traced.

    Raises:
        InputError: if a concrete `weight` is negative or not finite.

    Reference: Zhang et al. 2019, arXiv:1910.12027.

        >>> import jax, jax.numpy as jnp
        >>> from jaxgan import chain, hinge
        >>> from jaxgan.penalties import consistency
        >>> def flip(key, image):
        ...     return jnp.where(jax.random.bernoulli(key), image[:, ::-1], image)
        >>> loss = chain(hinge(), consistency(flip))
    """
    check_function("consistency: transform", transform, "lambda key, image: image")
    check_non_negative("consistency: weight", weight)

    def evaluate(record: Round, key: Array) -> Losses:
        of = ("consistency", record, transform)
        square = _squared_logit_change(
            *of, key, record.real, record.real_score, record.weight
        )
        return {"discriminator": weight * mean_over_reals(record, square)}

    return stateless(evaluate, name="consistency")


def balanced_consistency(
    transform: Transform,
    *,
    real_weight: float | Array = 10.0,
    fake_weight: float | Array = 10.0,
) -> Loss:
    """Create balanced consistency regularization (bCR), on reals and fakes.

        discriminator pays λ_real · E (D(x) - D(T(x)))²
                         + λ_fake · E (D(G(z)) - D(T(G(z))))²

    Including the fakes keeps the artifacts of T out of the generated images.

    Args:
        transform: augmentation T of one image, `(key, image) -> image`.
        real_weight: λ_real ≥ 0; may be traced.
        fake_weight: λ_fake ≥ 0; may be traced.

    Raises:
        InputError: if a concrete weight is negative or not finite.

    Reference: Zhao et al. 2020, arXiv:2002.04724.

        >>> import jax, jax.numpy as jnp
        >>> from jaxgan import chain, hinge
        >>> from jaxgan.penalties import balanced_consistency
        >>> def flip(key, image):
        ...     return jnp.where(jax.random.bernoulli(key), image[:, ::-1], image)
        >>> loss = chain(hinge(), balanced_consistency(flip))
    """
    example = "lambda key, image: image"
    check_function("balanced_consistency: transform", transform, example)
    check_non_negative("balanced_consistency: real_weight", real_weight)
    check_non_negative("balanced_consistency: fake_weight", fake_weight)

    def evaluate(record: Round, key: Array) -> Losses:
        of = ("balanced_consistency", record, transform)
        real_key, fake_key = jax.random.split(key)
        real = _squared_logit_change(
            *of, real_key, record.real, record.real_score, record.weight
        )
        fake = _squared_logit_change(
            *of, fake_key, record.fake, record.fake_score, record.fake_weight
        )
        reals, fakes = mean_over_reals(record, real), mean_over_fakes(record, fake)
        return {"discriminator": real_weight * reals + fake_weight * fakes}

    return stateless(evaluate, name="balanced_consistency")


def latent_consistency(
    discriminator_weight: float | Array = 5.0,
    *,
    generator_weight: float | Array = 0.5,
    noise: float | Array = 0.03,
) -> Loss:
    """Create latent consistency regularization (zCR).

        z' = z + σ n,  n ~ N(0, I)
        discriminator pays λ_D · E (D(G(z)) - D(G(z')))²
        generator pays    -λ_G · E (G(z) - G(z'))²

    A small latent perturbation should change the image but not the logit. The squared
    differences of images are averaged over pixels, as in StudioGAN, so that λ_G does
    not depend on the image size.

    Args:
        discriminator_weight: λ_D ≥ 0; may be traced.
        generator_weight: λ_G ≥ 0; may be traced.
        noise: σ ≥ 0, the standard deviation of the perturbation; may be traced.

    Raises:
        InputError: if a concrete argument is negative or not finite, or, when the game
            is built, if its rounds have no `generate`.

    Reference: Zhao et al. 2020, arXiv:2002.04724.

        >>> from jaxgan import chain, hinge
        >>> from jaxgan.penalties import latent_consistency
        >>> loss = chain(hinge(), latent_consistency())
    """
    for name, value in (
        ("discriminator_weight", discriminator_weight),
        ("generator_weight", generator_weight),
        ("noise", noise),
    ):
        check_non_negative(f"latent_consistency: {name}", value)

    def evaluate(record: Round, key: Array) -> Losses:
        critic = require_callable("latent_consistency", record, "critic")
        generate = require_callable("latent_consistency", record, "generate")
        perturbed = jax.tree.map(
            lambda latent, step: latent + jnp.asarray(noise, latent.dtype) * step,
            record.latent,
            noise_like(record, key, record.latent),
        )
        image, changed_image = (
            mask_unweighted(record.fake_weight, generate(latent, record.condition))
            for latent in (record.latent, perturbed)
        )
        logits = _squared_difference(
            critic(image, record.condition),
            critic(changed_image, record.condition),
            record.fake_weight,
        )
        pixels = [
            weighted_mean(
                record,
                jnp.square(at_least_float32(x) - at_least_float32(y)),
                image_weights(record.fake_weight, x),
            )
            for x, y in zip(
                jax.tree.leaves(image), jax.tree.leaves(changed_image), strict=True
            )
        ]
        return {
            "discriminator": discriminator_weight * mean_over_fakes(record, logits),
            "generator": -generator_weight * jnp.stack(pixels).mean(),
        }

    return stateless(evaluate, name="latent_consistency")


def _squared_logit_change(
    term: str,
    record: Round,
    transform: Transform,
    key: Array,
    image: Tree,
    score: Score,
    weight: Weight,
) -> Float[Array, " b"]:
    """Compute (D(x) - D(T(x)))² for each image, with a separate key for each."""
    critic = require_callable(term, record, "critic")
    count = len(jax.tree.leaves(image)[0])
    keys = record.draw(jax.random.split, key, (count,))
    changed = critic(jax.vmap(transform)(keys, image), record.condition)
    return _squared_difference(score, changed, weight)


def _squared_difference(one: Score, other: Score, weight: Weight) -> Float[Array, " b"]:
    before, after = (per_example(score.logits, weight) for score in (one, other))
    return jnp.square(before - after)
