"""Distances between the two batches as a whole, by comparing each pair of examples.

The discriminator is an embedding: it makes the distance between the embedded reals and
the embedded fakes large, and the generator makes it small. By default the embedding is
the logit, one number an example; for more, return them as features and say which:

    def embed(score):
        return score.features

    loss = mmd(embed=embed)

All pairs of the global batch are compared, so on many devices each gathers the batch.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.errors import InputError, check_function, check_positive
from jaxgan.losses.combine import stateless
from jaxgan.losses.reductions import (
    Weight,
    gathered,
    mean_of_others,
    per_example,
    safe_root,
    squared_distances,
)
from jaxgan.precision import wide
from jaxgan.types import Loss, Payments, Round, Score

Kernel = Callable[[Float[Array, "n d"], Float[Array, "m d"]], Float[Array, "n m"]]
"""k(x, y) for every x of the first and every y of the second; a sum of two is one."""

Embedding = Callable[[Score], Float[Array, "b ..."]]


def logit(score: Score) -> Float[Array, "b 1"]:
    """The embedding on a line: each example's logit, averaged over patches."""
    return per_example(score.logits)[:, None]


def _check_numbers(name: str, values: tuple[float, ...]) -> None:
    if not isinstance(values, tuple | list) or not values:
        raise InputError(
            f"{name}s must be a tuple of at least one number, got {values!r}."
        )
    for value in values:
        check_positive(name, value)


def rational_quadratic(
    scales: tuple[float, ...] = (0.2, 0.5, 1.0, 2.0, 5.0),
) -> Kernel:
    """k(x, y) = Σ over α of (1 + ‖x - y‖² / 2α)^-α, whose tails never vanish.

    Raises:
        InputError: if a concrete scale is not positive.

    Reference: Bińkowski et al. 2018, arXiv:1801.01401.

        >>> from jaxgan import mmd, rational_quadratic
        >>> loss = mmd(rational_quadratic((1.0,)))
    """
    _check_numbers("rational_quadratic: scale", scales)

    def kernel(x: Array, y: Array) -> Array:
        square = squared_distances(x, y)
        each = [jnp.power(1 + square / (2 * a), -a) for a in scales]
        return jnp.stack(each).sum(axis=0)

    return kernel


def gaussian(bandwidths: tuple[float, ...] = (1.0,)) -> Kernel:
    """k(x, y) = Σ over s of exp(-‖x - y‖² / 2s²).

    Raises:
        InputError: if a concrete bandwidth is not positive.

    Reference: Li et al. 2017, arXiv:1705.08584.

        >>> from jaxgan import gaussian, mmd
        >>> loss = mmd(gaussian((1.0, 2.0, 4.0, 8.0, 16.0)))
    """
    _check_numbers("gaussian: bandwidth", bandwidths)

    def kernel(x: Array, y: Array) -> Array:
        square = squared_distances(x, y)
        each = [jnp.exp(-square / (2 * s**2)) for s in bandwidths]
        return jnp.stack(each).sum(axis=0)

    return kernel


def minus_distance(x: Array, y: Array) -> Array:
    """k(x, y) = -‖x - y‖, the kernel of the energy distance."""
    return -safe_root(squared_distances(x, y))


def mmd(kernel: Kernel = rational_quadratic(), embed: Embedding = logit) -> Loss:
    """The squared maximum mean discrepancy, without bias.

        MMD² = E k(x, x') + E k(y, y') - 2 E k(x, y),  x ≠ x' reals, y ≠ y' fakes,
        embedded
        discriminator pays -MMD²,  generator pays MMD²

    An unbiased estimate of a square may be negative. The discriminator could stretch
    the embedding without end, so it usually needs a gradient penalty beside it; Li et
    al. make it an autoencoder instead.

    Args:
        kernel: of embedded examples.
        embed: from a `Score` to `(b, …)`.

    Raises:
        InputError: when the game is built, if a batch holds fewer than two examples.

    Reference: Bińkowski et al. 2018, arXiv:1801.01401; Gretton et al. 2012, JMLR 13.

        >>> from jaxgan import gaussian, mmd
        >>> list(mmd(gaussian()).terms)
        ['mmd']
    """
    return _discrepancy("mmd", kernel, embed)


def cramer(embed: Embedding = logit) -> Loss:
    """The energy distance, which Bellemare et al. call the Cramér distance.

        𝓔 = 2 E‖x - y‖ - E‖x - x'‖ - E‖y - y'‖,  x ≠ x' reals, y ≠ y' fakes, embedded
        discriminator pays -𝓔,  generator pays 𝓔

    On a line it is twice the squared L² distance of the distribution functions. It is
    `mmd` of the kernel -‖x - y‖. The paper's critic descends a surrogate in which the
    reals' own term is replaced, for want of a second real; here the batch gives it.
    Their penalty on the critic's slope is `gradient_penalty`, beside it.

    Args:
        embed: from a `Score` to `(b, …)`.

    Raises:
        InputError: when the game is built, if a batch holds fewer than two examples.

    Reference: Bellemare et al. 2017, arXiv:1705.10743.

        >>> from jaxgan import chain, cramer, gradient_penalty
        >>> loss = chain(cramer(), gradient_penalty(10.0))
    """
    return _discrepancy("cramer", minus_distance, embed)


def embedded(
    term: str, record: Round, embed: Embedding
) -> tuple[Float[Array, "n d"], Float[Array, "m d"], Float[Array, " n"], Array]:
    """All reals and all fakes of the global batch, embedded, and their fair weights.

    Raises:
        InputError: if there are fewer than two of either.
    """

    def side(score: Score, weight: Weight) -> tuple[Array, Array]:
        own = embed(score)
        if embed is logit:  # which does not know what a patch weighs
            own = per_example(score.logits, weight)[:, None]
        own = wide(own.reshape(len(own), -1))
        points = record.gather(own)
        if len(points) < 2:
            raise InputError(
                f"{term} compares the examples of a batch with each other, so it needs "
                "at least 2 reals and 2 fakes, got a batch of 1."
            )
        return points, gathered(record, weight, own)

    reals, real_weight = side(record.real_score, record.weight)
    fakes, fake_weight = side(record.fake_score, record.fake_weight)
    return reals, fakes, real_weight, fake_weight


def _discrepancy(name: str, kernel: Kernel, embed: Embedding) -> Loss:
    check_function(f"{name}: kernel", kernel, "gaussian((1.0,))")
    check_function(f"{name}: embed", embed, "lambda score: score.features")

    def evaluate(record: Round, key: jax.Array) -> Payments:
        del key
        reals, fakes, v, w = embedded(name, record, embed)
        square = (
            mean_of_others(kernel(reals, reals), v)
            + mean_of_others(kernel(fakes, fakes), w)
            - 2 * (kernel(reals, fakes) * v[:, None] * w[None, :]).mean()
        )
        return {"discriminator": -square, "generator": square}

    return stateless(evaluate, name)
