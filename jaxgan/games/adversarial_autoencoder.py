"""The adversarial autoencoder: a discriminator makes codes distributed like a prior."""

import dataclasses

import jax

from jaxgan.errors import InputError, check_function, check_instance
from jaxgan.games.autoencoder import OUTPUTS, check_parts
from jaxgan.games.coding import Coding
from jaxgan.games.priors import Prior
from jaxgan.games.rounds import round_keys, score_round
from jaxgan.types import Batch, Calls, Game, Loss, Network, Round, Tree, Turn


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class AdversarialCoding(Coding):
    """The record of a round of an adversarial autoencoder.

    codes: the discriminator's round, whose reals are draws from the prior, and whose
           fakes are the codes.
    """

    codes: Round


def adversarial_autoencoder(
    encoder: Network,
    decoder: Network,
    discriminator: Network,
    loss: Loss[AdversarialCoding],
    prior: Prior,
) -> Game[AdversarialCoding]:
    """Make the game of an autoencoder whose codes a discriminator tells from a prior.

        code = E(x, c),  decoded = D(code, c)
        codes: the round of draws z ~ p as reals, and of codes as fakes

    "coder" owns encoder and decoder, and is the generator of codes: it pays

        likeness()                                              for the decoding
        rename(focus(non_saturating(), on="codes"), names=…)    for the codes

    where `names={"generator": "coder"}`; "discriminator" pays the other side. (In the
    paper each pays in a move of its own; here a move of the coder pays the sum.)
    Outputs are `samples`, decoded from the prior, and `reconstructions`. Any prior will
    do, since only draws are needed: `priors.mixture`, `priors.swiss_roll`.

    Args:
        encoder: `apply(variables, image, *condition)` gives codes (b, d).
        decoder: `apply(variables, code, *condition)` gives images like the data.
        discriminator: `apply(variables, code, *condition)` gives logits, as in `gan`.
        loss: reads an `AdversarialCoding`.
        prior: of the codes.

    Raises:
        InputError: if an argument is of another type, or, when dynamics are built on
            the game, if codes are unlike the prior's draws or what is decoded is unlike
            the data.

    Reference: Makhzani et al. 2015, arXiv:1511.05644.

        >>> from jaxgan import chain, focus, mlp, non_saturating, priors, rename
        >>> from jaxgan.games import adversarial_autoencoder
        >>> from jaxgan.losses import likeness
        >>> of_codes = rename(
        ...     focus(non_saturating(), on="codes"), names={"generator": "coder"}
        ... )
        >>> networks = mlp((2,)), mlp((8, 8, 1)), mlp(())
        >>> loss = chain(likeness(), of_codes)
        >>> game = adversarial_autoencoder(*networks, loss, priors.normal(2))
        >>> sorted(game.players)
        ['coder', 'discriminator']
    """
    name = "adversarial_autoencoder"
    check_parts(name, encoder, decoder, loss)
    check_instance(f"{name}: discriminator", discriminator, Network, "mlp(())")
    check_function(f"{name}: prior", prior, "priors.normal(2)")

    def play(
        call: Calls, turn: Turn
    ) -> tuple[AdversarialCoding, dict[str, Tree], dict]:
        encoder_key, decoder_key, round_key, _ = round_keys(turn)
        real, condition, weight = turn.batch
        code, encoded = call["encoder"](real, *condition, key=encoder_key)
        made, decoded = call["decoder"](code, *condition, key=decoder_key)
        _check_codes(code, turn.latent)
        drawn = Batch(turn.latent, condition, weight if condition else None)
        codes, judged, _ = score_round(
            call["discriminator"], turn._replace(batch=drawn, key=round_key), code
        )
        codes = dataclasses.replace(codes, fake_weight=weight)  # of reals, not of draws
        record = AdversarialCoding.of(turn, code=code, decoded=made, codes=codes)
        stats = {"encoder": encoded, "decoder": decoded, "discriminator": judged}
        return record, stats, {}

    return Game(
        networks={
            "encoder": encoder,
            "decoder": decoder,
            "discriminator": discriminator,
        },
        players={
            "discriminator": ("discriminator",),
            "coder": ("encoder", "decoder"),
        },
        prior=prior,
        play=play,
        loss=loss,
        outputs=OUTPUTS,
    )


def _check_codes(code: Tree, drawn: Tree) -> None:
    """Check that codes have the shape of the prior's draws.

    Raises:
        InputError: if not.
    """
    shapes = [jax.tree.map(lambda x: x.shape[1:], tree) for tree in (code, drawn)]
    if shapes[0] != shapes[1]:
        raise InputError(
            f"the encoder makes codes of shape {shapes[0]}, unlike the prior, whose "
            f"draws have {shapes[1]}; give both the same size."
        )
