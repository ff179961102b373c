"""Perceptual path length (PPL): change of the images along paths between latents.

A smooth generator changes its images steadily between two latents. A generator that
jumps, or shows objects that appear at neither end, has a long path. The images must be
floats, because the step is small: an ε of 1e-4 changes most pixels by less than one
level of 255, so differences of uint8 images are rounding errors. By the documentation
of torch-fidelity one model had 31 in float32 and 1147 in uint8. Generators in float16
or bfloat16 have the same problem.

Published numbers use the LPIPS distance with VGG16, and crops and resizing that differ
between implementations. StyleGAN draws t from [0, 1]; torch-fidelity and torchmetrics
fix it at 0. Compare only numbers from the same recipe.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import NDArray

from jaxgan.errors import (
    InputError,
    as_numbers,
    check_function,
    check_positive,
    check_seed,
)
from jaxgan.metrics.estimate import Estimate

CHUNK = 256
"""Number of latents processed at once."""

Path = Callable[[Array, Array, Array], Array]
"""`(start, end, t) -> point` between two latents, such as `interpolation.lerp`."""


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
    """Compute the mean squared speed of the images along paths between latents.

        PPL = E d(G(path(z₁, z₂, t)), G(path(z₁, z₂, t + ε))) / ε²,  t ~ U(0, 1)

    `distance` must be a squared distance, as LPIPS is, so that the result does not
    depend on ε. Distances outside the two percentiles are discarded before the mean, as
    in StyleGAN. The error is that of a trimmed mean: the standard deviation of the
    distances, clipped to the kept range, / (s √n), where s is the fraction kept.

    Args:
        generate: `latents (k, d) -> images (k, …)`; the images must be unrounded
            floats.
        start: latents z₁ from the prior.
        end: other latents z₂.
        distance: `(images (k, …), images (k, …)) -> (k,)`, squared.
        path: `jaxgan.sampling.slerp` for normal latents, `lerp` for a
            latent space like StyleGAN's W.
        epsilon: step size ε.
        discard: lower and upper percentile; (0.0, 100.0) keeps all distances.
        seed: random seed of t.

    Raises:
        InputError: if the latents are not two sets of the same shape (n, d) with
            n ≥ 2, the distances are not (k,) finite numbers, or another argument is
            invalid.

    Reference: Karras et al. 2019, arXiv:1812.04948.

        >>> import numpy as np
        >>> from jaxgan.metrics import perceptual_path_length
        >>> from jaxgan.sampling import lerp
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
    check_function("path", path, "jaxgan.sampling.slerp")
    start, end = as_numbers("start", start), as_numbers("end", end)
    if start.ndim != 2 or start.shape != end.shape or len(start) < 2:
        raise InputError(
            "start and end must be latents of the same shape (n, d) with n ≥ 2, got "
            f"{start.shape} and {end.shape}."
        )
    percentiles = isinstance(discard, tuple | list) and len(discard) == 2
    if not percentiles or not 0 <= discard[0] < discard[1] <= 100:
        raise InputError(
            f"discard must be two percentiles, the lower first, got {discard!r}."
        )
    ts = np.random.default_rng(seed).uniform(size=(len(start), 1))
    squares = []
    for first in range(0, len(start), CHUNK):
        part = slice(first, first + CHUNK)
        here, there = _points(path, start[part], end[part], ts[part], epsilon)
        made = [as_numbers("generate: images", generate(z)) for z in (here, there)]
        squares.append(as_numbers("distance", distance(*made)))
        if squares[-1].shape != (len(here),) or not np.isfinite(squares[-1]).all():
            raise InputError(
                "distance must return one finite number for each of "
                f"{len(here)} pairs, got {squares[-1].dtype} of shape "
                f"{squares[-1].shape}."
            )
    return _trimmed(np.concatenate(squares).astype(np.float64) / epsilon**2, discard)


def _points(
    path: Path, start: NDArray, end: NDArray, t: NDArray, epsilon: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute two points at distance ε on every path, in float64."""
    with jax.enable_x64(True):
        ends = jnp.asarray(start, jnp.float64), jnp.asarray(end, jnp.float64)
        here, there = (path(*ends, jnp.asarray(at)) for at in (t, t + epsilon))
    return as_numbers("path: points", here), as_numbers("path: points", there)


def _trimmed(values: NDArray, discard: tuple[float, float]) -> Estimate:
    low = np.percentile(values, discard[0], method="lower")
    high = np.percentile(values, discard[1], method="higher")
    kept = values[(values >= low) & (values <= high)]
    fraction = len(kept) / len(values)
    deviation = np.clip(values, low, high).std(ddof=1)
    error = deviation / (fraction * np.sqrt(len(values)))
    return Estimate(float(kept.mean()), float(error))
