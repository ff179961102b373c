"""What the players pay where a change that should not matter changes the logits.

A `transform` is written for one image, `(key, image) -> image`, such as a flip or a
shift; each image of the global batch gets its own key. Logits are compared after their
average over patches, since a transform may move what a patch sees.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.errors import check_function, check_non_negative
from jaxgan.losses.combine import stateless
from jaxgan.losses.reductions import (
    Weight,
    hidden,
    noise_like,
    of_images,
    over,
    over_fakes,
    over_reals,
    per_example,
    probe,
)
from jaxgan.precision import wide
from jaxgan.types import Loss, Payments, Round, Score, Tree

Transform = Callable[[Array, Tree], Tree]


def consistency(transform: Transform, weight: float | Array = 10.0) -> Loss:
    """CR: the discriminator takes a changed real for what it took the real for.

        discriminator pays λ · E (D(x) - D(T(x)))²

    Args:
        transform: T, `(key, image) -> image`.
        weight: λ ≥ 0; may be traced.

    Raises:
        InputError: if a concrete `weight` is negative or not finite.

    Reference: Zhang et al. 2019, arXiv:1910.12027.

        >>> import jax, jax.numpy as jnp
        >>> from jaxgan import chain, consistency, hinge
        >>> def flip(key, image):
        ...     return jnp.where(jax.random.bernoulli(key), image[:, ::-1], image)
        >>> loss = chain(hinge(), consistency(flip))
    """
    check_function("consistency: transform", transform, "lambda key, image: image")
    check_non_negative("consistency: weight", weight)

    def evaluate(record: Round, key: Array) -> Payments:
        of = ("consistency", record, transform)
        square = _after_transform(
            *of, key, record.real, record.real_score, record.weight
        )
        return {"discriminator": weight * over_reals(record, square)}

    return stateless(evaluate, "consistency")


def balanced_consistency(
    transform: Transform,
    real_weight: float | Array = 10.0,
    fake_weight: float | Array = 10.0,
) -> Loss:
    """bCR: consistency on reals and on fakes, so that the artifacts of T stay out.

        discriminator pays λ_real · E (D(x) - D(T(x)))²
                         + λ_fake · E (D(G(z)) - D(T(G(z))))²

    Args:
        transform: T, `(key, image) -> image`.
        real_weight: λ_real ≥ 0; may be traced.
        fake_weight: λ_fake ≥ 0; may be traced.

    Raises:
        InputError: if a concrete weight is negative or not finite.

    Reference: Zhao et al. 2020, arXiv:2002.04724.

        >>> import jax, jax.numpy as jnp
        >>> from jaxgan import balanced_consistency, chain, hinge
        >>> def flip(key, image):
        ...     return jnp.where(jax.random.bernoulli(key), image[:, ::-1], image)
        >>> loss = chain(hinge(), balanced_consistency(flip))
    """
    example = "lambda key, image: image"
    check_function("balanced_consistency: transform", transform, example)
    check_non_negative("balanced_consistency: real_weight", real_weight)
    check_non_negative("balanced_consistency: fake_weight", fake_weight)

    def evaluate(record: Round, key: Array) -> Payments:
        of = ("balanced_consistency", record, transform)
        real_key, fake_key = jax.random.split(key)
        real = _after_transform(
            *of, real_key, record.real, record.real_score, record.weight
        )
        fake = _after_transform(
            *of, fake_key, record.fake, record.fake_score, record.fake_weight
        )
        reals, fakes = over_reals(record, real), over_fakes(record, fake)
        return {"discriminator": real_weight * reals + fake_weight * fakes}

    return stateless(evaluate, "balanced_consistency")


def latent_consistency(
    discriminator_weight: float | Array = 5.0,
    generator_weight: float | Array = 0.5,
    noise: float | Array = 0.03,
) -> Loss:
    """zCR: a nudge of the latent moves the image, and does not move the logit.

        z' = z + σ n,  n ~ N(0, I)
        discriminator pays λ_D · E (D(G(z)) - D(G(z')))²
        generator pays    -λ_G · E (G(z) - G(z'))²

    The images' squares are averaged over pixels, as in StudioGAN, so that λ_G does not
    depend on their size.

    Args:
        discriminator_weight: λ_D ≥ 0; may be traced.
        generator_weight: λ_G ≥ 0; may be traced.
        noise: σ ≥ 0; may be traced.

    Raises:
        InputError: if a concrete argument is negative or not finite, or, when the game
            is built, if its rounds have no `generate`.

    Reference: Zhao et al. 2020, arXiv:2002.04724.

        >>> from jaxgan import chain, hinge, latent_consistency
        >>> loss = chain(hinge(), latent_consistency())
    """
    for name, value in (
        ("discriminator_weight", discriminator_weight),
        ("generator_weight", generator_weight),
        ("noise", noise),
    ):
        check_non_negative(f"latent_consistency: {name}", value)

    def evaluate(record: Round, key: Array) -> Payments:
        critic = probe("latent_consistency", record, "critic")
        generate = probe("latent_consistency", record, "generate")
        nudged = jax.tree.map(
            lambda latent, step: latent + jnp.asarray(noise, latent.dtype) * step,
            record.latent,
            noise_like(record, key, record.latent),
        )
        image, moved = (
            hidden(record.fake_weight, generate(latent, record.condition))
            for latent in (record.latent, nudged)
        )
        logits = _squared_change(
            critic(image, record.condition),
            critic(moved, record.condition),
            record.fake_weight,
        )
        pixels = [
            over(
                record,
                jnp.square(wide(x) - wide(y)),
                of_images(record.fake_weight, x),
            )
            for x, y in zip(jax.tree.leaves(image), jax.tree.leaves(moved), strict=True)
        ]
        return {
            "discriminator": discriminator_weight * over_fakes(record, logits),
            "generator": -generator_weight * jnp.stack(pixels).mean(),
        }

    return stateless(evaluate, "latent_consistency")


def _after_transform(
    term: str,
    record: Round,
    transform: Transform,
    key: Array,
    image: Tree,
    score: Score,
    weight: Weight,
) -> Float[Array, " b"]:
    """The squared change of each image's logit by its own transform."""
    critic = probe(term, record, "critic")
    count = len(jax.tree.leaves(image)[0])
    keys = record.draw(jax.random.split, key, (count,))
    changed = critic(jax.vmap(transform)(keys, image), record.condition)
    return _squared_change(score, changed, weight)


def _squared_change(one: Score, other: Score, weight: Weight) -> Float[Array, " b"]:
    before, after = (per_example(score.logits, weight) for score in (one, other))
    return jnp.square(before - after)
