"""Lenses: views of a round's record, for `focus`."""

from collections.abc import Callable
from dataclasses import replace

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array

from jaxgan.errors import check_share
from jaxgan.losses.averages import per_example
from jaxgan.losses.combine import at_step
from jaxgan.types import Round


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
        >>> loss = focus(top_k(share), non_saturating(), "generator")
    """
    if not callable(share):
        check_share("top_k: share", share)

    def lens(record: Round) -> Round:
        logits = jax.lax.stop_gradient(per_example(record.fake_score.logits))
        ascending = jnp.sort(record.gather(logits))
        now = at_step(share, record.step)
        count = len(ascending)
        # A hair less, so that rounding does not make 3.0000001 of 0.6 · 5 a fourth.
        k = jnp.ceil(jnp.asarray(now) * count - 1e-3).astype(jnp.int32).clip(1, count)
        kept = (logits >= ascending[count - k]).astype(logits.dtype)
        weight = kept / record.mean(kept)
        if record.fake_weight is not None:
            weight = weight * record.fake_weight
        return replace(record, fake_weight=weight)

    return lens
