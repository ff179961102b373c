"""Lenses for `focus`: top-k training and multi-scale discriminators."""

import dataclasses
from collections.abc import Callable
from dataclasses import replace

import jax
import jax.numpy as jnp
import optax
from jax.tree_util import Partial
from jaxtyping import Array

from jaxgan.errors import (
    InputError,
    check_fraction,
    check_positive,
    check_positive_int,
)
from jaxgan.losses.combine import check_loss, focus, rename, schedule_value, weighted
from jaxgan.losses.reductions import multiply_weights, per_example, present
from jaxgan.types import Loss, Round, Score, Tree


def top_k(fraction: float | Array | optax.Schedule) -> Callable[[Round], Round]:
    """Create a lens for top-k training, which keeps the fakes with the highest logits.

    Of the B fakes in the global batch, the k = ⌈fraction · B⌉ with the highest logits
    get weight B/k and all others weight 0. Fakes that tie with the k-th are kept too.
    Fakes of weight zero count neither in B nor in k; the other weights multiply.
    Top-k training applies the lens to the generator's loss only, with a fraction that
    decreases slowly from 1 to about ½.

    Args:
        fraction: fraction of fakes to keep, above 0 and at most 1; at least one fake is
            kept. May be traced, or a schedule `fraction(step)`.

    Raises:
        InputError: if a concrete fraction is not above 0 and at most 1.

    Reference: Sinha et al. 2020, arXiv:2002.06224.

        >>> import optax
        >>> from jaxgan import focus, non_saturating
        >>> from jaxgan.losses import top_k
        >>> fraction = optax.linear_schedule(1.0, 0.5, 10_000)
        >>> loss = focus(non_saturating(), on=top_k(fraction), player="generator")
    """
    if not callable(fraction):
        check_fraction("top_k: fraction", fraction)
        check_positive("top_k: fraction", fraction)

    def lens(record: Round) -> Round:
        logits = per_example(record.fake_score.logits, record.fake_weight)
        logits = jax.lax.stop_gradient(logits)
        everyone = record.gather(logits)
        count: int | Array = len(everyone)
        there = jnp.ones_like(logits)
        if record.fake_weight is not None:  # exclude fakes of weight zero
            there = present(record.fake_weight).astype(logits.dtype)
            gathered = record.gather(there) > 0
            everyone = jnp.where(gathered, everyone, -jnp.inf)
            count = jnp.maximum(gathered.sum(), 1)
        ascending = jnp.sort(everyone)
        now = schedule_value(fraction, record.step)
        # Subtract 1e-3, or rounding 0.6 · 5 to 3.0000001 would make k = 4.
        k = jnp.ceil(jnp.asarray(now) * jnp.float32(count) - 1e-3)
        k = k.astype(jnp.int32).clip(1, count)
        kept = jnp.where(logits >= ascending[len(ascending) - k], there, 0)
        mean = record.mean(kept)
        weight = kept * (record.mean(there) / jnp.where(mean > 0, mean, 1))
        return replace(record, fake_weight=multiply_weights(weight, record.fake_weight))

    return lens


def multi_scale(loss: Loss[Round], *, scales: int) -> Loss[Round]:
    """Average a loss over the logits of a multi-scale discriminator.

    Each scale has its own terms, `hinge_0`, `hinge_1`, …, with their own states. Patch
    weights fit logit maps of one size only, so scales of different sizes need example
    weights.

    Args:
        loss: loss of a discriminator with one logit, penalties included.
        scales: number of logits that the discriminator returns.

    Raises:
        InputError: if `scales` is not an integer of at least 1, or, when the game is
            built, if the discriminator returns another number of logits.

    Reference: Wang et al. 2017 (pix2pixHD), arXiv:1711.11585, section 3.2.

        >>> from jaxgan import hinge
        >>> from jaxgan.losses import multi_scale
        >>> sorted(multi_scale(hinge(), scales=2).terms)
        ['hinge_0', 'hinge_1']
    """
    check_loss("multi_scale: loss", loss)
    check_positive_int("multi_scale: scales", scales)

    def at(index: int) -> Loss[Round]:
        names = {name: f"{name}_{index}" for name in loss.terms}
        return rename(focus(loss, on=scale(index, scales)), names=names)

    each = [at(index) for index in range(scales)]
    return weighted(sum(each[1:], start=each[0]), by=1 / scales)


def scale(index: int, scales: int) -> Callable[[Round], Round]:
    """Create a lens that selects one logit of a multi-scale discriminator.

    It selects the gradients of that logit too.

    Args:
        index: index of the scale, from 0.
        scales: number of scales.

    Raises:
        InputError: when the lens is applied, if the number of logits differs.
    """

    def lens(record: Round) -> Round:
        return replace(
            record,
            real_score=_select_scale(index, scales, record.real_score),
            fake_score=_select_scale(index, scales, record.fake_score),
            real_pullback=_scale_pullback(
                index, record.real_pullback, record.real_score
            ),
            fake_pullback=_scale_pullback(
                index, record.fake_pullback, record.fake_score
            ),
            critic=Partial(_ScaleCritic(index, scales), record.critic),
        )

    return lens


def _select_scale(index: int, scales: int, score: Score) -> Score:
    if not isinstance(score.logits, tuple) or len(score.logits) != scales:
        found = len(score.logits) if isinstance(score.logits, tuple) else 1
        raise InputError(
            f"multi_scale: the discriminator must return {scales} logits, got {found}."
        )
    return score._replace(logits=score.logits[index])


def _scale_pullback(index: int, pullback: Partial, score: Score) -> Partial:
    zeros = [jnp.zeros_like(logits) for logits in score.logits]
    return Partial(_ScalePullback(index), pullback, zeros)


@dataclasses.dataclass(frozen=True)
class _ScalePullback:
    index: int

    def __call__(self, pullback: Partial, zeros: list[Array], cotangent: Array) -> Tree:
        given = [*zeros[: self.index], cotangent, *zeros[self.index + 1 :]]
        return pullback(tuple(given))


@dataclasses.dataclass(frozen=True)
class _ScaleCritic:
    index: int
    scales: int

    def __call__(self, critic: Partial, *given: Tree, **mode: bool) -> Score:
        return _select_scale(self.index, self.scales, critic(*given, **mode))
