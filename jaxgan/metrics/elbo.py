"""ELBO and importance-weighted bounds on log p(x), for an encoder q(z|x), in nats.

A bound is comparable with a published one only if p(x|z) is a density of the same
pixels: binarized once, binarized again in each pass, or continuous. Papers print the
negative of the bound.
"""

import numpy as np
from jaxtyping import Float

from jaxgan.errors import InputError, as_numbers
from jaxgan.metrics.estimate import Estimate


def importance_weighted_bound(
    log_joint: Float[np.ndarray, "k n"], log_posterior: Float[np.ndarray, "k n"]
) -> Estimate:
    """Compute a lower bound on mean log p(x) from k draws of z for each of n examples.

        L_k = E_x log 1/k Σ p(x, zᵢ) / q(zᵢ|x),  zᵢ ~ q(z|x)

    L₁ is the ELBO. L_k rises with k, in expectation, towards log p(x), and equals it
    for every k if q(z|x) is p(z|x). The standard error is over the examples, each with
    its own draws. It does not include the gap between the bound and log p(x).

    Args:
        log_joint: log p(x, zᵢ) = log p(z) + log p(x|z), in nats.
        log_posterior: log q(zᵢ|x), in nats.

    Raises:
        InputError: if the two do not have the same shape (k, n) with k ≥ 1 and n ≥ 2, a
            log_posterior is not finite, or a log_joint is NaN or infinity. (It may be
            -infinity: such a z cannot generate x.)

    Reference: Burda et al. 2016, arXiv:1509.00519.

        >>> import numpy as np
        >>> from jaxgan.metrics import importance_weighted_bound
        >>> log_joint = np.log([[0.2, 0.1], [0.4, 0.3]])  # two draws for two examples
        >>> log_posterior = np.log([[0.5, 0.5], [0.5, 0.5]])
        >>> bound = importance_weighted_bound(log_joint, log_posterior).value
        >>> bool(np.isclose(bound, np.log([0.6, 0.4]).mean()))
        True
    """
    log_joint = as_numbers("log_joint", log_joint)
    log_posterior = as_numbers("log_posterior", log_posterior)
    shape = log_joint.shape
    if len(shape) != 2 or log_posterior.shape != shape or not shape[0] or shape[1] < 2:
        raise InputError(
            "log_joint and log_posterior must have the same shape (k, n) with k ≥ 1 "
            f"and n ≥ 2, got {shape} and {log_posterior.shape}."
        )
    if not np.isfinite(log_posterior).all() or not (log_joint < np.inf).all():
        raise InputError(
            "log_joint must hold numbers below infinity, and log_posterior finite "
            "numbers."
        )
    from scipy.special import logsumexp  # a second to import

    log_ratios = log_joint.astype(np.float64) - log_posterior
    bounds = logsumexp(log_ratios, axis=0) - np.log(shape[0])
    finite = np.isfinite(bounds).all()
    error = bounds.std(ddof=1) / np.sqrt(shape[1]) if finite else np.nan
    return Estimate(float(bounds.mean()), float(error))
