"""What the generator pays besides what the discriminator thinks of single fakes."""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.errors import InputError, check_non_negative, check_positive, check_share
from jaxgan.losses.combine import stateless
from jaxgan.losses.reductions import (
    Weight,
    fair_mean,
    features,
    gathered,
    hidden,
    mean_of_others,
    noise_like,
    of_images,
    of_places,
    over,
    over_fakes,
    probe,
    safe_norm,
)
from jaxgan.precision import wide
from jaxgan.types import Loss, Payments, Round, Term, Tree


def feature_matching(weight: float | Array = 1.0) -> Loss:
    """Fakes whose average features are those of the reals.

        generator pays λ · Σ over layers of ‖E f(x) - E f(G(z))‖²

    f are the features that the discriminator returns; the averages are over the global
    batch, the squares summed over all else. pix2pixHD and GauGAN mean another thing by
    the name: the mean absolute difference between one real and the fake made for it.

    Args:
        weight: λ ≥ 0; may be traced.

    Raises:
        InputError: if a concrete `weight` is negative or not finite, or, when the game
            is built, if the discriminator returns no features.

    Reference: Salimans et al. 2016, arXiv:1606.03498, section 3.1.

        >>> from jaxgan import chain, feature_matching, non_saturating
        >>> loss = chain(non_saturating(), feature_matching(1.0))
    """
    check_non_negative("feature_matching: weight", weight)

    def evaluate(record: Round, key: Array) -> Payments:
        del key

        def average(layer: Array, weight: Weight) -> Array:
            if of_places(weight, layer):
                return _average_of_places(record, layer, weight)
            each = gathered(record, weight, layer)
            each = each.reshape(-1, *(1,) * (layer.ndim - 1))
            return (each * record.gather(layer)).mean(axis=0)

        reals, fakes = (
            features("feature_matching", score)
            for score in (record.real_score, record.fake_score)
        )
        distances = [
            jnp.square(
                average(real, record.weight) - average(fake, record.fake_weight)
            ).sum()
            for real, fake in zip(reals, fakes, strict=True)
        ]
        return {"generator": weight * sum(distances[1:], start=distances[0])}

    return stateless(evaluate, "feature_matching")


def pulling_away(weight: float | Array = 0.1) -> Loss:
    """The pulling-away term: fakes whose features point in different directions.

        generator pays λ · E over pairs i ≠ j of fakes of cos²(fᵢ, fⱼ)

    f is the last of the discriminator's features, flattened; for an autoencoder that
    is its code. A zero vector is at a right angle to all others. All pairs of the
    global batch are compared, a pair by the product of its weights, whose mean is made
    one. PyTorch-GAN does not square the cosines.

    Args:
        weight: λ ≥ 0; may be traced.

    Raises:
        InputError: if a concrete `weight` is negative or not finite, or, when the game
            is built, if the discriminator returns no features or a batch holds a single
            fake.

    Reference: Zhao et al. 2016, arXiv:1609.03126, section 2.4.

        >>> from jaxgan import chain, energy_based, pulling_away
        >>> ebgan_pt = chain(energy_based(10.0), pulling_away(0.1))
    """
    check_non_negative("pulling_away: weight", weight)

    def evaluate(record: Round, key: Array) -> Payments:
        del key
        layer = features("pulling_away", record.fake_score)[-1]
        code = record.gather(layer)
        n = len(code)
        if n < 2:
            raise InputError(
                "pulling_away compares the fakes of a batch with each other, so it "
                "needs at least 2, got 1."
            )
        code = code.reshape(n, -1)
        length = safe_norm(code)[:, None]
        unit = code / jnp.where(length > 0, length, 1.0)
        each = gathered(record, record.fake_weight, layer)
        return {"generator": weight * mean_of_others(jnp.square(unit @ unit.T), each)}

    return stateless(evaluate, "pulling_away")


