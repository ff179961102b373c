"""What the discriminator pays for where its logits are, whatever their slope."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgan.errors import check_decay, check_non_negative
from jaxgan.losses.combine import stateless
from jaxgan.losses.reductions import fair_mean, over_fakes, over_reals
from jaxgan.precision import wide
from jaxgan.types import Loss, Payments, Round, Term, Tree


def drift_penalty(weight: float | Array = 1e-3) -> Loss:
    """Keeps a critic's logits from wandering off, where only differences count.

        discriminator pays ε · E D(x)²

    Args:
        weight: ε ≥ 0; may be traced.

    Raises:
        InputError: if a concrete `weight` is negative or not finite.

    Reference: Karras et al. 2017, arXiv:1710.10196, appendix A.1.

        >>> from jaxgan import chain, drift_penalty, gradient_penalty, wasserstein
        >>> progan = chain(wasserstein(), gradient_penalty(10.0), drift_penalty(1e-3))
    """
    check_non_negative("drift_penalty: weight", weight)

    def evaluate(record: Round, key: Array) -> Payments:
        del key
        square = jnp.square(wide(record.real_score.logits))
        return {"discriminator": weight * over_reals(record, square)}

    return stateless(evaluate, "drift_penalty")


class Averages(NamedTuple):
    """Moving averages of the logits; `moves` corrects their start at zero."""

    real: Float[Array, ""]
    fake: Float[Array, ""]
    moves: Int[Array, ""]


def lecam(weight: float | Array = 0.3, decay: float | Array = 0.99) -> Loss:
    """The LeCam regularizer: logits not far from what the other side averaged lately.

        discriminator pays λ · (E (D(x) - a_fake)² + E (D(G(z)) - a_real)²)
        a ← decay · a + (1 - decay) · E D, for reals and for fakes

    The averages are the term's state; they include the present batch, are corrected
    for their start at zero as Adam's are, and count as constants. This is the paper's
    formula; its code, and StudioGAN's, charge only logits on the far side of the
    averages (a relu inside both squares) and begin after some thousand steps.

    Args:
        weight: λ ≥ 0; may be traced.
        decay: from 0 to below 1.

    Raises:
        InputError: if a concrete `weight` is negative or not finite, or `decay` is not
            from 0 to below 1.

    Reference: Tseng et al. 2021, arXiv:2104.03310.

        >>> from jaxgan import chain, hinge, lecam
        >>> loss = chain(hinge(), lecam(0.3))
    """
    check_non_negative("lecam: weight", weight)
    check_decay("lecam: decay", decay)

    def evaluate(
        record: Round, before: Averages, key: Array
    ) -> tuple[Payments, Averages]:
        del key
        reals, fakes = wide(record.real_score.logits), wide(record.fake_score.logits)
        real = fair_mean(record, reals, record.weight)
        fake = fair_mean(record, fakes, record.fake_weight)
        state = Averages(
            real=_follow(before.real, real, decay),
            fake=_follow(before.fake, fake, decay),
            moves=before.moves + 1,
        )
        whole = 1 - jnp.power(decay, state.moves.astype(state.real.dtype))
        penalty = over_reals(
            record, jnp.square(reals - (state.fake / whole).astype(reals.dtype))
        ) + over_fakes(
            record, jnp.square(fakes - (state.real / whole).astype(fakes.dtype))
        )
        return {"discriminator": weight * penalty}, state

    def init(variables: Tree) -> Averages:
        del variables
        return Averages(jnp.float32(0), jnp.float32(0), jnp.int32(0))

    return Loss({"lecam": Term(init, evaluate, state_owner="discriminator")})


def _follow(average: Array, value: Array, decay: float | Array) -> Array:
    value = jax.lax.stop_gradient(value).astype(average.dtype)
    return decay * average + (1 - decay) * value
