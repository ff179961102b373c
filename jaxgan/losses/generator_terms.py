"""Generator losses: feature matching, pulling-away, mode seeking, path length."""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgan.errors import InputError, check_fraction, check_non_negative, check_positive
from jaxgan.losses.combine import stateless
from jaxgan.losses.reductions import (
    Weight,
    gather_weights,
    image_weights,
    is_per_position,
    mask_unweighted,
    mean_over_distinct_pairs,
    mean_over_fakes,
    noise_like,
    normalized_mean,
    present,
    require_callable,
    require_features,
    safe_norm,
    weighted_mean,
)
from jaxgan.precision import at_least_float32
from jaxgan.types import Loss, Losses, Round, Term, Tree


def feature_matching(weight: float | Array = 1.0) -> Loss:
    """Create the feature matching loss of the generator.

        generator pays λ · Σ over layers of ‖E f(x) - E f(G(z))‖²

    f are the features that the discriminator returns. Expectations are over the global
    batch; squares are summed over all other axes. pix2pixHD and GauGAN use the name for
    a different loss: the mean absolute difference between the features of a real and of
    its paired fake.

    Args:
        weight: λ ≥ 0; may be traced.

    Raises:
        InputError: if a concrete `weight` is negative or not finite, or, when the game
            is built, if the discriminator returns no features.

    Reference: Salimans et al. 2016, arXiv:1606.03498, section 3.1.

        >>> from jaxgan import chain, non_saturating
        >>> from jaxgan.losses import feature_matching
        >>> loss = chain(non_saturating(), feature_matching(1.0))
    """
    check_non_negative("feature_matching: weight", weight)

    def evaluate(record: Round, key: Array) -> Losses:
        del key

        def average(layer: Array, weight: Weight) -> Array:
            if is_per_position(weight, layer):
                return _mean_per_position(record, layer, weight)
            each = gather_weights(record, weight, layer)
            each = each.reshape(-1, *(1,) * (layer.ndim - 1))
            return (each * record.gather(layer)).mean(axis=0)

        reals, fakes = (
            require_features("feature_matching", score)
            for score in (record.real_score, record.fake_score)
        )
        distances = [
            jnp.square(
                average(real, record.weight) - average(fake, record.fake_weight)
            ).sum()
            for real, fake in zip(reals, fakes, strict=True)
        ]
        return {"generator": weight * sum(distances[1:], start=distances[0])}

    return stateless(evaluate, name="feature_matching")


def pulling_away(weight: float | Array = 0.1) -> Loss:
    """Create the pulling-away term (PT), which diversifies the fakes' features.

        generator pays λ · E over pairs i ≠ j of fakes of cos²(fᵢ, fⱼ)

    f is the last of the discriminator's features, flattened; for an autoencoder it is
    the code. The cosine with a zero vector is 0. All pairs of the global batch are
    compared. A pair's weight is the product of its examples' weights, normalized to
    mean one over the pairs. PyTorch-GAN does not square the cosines.

    Args:
        weight: λ ≥ 0; may be traced.

    Raises:
        InputError: if a concrete `weight` is negative or not finite, or, when the game
            is built, if the discriminator returns no features or a batch holds a single
            fake.

    Reference: Zhao et al. 2016, arXiv:1609.03126, section 2.4.

        >>> from jaxgan import chain
        >>> from jaxgan.losses import energy_based
        >>> from jaxgan.penalties import pulling_away
        >>> ebgan_pt = chain(energy_based(10.0), pulling_away(0.1))
    """
    check_non_negative("pulling_away: weight", weight)

    def evaluate(record: Round, key: Array) -> Losses:
        del key
        layer = require_features("pulling_away", record.fake_score)[-1]
        code = record.gather(layer)
        n = len(code)
        if n < 2:
            raise InputError(
                "pulling_away compares the fakes of a batch with each other, so it "
                "needs at least 2 fakes, got 1."
            )
        code = code.reshape(n, -1)
        length = safe_norm(code)[:, None]
        unit = code / jnp.where(length > 0, length, 1.0)
        each = gather_weights(record, record.fake_weight, layer)
        return {
            "generator": weight
            * mean_over_distinct_pairs(jnp.square(unit @ unit.T), each)
        }

    return stateless(evaluate, name="pulling_away")


