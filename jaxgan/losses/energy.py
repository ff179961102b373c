"""Energy-based GAN losses: EBGAN and BEGAN.

The discriminator assigns low energy to reals. The energy is minus the logit, so logits
are large for reals as in all other losses, and these losses can be combined with any
penalty. The usual discriminator is an autoencoder whose energy is its reconstruction
error: `jaxgan.networks.autoencoding` makes one of any network from images to images.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.errors import check_fraction, check_non_negative
from jaxgan.losses.pointwise import pointwise
from jaxgan.losses.reductions import mean_over_fakes, mean_over_reals
from jaxgan.precision import at_least_float32
from jaxgan.types import Loss, Losses, Round, Term, Tree


def energy_based(margin: float | Array = 10.0) -> Loss:
    """Create the EBGAN loss: low energy for reals, above a margin for fakes.

        e = -D
        discriminator pays E e(x) + E max(0, m - e(G(z))),  generator pays E e(G(z))

    The margin has the units of the energy, so its best value depends on them; the
    paper uses 10 for MNIST. PyTorch-GAN applies the margin to the mean over the batch,
    max(0, m - E e(G(z))), which is a different loss.

    Args:
        margin: m ≥ 0; may be traced.

    Raises:
        InputError: if a concrete margin is negative or not finite.

    Reference: Zhao et al. 2016, arXiv:1609.03126, equations 1 and 2.

        >>> from jaxgan import chain
        >>> from jaxgan.losses import energy_based
        >>> from jaxgan.penalties import pulling_away
        >>> ebgan_pt = chain(energy_based(10.0), pulling_away(0.1))
    """
    check_non_negative("energy_based: margin", margin)
    return pointwise(
        "energy_based",
        real=lambda t: -t,
        fake=lambda t: jax.nn.relu(margin + t),
        generator=lambda t: -t,
    )


def boundary_equilibrium(
    diversity: float | Array = 0.5, *, gain: float | Array = 1e-3
) -> Loss:
    """Create the BEGAN loss, whose controller balances reals against fakes.

        e = -D
        discriminator pays E e(x) - k E e(G(z)),  generator pays E e(G(z))
        k ← clip(k + λ (γ E e(x) - E e(G(z))), 0, 1),  from k = 0

    k is the term's state. It is updated once in each of the discriminator's substeps,
    from the batch of that substep. The paper's algorithm uses the fakes of the
    generator's update in the same iteration.

    Args:
        diversity: γ from 0 to 1, the target ratio of the fakes' energy to the reals'.
        gain: λ ≥ 0, the controller's step size.

    Raises:
        InputError: if a concrete γ is not from 0 to 1, or λ negative or not finite.

    Reference: Berthelot et al. 2017, arXiv:1703.10717.

        >>> from jaxgan.losses import boundary_equilibrium
        >>> list(boundary_equilibrium(diversity=0.7).terms)
        ['boundary_equilibrium']
    """
    check_fraction("boundary_equilibrium: diversity", diversity)
    check_non_negative("boundary_equilibrium: gain", gain)

    def evaluate(
        record: Round, k: Float[Array, ""], key: Array
    ) -> tuple[Losses, Float[Array, ""]]:
        del key
        real = mean_over_reals(record, -at_least_float32(record.real_score.logits))
        fake = mean_over_fakes(record, -at_least_float32(record.fake_score.logits))
        balance = k.astype(real.dtype)
        updated = jnp.clip(balance + gain * (diversity * real - fake), 0, 1)
        losses = {"discriminator": real - balance * fake, "generator": fake}
        return losses, jax.lax.stop_gradient(updated).astype(k.dtype)

    def init(variables: Tree) -> Float[Array, ""]:
        del variables
        return jnp.float32(0)

    term = Term(init, evaluate, state_owner="discriminator")
    return Loss({"boundary_equilibrium": term})
