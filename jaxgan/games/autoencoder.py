"""The autoencoder: an encoder and a decoder, one player."""

from collections.abc import Callable, Mapping

from jaxgan.errors import check_function, check_instance
from jaxgan.games.coding import Coding
from jaxgan.games.priors import Prior
from jaxgan.games.rounds import round_keys
from jaxgan.types import Batch, Calls, Game, Loss, Network, Tree, Turn


def autoencoder(
    encoder: Network, decoder: Network, loss: Loss[Coding], prior: Prior
) -> Game[Coding]:
    """Make the game of an encoder and a decoder that gives the reals again.

        code = E(x, c),  decoded = D(code, c)

    One player, "coder", owns both networks and pays the loss, such as the squared error
    of `likeness()`. With linear networks, codes span the subspace of the principal
    components. Outputs are `reconstructions` of examples and `samples`, decoded from
    random codes of the prior: since nothing asks codes to be distributed like it, they
    show why an autoencoder does not generate.

    Args:
        encoder: `apply(variables, image, *condition)` gives codes (b, d).
        decoder: `apply(variables, code, *condition)` gives images like the data.
        loss: reads a `Coding`; "coder" pays.
        prior: of the codes that `samples` are decoded from.

    Raises:
        InputError: if an argument is of another type, or, when dynamics are built on
            the game, if what is decoded is unlike the data.

    Reference: Hinton & Salakhutdinov 2006, "Reducing the dimensionality of data with
    neural networks".

        >>> from jaxgan import mlp, priors
        >>> from jaxgan.games import autoencoder
        >>> from jaxgan.losses import likeness
        >>> game = autoencoder(mlp((2,)), mlp((8, 8, 1)), likeness(), priors.normal(2))
        >>> dict(game.players), [*game.outputs]
        ({'coder': ('encoder', 'decoder')}, ['samples', 'reconstructions'])
    """
    check_parts("autoencoder", encoder, decoder, loss)
    check_function("autoencoder: prior", prior, "priors.normal(32)")

    def play(call: Calls, turn: Turn) -> tuple[Coding, dict[str, Tree], dict]:
        encoder_key, decoder_key, *_ = round_keys(turn)
        condition = turn.batch.condition
        code, encoded = call["encoder"](turn.batch.real, *condition, key=encoder_key)
        made, decoded = call["decoder"](code, *condition, key=decoder_key)
        record = Coding.of(turn, code=code, decoded=made)
        return record, {"encoder": encoded, "decoder": decoded}, {}

    return Game(
        networks={"encoder": encoder, "decoder": decoder},
        players={"coder": ("encoder", "decoder")},
        prior=prior,
        play=play,
        loss=loss,
        outputs=OUTPUTS,
    )


def samples(call: Mapping[str, Callable], latent: Tree, batch: Batch, /) -> Tree:
    """Decode codes that are drawn from the prior."""
    return call["decoder"](latent, *batch.condition)


def reconstructions(
    call: Mapping[str, Callable], latent: Tree, batch: Batch, /
) -> Tree:
    """Decode the codes of examples."""
    code = call["encoder"](batch.real, *batch.condition)
    return call["decoder"](code, *batch.condition)


OUTPUTS = {"samples": samples, "reconstructions": reconstructions}
"""Outputs of a game whose encoder gives codes and whose decoder takes them."""


def check_parts(name: str, encoder: Network, decoder: Network, loss: Loss) -> None:
    """Check the networks and the loss of a game of codes.

    Raises:
        InputError: if one is of another type.
    """
    check_instance(f"{name}: encoder", encoder, Network, "mlp((32,))")
    check_instance(f"{name}: decoder", decoder, Network, "mlp((28, 28, 1))")
    check_instance(f"{name}: loss", loss, Loss, "likeness()")
