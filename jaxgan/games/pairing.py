"""How a discriminator meets a batch of reals and a batch of fakes.

Where the discriminator has BatchNorm the choice changes the mathematics, so it has a
name:

- separately: one batch of reals, then one of fakes, each normalised by itself; the
  running statistics pass through both, in that order (DCGAN's advice).
- jointly: one batch of both, normalised together (compare_gan's default).

Either way each image's score comes with a pullback of the same forward pass, so that a
penalty on gradients needs no second one.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax.tree_util import Partial
from jaxtyping import Array

from jaxgan.types import Score, Tree

Pairing = Literal["separate", "joint"]

Judge = Callable[[Tree, Array, Tree, tuple[Tree, ...]], tuple[Score, Tree]]
"""`(stats, key, image, condition) -> (score, stats)`, of one discriminator."""


class Judged(NamedTuple):
    """A batch's score, and its pullback `(cotangent of logits) -> of image`."""

    score: Score
    pullback: Partial


def separately(
    judge: Judge, stats: Tree, key: Array, real: Tree, fake: Tree, condition: tuple
) -> tuple[Judged, Judged, Tree]:
    """Judge the reals, then the fakes; returns both and the statistics after them."""

    def one(stats: Tree, key: Array, image: Tree) -> tuple[Judged, Tree]:
        def logits_of(image: Tree) -> tuple[Array, tuple[Score, Tree]]:
            score, after = judge(stats, key, image, condition)
            return score.logits, (score, after)

        _, pull, (score, after) = jax.vjp(logits_of, image, has_aux=True)
        return Judged(score, Partial(_only, pull)), after

    real_key, fake_key = jax.random.split(key)
    judged_real, stats = one(stats, real_key, real)
    judged_fake, stats = one(stats, fake_key, fake)
    return judged_real, judged_fake, stats


def jointly(
    judge: Judge, stats: Tree, key: Array, real: Tree, fake: Tree, condition: tuple
) -> tuple[Judged, Judged, Tree]:
    """Judge reals and fakes as one batch; returns both and the statistics after it."""
    condition = jax.tree.map(lambda c: jnp.concatenate([c, c]), condition)

    def logits_of(real: Tree, fake: Tree) -> tuple[Array, tuple[Score, Tree]]:
        both = jax.tree.map(lambda x, y: jnp.concatenate([x, y]), real, fake)
        score, after = judge(stats, key, both, condition)
        return score.logits, (score, after)

    logits, pull, (score, stats) = jax.vjp(logits_of, real, fake, has_aux=True)
    reals = jax.tree.leaves(real)[0].shape[0]
    silent = jnp.zeros_like(logits)
    judged_real = Judged(
        jax.tree.map(lambda x: x[:reals], score),
        Partial(_of_real, pull, silent[reals:]),
    )
    judged_fake = Judged(
        jax.tree.map(lambda x: x[reals:], score),
        Partial(_of_fake, pull, silent[:reals]),
    )
    return judged_real, judged_fake, stats


# Module-level functions, since a Partial's function is part of its tree structure.


def _only(pull: Callable[..., Tree], cotangent: Array) -> Tree:
    return pull(cotangent)[0]


def _of_real(pull: Callable[..., Tree], of_fake: Array, cotangent: Array) -> Tree:
    return pull(jnp.concatenate([cotangent, of_fake]))[0]


def _of_fake(pull: Callable[..., Tree], of_real: Array, cotangent: Array) -> Tree:
    return pull(jnp.concatenate([of_real, cotangent]))[1]
