"""Samples from a trained generator, and the ways between two of them."""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import NDArray

from jaxgan.errors import check_positive_int
from jaxgan.types import Game, NetworkName, State, Tree, Variables

Sampler = Callable[[Mapping[NetworkName, Variables], Tree], NDArray[np.float32]]

CHUNK = 256
"""Latents per call of the generator, so that one compilation serves any count."""


def best_variables(state: State) -> dict[NetworkName, Variables]:
    """The averaged networks where an average is kept, the trained ones elsewhere."""
    return state.variables | state.average


def sampler(game: Game, generator: NetworkName = "generator") -> Sampler:
    """Compile `(variables, latents) -> images`, in evaluation mode.

    Returns:
        A function that takes any number of latents and gives float32 images in NumPy.

        >>> import jax
        >>> from jaxgan import gan, mlp, non_saturating, priors
        >>> from jaxgan.sampling import sampler
        >>> game = gan(mlp((2,)), mlp(()), non_saturating(), priors.normal(16))
        >>> latents = game.prior(jax.random.key(0), 10, ())
        >>> network = game.networks["generator"]
        >>> variables = {"generator": network.init(jax.random.key(1), latents)}
        >>> sampler(game)(variables, latents).shape
        (10, 2)
    """
    network = game.networks[generator]

    @jax.jit
    def generate(variables: Variables, latent: Tree) -> Float[Array, "n ..."]:
        image, _ = network.apply(network.prepare(variables), latent, train=False)
        return image.astype(jnp.float32)

    def sample(
        variables: Mapping[NetworkName, Variables], latents: Tree
    ) -> NDArray[np.float32]:
        latents = jax.tree.map(np.asarray, latents)
        count = len(jax.tree.leaves(latents)[0])
        images = []
        for start in range(0, count, CHUNK):
            chunk = jax.tree.map(lambda z, i=start: _padded(z[i : i + CHUNK]), latents)
            images.append(np.asarray(generate(variables[generator], chunk)))
        return np.concatenate(images)[:count]

    return sample


def draw_latents(game: Game, count: int, seed: int) -> Tree:
    """Latents from the game's prior.

    Raises:
        InputError: if `count` is not an integer of at least 1.
    """
    check_positive_int("count", count)
    return game.prior(jax.random.key(seed), count, ())


def lerp(
    start: Float[Array, "... d"], end: Float[Array, "... d"], t: float | Array
) -> Float[Array, "... d"]:
    """The straight way: (1 - t)·start + t·end.

    In many dimensions it leaves the shell where normal latents live: its middle is
    shorter than either end by a factor of about √2.

        >>> import jax.numpy as jnp
        >>> from jaxgan.sampling import lerp
        >>> lerp(jnp.array([1.0, 0.0]), jnp.array([0.0, 1.0]), 0.5).tolist()
        [0.5, 0.5]
    """
    return (1 - t) * start + t * end


def slerp(
    start: Float[Array, "... d"], end: Float[Array, "... d"], t: float | Array
) -> Float[Array, "... d"]:
    """The way along the sphere, for normal latents.

        sin((1-t)ω)/sin ω · start + sin(tω)/sin ω · end,  ω the angle between them

    Latents along one line, for which ω is 0 or π, are joined by `lerp`.

    Reference: White 2016, arXiv:1609.04468.

        >>> import jax.numpy as jnp
        >>> from jaxgan.sampling import slerp
        >>> middle = slerp(jnp.array([1.0, 0.0]), jnp.array([0.0, 1.0]), 0.5)
        >>> [round(float(x), 4) for x in middle]
        [0.7071, 0.7071]
    """
    u, v = (x / jnp.maximum(_length(x), 1e-12) for x in (start, end))
    # Not by the arccosine, which loses half of all digits near 0 and π.
    angle = 2 * jnp.arctan2(_length(u - v), _length(u + v))
    straight = jnp.sin(angle) < 1e-4
    sine = jnp.where(straight, 1.0, jnp.sin(angle))
    arc = (jnp.sin((1 - t) * angle) * start + jnp.sin(t * angle) * end) / sine
    return jnp.where(straight, lerp(start, end, t), arc)


def _length(x: Float[Array, "*n d"]) -> Float[Array, "*n 1"]:
    return jnp.linalg.norm(x, axis=-1, keepdims=True)


def _padded(latent: NDArray) -> NDArray:
    missing = CHUNK - len(latent)
    return np.pad(latent, [(0, missing)] + [(0, 0)] * (latent.ndim - 1))
