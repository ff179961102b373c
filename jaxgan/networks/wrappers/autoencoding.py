"""Autoencoder discriminators, whose logits are reconstruction errors."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxgan.errors import InputError, check_function, check_instance
from jaxgan.precision import at_least_float32
from jaxgan.types import Network, Score, Tree, Variables


def autoencoding(
    autoencoder: Network, error: Callable[[Array], Array] = jnp.square
) -> Network:
    """Make a discriminator whose logit is minus an autoencoder's reconstruction error.

        D(x) = -mean over pixels of error(x - A(x))

    Args:
        autoencoder: `apply(variables, image, *condition)` gives the reconstruction, or
            a tuple of reconstruction and code; the code becomes the score's features.
        error: elementwise; `jnp.square` as in EBGAN, `jnp.abs` as in BEGAN.

    Raises:
        InputError: when the game is built, if a reconstruction is not shaped like its
            image.

    Reference: Zhao et al. 2016, arXiv:1609.03126, section 2.3.

        >>> import jax, jax.numpy as jnp
        >>> from jaxgan import mlp
        >>> from jaxgan.networks import autoencoding
        >>> discriminator = autoencoding(mlp((2,), hidden=(8, 1, 8)))
        >>> x = jnp.ones((4, 2))
        >>> score, _ = discriminator.apply(discriminator.init(jax.random.key(0), x), x)
        >>> score.logits.shape
        (4,)
    """
    check_instance(
        "autoencoding: autoencoder", autoencoder, Network, "mlp((28, 28, 1))"
    )
    check_function("autoencoding: error", error, "jnp.square")

    def apply(
        variables: Variables,
        *inputs: Tree,
        key: jax.Array | None = None,
        train: bool = True,
    ) -> tuple[Score, Tree]:
        output, stats = autoencoder.apply(variables, *inputs, key=key, train=train)
        image = inputs[0]
        reconstruction, *code = output if isinstance(output, tuple) else (output,)
        if reconstruction.shape != image.shape:
            raise InputError(
                f"autoencoding: the network makes {reconstruction.shape} of images of "
                f"shape {image.shape}; a reconstruction must be shaped like its image."
            )
        difference = at_least_float32(image) - at_least_float32(reconstruction)
        energy = error(difference).mean(axis=tuple(range(1, image.ndim)))
        return Score(-energy, features=tuple(code)), stats

    return autoencoder._replace(apply=apply)
