"""Log densities of a variational autoencoder, from which bounds are computed."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from jaxtyping import Array, Float

from jaxgan.errors import InputError, check_function, check_positive_int
from jaxgan.games.vae import (
    as_posterior,
    draw_codes,
    flatten_draws,
    repeat_for_draws,
    split_draws,
)
from jaxgan.losses.evidence import Posterior, log_densities
from jaxgan.losses.likelihoods import Likelihood
from jaxgan.losses.likeness import measured
from jaxgan.types import Batch, Output, Tree


class Evidence(NamedTuple):
    """Log densities of examples and their codes, one each or k.

    log_joint:     log p(x, z) = log p(z) + log p(x | z), in nats.
    log_posterior: log q(z | x), in nats.
    posterior:     q(z | x).
    """

    log_joint: Float[Array, "b *k"]
    log_posterior: Float[Array, "b *k"]
    posterior: Posterior


def evidence(likelihood: Likelihood, latent_size: int) -> Output:
    """Make the output of a `vae` that bounds on log p(x) are computed from.

    `log_joint - log_posterior` of a single draw, averaged over examples, is an unbiased
    estimate of the ELBO. Of many draws, `metrics.importance_weighted_bound` takes both.
    The draws z = m + s · ε are made of the latents ε, (b, d) or (b, k, d).

    Args:
        likelihood: one of `likelihoods`, that of the game's loss.
        latent_size: d, the size of a code.

    Raises:
        InputError: if an argument is of another type, or, when it is computed, if the
            latents have another shape or the encoder's output another size.

        >>> import jax
        >>> from jaxgan import Batch, chain, mlp
        >>> from jaxgan.games import evidence, vae
        >>> from jaxgan.losses import kl_to_prior, likelihoods, likeness
        >>> from jaxgan.sampling import maker
        >>> p = likelihoods.bernoulli()
        >>> loss = chain(likeness(p), kl_to_prior())
        >>> game = vae(mlp((2 * 4,)), mlp((8, 8, 1)), loss, 4, image=p.image)
        >>> game = game._replace(outputs={"evidence": evidence(p, latent_size=4)})
        >>> x, code = jax.numpy.ones((3, 8, 8, 1)), jax.numpy.ones((3, 4))
        >>> variables = {
        ...     "encoder": game.networks["encoder"].init(jax.random.key(0), x),
        ...     "decoder": game.networks["decoder"].init(jax.random.key(1), code),
        ... }
        >>> noise = jax.random.normal(jax.random.key(2), (3, 50, 4))
        >>> maker(game)(variables, noise, Batch(x)).log_joint.shape
        (3, 50)
    """
    check_function("evidence: likelihood", likelihood, "likelihoods.bernoulli()")
    check_positive_int("evidence: latent_size", latent_size)

    def output(call: Mapping[str, Callable], latent: Tree, batch: Batch, /) -> Evidence:
        posterior = as_posterior(
            call["encoder"](batch.real, *batch.condition), latent_size
        )
        _check_latents(latent, latent_size)
        draws = latent.shape[1] if latent.ndim == 3 else None
        code = draw_codes(posterior, latent)
        given = flatten_draws(draws, code), *repeat_for_draws(draws, batch.condition)
        made = split_draws(draws, call["decoder"](*given))
        nats = measured(likelihood, batch.real, made)
        log_prior, log_posterior = log_densities(code, posterior)
        return Evidence(log_prior - nats, log_posterior, posterior)

    return output


def _check_latents(latent: Tree, latent_size: int) -> None:
    shape: tuple[int, ...] = getattr(latent, "shape", ())
    if len(shape) not in (2, 3) or shape[-1] != latent_size:
        raise InputError(
            f"evidence: latents of shape {shape} are not the noise of codes of "
            f"latent_size={latent_size}; give (b, {latent_size}), or of k draws "
            f"(b, k, {latent_size})."
        )
