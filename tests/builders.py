"""Rounds made by hand, and games small enough to compile."""

import contextlib
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import optax
import pytest
from jax.tree_util import Partial

from jaxgan import (
    Batch,
    Round,
    Score,
    alternating,
    from_linen,
    gan,
    mlp,
    non_saturating,
    priors,
)


def sample(sampler, key, shape):
    return sampler(key, shape)


def whole(batch):
    return batch


def unread(*args, **kwargs):
    raise AssertionError("a loss read what this round does not have")


def tiered(values, first):
    """Parameters of a test: `first` in the first tier, the others in the second."""
    assert {*first} <= {*values}, {*first} - {*values}
    slow = pytest.mark.slow
    return [v if v in first else pytest.param(v, marks=slow) for v in values]


@contextlib.contextmanager
def unchecked():
    """Run without the checks of annotations, as users do."""
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)


def round_of(real_logits=0.0, fake_logits=0.0, **fields: Any) -> Round:
    """A round of which only the logits are known, unless `fields` say more."""
    known = {
        "real": jnp.zeros((2, 1)),
        "fake": jnp.zeros((2, 1)),
        "latent": jnp.zeros((2, 1)),
        "condition": (),
        "weight": None,
        "fake_weight": None,
        "real_score": Score(jnp.asarray(real_logits)),
        "fake_score": Score(jnp.asarray(fake_logits)),
        "real_pullback": Partial(unread),
        "fake_pullback": Partial(unread),
        "critic": Partial(unread),
        "generate": Partial(unread),
        "params": {},
        "step": jnp.int32(0),
        "draw": Partial(sample),
        "mean": Partial(jnp.mean),
        "gather": Partial(whole),
    }
    return Round(**known | fields)


def round_with(critic, real, fake, **fields: Any) -> Round:
    """The round in which `critic`, from images to logits, judges `real` and `fake`."""
    real_logits, real_pull = jax.vjp(critic, real)
    fake_logits, fake_pull = jax.vjp(critic, fake)

    def probe(image, condition=(), train=True):
        return Score(critic(image))

    return round_of(
        real_logits,
        fake_logits,
        real=real,
        fake=fake,
        real_pullback=Partial(lambda pull, cotangent: pull(cotangent)[0], real_pull),
        fake_pullback=Partial(lambda pull, cotangent: pull(cotangent)[0], fake_pull),
        critic=Partial(probe),
        **fields,
    )


THETA = {
    "discriminator": {"w": (3, 4), "v": (4,)},
    "generator": {"g": (2, 3), "b": (3, 3)},
}


def theta(seed=0):
    """Parameters of the two small networks of `played`."""
    shapes, structure = jax.tree.flatten(THETA, lambda x: isinstance(x, tuple))
    return jax.tree.unflatten(
        structure, [random(seed + i, *shape) for i, shape in enumerate(shapes)]
    )


def played(theta, real, latent, patch=(), lift=(0.0, 0.0), **fields):
    """The round that two small smooth networks play: everything a loss may read.

    `patch` repeats each logit over a patch map, and `lift` adds to the logits: what
    the critic makes of a point x is lifted by lift[0] + lift[1] * mean(x).
    """
    d, g = theta["discriminator"], theta["generator"]

    def critic(image, condition=(), train=True):
        hidden = jnp.tanh(image @ d["w"].astype(image.dtype))
        logits = hidden @ d["v"].astype(image.dtype) / 2
        logits = logits + lift[0] + lift[1] * image.mean(axis=-1)
        logits = logits.reshape(-1, *(1,) * len(patch))
        logits = jnp.broadcast_to(logits, (len(image), *patch)).astype(image.dtype)
        classes = 3 * hidden + lift[0] * jnp.array([[1, -1, 2, 0]], image.dtype)
        classes = (classes + lift[1] * image.mean(axis=-1, keepdims=True)).astype(
            image.dtype
        )
        return Score(logits, features=(hidden, image), extra={"label": classes})

    def generate(latent, condition=(), train=True):
        hidden = jnp.tanh(latent @ g["g"].astype(latent.dtype))
        return latent @ g["g"].astype(latent.dtype) + hidden @ g["b"].astype(
            latent.dtype
        )

    def pullback(image):
        _, pull = jax.vjp(lambda x: critic(x).logits, image)
        return Partial(lambda pull, cotangent: pull(cotangent)[0], pull)

    fake = generate(latent)
    known = {
        "real": real,
        "fake": fake,
        "latent": latent,
        "real_score": critic(real),
        "fake_score": critic(fake),
        "real_pullback": pullback(real),
        "fake_pullback": pullback(fake),
        "critic": Partial(critic),
        "generate": Partial(generate),
        "params": theta,
    }
    return round_of(**known | fields)


def random(seed, *shape, scale=1.0):
    """Normal numbers, float32."""
    numbers = scale * np.random.default_rng(seed).normal(size=shape)
    return jnp.asarray(numbers, jnp.float32)


def play(loss, record, key=None, state=None):
    """Evaluate a loss: every player's payments, `{player: {term: scalar}}`."""
    key = jax.random.key(0) if key is None else key
    return loss.evaluate(record, loss.init({}) if state is None else state, key)[0]


class Normed(nn.Module):
    """A dense layer, BatchNorm and another dense layer."""

    output_shape: tuple[int, ...]
    width: int = 8

    @nn.compact
    def __call__(self, x, train=True):
        x = nn.Dense(self.width, use_bias=False)(x.reshape(len(x), -1))
        x = nn.BatchNorm(use_running_average=not train, momentum=0.9)(x)
        x = nn.Dense(int(np.prod(self.output_shape)))(jnp.tanh(x))
        return x.reshape(-1, *self.output_shape)


def small_game(loss=None, *, normed=(), width=8, latent=3, **options):
    """A game in the plane; the networks named in `normed` have BatchNorm."""

    def network(name, output_shape):
        if name in normed:
            return from_linen(Normed(output_shape, width))
        return mlp(output_shape, (width,), activation=jnp.tanh)

    return gan(
        network("generator", (2,)),
        network("discriminator", ()),
        non_saturating() if loss is None else loss,
        priors.normal(latent),
        **options,
    )


def reals(seed, n=8):
    """A batch of `n` points of the plane."""
    return Batch(random(seed, n, 2))


def batches(substeps=2, n=8, seed=0):
    """A step's batches, all different."""
    return tuple(reals(1000 * seed + i, n) for i in range(substeps))


def algorithm_of(game, optimizer=None, *, n=8, dynamics=alternating, **options):
    """The game played with one optimizer for everyone, or one for each."""
    optimizer = optimizer or optax.sgd(0.1)
    optimizers = (
        optimizer
        if isinstance(optimizer, dict)
        else {player: optimizer for player in game.players}
    )
    return dynamics(game, optimizers, reals(0, n), **options)


def bits(tree):
    """The bytes of every leaf by its path, keys included."""
    tree = jax.tree.map(
        lambda x: (
            jax.random.key_data(x)
            if jnp.issubdtype(x.dtype, jax.dtypes.prng_key)
            else x
        ),
        tree,
    )
    return {
        jax.tree_util.keystr(path): (x.dtype, x.shape, np.asarray(x).tobytes())
        for path, x in jax.tree_util.tree_leaves_with_path(tree)
    }


def assert_close(one, other, rtol=1e-6, atol=1e-6):
    """Equal trees up to rounding."""
    assert jax.tree.structure(one) == jax.tree.structure(other)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=rtol, atol=atol)
