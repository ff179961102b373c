"""The two-player game: a generator against a discriminator.

One round, from real images x and latents z, both networks in train mode:

    fake = G(z),  real_score = D(view(x)),  fake_score = D(view(fake))
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax.tree_util import Partial
from jaxtyping import Array, Float

from jaxgan.errors import InputError
from jaxgan.games.pairing import Pairing, jointly, separately
from jaxgan.games.priors import Prior
from jaxgan.precision import wide
from jaxgan.types import (
    Batch,
    Game,
    Loss,
    Network,
    Round,
    Score,
    Tree,
    Turn,
    Variables,
    View,
)


def gan(
    generator: Network,
    discriminator: Network,
    loss: Loss,
    prior: Prior,
    *,
    pairing: Pairing = "separate",
    view: View = View(),
) -> Game:
    """A generator and a discriminator, each owned by the player of its name.

    Args:
        generator: `apply(variables, latent, *condition)` gives images like the data.
        discriminator: `apply(variables, image, *condition)` gives a `Score`, or logits
            `(b,)`, `(b, 1)`, `(b, h, w)` or `(b, h, w, 1)`.
        loss: reads a `Round`.
        prior: `(key, n, condition) -> latents`.
        pairing: whether the discriminator normalises reals and fakes in one batch
            each (`"separate"`) or in one together (`"joint"`); see `games.pairing`.
        view: what the discriminator is shown.

    Raises:
        InputError: if `pairing` is neither of the two or an argument is of another
            type, or, when dynamics are built on the game, if the generator's images or
            the discriminator's logits have the wrong shape.

    Reference: Goodfellow et al. 2014, arXiv:1406.2661.

        >>> from jaxgan import gan, mlp, non_saturating, priors
        >>> game = gan(mlp((2,)), mlp(()), non_saturating(), priors.normal(16))
        >>> dict(game.players)
        {'generator': ('generator',), 'discriminator': ('discriminator',)}
    """
    if pairing not in ("separate", "joint"):
        raise InputError(f'pairing must be "separate" or "joint", got {pairing!r}.')
    for name, value, kind in (
        ("generator", generator, Network),
        ("discriminator", discriminator, Network),
        ("loss", loss, Loss),
    ):
        if not isinstance(value, kind):
            raise InputError(f"{name} must be a {kind.__name__}, got {value!r}.")
    meet = separately if pairing == "separate" else jointly

    def inputs(batch: Batch, latent: Tree) -> dict[str, tuple[Tree, ...]]:
        image = view.group(batch.real)
        image = view.show(view.init(image), jax.random.key(0), image, jnp.int32(0))
        return {
            "generator": (latent, *batch.condition),
            "discriminator": (image, *batch.condition),
        }

    def generate(
        variables: Variables,
        key: Array,
        latent: Tree,
        condition: tuple[Tree, ...] = (),
        train: bool = True,
    ) -> tuple[Tree, Tree]:
        return generator.apply(variables, latent, *condition, key=key, train=train)

    def judge(
        variables: Variables,
        shown: tuple[Tree, Array],
        key: Array,
        image: Tree,
        condition: tuple[Tree, ...] = (),
        train: bool = True,
    ) -> tuple[Score, Tree]:
        view_state, step = shown
        show_key, key = jax.random.split(key)
        image = view.show(view_state, show_key, image, step)
        output, stats = discriminator.apply(
            variables, image, *condition, key=key, train=train
        )
        score = as_score(output)
        _check_logits(score.logits, image)
        return score, stats

    def play(
        variables: Mapping[str, Variables], turn: Turn
    ) -> tuple[Round, dict[str, Tree], Tree]:
        batch, condition = turn.batch, turn.batch.condition
        g, d = variables["generator"], variables["discriminator"]
        fake_key, pool_key, pair_key, probe_key = jax.random.split(turn.key, 4)

        _check_count(batch, turn.latent)
        fake, g_stats = generate(g, fake_key, turn.latent, condition)
        _check_alike(batch, fake)
        fake, view_state = view.pool(turn.view, fake, pool_key, turn.player)
        real, fake = view.group(batch.real), view.group(fake)

        shown = (view_state, turn.step)
        judged_real, judged_fake, d_stats = meet(
            lambda stats, *of: judge(d._replace(stats=stats), shown, *of),
            d.stats,
            pair_key,
            real,
            fake,
            condition,
        )
        record = Round(
            real=real,
            fake=fake,
            latent=turn.latent,
            condition=condition,
            weight=batch.weight,
            fake_weight=None,
            real_score=judged_real.score,
            fake_score=judged_fake.score,
            real_pullback=judged_real.pullback,
            fake_pullback=judged_fake.pullback,
            critic=Partial(_output_of(judge), d, shown, probe_key),
            generate=Partial(_output_of(generate), g, probe_key),
            params=turn.params,
            step=turn.step,
            draw=turn.draw,
            mean=turn.mean,
            gather=turn.gather,
        )
        return record, {"generator": g_stats, "discriminator": d_stats}, view_state

    return Game(
        networks={"generator": generator, "discriminator": discriminator},
        players={"generator": ("generator",), "discriminator": ("discriminator",)},
        inputs=inputs,
        prior=prior,
        play=play,
        loss=loss,
        observe=_observe,
        view=view,
    )


def as_score(output: Score | Array) -> Score:
    """A discriminator's output as a `Score` with logits of at least float32.

    A last axis of one channel is dropped from the logits.
    """
    score = output if isinstance(output, Score) else Score(output)
    logits = score.logits
    if logits.ndim > 1 and logits.shape[-1] == 1:
        logits = logits[..., 0]
    return score._replace(logits=wide(logits))


def _check_logits(logits: Array, image: Tree) -> None:
    count = jax.tree.leaves(image)[0].shape[0]
    if logits.ndim not in (1, 3) or logits.shape[0] != count:
        raise InputError(
            f"the discriminator makes logits of shape {logits.shape} from {count} "
            f"images; they must be ({count},), or ({count}, h, w) for patches."
        )


def _output_of(function: Any) -> Any:
    """A probe: the statistics after the call are dropped."""
    return lambda *args, **kwargs: function(*args, **kwargs)[0]


def _check_alike(batch: Batch, fake: Tree) -> None:
    made, wanted = (
        jax.tree.map(lambda x: x.shape[1:], images) for images in (fake, batch.real)
    )
    if made != wanted:
        raise InputError(
            f"the generator makes examples of shape {made}, but the data's are "
            f"{wanted}: give both the same shape."
        )


def _check_count(batch: Batch, latent: Tree) -> None:
    sizes = {x.shape[0] for x in jax.tree.leaves((batch.real, latent))}
    if batch.condition and len(sizes) > 1:
        raise InputError(
            "fakes: a condition belongs to one real and one fake, so a conditional "
            f"game needs as many fakes as reals, got batches of {sorted(sizes)}."
        )


def _observe(record: Round) -> dict[str, dict[str, Array]]:
    """Collapse in numbers: who is winning, and how varied the fakes are."""
    real, fake = record.real_score.logits, record.fake_score.logits
    return {
        "discriminator": {
            "logit_gap": record.mean(real) - record.mean(fake),
            "accuracy": (record.mean(real > 0) + record.mean(fake < 0)) / 2,
        },
        "generator": {
            "diversity": _spread(record.fake) / jnp.maximum(_spread(record.real), 1e-12)
        },
    }


def _spread(images: Tree) -> Float[Array, ""]:
    """The standard deviation over the batch, averaged over all else."""
    return jnp.stack([x.std(axis=0).mean() for x in jax.tree.leaves(images)]).mean()
