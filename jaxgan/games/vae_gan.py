"""The VAE-GAN: a variational autoencoder whose likeness is a discriminator's."""

import dataclasses
from collections.abc import Callable, Mapping

import jax

from jaxgan.errors import check_instance, check_positive_int
from jaxgan.games.priors import normal, together
from jaxgan.games.rounds import score_round
from jaxgan.games.vae import as_posterior, draw_codes
from jaxgan.losses.evidence import Posterior
from jaxgan.types import (
    Batch,
    Calls,
    Game,
    Loss,
    Network,
    Record,
    Round,
    Tree,
    Turn,
    View,
)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class CodedRound(Record):
    """The record of a round of a VAE-GAN.

    posterior: q(z | x) of each real.
    decoded:   the round of reals, and of images generated from codes z ~ q(z | x).
    sampled:   the round of reals, and of images generated from codes z ~ N(0, I).
    """

    posterior: Posterior
    decoded: Round
    sampled: Round


def vae_gan(
    encoder: Network,
    generator: Network,
    discriminator: Network,
    loss: Loss[CodedRound],
    latent_size: int,
    *,
    view: View = View(),
) -> Game[CodedRound]:
    """Make the game of an encoder, a generator that decodes, and a discriminator.

        (m, log s) = E(x, c),  z = m + s · ε,  ε ~ N(0, I)
        decoded: the round of x and G(z, c),  sampled: the round of x and G(z₀, c)

    Three players own a network each, of their own names. In the paper

        encoder        pays KL + L,   L = ½ |D_l(x) - D_l(G(z))|², features of a layer l
        generator      pays γ L - (log D(x) + log(1 - D(G(z))) + log(1 - D(G(z₀))))
        discriminator  pays -log D(x) - log(1 - D(G(z))) - log(1 - D(G(z₀)))

    so neither does the encoder learn to deceive, nor the discriminator to see
    likeness: each term names who pays it. `minimax` on both rounds makes these, with
    log D(x) twice; `non_saturating` has better gradients. Outputs are `samples` and
    `reconstructions`, generated from the means of examples.

    Args:
        encoder: `apply(variables, image, *condition)` gives means and logarithms of
            standard deviations, (b, 2 · latent_size).
        generator: `apply(variables, code, *condition)` gives images like the data; the
            paper's decoder.
        discriminator: as in `gan`, with features.
        loss: reads a `CodedRound`.
        latent_size: d, the size of a code.
        view: transformation of the discriminator's inputs.

    Raises:
        InputError: if an argument is of another type, or, when dynamics are built on
            the game, if the encoder's output has another size.

    Reference: Larsen et al. 2016, arXiv:1512.09300, algorithm 1.

        >>> from jaxgan import chain, focus, mlp, non_saturating
        >>> from jaxgan.games import vae_gan
        >>> from jaxgan.losses import features_of, kl_to_prior, likeness
        >>> adversarial = non_saturating()
        >>> loss = chain(
        ...     focus(adversarial, on="decoded"),
        ...     focus(adversarial, on="sampled"),
        ...     kl_to_prior(player="encoder"),
        ...     likeness(
        ...         of=features_of(lambda record: record.decoded),
        ...         weights={"encoder": 1.0, "generator": 0.1},
        ...     ),
        ... )
        >>> discriminator = mlp((), (32,), features=True)
        >>> networks = mlp((2 * 4,)), mlp((8, 8, 1)), discriminator
        >>> sorted(vae_gan(*networks, loss, latent_size=4).players)
        ['discriminator', 'encoder', 'generator']
    """
    for name, value, kind, example in (
        ("encoder", encoder, Network, "mlp((64,))"),
        ("generator", generator, Network, "mlp((28, 28, 1))"),
        ("discriminator", discriminator, Network, "mlp((), features=True)"),
        ("loss", loss, Loss, 'focus(non_saturating(), on="sampled")'),
        ("view", view, View, "View()"),
    ):
        check_instance(f"vae_gan: {name}", value, kind, example)
    check_positive_int("vae_gan: latent_size", latent_size)
    view = view._replace(state_owner=view.state_owner or "discriminator")

    def play(call: Calls, turn: Turn) -> tuple[CodedRound, dict[str, Tree], dict]:
        keys = jax.random.split(turn.key, 5)
        real, condition, _ = turn.batch
        output, encoded = call["encoder"](real, *condition, key=keys[0])
        posterior = as_posterior(output, latent_size)
        stats: dict[str, Tree] = {"generator": None, "discriminator": None}
        state = turn.view_states["discriminator"]
        rounds = []
        for code, key, round_key in (
            (draw_codes(posterior, turn.latent["noise"]), keys[1], keys[2]),
            (turn.latent["code"], keys[3], keys[4]),
        ):
            fake, stats["generator"] = call["generator"](
                code, *condition, stats=stats["generator"], key=key
            )
            scored, stats["discriminator"], state = score_round(
                call["discriminator"],
                turn._replace(key=round_key),
                fake,
                view=view,
                view_state=state,
                stats=stats["discriminator"],
            )
            rounds.append(scored)
        decoded, sampled = rounds
        record = CodedRound.of(
            turn, posterior=posterior, decoded=decoded, sampled=sampled
        )
        return record, stats | {"encoder": encoded}, {"discriminator": state}

    def reconstructions(
        call: Mapping[str, Callable], latent: Tree, batch: Batch, /
    ) -> Tree:
        output = call["encoder"](batch.real, *batch.condition)
        code = as_posterior(output, latent_size).mean
        return call["generator"](code, *batch.condition)

    def samples(call: Mapping[str, Callable], latent: Tree, batch: Batch, /) -> Tree:
        return call["generator"](latent["code"], *batch.condition)

    names = ("encoder", "generator", "discriminator")
    return Game(
        networks=dict(zip(names, (encoder, generator, discriminator), strict=True)),
        players={name: (name,) for name in names},
        prior=together(code=normal(latent_size), noise=normal(latent_size)),
        play=play,
        loss=loss,
        outputs={"samples": samples, "reconstructions": reconstructions},
        views={"discriminator": view},
    )
