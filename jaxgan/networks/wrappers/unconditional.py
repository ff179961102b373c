"""Networks that do not see the condition."""

from jaxgan.errors import check_instance
from jaxgan.networks.wrappers.inputs import with_inputs
from jaxgan.types import Network


def unconditional(network: Network) -> Network:
    """Hide the condition from a network: pass on its first input only.

    In a conditional game, a discriminator that classifies must not see the label.

    Args:
        network: takes one input.

    Raises:
        InputError: if `network` is not a `Network`.

    Reference: Odena et al. 2017 (AC-GAN), arXiv:1610.09585.

        >>> import jax, jax.numpy as jnp
        >>> from jaxgan import mlp
        >>> from jaxgan.networks import headed, unconditional
        >>> trunk = mlp((), features=True)
        >>> network = unconditional(headed(trunk, label=mlp((10,), ())))
        >>> image, label = jnp.zeros((4, 8, 8, 1)), jnp.array([3, 7, 3, 7])
        >>> variables = network.init(jax.random.key(0), image, label)
        >>> network.apply(variables, image, label)[0].extra["label"].shape
        (4, 10)
    """
    check_instance("unconditional: network", network, Network, "mlp(())")

    return with_inputs(network, lambda first, *condition: (first,))
