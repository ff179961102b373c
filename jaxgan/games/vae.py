"""The variational autoencoder: codes are drawn, and the decoder is a likelihood."""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.errors import InputError, check_function, check_positive_int
from jaxgan.games.autoencoder import check_parts
from jaxgan.games.coding import DrawnCoding
from jaxgan.games.priors import normal, several
from jaxgan.games.rounds import round_keys
from jaxgan.losses.evidence import Posterior
from jaxgan.types import Batch, Calls, Game, Loss, Network, Tree, Turn


def vae(
    encoder: Network,
    decoder: Network,
    loss: Loss[DrawnCoding],
    latent_size: int,
    *,
    image: Callable[[Tree], Tree] = lambda decoded: decoded,
    draws: int | None = None,
) -> Game[DrawnCoding]:
    """Make the game of a variational autoencoder, with a standard normal prior.

        (m, log s) = E(x, c),  z = m + s · ε,  ε ~ N(0, I),  decoded = D(z, c)

    One player, "coder", owns both networks and pays

        chain(likeness(likelihood), kl_to_prior())     the negative ELBO
        importance_weighted(likelihood)                that of k draws (IWAE)

    or any other loss of the record. The game's latents are the ε. Outputs are
    `samples`, decoded from the prior, and `reconstructions`, decoded from the means of
    examples.

    Args:
        encoder: `apply(variables, image, *condition)` gives means and logarithms of
            standard deviations, (b, 2 · latent_size).
        decoder: `apply(variables, code, *condition)` gives the parameters of the
            likelihood.
        loss: reads a `DrawnCoding`; "coder" pays.
        latent_size: d, the size of a code.
        image: `(decoded) -> images`, a likelihood's `image`.
        draws: k, the number of codes that are drawn for each real; None for one,
            without an axis of its own.

    Raises:
        InputError: if an argument is of another type, or, when dynamics are built on
            the game, if the encoder's output has another size.

    Reference: Kingma & Welling 2014, arXiv:1312.6114; Rezende et al. 2014,
    arXiv:1401.4082; Burda et al. 2016, arXiv:1509.00519 (k draws).

        >>> from jaxgan import chain, mlp
        >>> from jaxgan.games import vae
        >>> from jaxgan.losses import kl_to_prior, likelihoods, likeness
        >>> p = likelihoods.bernoulli()
        >>> loss = chain(likeness(p), kl_to_prior())
        >>> game = vae(mlp((2 * 4,)), mlp((8, 8, 1)), loss, 4, image=p.image)
        >>> [*game.outputs]
        ['samples', 'reconstructions']
    """
    check_parts("vae", encoder, decoder, loss)
    check_positive_int("vae: latent_size", latent_size)
    check_function("vae: image", image, "likelihoods.bernoulli().image")
    if draws is not None:
        check_positive_int("vae: draws", draws)
    prior = normal(latent_size)

    def play(call: Calls, turn: Turn) -> tuple[DrawnCoding, dict[str, Tree], dict]:
        encoder_key, decoder_key, *_ = round_keys(turn)
        condition = turn.batch.condition
        output, encoded = call["encoder"](turn.batch.real, *condition, key=encoder_key)
        posterior = as_posterior(output, latent_size)
        code = draw_codes(posterior, turn.latent)
        made, decoded = call["decoder"](
            flatten_draws(draws, code),
            *repeat_for_draws(draws, condition),
            key=decoder_key,
        )
        record = DrawnCoding.of(
            turn, posterior=posterior, code=code, decoded=split_draws(draws, made)
        )
        return record, {"encoder": encoded, "decoder": decoded}, {}

    def samples(call: Mapping[str, Callable], latent: Tree, batch: Batch, /) -> Tree:
        code = latent if draws is None else latent[:, 0]
        return image(call["decoder"](code, *batch.condition))

    def reconstructions(
        call: Mapping[str, Callable], latent: Tree, batch: Batch, /
    ) -> Tree:
        output = call["encoder"](batch.real, *batch.condition)
        code = as_posterior(output, latent_size).mean
        return image(call["decoder"](code, *batch.condition))

    return Game(
        networks={"encoder": encoder, "decoder": decoder},
        players={"coder": ("encoder", "decoder")},
        prior=prior if draws is None else several(draws, prior),
        play=play,
        loss=loss,
        outputs={"samples": samples, "reconstructions": reconstructions},
    )


def as_posterior(output: Array, latent_size: int) -> Posterior:
    """Split an encoder's output into means and logarithms of standard deviations.

    Raises:
        InputError: if it is not (b, 2 · latent_size).
    """
    shape = tuple(getattr(output, "shape", ()))
    if shape[1:] != (2 * latent_size,):
        raise InputError(
            f"the encoder makes codes of shape {shape}, unlike the prior: for "
            f"latent_size={latent_size} it must give (b, {2 * latent_size}), means and "
            "logarithms of standard deviations."
        )
    mean, log_scale = jnp.split(output, 2, axis=1)
    return Posterior(mean, log_scale)


def draw_codes(
    posterior: Posterior, noise: Float[Array, "b *k d"]
) -> Float[Array, "b *k d"]:
    """Draw codes m + s · ε of a posterior, one or k for each example."""
    mean, scale = posterior.mean, jnp.exp(posterior.log_scale)
    if noise.ndim > mean.ndim:
        mean, scale = mean[:, None], scale[:, None]
    return mean + scale * noise


def flatten_draws(draws: int | None, code: Array) -> Array:
    """Make rows (b · k, d) of codes (b, k, d)."""
    return code if draws is None else code.reshape(-1, code.shape[-1])


def repeat_for_draws(
    draws: int | None, condition: tuple[Tree, ...]
) -> tuple[Tree, ...]:
    """Repeat each example's condition for its draws."""
    if draws is None:
        return condition
    return jax.tree.map(lambda x: jnp.repeat(x, draws, axis=0), condition)


def split_draws(draws: int | None, made: Tree) -> Tree:
    """Make (b, k, …) of rows (b · k, …)."""
    if draws is None:
        return made
    return jax.tree.map(lambda x: x.reshape(-1, draws, *x.shape[1:]), made)
