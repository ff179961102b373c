"""Perceptual path length: how far images move while their latents move a little.

A smooth generator changes its images steadily between two latents; one that jumps, or
shows things at neither end, has a long path. The step is so small that it must be seen
in floats: an ε of 1e-4 changes most pixels by less than one level of 255, so in uint8
the differences are rounding (one model had 31 in float32 and 1147 in uint8, by the
documentation of torch-fidelity), and float16 or bfloat16 generators do the same.

Published numbers use the LPIPS distance with VGG16 and the crops and resizing of each
code, and differ in the ends too: StyleGAN draws t from [0, 1], torch-fidelity and
torchmetrics leave it at 0. Compare only numbers of one recipe.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import NDArray

from jaxgan.errors import InputError, check_function, check_positive, check_seed
from jaxgan.metrics.checks import numbers
from jaxgan.metrics.estimate import Estimate

CHUNK = 256
"""Latents at once."""

Path = Callable[[Array, Array, Array], Array]
"""The point at t of the way from one latent to another, such as `sampling.lerp`."""


def perceptual_path_length(
    generate: Callable[[NDArray], NDArray],
    start: Float[np.ndarray, "n d"],
    end: Float[np.ndarray, "n d"],
    distance: Callable[[NDArray, NDArray], NDArray],
    path: Path,
    epsilon: float = 1e-4,
    discard: tuple[float, float] = (1.0, 99.0),
    seed: int = 0,
) -> Estimate:
    """The mean squared speed of the images along paths between latents.

        PPL = E d(G(path(z₁, z₂, t)), G(path(z₁, z₂, t + ε))) / ε²,  t ~ U(0, 1)

    `distance` is to be a squared one, as LPIPS is, so that the number does not depend
    on ε. Distances outside the two percentiles are left out before the mean, as in
    StyleGAN. The error is that of a trimmed mean: with the kept share s and every
    distance moved to the nearest kept one, their standard deviation / (s √n).

    Args:
        generate: `latents (k, d) -> images (k, …)`, floats that no rounding has passed.
        start: z₁, latents from the prior.
        end: z₂, others.
        distance: `(images (k, …), images (k, …)) -> (k,)`, squared.
        path: `jaxgan.sampling.interpolation.slerp` for normal latents, `lerp` for a
            latent space of StyleGAN's kind, W.
        epsilon: ε, the step.
        discard: percentiles, lower and upper; (0.0, 100.0) keeps all.
        seed: of t.

    Raises:
        InputError: if the latents are not two sets (n, d) alike with n ≥ 2, the
            distances are not (k,) finite numbers, or another argument does not fit.

    Reference: Karras et al. 2019, arXiv:1812.04948.

        >>> import numpy as np
        >>> from jaxgan.metrics.perceptual_path_length import perceptual_path_length
        >>> from jaxgan.sampling.interpolation import lerp
        >>> start, end = np.zeros((100, 2)), np.full((100, 2), 3.0)
        >>> def squared(a, b):
        ...     return np.square(a - b).sum(axis=1)
        >>> length = perceptual_path_length(lambda z: 2 * z, start, end, squared, lerp)
        >>> round(length.value, 4)
        72.0
    """
    check_positive("epsilon", epsilon)
    check_seed("seed", seed)
    check_function("generate", generate, "lambda z: sample(variables, z)")
    check_function("distance", distance, "lambda a, b: ((a - b) ** 2).sum((1, 2, 3))")
    check_function("path", path, "jaxgan.sampling.interpolation.slerp")
    start, end = numbers("start", start), numbers("end", end)
    if start.ndim != 2 or start.shape != end.shape or len(start) < 2:
        raise InputError(
            "start and end must be latents of one shape (n, d) with n ≥ 2, got "
            f"{start.shape} and {end.shape}."
        )
    if not 0 <= discard[0] < discard[1] <= 100:
        raise InputError(
            f"discard must be two percentiles, the lower first, got {discard!r}."
        )
    ts = np.random.default_rng(seed).uniform(size=(len(start), 1))
    squares = []
    for first in range(0, len(start), CHUNK):
        part = slice(first, first + CHUNK)
        here, there = _points(path, start[part], end[part], ts[part], epsilon)
        squares.append(np.asarray(distance(generate(here), generate(there))))
        if squares[-1].shape != (len(here),) or not np.isfinite(squares[-1]).all():
            raise InputError(
                f"distance must give one finite number for each of {len(here)} pairs, "
                f"got {squares[-1].dtype} of shape {squares[-1].shape}."
            )
    return _trimmed(np.concatenate(squares).astype(np.float64) / epsilon**2, discard)


def _points(
    path: Path, start: NDArray, end: NDArray, t: NDArray, epsilon: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two near points of every path, told apart in float64."""
    with jax.enable_x64(True):
        ends = jnp.asarray(start, jnp.float64), jnp.asarray(end, jnp.float64)
        here, there = (path(*ends, jnp.asarray(at)) for at in (t, t + epsilon))
    return np.asarray(here), np.asarray(there)


def _trimmed(values: NDArray, discard: tuple[float, float]) -> Estimate:
    low = np.percentile(values, discard[0], method="lower")
    high = np.percentile(values, discard[1], method="higher")
    kept = values[(values >= low) & (values <= high)]
    share = len(kept) / len(values)
    moved = np.clip(values, low, high).std(ddof=1)
    return Estimate(float(kept.mean()), float(moved / (share * np.sqrt(len(values)))))
