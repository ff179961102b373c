"""Games that are no `gan`, tiny: what every part of the library must take alike.

Each is a constructor as it would stand in `jaxgan/games/`, on the same few pieces: its
record, its play, its outputs.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import (
    Batch,
    Game,
    Record,
    Round,
    Score,
    View,
    chain,
    focus,
    from_linen,
    gan,
    least_squares,
    mlp,
    non_saturating,
    priors,
    r1,
    score_round,
)
from jaxgan.losses import auxiliary_classifier, stateless
from jaxgan.networks import headed, labeled, projection
from jaxgan.views.replayed import replayed
from tests.builders import Normed


def record(cls):
    return jax.tree_util.register_dataclass(dataclasses.dataclass(frozen=True)(cls))


def difference(name, pair, weights, error=jnp.abs):
    """Each player pays its weight times E error(a - b), (a, b) = pair(record)."""

    def evaluate(record, key):
        one, other = pair(record)
        paid = record.mean(error(one - other))
        return {player: weight * paid for player, weight in weights.items()}

    return stateless(evaluate, name=name)


def kl(weights):
    """Each player pays its weight times KL(posterior ‖ N(0, I))."""

    def evaluate(record, key):
        mean, log_scale = record.posterior
        square = jnp.square(mean) + jnp.exp(2 * log_scale) - 1 - 2 * log_scale
        paid = record.mean(square.sum(axis=-1)) / 2
        return {player: weight * paid for player, weight in weights.items()}

    return stateless(evaluate, name="kl")


def gaussian(network):
    """A network whose output is a mean and the logarithm of a scale."""

    def apply(variables, *inputs, **mode):
        output, stats = network.apply(variables, *inputs, **mode)
        return tuple(jnp.split(output, 2, axis=-1)), stats

    return network._replace(apply=apply)


@record
class Coding(Record):
    posterior: Any  # mean and logarithm of the scale
    again: Any  # the reals, decoded


def vae(encoder, decoder, loss, prior):
    """One player. The latent is the noise of the code: z = m(x) + s(x) · latent."""

    def play(call, turn):
        encoder_key, decoder_key = jax.random.split(turn.key)
        real, given = turn.batch.real, turn.batch.condition
        posterior, encoded = call["encoder"](real, *given, key=encoder_key)
        code = posterior[0] + jnp.exp(posterior[1]) * turn.latent
        again, decoded = call["decoder"](code, *given, key=decoder_key)
        made = Coding.of(turn, posterior=posterior, again=again)
        return made, {"encoder": encoded, "decoder": decoded}, {}

    def reconstructions(call, latent, batch):
        mean, _ = call["encoder"](batch.real, *batch.condition)
        return call["decoder"](mean, *batch.condition)

    return Game(
        networks={"encoder": encoder, "decoder": decoder},
        players={"coder": ("encoder", "decoder")},
        prior=prior,
        play=play,
        loss=loss,
        outputs={
            "samples": lambda call, z, batch: call["decoder"](z, *batch.condition),
            "reconstructions": reconstructions,
        },
    )


@record
class Seen(Coding):
    seen: Any  # what a frozen network sees in the reals and in the decoded ones


def perceptual_vae(encoder, decoder, seer, loss, prior):
    """The same, with a frozen network that looks at both."""
    plain = vae(encoder, decoder, loss, prior)

    def play(call, turn):
        made, stats, views = plain.play(call, turn)
        seen = tuple(call["seer"](x)[0] for x in (made.real, made.again))
        return Seen(**vars(made), seen=seen), stats, views

    networks = plain.networks | {"seer": seer}
    return plain._replace(networks=networks, frozen=("seer",), play=play)


@record
class Coded(Record):
    posterior: Any
    sampled: Round  # fakes of the prior's codes
    coded: Round  # fakes of the reals' codes


def vae_gan(encoder, generator, discriminator, loss, prior):
    """Three players; one discriminator scores two kinds of fakes."""

    def play(call, turn):
        keys = jax.random.split(turn.key, 5)
        judge, view = call["discriminator"], {}
        posterior, e = call["encoder"](turn.batch.real, key=keys[0])
        fake, g = call["generator"](turn.latent["code"], key=keys[1])
        code = posterior[0] + jnp.exp(posterior[1]) * turn.latent["noise"]
        again, g = call["generator"](code, stats=g, key=keys[2])
        sampled, d, _ = score_round(judge, turn._replace(key=keys[3]), fake)
        coded, d, _ = score_round(judge, turn._replace(key=keys[4]), again, stats=d)
        made = Coded.of(turn, posterior=posterior, sampled=sampled, coded=coded)
        return made, {"encoder": e, "generator": g, "discriminator": d}, view

    def reconstructions(call, latent, batch):
        return call["generator"](call["encoder"](batch.real)[0])

    names = ("encoder", "discriminator", "generator")
    return Game(
        networks=dict(zip(names, (encoder, discriminator, generator), strict=True)),
        players={name: (name,) for name in names},
        prior=priors.together(code=prior, noise=prior),
        play=play,
        loss=loss,
        outputs={
            "samples": lambda call, latent, batch: call["generator"](latent["code"]),
            "reconstructions": reconstructions,
        },
    )


@record
class Cycle(Record):
    forth: Round  # x -> y; its reals are y
    back: Round  # y -> x
    again: Any  # (x, y) there and back


def cycle_gan(forth, back, judge_x, judge_y, loss, view=View()):
    """Two players with two networks each; each judge has a view of its own."""

    def play(call, turn):
        x, y = turn.batch.real
        keys = jax.random.split(turn.key, 6)
        fake_y, f = call["forth"](x, key=keys[0])
        fake_x, b = call["back"](y, key=keys[1])
        again_x, b = call["back"](fake_y, stats=b, key=keys[2])
        again_y, f = call["forth"](fake_x, stats=f, key=keys[3])

        def judged(name, real, fake, key):
            own = turn._replace(batch=turn.batch._replace(real=real), key=key)
            state = turn.view_states[name]
            return score_round(call[name], own, fake, view=view, view_state=state)

        there, d_y, view_y = judged("judge_y", y, fake_y, keys[4])
        home, d_x, view_x = judged("judge_x", x, fake_x, keys[5])
        made = Cycle.of(turn, forth=there, back=home, again=(again_x, again_y))
        stats = {"forth": f, "back": b, "judge_x": d_x, "judge_y": d_y}
        return made, stats, {"judge_x": view_x, "judge_y": view_y}

    def of_side(side):
        return view._replace(
            init=lambda reals: view.init(reals[side]), state_owner="discriminator"
        )

    return Game(
        networks={
            **{"forth": forth, "back": back},
            **{"judge_x": judge_x, "judge_y": judge_y},
        },
        players={
            "discriminator": ("judge_x", "judge_y"),
            "generator": ("forth", "back"),
        },
        prior=priors.nothing(),
        play=play,
        loss=loss,
        outputs={
            "forth": lambda call, latent, batch: call["forth"](batch.real[0]),
            "back": lambda call, latent, batch: call["back"](batch.real[1]),
        },
        views={"judge_x": of_side(0), "judge_y": of_side(1)},
    )


class Crowd(nn.Module):
    """Features of persons in the plane, of those present alone."""

    @nn.compact
    def __call__(self, x, past, present):
        here = present[..., None]
        inputs = jnp.where(here, jnp.concatenate([x, past], axis=-1), 0)
        hidden = jnp.where(here, jnp.tanh(nn.Dense(6)(inputs)), 0)
        count = here.sum(axis=1, keepdims=True).astype(hidden.dtype)
        mean = hidden.sum(axis=1, keepdims=True) / count
        mean = jnp.broadcast_to(mean, hidden.shape)
        return jnp.concatenate([hidden, mean], axis=-1)


class Walkers(nn.Module):
    """A network that moves each person, from latents (b, p, 2)."""

    @nn.compact
    def __call__(self, latent, past, present):
        return past + nn.Dense(2)(Crowd()(latent, past, present))


class Watcher(nn.Module):
    """A logit for each person."""

    @nn.compact
    def __call__(self, future, past, present):
        features = Crowd()(future, past, present)
        return Score(nn.Dense(1)(features), features=(features,))


def crowd_gan(loss, prior=None):
    """A conditional GAN of crowds of which some places are empty."""
    prior = priors.several(PERSONS, priors.normal(2)) if prior is None else prior
    return gan(from_linen(Walkers()), from_linen(Watcher()), loss, prior)


SIDE, PERSONS, LABELS = 4, 3, 4


def images(n, seed=0):
    return np.tanh(np.random.default_rng(seed).normal(size=(n, SIDE, SIDE, 1))).astype(
        "f4"
    )


def crowds(n, seed=0, rubbish=0.0):
    """Crowds in which the first person is always there; rubbish fills empty places."""
    rng = np.random.default_rng(seed)
    past, future = rng.normal(size=(2, n, PERSONS, 2)).astype("f4")
    present = rng.uniform(size=(n, PERSONS)) < 0.6
    present[:, 0] = True
    weight = present.astype("f4")
    past, future = (
        np.where(present[..., None], x, np.float32(rubbish)) for x in (past, future)
    )
    return Batch(future, (past, present), weight)


class Exhibit(NamedTuple):
    """A game and examples for it."""

    game: Callable[..., Game]  # `(gamma=0.1) -> game`
    examples: Callable[[int, int], Batch]  # `(n, seed) -> batch`
    pools: bool = False  # it keeps fakes, so only alternating moves play it


def _small(*shape):
    return mlp(shape, (6,), activation=jnp.tanh)


def _vae(gamma=0.1):
    loss = kl({"coder": gamma}) + difference(
        "l2", lambda r: (r.real, r.again), {"coder": 1.0}, jnp.square
    )
    prior = priors.normal(2)
    return vae(gaussian(_small(4)), _small(SIDE, SIDE, 1), loss, prior)


def _perceptual_vae(gamma=0.1):
    loss = kl({"coder": gamma}) + difference(
        "seen", lambda r: r.seen, {"coder": 1.0}, jnp.square
    )
    networks = gaussian(_small(4)), _small(SIDE, SIDE, 1), from_linen(Normed((3,), 4))
    return perceptual_vae(*networks, loss, priors.normal(2))


def _vae_gan(gamma=0.1):
    adversarial = non_saturating() + r1(gamma)
    loss = chain(
        focus(adversarial, on="sampled"),
        focus(adversarial, on="coded"),
        kl({"encoder": 0.1}),
        difference(
            "l2",
            lambda r: (r.real, r.coded.fake),
            {"encoder": 1.0, "generator": 0.5},
            jnp.square,
        ),
    )
    networks = (gaussian(_small(4)), _small(SIDE, SIDE, 1), _small())
    return vae_gan(*networks, loss, priors.normal(2))


def _cycle_gan(gamma=0.1, view=View()):
    adversarial = least_squares() + r1(gamma)
    loss = chain(
        focus(adversarial, on="forth"),
        focus(adversarial, on="back"),
        difference("round_trip", lambda r: (r.real[0], r.again[0]), {"generator": 1.0}),
    )
    sides = (_small(SIDE, SIDE, 1), _small(SIDE, SIDE, 1))
    return cycle_gan(*sides, _small(), _small(), loss, view)


def _labeled(gamma=0.1):
    generator, discriminator = labeled(_small(SIDE, SIDE, 1), LABELS), _small()
    loss = non_saturating() + r1(gamma)
    return gan(generator, labeled(discriminator, LABELS), loss, priors.normal(2))


def _classified(gamma=0.1):
    """A conditional GAN of embeddings, a projection and a classifier."""
    generator = labeled(_small(SIDE, SIDE, 1), LABELS, embedding=3)
    trunk = mlp((), (6,), activation=jnp.tanh, features=True)
    discriminator = projection(headed(trunk, label=mlp((LABELS,), ())), LABELS)
    loss = non_saturating() + r1(gamma) + auxiliary_classifier(0.5)
    return gan(generator, discriminator, loss, priors.normal(2))


def _with_labels(n, seed):
    labels = np.random.default_rng(seed).integers(LABELS, size=n).astype("i4")
    return Batch(images(n, seed), (labels,))


ZOO = {
    "labeled": Exhibit(_labeled, _with_labels),
    "classified": Exhibit(_classified, _with_labels),
    "vae": Exhibit(_vae, lambda n, seed: Batch(images(n, seed))),
    "perceptual_vae": Exhibit(_perceptual_vae, lambda n, seed: Batch(images(n, seed))),
    "vae_gan": Exhibit(_vae_gan, lambda n, seed: Batch(images(n, seed))),
    "cycle_gan": Exhibit(
        _cycle_gan,
        lambda n, seed: Batch((images(n, seed), -images(n, seed + 1000))),
    ),
    "cycle_gan_with_pool": Exhibit(
        lambda gamma=0.1: _cycle_gan(gamma, replayed(5)),
        lambda n, seed: Batch((images(n, seed), -images(n, seed + 1000))),
        pools=True,
    ),
    "crowd_gan": Exhibit(
        lambda gamma=0.1: crowd_gan(non_saturating() + r1(gamma)), crowds
    ),
}
