"""Lenses: views of a round's record, for `focus`."""

import dataclasses
from collections.abc import Callable
from dataclasses import replace

import jax
import jax.numpy as jnp
import optax
from jax.tree_util import Partial
from jaxtyping import Array

from jaxgan.errors import InputError, check_positive_int, check_share
from jaxgan.losses.combine import at_step, focus, rename, weighted
from jaxgan.losses.reductions import per_example, product
from jaxgan.types import Loss, Round, Score, Tree


def top_k(share: float | Array | optax.Schedule) -> Callable[[Round], Round]:
    """The fakes that look the most real to the discriminator; others weigh nothing.

    Of B fakes in the global batch the k = ⌈share · B⌉ with the highest logits count
    B/k times each, those that tie with the last of them too. Top-k training shows them
    to the generator alone, with a share that falls slowly from 1 to ½ or so.

    Args:
        share: from 0 to 1, at least one fake; may be traced, or `share(step)`.

    Raises:
        InputError: if a concrete share is not from 0 to 1.

    Reference: Sinha et al. 2020, arXiv:2002.06224.

        >>> import optax
        >>> from jaxgan import focus, non_saturating, top_k
        >>> share = optax.linear_schedule(1.0, 0.5, 10_000)
        >>> loss = focus(non_saturating(), on=top_k(share), player="generator")
    """
    if not callable(share):
        check_share("top_k: share", share)

    def lens(record: Round) -> Round:
        logits = per_example(record.fake_score.logits, record.fake_weight)
        logits = jax.lax.stop_gradient(logits)
        everyone = record.gather(logits)
        count: int | Array = len(everyone)
        if record.fake_weight is not None:  # what weighs nothing is not among them
            there = record.gather(per_example(record.fake_weight)) > 0
            everyone = jnp.where(there, everyone, -jnp.inf)
            count = jnp.maximum(there.sum(), 1)
        ascending = jnp.sort(everyone)
        now = at_step(share, record.step)
        # A hair less, so that rounding does not make 3.0000001 of 0.6 · 5 a fourth.
        k = jnp.ceil(jnp.asarray(now) * jnp.float32(count) - 1e-3)
        k = k.astype(jnp.int32).clip(1, count)
        kept = (logits >= ascending[len(ascending) - k]).astype(logits.dtype)
        weight = kept / record.mean(kept)
        return replace(record, fake_weight=product(weight, record.fake_weight))

    return lens


def multi_scale(loss: Loss[Round], scales: int) -> Loss[Round]:
    """A loss of one logit as the mean over the several logits of a discriminator.

    Each scale has terms of its own, `hinge_0`, `hinge_1`, …, with states of their own.
    A weight of patches belongs to one map of logits, so only weights of examples go
    with scales of several sizes.

    Args:
        loss: of the scores of one discriminator, penalties included.
        scales: how many logits the discriminator returns.

    Raises:
        InputError: if `scales` is not an integer of at least 1, or, when the game is
            built, if the discriminator returns another number of logits.

    Reference: Wang et al. 2017 (pix2pixHD), arXiv:1711.11585, section 3.2.

        >>> from jaxgan import hinge, multi_scale
        >>> sorted(multi_scale(hinge(), 2).terms)
        ['hinge_0', 'hinge_1']
    """
    check_positive_int("multi_scale: scales", scales)

    def at(index: int) -> Loss[Round]:
        names = {name: f"{name}_{index}" for name in loss.terms}
        return rename(focus(loss, on=scale(index, scales)), names=names)

    each = [at(index) for index in range(scales)]
    return weighted(sum(each[1:], start=each[0]), by=1 / scales)


def scale(index: int, scales: int) -> Callable[[Round], Round]:
    """The lens that sees one of a discriminator's several logits, gradients included.

    Args:
        index: which, from 0.
        scales: how many there are.

    Raises:
        InputError: by the lens, if there is another number of logits.
    """

    def lens(record: Round) -> Round:
        return replace(
            record,
            real_score=_one_scale(index, scales, record.real_score),
            fake_score=_one_scale(index, scales, record.fake_score),
            real_pullback=_pullback(index, record.real_pullback, record.real_score),
            fake_pullback=_pullback(index, record.fake_pullback, record.fake_score),
            critic=Partial(_Critic(index, scales), record.critic),
        )

    return lens


def _one_scale(index: int, scales: int, score: Score) -> Score:
    if not isinstance(score.logits, tuple) or len(score.logits) != scales:
        found = len(score.logits) if isinstance(score.logits, tuple) else 1
        raise InputError(
            f"multi_scale: the loss is of {scales} logits, but the discriminator "
            f"returns {found}."
        )
    return score._replace(logits=score.logits[index])


def _pullback(index: int, pullback: Partial, score: Score) -> Partial:
    silent = [jnp.zeros_like(logits) for logits in score.logits]
    return Partial(_ScalePullback(index), pullback, silent)


@dataclasses.dataclass(frozen=True)
class _ScalePullback:
    index: int

    def __call__(
        self, pullback: Partial, silent: list[Array], cotangent: Array
    ) -> Tree:
        given = [*silent[: self.index], cotangent, *silent[self.index + 1 :]]
        return pullback(tuple(given))


@dataclasses.dataclass(frozen=True)
class _Critic:
    index: int
    scales: int

    def __call__(self, critic: Partial, *given: Tree, **mode: bool) -> Score:
        return _one_scale(self.index, self.scales, critic(*given, **mode))
