"""Energy-based GANs: the discriminator gives low energy to what it takes for real.

The energy is minus the logit, so that logits are large for reals here as everywhere,
and every penalty and every other loss means the same beside these. The usual
discriminator is an autoencoder whose energy is its reconstruction error: `autoencoding`
in `jaxgan.networks` makes one of any network that maps images to images.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.errors import check_non_negative, check_share
from jaxgan.losses.pointwise import pointwise
from jaxgan.losses.reductions import over_fakes, over_reals
from jaxgan.precision import wide
from jaxgan.types import Loss, Payments, Round, Term, Tree


def energy_based(margin: float | Array = 10.0) -> Loss:
    """EBGAN: reals get low energy, fakes any energy above the margin.

        e = -D
        discriminator pays E e(x) + E max(0, m - e(G(z))),  generator pays E e(G(z))

    The margin is in the units of the energy, and what is best depends on them: the
    paper takes 10 for MNIST. PyTorch-GAN takes the margin of the batch's mean,
    max(0, m - E e(G(z))), which is another loss.

    Args:
        margin: m ≥ 0; may be traced.

    Raises:
        InputError: if a concrete margin is negative or not finite.

    Reference: Zhao et al. 2016, arXiv:1609.03126, equations 1 and 2.

        >>> from jaxgan import chain, energy_based, pulling_away
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
    diversity: float | Array = 0.5, gain: float | Array = 1e-3
) -> Loss:
    """BEGAN: two energies kept in a fixed ratio by a controller.

        e = -D
        discriminator pays E e(x) - k E e(G(z)),  generator pays E e(G(z))
        k ← clip(k + λ (γ E e(x) - E e(G(z))), 0, 1),  from k = 0

    k is the term's state. It moves once in each of the discriminator's substeps, by the
    batch that the discriminator sees; the paper's algorithm takes the generator's fakes
    of the same iteration.

    Args:
        diversity: γ from 0 to 1, the ratio of the fakes' energy to the reals'.
        gain: λ ≥ 0 of the controller.

    Raises:
        InputError: if a concrete γ is not from 0 to 1, or λ negative or not finite.

    Reference: Berthelot et al. 2017, arXiv:1703.10717.

        >>> from jaxgan import boundary_equilibrium
        >>> list(boundary_equilibrium(diversity=0.7).terms)
        ['boundary_equilibrium']
    """
    check_share("boundary_equilibrium: diversity", diversity)
    check_non_negative("boundary_equilibrium: gain", gain)

    def evaluate(
        record: Round, k: Float[Array, ""], key: Array
    ) -> tuple[Payments, Float[Array, ""]]:
        del key
        real = over_reals(record, -wide(record.real_score.logits))
        fake = over_fakes(record, -wide(record.fake_score.logits))
        share = k.astype(real.dtype)
        moved = jnp.clip(share + gain * (diversity * real - fake), 0, 1)
        paid = {"discriminator": real - share * fake, "generator": fake}
        return paid, jax.lax.stop_gradient(moved).astype(k.dtype)

    def init(variables: Tree) -> Float[Array, ""]:
        del variables
        return jnp.float32(0)

    term = Term(init, evaluate, state_owner="discriminator")
    return Loss({"boundary_equilibrium": term})
