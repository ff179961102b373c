"""Parzen-window log-likelihood: kernel density estimation from samples.

The first GANs were scored with it, and it misleads (Theis et al. 2016,
arXiv:1511.01844). It depends more on the number of samples than on their quality: with
the training images of MNIST themselves as centers, 10,000 of them give 244 nats and
50,000 give 320. It can prefer a model that blurs to one that samples from the data. Use
it to reproduce old numbers, not to choose a model.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp
from jaxtyping import Array, Float, Real
from numpy.typing import NDArray

from jaxgan.errors import InputError, as_numbers, check_positive
from jaxgan.metrics.checks import checked_pair
from jaxgan.metrics.estimate import Estimate

CHUNK = 256
"""Number of rows of real data processed at once."""


def parzen_log_likelihood(
    real: Real[np.ndarray, "n d"], fake: Real[np.ndarray, "m d"], sigma: float
) -> Estimate:
    """Compute the mean log-likelihood of reals under Gaussians around fakes, in nats.

        log p(x) = log 1/m Σⱼ exp(-‖x - yⱼ‖² / 2σ²) - d/2 log 2πσ²

    The standard error is over the real rows, for these fakes, as in papers. It does not
    include the variation over other fakes.

    Args:
        real: rows of test data; pixels in [0, 1] by convention.
        fake: rows of samples, in the same units; 10,000 by convention.
        sigma: σ, in the same units; from `best_sigma` on validation data.

    Raises:
        InputError: if `checked_pair` rejects the rows, or σ is not above 0.

    Reference: Breuleux et al. 2011, "Quickly generating representative samples from an
    RBM-derived process"; the protocol of Goodfellow et al. 2014, arXiv:1406.2661.

        >>> import numpy as np
        >>> from jaxgan.metrics import parzen_log_likelihood
        >>> rng = np.random.default_rng(0)
        >>> x, y = rng.normal(size=(1000, 2)), rng.normal(size=(5000, 2))
        >>> round(parzen_log_likelihood(x, y, sigma=0.3).value, 1)  # N(0, I): -2.84
        -2.8
    """
    check_positive("sigma", sigma)
    [own] = _log_likelihoods(real, fake, np.array([sigma], np.float64))
    if not np.isfinite(own).all():
        raise InputError(
            f"sigma of {sigma!r} is too small or too large for these rows."
        )
    return Estimate(float(own.mean()), float(own.std(ddof=1) / np.sqrt(len(own))))


def best_sigma(
    real: Real[np.ndarray, "n d"],
    fake: Real[np.ndarray, "m d"],
    sigmas: Real[np.ndarray, " s"],
) -> float:
    """Choose the σ that maximizes the log-likelihood of held-out validation data.

    Never choose it on test data. Goodfellow et al. try ten values from 0.1 to 1, evenly
    spaced in their logarithm, on 1000 held-out training images.

    Raises:
        InputError: if `checked_pair` rejects the rows, or a σ is not above 0.

        >>> import numpy as np
        >>> from jaxgan.metrics.parzen import best_sigma
        >>> rng = np.random.default_rng(0)
        >>> x, y = rng.normal(size=(1000, 2)), rng.normal(size=(5000, 2))
        >>> float(best_sigma(x, y, np.array([0.01, 0.3, 3.0])))
        0.3
    """
    means = _log_likelihoods(real, fake, sigmas).mean(axis=1)
    return float(np.asarray(sigmas)[means.argmax()])


def _log_likelihoods(
    real: NDArray, fake: NDArray, sigmas: NDArray
) -> Float[np.ndarray, "s n"]:
    """Compute the log-likelihood of every real row under every σ."""
    real, fake = checked_pair(real, fake)
    sigmas = as_numbers("sigmas", sigmas)
    if sigmas.ndim != 1 or not sigmas.size:
        raise InputError(f"sigmas must be of shape (s,), s ≥ 1, got {sigmas.shape}.")
    for sigma in sigmas:
        check_positive("sigma", float(sigma))
    center = real.mean(axis=0)  # products of points far from 0 lose digits
    real, fake = real - center, fake - center
    starts = range(0, len(real), CHUNK)
    with jax.enable_x64(True):
        parts = [_mixture(real[i : i + CHUNK], fake, sigmas * 1.0) for i in starts]
    return np.concatenate(parts, axis=1)


@jax.jit
def _mixture(
    rows: Float[Array, "n d"], centers: Float[Array, "m d"], sigmas: Float[Array, " s"]
) -> Float[Array, "s n"]:
    lengths = (
        jnp.square(rows).sum(axis=1)[:, None] + jnp.square(centers).sum(axis=1)[None]
    )
    squares = jnp.maximum(lengths - 2 * rows @ centers.T, 0)

    def log_density(sigma: Array) -> Float[Array, " n"]:
        normalizer = centers.shape[1] / 2 * jnp.log(2 * jnp.pi * sigma**2)
        inside = logsumexp(-squares / (2 * sigma**2), axis=1)
        return inside - jnp.log(len(centers)) - normalizer

    return jax.lax.map(log_density, sigmas)