def mode_seeking(weight: float | Array = 1.0, *, epsilon: float | Array = 1e-5) -> Loss:
    """Create the mode seeking loss (MSGAN) for diverse conditional samples.

        r = E |G(z, c) - G(z', c)| / E |z - z'|
        generator pays λ / (r + ε)

    Latents are paired within the batch: z' is the second latent for the first and the
    first for the second, the fourth for the third, and so on, without latents of weight
    zero. Both images use the condition of z. Expectations are over the batch, weighted
    by the product of the weights of z and z', and over all other axes. This is the
    authors' code; their paper maximizes r.

    Args:
        weight: λ ≥ 0; may be traced.
        epsilon: ε > 0; may be traced.

    Raises:
        InputError: if a concrete argument is negative or not finite, ε is zero, or,
            when the game is built, if the rounds have no `generate` or the number of
            fakes is odd.

    Reference: Mao et al. 2019, arXiv:1903.05628.

        >>> from jaxgan import chain, non_saturating
        >>> from jaxgan.penalties import mode_seeking
        >>> loss = chain(non_saturating(), mode_seeking(1.0))
    """
    check_non_negative("mode_seeking: weight", weight)
    check_positive("mode_seeking: epsilon", epsilon)

    def evaluate(record: Round, key: Array) -> Losses:
        del key
        generate = require_callable("mode_seeking", record, "generate")
        partner = _partners(record)
        other = jax.tree.map(lambda latent: latent[partner], record.latent)
        weights = record.fake_weight
        if weights is not None:
            weights = weights * weights[partner]
        images = _mean_absolute_difference(
            record,
            generate(record.latent, record.condition),
            generate(other, record.condition),
            weights,
        )
        latents = _mean_absolute_difference(record, record.latent, other, weights)
        # If all latents are equal, so are the images.
        ratio = images / jnp.where(latents > 0, latents, 1)
        return {"generator": weight / (ratio + epsilon)}

    return stateless(evaluate, name="mode_seeking")


def path_length(weight: float | Array = 2.0, *, decay: float | Array = 0.99) -> Loss:
    """Create StyleGAN2's path length regularization of the generator.

        l = ‖J_zᵀ y‖,  J the generator's Jacobian at z,  y ~ N(0, I) / √(h w)
        generator pays λ · E (l - a)²,  a ← a + (1 - decay) · (E l - a)

    It makes steps in latent space change images by similar amounts everywhere. a is the
    term's state, a moving average of l. It starts at 0, includes the present batch and
    is treated as a constant (in NVlabs' code a hundredth of its gradient flows). The
    Jacobian is with respect to the latents that the prior draws; StyleGAN uses the
    output of its mapping network and averages over the layers' copies of w.
    The loss is usually lazy, `every(path_length(2.0), n=4)`.

    Args:
        weight: λ ≥ 0; may be traced.
        decay: decay of the moving average, from 0 to 1; may be traced.

    Raises:
        InputError: if a concrete `weight` is negative or not finite, `decay` is not
            from 0 to 1, or, when the game is built, if the rounds have no `generate`.

    Reference: Karras et al. 2019, arXiv:1912.04958, equation 4.

        >>> from jaxgan import chain, every, non_saturating
        >>> from jaxgan.penalties import path_length
        >>> loss = chain(non_saturating(), every(path_length(2.0), n=4))
    """
    check_non_negative("path_length: weight", weight)
    check_fraction("path_length: decay", decay)

    def evaluate(
        record: Round, average: Float[Array, ""], key: Array
    ) -> tuple[Losses, Float[Array, ""]]:
        generate = require_callable("path_length", record, "generate")
        image, pull = jax.vjp(lambda z: generate(z, record.condition), record.latent)
        direction = jax.tree.map(
            lambda noise: noise / math.sqrt(math.prod(noise.shape[1:-1])),
            mask_unweighted(record.fake_weight, noise_like(record, key, image)),
        )
        length = safe_norm(pull(direction)[0])
        mean = normalized_mean(record, length, record.fake_weight)
        mean = jax.lax.stop_gradient(mean)
        updated = average + (1 - decay) * (mean.astype(average.dtype) - average)
        penalty = mean_over_fakes(
            record, jnp.square(length - updated.astype(length.dtype))
        )
        return {"generator": weight * penalty}, updated

    def init(variables: Tree) -> Float[Array, ""]:
        del variables
        return jnp.float32(0)

    return Loss({"path_length": Term(init, evaluate, state_owner="generator")})


def _mean_per_position(record: Round, layer: Array, weight: Weight) -> Array:
    """Average over the batch at each position, by the weight of the position."""
    assert weight is not None
    each = record.gather(weight)
    each = each.reshape(*each.shape, *(1,) * (layer.ndim - each.ndim))
    mass = each.sum(axis=0)
    total = (each * record.gather(layer)).sum(axis=0)
    return jnp.where(mass > 0, total / jnp.where(mass > 0, mass, 1), 0)


def _partners(record: Round) -> Int[Array, " b"]:
    """Return the index of each latent's neighbor, among those of positive weight."""
    count = len(jax.tree.leaves(record.latent)[0])
    if count % 2:
        raise InputError(
            "mode_seeking pairs latents with their neighbors, so it needs an even "
            f"number of fakes, got {count}."
        )
    neighbor = jnp.arange(count) ^ 1
    if record.fake_weight is None:
        return neighbor
    order = jnp.argsort(present(record.fake_weight) == 0, stable=True)
    return jnp.zeros_like(order).at[order].set(order[neighbor])


def _mean_absolute_difference(
    record: Round, one: Tree, other: Tree, weight: Weight
) -> Float[Array, ""]:
    """Compute the mean absolute difference over the fakes and all other axes."""
    leaves = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    each = [
        weighted_mean(
            record,
            jnp.abs(at_least_float32(x) - at_least_float32(y)),
            image_weights(weight, x),
        )
        for x, y in leaves
    ]
    return jnp.stack(each).mean()