def mode_seeking(weight: float | Array = 1.0, epsilon: float | Array = 1e-5) -> Loss:
    """Different latents should make different images, under one condition.

        r = E |G(z, c) - G(z', c)| / E |z - z'|
        generator pays λ / (r + ε)

    z' is the neighbor of z in the batch: the second of the first, the fourth of the
    third, and the other way round, each under the condition of z. The averages are over
    the batch, by the weight of z, and over everything else, as in the authors' code;
    their paper maximizes r.

    Args:
        weight: λ ≥ 0; may be traced.
        epsilon: ε > 0; may be traced.

    Raises:
        InputError: if a concrete argument is negative or not finite, ε is zero, or,
            when the game is built, if the rounds have no `generate` or the number of
            fakes is odd.

    Reference: Mao et al. 2019, arXiv:1903.05628.

        >>> from jaxgan import chain, mode_seeking, non_saturating
        >>> loss = chain(non_saturating(), mode_seeking(1.0))
    """
    check_non_negative("mode_seeking: weight", weight)
    check_positive("mode_seeking: epsilon", epsilon)

    def neighbor(latent: Float[Array, "b ..."]) -> Float[Array, "b ..."]:
        if len(latent) % 2:
            raise InputError(
                "mode_seeking pairs latents with their neighbors, so it needs an even "
                f"number of fakes, got {len(latent)}."
            )
        pairs = latent.reshape(-1, 2, *latent.shape[1:])
        return pairs[:, ::-1].reshape(latent.shape)

    def evaluate(record: Round, key: Array) -> Payments:
        del key
        generate = probe("mode_seeking", record, "generate")
        other = jax.tree.map(neighbor, record.latent)
        images = _distance(
            record,
            generate(record.latent, record.condition),
            generate(other, record.condition),
        )
        latents = _distance(record, record.latent, other)
        # Where all latents are alike, so are the images.
        ratio = images / jnp.where(latents > 0, latents, 1)
        return {"generator": weight / (ratio + epsilon)}

    return stateless(evaluate, "mode_seeking")


def path_length(weight: float | Array = 2.0, rate: float | Array = 0.01) -> Loss:
    """Steps in latent space should move images equally far, wherever they start.

        l = ‖J_zᵀ y‖,  J the generator's Jacobian at z,  y ~ N(0, I) / √(h w)
        generator pays λ · E (l - a)²,  a ← a + rate · (E l - a)

    a is the term's state; it starts at 0, includes the present batch and counts as a
    constant (in NVlabs' code a hundredth of its gradient flows). The Jacobian is with
    respect to the latents that the prior draws; StyleGAN takes it at the output of its
    mapping network, where each layer's copy of w counts once in a mean. It is usually
    lazy, `every(path_length(2.0), n=4)`.

    Args:
        weight: λ ≥ 0; may be traced.
        rate: from 0 to 1: how fast a follows.

    Raises:
        InputError: if a concrete `weight` is negative or not finite, `rate` is not
            from 0 to 1, or, when the game is built, if the rounds have no `generate`.

    Reference: Karras et al. 2019, arXiv:1912.04958, equation 4.

        >>> from jaxgan import chain, every, non_saturating, path_length
        >>> loss = chain(non_saturating(), every(path_length(2.0), n=4))
    """
    check_non_negative("path_length: weight", weight)
    check_share("path_length: rate", rate)

    def evaluate(
        record: Round, average: Float[Array, ""], key: Array
    ) -> tuple[Payments, Float[Array, ""]]:
        generate = probe("path_length", record, "generate")
        image, pull = jax.vjp(lambda z: generate(z, record.condition), record.latent)
        direction = jax.tree.map(
            lambda noise: noise / math.sqrt(math.prod(noise.shape[1:-1])),
            hidden(record.fake_weight, noise_like(record, key, image)),
        )
        length = safe_norm(pull(direction)[0])
        mean = fair_mean(record, length, record.fake_weight)
        mean = jax.lax.stop_gradient(mean)
        moved = average + rate * (mean.astype(average.dtype) - average)
        penalty = over_fakes(record, jnp.square(length - moved.astype(length.dtype)))
        return {"generator": weight * penalty}, moved

    def init(variables: Tree) -> Float[Array, ""]:
        del variables
        return jnp.float32(0)

    return Loss({"path_length": Term(init, evaluate, state_owner="generator")})


def _average_of_places(record: Round, layer: Array, weight: Weight) -> Array:
    """The average over the batch at each place, by what the place weighs."""
    assert weight is not None
    each = record.gather(weight)
    each = each.reshape(*each.shape, *(1,) * (layer.ndim - each.ndim))
    there = each.sum(axis=0)
    total = (each * record.gather(layer)).sum(axis=0)
    return jnp.where(there > 0, total / jnp.where(there > 0, there, 1), 0)


def _distance(record: Round, one: Tree, other: Tree) -> Float[Array, ""]:
    """The mean absolute difference, over the fakes and everything else."""
    leaves = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    each = [
        over(record, jnp.abs(wide(x) - wide(y)), of_images(record.fake_weight, x))
        for x, y in leaves
    ]
    return jnp.stack(each).mean()
