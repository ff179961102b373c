"""Kernel losses: maximum mean discrepancy (MMD) and the Cramér (energy) distance.

The discriminator is an embedding. It maximizes the distance between the embedded reals
and the embedded fakes; the generator minimizes it. The default embedding is the logit,
one number for each example. To use features instead, return them from the discriminator
and select them:

    def embed(score):
        return score.features

    loss = mmd(embed=embed)

All pairs of the global batch are compared. On several devices each device gathers the
whole batch.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.errors import InputError, check_function, check_positive
from jaxgan.losses.combine import stateless
from jaxgan.losses.reductions import (
    Weight,
    gather_weights,
    mean_over_distinct_pairs,
    per_example,
    safe_sqrt,
    squared_distances,
)
from jaxgan.precision import at_least_float32
from jaxgan.types import Loss, Losses, Round, Score

Kernel = Callable[[Float[Array, "n d"], Float[Array, "m d"]], Float[Array, "n m"]]
"""Function from two sets of examples to their kernel matrix k(x, y).

The sum of two kernels is a kernel too.
"""

Embedding = Callable[[Score], Float[Array, "b ..."]]
"""Function from the discriminator's output to an embedding of each example."""


def logit(score: Score) -> Float[Array, "b 1"]:
    """Embed each example as its logit, averaged over patches."""
    return per_example(score.logits)[:, None]


def _check_positive_tuple(name: str, values: tuple[float, ...]) -> None:
    if not isinstance(values, tuple | list) or not values:
        raise InputError(
            f"{name}s must be a tuple of at least one number, got {values!r}."
        )
    for value in values:
        check_positive(name, value)


def rational_quadratic(
    scales: tuple[float, ...] = (0.2, 0.5, 1.0, 2.0, 5.0),
) -> Kernel:
    """Create a sum of rational quadratic kernels, Σ over α of (1 + ‖x - y‖² / 2α)^-α.

    Unlike those of a Gaussian kernel, its tails decay polynomially.

    Raises:
        InputError: if a concrete scale is not positive.

    Reference: Bińkowski et al. 2018, arXiv:1801.01401.

        >>> from jaxgan.losses import mmd, rational_quadratic
        >>> loss = mmd(rational_quadratic((1.0,)))
    """
    _check_positive_tuple("rational_quadratic: scale", scales)

    def kernel(x: Array, y: Array) -> Array:
        square = squared_distances(x, y)
        each = [jnp.power(1 + square / (2 * a), -a) for a in scales]
        return jnp.stack(each).sum(axis=0)

    return kernel


def gaussian(bandwidths: tuple[float, ...] = (1.0,)) -> Kernel:
    """Create a sum of Gaussian (RBF) kernels, Σ over s of exp(-‖x - y‖² / 2s²).

    Raises:
        InputError: if a concrete bandwidth is not positive.

    Reference: Li et al. 2017, arXiv:1705.08584.

        >>> from jaxgan.losses import gaussian, mmd
        >>> loss = mmd(gaussian((1.0, 2.0, 4.0, 8.0, 16.0)))
    """
    _check_positive_tuple("gaussian: bandwidth", bandwidths)

    def kernel(x: Array, y: Array) -> Array:
        square = squared_distances(x, y)
        each = [jnp.exp(-square / (2 * s**2)) for s in bandwidths]
        return jnp.stack(each).sum(axis=0)

    return kernel


def negative_distance(x: Array, y: Array) -> Array:
    """Evaluate the kernel of the energy distance, k(x, y) = -‖x - y‖."""
    return -safe_sqrt(squared_distances(x, y))


def mmd(kernel: Kernel = rational_quadratic(), *, embed: Embedding = logit) -> Loss:
    """Create the MMD loss: the unbiased squared maximum mean discrepancy.

        MMD² = E k(x, x') + E k(y, y') - 2 E k(x, y),  x ≠ x' reals, y ≠ y' fakes,
        embedded
        discriminator pays -MMD²,  generator pays MMD²

    Weighted examples count by their weights v, and pairs of reals or of fakes by
    vᵢ vⱼ / Σ vᵢ vⱼ over i ≠ j. An unbiased estimate of a square may be negative. The
    discriminator can scale the embedding without bound, so the loss usually needs a
    gradient penalty; Li et al. use an autoencoder instead.

    Args:
        kernel: kernel between embedded examples.
        embed: embedding, from a `Score` to `(b, …)`.

    Raises:
        InputError: when the game is built, if a batch holds fewer than two examples.

    Reference: Bińkowski et al. 2018, arXiv:1801.01401; Gretton et al. 2012, JMLR 13.

        >>> from jaxgan.losses import gaussian, mmd
        >>> list(mmd(gaussian()).terms)
        ['mmd']
    """
    return _discrepancy("mmd", kernel, embed)


def cramer(embed: Embedding = logit) -> Loss:
    """Create the Cramér GAN loss: the energy distance of the two batches.

        𝓔 = 2 E‖x - y‖ - E‖x - x'‖ - E‖y - y'‖,  x ≠ x' reals, y ≠ y' fakes, embedded
        discriminator pays -𝓔,  generator pays 𝓔

    It is `mmd` with the kernel -‖x - y‖. In one dimension it is twice the squared L²
    distance of the distribution functions. Bellemare et al. call it the Cramér
    distance. Their critic uses a surrogate for the term between two reals, as it has
    no second real; here the batch provides one. To add their penalty of the critic's
    gradient, chain `gradient_penalty`.

    Args:
        embed: embedding, from a `Score` to `(b, …)`.

    Raises:
        InputError: when the game is built, if a batch holds fewer than two examples.

    Reference: Bellemare et al. 2017, arXiv:1705.10743.

        >>> from jaxgan import chain, gradient_penalty
        >>> from jaxgan.losses import cramer
        >>> loss = chain(cramer(), gradient_penalty(10.0))
    """
    return _discrepancy("cramer", negative_distance, embed)


def embed_batches(
    term: str, record: Round, embed: Embedding
) -> tuple[Float[Array, "n d"], Float[Array, "m d"], Float[Array, " n"], Array]:
    """Embed the global batch; return reals, fakes and their normalized weights.

    Raises:
        InputError: if there are fewer than two of either.
    """

    def side(score: Score, weight: Weight) -> tuple[Array, Array]:
        own = embed(score)
        if embed is logit:  # `logit` has no access to the patch weights
            own = per_example(score.logits, weight)[:, None]
        own = at_least_float32(own.reshape(len(own), -1))
        points = record.gather(own)
        if len(points) < 2:
            raise InputError(
                f"{term} compares the examples of a batch with each other, so it needs "
                "at least 2 reals and 2 fakes, got a batch of 1."
            )
        return points, gather_weights(record, weight, own)

    reals, real_weight = side(record.real_score, record.weight)
    fakes, fake_weight = side(record.fake_score, record.fake_weight)
    return reals, fakes, real_weight, fake_weight


def _discrepancy(name: str, kernel: Kernel, embed: Embedding) -> Loss:
    check_function(f"{name}: kernel", kernel, "gaussian((1.0,))")
    check_function(f"{name}: embed", embed, "lambda score: score.features")

    def evaluate(record: Round, key: jax.Array) -> Losses:
        del key
        reals, fakes, v, w = embed_batches(name, record, embed)
        square = (
            mean_over_distinct_pairs(kernel(reals, reals), v)
            + mean_over_distinct_pairs(kernel(fakes, fakes), w)
            - 2 * (kernel(reals, fakes) * v[:, None] * w[None, :]).mean()
        )
        return {"discriminator": -square, "generator": square}

    return stateless(evaluate, name=name)
