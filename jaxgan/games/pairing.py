"""Pairings: score reals and fakes in separate batches or in one joint batch.

If the discriminator has BatchNorm, the choice changes the mathematics:

- `separate`: one batch of reals, then one of fakes, each normalized by itself; the
  running statistics pass through both, in that order (DCGAN's advice).
- `joint`: one batch of both, normalized together (compare_gan's default).

In both cases each score comes with the pullback of the same forward pass, so that a
gradient penalty needs no second forward pass.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.tree_util import Partial
from jaxtyping import Array

from jaxgan.types import Score, Tree

Scorer = Callable[[Tree, Array, Tree, tuple[Tree, ...]], tuple[Score, Tree]]
"""`(stats, key, image, condition) -> (score, stats)`: one discriminator."""


class Scored(NamedTuple):
    """A batch's score, and its pullback from cotangents of logits to images."""

    score: Score
    pullback: Partial


Pairing = Callable[
    [Scorer, Tree, Array, Tree, Tree, tuple[Tree, ...]], tuple[Scored, Scored, Tree]
]
"""`(scorer, stats, key, real, fake, condition) -> (real, fake, stats)`, both scored."""


def separate(
    scorer: Scorer, stats: Tree, key: Array, real: Tree, fake: Tree, condition: tuple
) -> tuple[Scored, Scored, Tree]:
    """Score the reals, then the fakes; return both and the new statistics."""

    def one(stats: Tree, key: Array, image: Tree) -> tuple[Scored, Tree]:
        def score_pair(image: Tree) -> tuple[Tree, tuple[Score, Tree]]:
            score, after = scorer(stats, key, image, condition)
            return score.logits, (score, after)

        _, pull, (score, after) = jax.vjp(score_pair, image, has_aux=True)
        return Scored(score, Partial(_pull_back, pull)), after

    real_key, fake_key = jax.random.split(key)
    scored_real, stats = one(stats, real_key, real)
    scored_fake, stats = one(stats, fake_key, fake)
    return scored_real, scored_fake, stats


def joint(
    scorer: Scorer, stats: Tree, key: Array, real: Tree, fake: Tree, condition: tuple
) -> tuple[Scored, Scored, Tree]:
    """Score reals and fakes as one batch; return both and the new statistics."""
    condition = _concatenate(condition, condition)

    def score_pair(real: Tree, fake: Tree) -> tuple[Tree, tuple[Score, Tree]]:
        score, after = scorer(stats, key, _concatenate(real, fake), condition)
        return score.logits, (score, after)

    logits, pull, (score, stats) = jax.vjp(score_pair, real, fake, has_aux=True)
    reals = jax.tree.leaves(real)[0].shape[0]
    zero = jax.tree.map(jnp.zeros_like, logits)
    scored_real = Scored(
        jax.tree.map(lambda x: x[:reals], score),
        Partial(_pull_back_to_real, pull, jax.tree.map(lambda x: x[reals:], zero)),
    )
    scored_fake = Scored(
        jax.tree.map(lambda x: x[reals:], score),
        Partial(_pull_back_to_fake, pull, jax.tree.map(lambda x: x[:reals], zero)),
    )
    return scored_real, scored_fake, stats


# Module-level functions, since a Partial's function is part of its tree structure.


def _pull_back(pull: Callable[..., Tree], cotangent: Tree) -> Tree:
    return pull(cotangent)[0]


def _pull_back_to_real(
    pull: Callable[..., Tree], fake_cotangent: Tree, cotangent: Tree
) -> Tree:
    return pull(_concatenate(cotangent, fake_cotangent))[0]


def _pull_back_to_fake(
    pull: Callable[..., Tree], real_cotangent: Tree, cotangent: Tree
) -> Tree:
    return pull(_concatenate(real_cotangent, cotangent))[1]


def _concatenate(one: Tree, other: Tree) -> Tree:
    return jax.tree.map(lambda x, y: jnp.concatenate([x, y]), one, other)
