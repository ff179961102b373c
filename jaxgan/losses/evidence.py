"""Losses of codes that are drawn: divergence from the prior, importance weighting."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.errors import InputError, check_function, check_name, check_non_negative
from jaxgan.losses.combine import stateless
from jaxgan.losses.likeness import Measure, measured, read
from jaxgan.losses.reductions import example_weights, weighted_mean
from jaxgan.precision import at_least_float32
from jaxgan.types import Loss, Losses, PlayerName


class Posterior(NamedTuple):
    """A Gaussian q(z | x) of the code of each example, with independent coordinates."""

    mean: Float[Array, "b d"]
    log_scale: Float[Array, "b d"]  # logarithm of the standard deviation


def posterior_of(record: Any) -> Posterior:
    """Return a record's posterior."""
    return record.posterior


def kl_to_prior(
    beta: float | Array = 1.0,
    *,
    free_bits: float | Array = 0.0,
    player: PlayerName = "coder",
    of: Callable[[Any], Posterior] = posterior_of,
) -> Loss:
    """Create the divergence of codes q(z | x) from the standard normal prior.

        player pays β · Σ over coordinates of max(λ, E ½ (m² + s² - 1 - log s²))

    E is over the batch. The terms are the KL divergences of N(m, s²) from N(0, 1), in
    nats. β > 1 asks for fewer and independent coordinates. With free bits λ, a
    coordinate is not asked to tell less than λ nats, so that it is not left unused.

    Args:
        beta: β ≥ 0; may be traced.
        free_bits: λ ≥ 0 of each coordinate, in nats; may be traced.
        player: who pays.
        of: `(record) -> Posterior`.

    Raises:
        InputError: if a concrete β or λ is negative or not finite, or, when the game is
            built, if the record has no posterior.

    Reference: Kingma & Welling 2014, arXiv:1312.6114; Higgins et al. 2017 (β-VAE);
    Kingma et al. 2016, arXiv:1606.04934, appendix C.8 (free bits).

        >>> from jaxgan.losses import chain, kl_to_prior, likelihoods, likeness
        >>> loss = chain(likeness(likelihoods.gaussian(0.1)), kl_to_prior(beta=4.0))
    """
    check_non_negative("kl_to_prior: beta", beta)
    check_non_negative("kl_to_prior: free_bits", free_bits)
    check_name("kl_to_prior: player", player)
    check_function("kl_to_prior: of", of, "lambda record: record.posterior")

    def evaluate(record: Any, key: Array) -> Losses:
        del key
        mean, log_scale = read("kl_to_prior: of", of, record)
        each = kl_of_coordinates(mean, log_scale)
        weight = example_weights(record.weight)
        told = record.mean(each if weight is None else weight[:, None] * each, axis=0)
        return {player: beta * jnp.maximum(told, free_bits).sum()}

    return stateless(evaluate, name="kl_to_prior")


def kl_of_coordinates(
    mean: Float[Array, "b d"], log_scale: Float[Array, "b d"]
) -> Float[Array, "b d"]:
    """Compute KL(N(m, s²) ‖ N(0, 1)) of each coordinate, in nats.

    >>> import jax.numpy as jnp
    >>> from jaxgan.losses.evidence import kl_of_coordinates
    >>> kl_of_coordinates(jnp.array([[2.0]]), jnp.array([[0.0]])).tolist()
    [[2.0]]
    """
    mean, log_scale = at_least_float32(mean), at_least_float32(log_scale)
    return (jnp.square(mean) + jnp.expm1(2 * log_scale)) / 2 - log_scale


def importance_weighted(likelihood: Measure, *, player: PlayerName = "coder") -> Loss:
    """Create the importance-weighted bound as a loss (IWAE), of k codes an example.

        player pays -E log 1/k Σ p(x | zᵢ) p(zᵢ) / q(zᵢ | x),  zᵢ ~ q(z | x)

    With k = 1 it is the negative ELBO of one draw, without a KL in closed form. It
    takes the place of likeness and `kl_to_prior` together, in a `vae` with draws=k.

    Args:
        likelihood: one of `likelihoods`, in nats.
        player: who pays.

    Raises:
        InputError: if an argument is of another type, or, when the game is built, if
            the record has no posterior, code or decoding.

    Reference: Burda et al. 2016, arXiv:1509.00519.

        >>> from jaxgan.losses import importance_weighted, likelihoods
        >>> loss = importance_weighted(likelihoods.bernoulli())
    """
    check_function(
        "importance_weighted: likelihood", likelihood, "likelihoods.bernoulli()"
    )
    check_name("importance_weighted: player", player)

    def evaluate(record: Any, key: Array) -> Losses:
        del key
        posterior, code, decoded = read(
            "importance_weighted: posterior, code and decoded",
            lambda record: (record.posterior, record.code, record.decoded),
            record,
        )
        log_prior, log_posterior = log_densities(code, Posterior(*posterior))
        log_ratio = (
            -measured(likelihood, record.real, decoded) + log_prior - log_posterior
        )
        if log_ratio.ndim == 1:
            log_ratio = log_ratio[:, None]
        count = log_ratio.shape[1]
        bound = jax.nn.logsumexp(log_ratio, axis=1) - math.log(count)
        return {player: -weighted_mean(record, bound, example_weights(record.weight))}

    return stateless(evaluate, name="importance_weighted")


def log_normal(
    z: Float[Array, "b *k d"], mean: Array, log_scale: Array
) -> Float[Array, "b *k"]:
    """Compute the logarithm of a normal density with independent coordinates.

    >>> import jax.numpy as jnp
    >>> from jaxgan.losses.evidence import log_normal
    >>> zero = jnp.zeros((1, 2))
    >>> round(float(log_normal(zero, zero, zero)[0]), 4)  # -log 2π
    -1.8379
    """
    z, mean, log_scale = map(at_least_float32, (z, mean, log_scale))
    square = jnp.square((z - mean) * jnp.exp(-log_scale))
    each = square / 2 + log_scale + math.log(2 * math.pi) / 2
    return -jnp.broadcast_to(each, z.shape).sum(axis=-1)


def log_densities(
    code: Float[Array, "b *k d"], posterior: Posterior
) -> tuple[Float[Array, "b *k"], Float[Array, "b *k"]]:
    """Compute log p(z) of a standard normal prior and log q(z | x), in nats."""
    zero = jnp.zeros((), code.dtype)
    return log_normal(code, zero, zero), log_normal(code, *_beside(code, *posterior))


def _beside(code: Array, *parts: Array) -> tuple[Array, ...]:
    """Give parts (b, d) the axis of draws that codes (b, k, d) have."""
    if any(part.shape[-1] != code.shape[-1] for part in parts):
        raise InputError(
            f"importance_weighted: codes of shape {code.shape} are not drawn from "
            f"posteriors of shape {parts[0].shape}."
        )
    return tuple(p[:, None] if code.ndim > p.ndim else p for p in parts)
