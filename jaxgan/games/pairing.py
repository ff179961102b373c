"""How a discriminator scores a batch of reals and a batch of fakes.

Where the discriminator has BatchNorm the choice changes the mathematics:

- `separate`: one batch of reals, then one of fakes, each normalized by itself; the
  running statistics pass through both, in that order (DCGAN's advice).
- `joint`: one batch of both, normalized together (compare_gan's default).

Either way each image's score comes with a pullback of the same forward pass, so that a
penalty on gradients needs no second one.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.tree_util import Partial
from jaxtyping import Array

from jaxgan.types import Score, Tree

Scorer = Callable[[Tree, Array, Tree, tuple[Tree, ...]], tuple[Score, Tree]]
"""`(stats, key, image, condition) -> (score, stats)`, of one discriminator."""


class Scored(NamedTuple):
    """A batch's score, and its pullback `(cotangent of logits) -> of image`."""

    score: Score
    pullback: Partial


Pairing = Callable[
    [Scorer, Tree, Array, Tree, Tree, tuple[Tree, ...]], tuple[Scored, Scored, Tree]
]
"""`(scorer, stats, key, real, fake, condition) -> (real, fake, stats)`, both scored."""


def separate(
    scorer: Scorer, stats: Tree, key: Array, real: Tree, fake: Tree, condition: tuple
) -> tuple[Scored, Scored, Tree]:
    """Score the reals, then the fakes; returns both and the statistics after them."""

    def one(stats: Tree, key: Array, image: Tree) -> tuple[Scored, Tree]:
        def logits_of(image: Tree) -> tuple[Tree, tuple[Score, Tree]]:
            score, after = scorer(stats, key, image, condition)
            return score.logits, (score, after)

        _, pull, (score, after) = jax.vjp(logits_of, image, has_aux=True)
        return Scored(score, Partial(_only, pull)), after

    real_key, fake_key = jax.random.split(key)
    scored_real, stats = one(stats, real_key, real)
    scored_fake, stats = one(stats, fake_key, fake)
    return scored_real, scored_fake, stats


def joint(
    scorer: Scorer, stats: Tree, key: Array, real: Tree, fake: Tree, condition: tuple
) -> tuple[Scored, Scored, Tree]:
    """Score reals and fakes as one batch; returns both and the statistics after it."""
    condition = _stacked(condition, condition)

    def logits_of(real: Tree, fake: Tree) -> tuple[Tree, tuple[Score, Tree]]:
        score, after = scorer(stats, key, _stacked(real, fake), condition)
        return score.logits, (score, after)

    logits, pull, (score, stats) = jax.vjp(logits_of, real, fake, has_aux=True)
    reals = jax.tree.leaves(real)[0].shape[0]
    silent = jax.tree.map(jnp.zeros_like, logits)
    scored_real = Scored(
        jax.tree.map(lambda x: x[:reals], score),
        Partial(_of_real, pull, jax.tree.map(lambda x: x[reals:], silent)),
    )
    scored_fake = Scored(
        jax.tree.map(lambda x: x[reals:], score),
        Partial(_of_fake, pull, jax.tree.map(lambda x: x[:reals], silent)),
    )
    return scored_real, scored_fake, stats


# Module-level functions, since a Partial's function is part of its tree structure.


def _only(pull: Callable[..., Tree], cotangent: Tree) -> Tree:
    return pull(cotangent)[0]


def _of_real(pull: Callable[..., Tree], of_fake: Tree, cotangent: Tree) -> Tree:
    return pull(_stacked(cotangent, of_fake))[0]


def _of_fake(pull: Callable[..., Tree], of_real: Tree, cotangent: Tree) -> Tree:
    return pull(_stacked(of_real, cotangent))[1]


def _stacked(one: Tree, other: Tree) -> Tree:
    return jax.tree.map(lambda x, y: jnp.concatenate([x, y]), one, other)
