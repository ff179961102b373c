"""Penalties on the discriminator's logits: drift and LeCam."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgan.errors import check_decay, check_non_negative
from jaxgan.losses.combine import stateless
from jaxgan.losses.reductions import mean_over_fakes, mean_over_reals, normalized_mean
from jaxgan.precision import at_least_float32
from jaxgan.types import Loss, Losses, Round, Term, Tree


def drift_penalty(weight: float | Array = 1e-3) -> Loss:
    """Create the drift penalty of Progressive GAN: the mean squared logit of reals.

        discriminator pays ε · E D(x)²

    It keeps the critic's logits near zero where a loss depends only on differences.

    Args:
        weight: ε ≥ 0; may be traced.

    Raises:
        InputError: if a concrete `weight` is negative or not finite.

    Reference: Karras et al. 2017, arXiv:1710.10196, appendix A.1.

        >>> from jaxgan import chain, gradient_penalty, wasserstein
        >>> from jaxgan.penalties import drift_penalty
        >>> progan = chain(wasserstein(), gradient_penalty(10.0), drift_penalty(1e-3))
    """
    check_non_negative("drift_penalty: weight", weight)

    def evaluate(record: Round, key: Array) -> Losses:
        del key
        square = jnp.square(at_least_float32(record.real_score.logits))
        return {"discriminator": weight * mean_over_reals(record, square)}

    return stateless(evaluate, name="drift_penalty")


class LogitAverages(NamedTuple):
    """Moving averages of the logits, and the number of updates for bias correction."""

    real: Float[Array, ""]
    fake: Float[Array, ""]
    moves: Int[Array, ""]


def lecam(weight: float | Array = 0.3, *, decay: float | Array = 0.99) -> Loss:
    """Create the LeCam regularizer: logits close to the other side's average.

        discriminator pays λ · (E (D(x) - a_fake)² + E (D(G(z)) - a_real)²)
        a ← decay · a + (1 - decay) · E D, for reals and for fakes

    The moving averages are the term's state. They include the present batch, are bias
    corrected like Adam's and are treated as constants. This is the paper's formula. Its
    code and StudioGAN's penalize only logits beyond the averages (a relu inside both
    squares) and start after some thousand steps.

    Args:
        weight: λ ≥ 0; may be traced.
        decay: decay of the moving averages, from 0 to below 1.

    Raises:
        InputError: if a concrete `weight` is negative or not finite, or `decay` is not
            from 0 to below 1.

    Reference: Tseng et al. 2021, arXiv:2104.03310.

        >>> from jaxgan import chain, hinge
        >>> from jaxgan.penalties import lecam
        >>> loss = chain(hinge(), lecam(0.3))
    """
    check_non_negative("lecam: weight", weight)
    check_decay("lecam: decay", decay)

    def evaluate(
        record: Round, before: LogitAverages, key: Array
    ) -> tuple[Losses, LogitAverages]:
        del key
        reals = at_least_float32(record.real_score.logits)
        fakes = at_least_float32(record.fake_score.logits)
        real = normalized_mean(record, reals, record.weight)
        fake = normalized_mean(record, fakes, record.fake_weight)
        state = LogitAverages(
            real=_update_average(before.real, real, decay),
            fake=_update_average(before.fake, fake, decay),
            moves=before.moves + 1,
        )
        correction = 1 - jnp.power(decay, state.moves.astype(state.real.dtype))
        penalty = mean_over_reals(
            record, jnp.square(reals - (state.fake / correction).astype(reals.dtype))
        ) + mean_over_fakes(
            record, jnp.square(fakes - (state.real / correction).astype(fakes.dtype))
        )
        return {"discriminator": weight * penalty}, state

    def init(variables: Tree) -> LogitAverages:
        del variables
        return LogitAverages(jnp.float32(0), jnp.float32(0), jnp.int32(0))

    return Loss({"lecam": Term(init, evaluate, state_owner="discriminator")})


def _update_average(average: Array, value: Array, decay: float | Array) -> Array:
    value = jax.lax.stop_gradient(value).astype(average.dtype)
    return decay * average + (1 - decay) * value
