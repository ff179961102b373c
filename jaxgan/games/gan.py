"""The two-player game: a generator against a discriminator.

One round, from real images x and latents z, both networks in train mode:

    fake = G(z, c),  real_score = D(view(x), c),  fake_score = D(view(fake), c)
"""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
from jax.tree_util import Partial
from jaxtyping import Array, Float

from jaxgan.errors import InputError, check_function
from jaxgan.games.calls import probe
from jaxgan.games.pairing import Pairing, separate
from jaxgan.games.priors import Prior
from jaxgan.games.rounds import check_count, round_keys, score_round
from jaxgan.losses.reductions import normalized_mean
from jaxgan.precision import at_least_float32
from jaxgan.types import (
    Batch,
    Calls,
    Game,
    Loss,
    Network,
    Round,
    Score,
    Tree,
    Turn,
    View,
)


def gan(
    generator: Network,
    discriminator: Network,
    loss: Loss[Round],
    prior: Prior,
    *,
    pairing: Pairing = separate,
    view: View = View(),
) -> Game[Round]:
    """Make the game of a generator and a discriminator, each owned by its own player.

    Its only output is `samples`, generated from latents and the examples' conditions.

    Args:
        generator: `apply(variables, latent, *condition)` gives images like the data.
        discriminator: `apply(variables, image, *condition)` gives a `Score`, or logits
            of shape `(b,)` or `(b, *patch)`, with or without a last axis of 1, or a
            tuple of such logits, one for each scale.
        loss: reads a `Round`.
        prior: `(key, n, condition) -> latents`.
        pairing: whether the discriminator normalizes reals and fakes in a batch each
            (`separate`) or in one common batch (`joint`); both are in `games.pairing`.
        view: transformation of the discriminator's inputs.

    Raises:
        InputError: if an argument is of another type, or, when dynamics are built on
            the game, if the generator's images or the discriminator's logits have the
            wrong shape.

    Reference: Goodfellow et al. 2014, arXiv:1406.2661; under conditions: Mirza &
    Osindero 2014, arXiv:1411.1784.

        >>> from jaxgan import gan, mlp, non_saturating, priors
        >>> game = gan(mlp((2,)), mlp(()), non_saturating(), priors.normal(16))
        >>> dict(game.players)
        {'discriminator': ('discriminator',), 'generator': ('generator',)}
    """
    for name, value, kind in (
        ("generator", generator, Network),
        ("discriminator", discriminator, Network),
        ("loss", loss, Loss),
        ("view", view, View),
    ):
        if not isinstance(value, kind):
            raise InputError(f"{name} must be a {kind.__name__}, got {value!r}.")
    check_function("prior", prior, "priors.normal(128)")
    if not callable(pairing):
        raise InputError(
            "pairing must be a function of jaxgan.games.pairing, separate or joint, "
            f"got {pairing!r}."
        )

    view = view._replace(state_owner=view.state_owner or "discriminator")

    def play(call: Calls, turn: Turn) -> tuple[Round, dict[str, Tree], dict[str, Tree]]:
        fake_key, _, _, probe_key = round_keys(turn)
        check_count(turn, turn.latent)
        condition = turn.batch.condition
        fake, generated = call["generator"](turn.latent, *condition, key=fake_key)
        record, scored, view_state = score_round(
            call["discriminator"],
            turn,
            fake,
            view=view,
            view_state=turn.view_states["discriminator"],
            pairing=pairing,
            generate=Partial(probe, call["generator"], probe_key),
        )
        stats = {"generator": generated, "discriminator": scored}
        return record, stats, {"discriminator": view_state}

    return Game(
        networks={"generator": generator, "discriminator": discriminator},
        players={"discriminator": ("discriminator",), "generator": ("generator",)},
        prior=prior,
        play=play,
        loss=loss,
        outputs={"samples": _samples},
        diagnostics=collapse,
        views={"discriminator": view},
    )


def _samples(call: Mapping[str, Callable], latent: Tree, batch: Batch, /) -> Tree:
    """Generate samples; the output of a `gan`."""
    return call["generator"](latent, *batch.condition)


def collapse(record: Round) -> dict[str, dict[str, Array]]:
    """Compute diagnostics of mode collapse: logit gap, accuracy and diversity.

    Diversity is the standard deviation of the fakes relative to that of the reals.
    """
    fake_std, real_std = (
        _batch_std(record, record.fake),
        _batch_std(record, record.real),
    )
    diversity = fake_std / jnp.maximum(real_std, 1e-12)
    real, fake = record.real_score, record.fake_score
    correct = _mean(record, real, lambda t: t > 0, record.weight)
    correct = correct + _mean(record, fake, lambda t: t < 0, record.fake_weight)
    gap = _mean(record, real, lambda t: t, record.weight)
    gap = gap - _mean(record, fake, lambda t: t, record.fake_weight)
    return {
        "discriminator": {"logit_gap": gap, "accuracy": correct / 2},
        "generator": {"diversity": diversity},
    }


def _mean(
    record: Round,
    score: Score,
    function: Callable[[Array], Array],
    weight: Array | None,
) -> Array:
    """Average a function of the logits over patches of nonzero weight and scales."""
    masked = weight is not None and weight.ndim > 1

    def mean(logits: Array) -> Array:
        values = function(logits)
        if masked:
            return normalized_mean(record, values.astype(logits.dtype), weight)
        return record.mean(values)

    means = [mean(logits) for logits in jax.tree.leaves(score.logits)]
    return jnp.stack(means).mean() if len(means) > 1 else means[0]


def _batch_std(record: Round, images: Tree) -> Float[Array, ""]:
    """Compute the standard deviation over the batch, averaged over all other axes."""

    def std(x: Array) -> Array:
        x = at_least_float32(x)
        squares = jnp.square(x - record.mean(x, axis=0)[None])
        return jnp.sqrt(record.mean(squares, axis=0)).mean()

    return jnp.stack([std(jnp.asarray(x)) for x in jax.tree.leaves(images)]).mean()
