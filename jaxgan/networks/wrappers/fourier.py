"""Random Fourier features, with which networks learn high frequencies faster."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgan.errors import (
    check_instance,
    check_positive,
    check_positive_int,
    check_seed,
)
from jaxgan.networks.wrappers.inputs import with_inputs
from jaxgan.types import Network


def fourier(
    network: Network, features: int = 64, *, scale: float | Array, seed: int = 0
) -> Network:
    """Replace a network's input x by x, cos(2πBx) and sin(2πBx), with B ~ N(0, scale²).

    A dense network learns smooth functions of its inputs first. So without these
    features, a discriminator needs long to separate points in many narrow modes.

    Args:
        network: takes inputs (b, d); further inputs are passed on unchanged.
        features: number of rows of B, which is drawn once and not trained.
        scale: the standard deviation of B, in cycles per unit of x; may be traced.
        seed: random seed of B.

    Raises:
        InputError: if `features` is not an integer of at least 1, `scale` is not above
            0, or `seed` is not an integer from 0 to 2³² - 1.

    Reference: Tancik et al. 2020, arXiv:2006.10739.

        >>> import jax, jax.numpy as jnp
        >>> from jaxgan import mlp
        >>> from jaxgan.networks import fourier
        >>> network = fourier(mlp(()), features=8, scale=0.5)
        >>> x = jnp.ones((4, 2))
        >>> variables = network.init(jax.random.key(0), x)
        >>> variables.params["Dense_0"]["kernel"].shape
        (18, 128)
    """
    check_instance("fourier: network", network, Network, "mlp(())")
    check_positive_int("fourier: features", features)
    check_positive("fourier: scale", scale)
    check_seed("fourier: seed", seed)

    def lift(x: Float[Array, "b d"]) -> Float[Array, "b k"]:
        normal = np.random.default_rng(seed).standard_normal((x.shape[1], features))
        phase = 2 * np.pi * scale * (x @ jnp.asarray(normal, x.dtype))
        return jnp.concatenate([x, jnp.cos(phase), jnp.sin(phase)], axis=1)

    return with_inputs(network, lambda x, *rest: (lift(x), *rest))
