"""Factories of losses, networks, games, dynamics and algorithms refuse bad input.

A public function or an argument without a kind of values below fails the test.
"""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from jaxgan import View, algorithms, dynamics, games, losses, penalties, views
from jaxgan.games import priors
from jaxgan.types import Variables
from tests.builders import small_game
from tests.fuzz.kinds import (
    COUNT,
    COUNT_OR_0,
    DECAY,
    EXAMPLE,
    FINITE,
    FLAG,
    FRACTION,
    FUNCTION,
    GAME,
    INF,
    NAME,
    NAN,
    NETWORK,
    NON_NEGATIVE,
    NUMBERS,
    OPTIONAL_COUNT,
    POSITIVE,
    SEED,
    Kind,
    faults,
    public,
)

ROOMS = (
    "losses",
    "losses.divergences",
    "losses.likelihoods",
    "penalties",
    "optimizers",
    "views",
    "networks",
    "games.priors",
    "dynamics",
    "algorithms",
    "games",
)

LOSS = Kind([losses.hinge()], [None, "hinge", 1.0, losses.hinge, [losses.hinge()]])
SCHEDULE_FRACTION = Kind(
    [0.5, 1.0, jnp.float32(0.5), optax.constant_schedule(0.5)],
    [*FRACTION.invalid, 0.0],
)
SCHEDULE_WEIGHT = Kind(
    [*NON_NEGATIVE.valid, optax.constant_schedule(1.0)], NON_NEGATIVE.invalid
)
SIZE = Kind([8, 1, np.int64(3)], COUNT.invalid)
SCALES = Kind(
    [(1.0, 2.0), (1e-3,), [1.0]],
    [None, "wide", 1.0, (), (0.0,), (-1.0,), (NAN,), (INF,), ("wide",), (None,)],
)
TARGETS = Kind(
    [
        losses.Targets(),
        losses.Targets(0.9, 0.1),
        losses.Targets(losses.uniform_targets(0.5, 1.0)),
    ],
    [
        None,
        1.0,
        (1.0, 0.0),
        "soft",
        losses.Targets,
    ],
)
SHAPE = Kind(
    [(2,), (), (4, 4, 1)],
    [None, "wide", 1.0, (0,), (-1,), (1.5,), (NAN,), ("wide",), 3],
)
IMAGE_SHAPE = Kind(
    [(32, 32, 3), (32, 32, 1)],
    [
        None,
        "wide",
        32,
        (),
        (32, 32),
        (32, 16, 3),
        (0, 0, 3),
        (31, 31, 3),
        (32, 32, 0),
        (NAN, NAN, 3),
        (32.0, 32.0, 3),
    ],
)
ANY_IMAGE_SHAPE = Kind(
    [(28, 28, 1), (32, 16, 3)],
    [shape for shape in IMAGE_SHAPE.invalid if shape != (32, 16, 3)],
)
BASE = Kind([4], [None, "four", NAN, 0, -1, 1.5, 3, (4,)])
VIEW = Kind([View(), views.replayed()], [None, "view", 1.0, View, ()])
PRIOR = Kind([priors.normal(2), priors.nothing()], [None, "normal", 1.0, ()])
OPTIMIZERS = Kind(
    [{"generator": optax.sgd(0.1), "discriminator": optax.sgd(0.1)}],
    [
        None,
        "adam",
        1.0,
        optax.sgd(0.1),
        {},
        {"generator": optax.sgd(0.1)},
        {"generator": optax.sgd(0.1), "discriminator": None},
    ],
)
ORDER = Kind(
    [None, ("generator", "discriminator")], ["generator", 1.0, (None,), ("critic",), ()]
)
SIZES = Kind(
    [None, {"generator": 4}],
    ["many", 1.0, {"critic": 4}, {"generator": 0}, {"generator": NAN}],
)


def build(hypers):
    """A member of a population."""
    game = small_game(losses.chain(losses.minimax(), penalties.r1(hypers["gamma"])))
    return dynamics.simultaneous(game, OPTIMIZERS.valid[0], EXAMPLE.valid[0])


HYPERS = {"gamma": jnp.array([0.1, 1.0])}
DEVICES = Kind(
    [None, jax.devices()[:1], tuple(jax.devices()[:2])],
    [
        *("cpu", 1.0, (), [], (None,), ("cpu",), jax.devices()[0], object()),
        [jax.devices()[0]] * 2,
    ],
)

KINDS = {
    # by the argument's name
    "weight": NON_NEGATIVE,
    "gamma": NON_NEGATIVE,
    "target": NON_NEGATIVE,
    "scale": NON_NEGATIVE,
    "noise": NON_NEGATIVE,
    "real_weight": NON_NEGATIVE,
    "fake_weight": NON_NEGATIVE,
    "discriminator_weight": NON_NEGATIVE,
    "generator_weight": NON_NEGATIVE,
    "margin": NON_NEGATIVE,
    "gain": NON_NEGATIVE,
    "ratio": NON_NEGATIVE,
    "reach": NON_NEGATIVE,
    "beta": NON_NEGATIVE,
    "free_bits": NON_NEGATIVE,
    "epsilon": POSITIVE,
    "limit": POSITIVE,
    "diversity": FRACTION,
    "fraction": FRACTION,
    "decay": DECAY,
    "slow_step_size": FRACTION,
    "low": FRACTION,
    "high": Kind([1.0, 0.5], FRACTION.invalid),
    "n": COUNT,
    "iterations": COUNT,
    "size": SIZE,
    "blocks": SIZE,
    "channels": SIZE,
    "features": SIZE,
    "classes": COUNT,
    "period": COUNT,
    "unroll_steps": COUNT,
    "microbatches": COUNT,
    "count": COUNT,
    "seed": SEED,
    "fake_batch_size": OPTIONAL_COUNT,
    "one_sided": FLAG,
    "saturating": FLAG,
    "donate": FLAG,
    "shard_state": FLAG,
    "backend": Kind(["jit", "shard_map", "pmap"], [None, "", "gspmd", 1.0, object()]),
    "sequential": FLAG,
    "batch_norm": FLAG,
    "latent_size": COUNT,
    "draws": OPTIONAL_COUNT,
    "hidden": SIZE,
    "embed": FUNCTION,
    "measure": FUNCTION,
    "likelihood": FUNCTION,
    "of": FUNCTION,
    "image": FUNCTION,
    "kernel": FUNCTION,
    "transform": FUNCTION,
    "points": FUNCTION,
    "real": FUNCTION,
    "fake": FUNCTION,
    "generator": FUNCTION,
    "evaluate": FUNCTION,
    "activation": FUNCTION,
    "output_activation": FUNCTION,
    "error": FUNCTION,
    "loss": LOSS,
    "losses": LOSS,
    "base": LOSS,
    "a": LOSS,
    "b": LOSS,
    "name": NAME,
    "head": NAME,
    "network": NAME,
    "player": NAME,
    "state_owner": Kind([None, "generator"], NAME.invalid[1:]),
    "targets": TARGETS,
    "scales": SCALES,
    "bandwidths": SCALES,
    "output_shape": SHAPE,
    "image_shape": IMAGE_SHAPE,
    "views": VIEW,
    "augmentations": Kind([views.translation()], FUNCTION.invalid),
    "game": GAME,
    "optimizers": OPTIMIZERS,
    "example": EXAMPLE,
    "order": ORDER,
    "fake_batch_sizes": SIZES,
    "prior": PRIOR,
    "block": COUNT,
    "devices": DEVICES,
    "build": Kind([build], [*FUNCTION.invalid, lambda hypers: None]),
    "hypers": Kind(
        [HYPERS, {"gamma": np.ones(2)}],
        [
            None,
            "gamma",
            1.0,
            {},
            {"gamma": 1.0},
            {"gamma": jnp.ones(0)},
            {"gamma": np.array(["a", "b"])},
            {"gamma": jnp.array([1.0, -1.0])},
            {"gamma": jnp.array([1.0, NAN])},
            {"gamma": jnp.ones(2), "rate": jnp.ones(3)},
            {"gamma": object()},
        ],
    ),
    "dynamics": Kind(
        [lambda g: dynamics.simultaneous(g, OPTIMIZERS.valid[0], EXAMPLE.valid[0])],
        [*FUNCTION.invalid, lambda game: None],
    ),
    "source": FUNCTION,
    "i": Kind([0, 1, np.int64(1), -1], [None, "one", NAN, 1.5, 2, -3, 10**20, True]),
    "module": Kind([nn.Dense(2)], [None, "dense", 1.0, nn.Dense, object()]),
    "make": Kind(
        [lambda rngs: nnx.Linear(2, 2, rngs=rngs)],
        [
            *FUNCTION.invalid,
            lambda rngs: None,
            nnx.Linear(2, 2, rngs=nnx.Rngs(0)),
        ],
    ),
    "function": FUNCTION,
    "conjugate": FUNCTION,
    "conjugate_of_activation": Kind([None, abs], FUNCTION.invalid[1:]),
    # by the function's and the argument's
    "Targets real": Kind(
        [1.0, 0.5, losses.uniform_targets(0.5, 1.0)], FRACTION.invalid
    ),
    "Targets fake": Kind([0.0, 0.5], FRACTION.invalid),
    "least_squares a": FINITE,
    "least_squares b": FINITE,
    "least_squares c": FINITE,
    "path_length decay": FRACTION,
    "top_k fraction": SCHEDULE_FRACTION,
    "weighted by": SCHEDULE_WEIGHT,
    "focus on": Kind(["forth", lambda record: record], [None, 1.0, (), object(), ""]),
    "focus player": Kind([None, "generator"], NAME.invalid[1:]),
    "rename names": Kind(
        [{"hinge": "other"}, {}, {"absent": "other"}],
        [
            None,
            "names",
            1.0,
            {"hinge": None},
            {"hinge": 1},
            {1: "hinge"},
            [("hinge", "other")],
        ],
    ),
    "multi_scale scales": COUNT,
    "f_divergence divergence": Kind([losses.divergences.kl], [None, "kl", 1.0, ()]),
    "uniform high": Kind([2.0], [*NUMBERS, -2.0]),
    "uniform low": Kind([-1.0, 0.0], [*NUMBERS, 3.0]),
    "truncated_normal bound": POSITIVE,
    "unrolled player": Kind([None, "generator"], [1, "critic", ("generator",)]),
    "mlp hidden": Kind(
        [(4,), (), [4]], [None, "wide", 4, (0,), (1.5,), (NAN,), (None,)]
    ),
    "encoder": NETWORK,
    "decoder": NETWORK,
    "likeness weights": Kind(
        [None, {"coder": 1.0}],
        ["coder", 1.0, {}, ["coder"], *({"coder": x} for x in NON_NEGATIVE.invalid)],
    ),
    "features_of at": FUNCTION,
    "features_of layer": Kind([None, 0, 2], COUNT_OR_0.invalid[1:]),
    "adversarial_autoencoder discriminator": NETWORK,
    "vae_gan generator": NETWORK,
    "vae_gan discriminator": NETWORK,
    "vae_gan view": Kind([View()], VIEW.invalid),
    "means": Kind(
        [np.eye(2), [[0.0, 1.0]]],
        [None, "modes", 1.0, np.ones(2), np.zeros((0, 2)), [[NAN, 0.0]], [[None]]],
    ),
    "gaussian scale": Kind([None, 1.0], POSITIVE.invalid[1:]),
    "discretized_logistic levels": Kind([256, 2], [*COUNT.invalid, 1]),
    "framed generator": NETWORK,
    "framed margin": COUNT,
    "framed value": FINITE,
    "unframed discriminator": NETWORK,
    "unframed margin": COUNT,
    "infogan_generator classes": OPTIONAL_COUNT,
    "infogan_generator image_shape": ANY_IMAGE_SHAPE,
    "infogan_discriminator image_shape": ANY_IMAGE_SHAPE,
    "infogan_generator batch_norm": Kind([True, False], FLAG.invalid),
    "infogan_encoder image_shape": ANY_IMAGE_SHAPE,
    "infogan_generator blocks": COUNT_OR_0,
    "infogan_encoder output_size": COUNT,
    "infogan_encoder blocks": COUNT_OR_0,
    "fourier network": NETWORK,
    "autoencoding autoencoder": NETWORK,
    "labeled network": NETWORK,
    "labeled embedding": OPTIONAL_COUNT,
    "concatenated network": NETWORK,
    "unconditional network": NETWORK,
    "projection discriminator": NETWORK,
    "dcgan_generator classes": OPTIONAL_COUNT,
    "mlp features": FLAG,
    "normalized_per_device network": NETWORK,
    "spectral_norm network": NETWORK,
    "headed discriminator": NETWORK,
    "headed heads": NETWORK,
    "fourier scale": POSITIVE,
    "saturation reach": FRACTION,
    "contrast reach": FRACTION,
    "where": FUNCTION,
    "group": Kind([4, 1, np.int64(3)], [*COUNT.invalid, 5]),
    "minibatch_stddev x": Kind(
        [jnp.ones((12, 2, 2, 24)), jnp.ones((12, 1, 1, 24), jnp.bfloat16)],
        [None, "maps", 1.0, jnp.ones(12), jnp.ones((12, 4)), object()],
    ),
    "dcgan_generator base": BASE,
    "dcgan_discriminator base": BASE,
    "gan generator": NETWORK,
    "gan discriminator": NETWORK,
    "gan view": VIEW,
    "gan pairing": Kind([games.separate, games.joint], FUNCTION.invalid),
    "together named": PRIOR,
    "ema networks": Kind([None, ("generator",)], ["generator", 1.0, (None,)]),
    "start_from networks": Kind([{"generator": Variables(())}], [None, 1.0, {}, "g"]),
    "start_from frozen": Kind([()], ["generator", 1.0, (None,)]),
    "hyper_grid values": Kind([[1.0, 2.0], (3,)], [None, 1.0, [], ()]),
}


@functools.cache
def made_kinds():
    """Those whose values take long to make."""
    algorithm = dynamics.simultaneous(
        GAME.valid[0], OPTIMIZERS.valid[0], EXAMPLE.valid[0]
    )
    state = algorithms.population(build, HYPERS, devices=jax.devices()[:1]).init(
        jax.random.split(jax.random.key(0))
    )
    without = state._replace(variables={})
    return {
        "algorithm": Kind([algorithm], [None, "adam", 1.0, dynamics.simultaneous, ()]),
        "state": Kind([state], [None, "state", 1.0, (), state.variables, without]),
    }


EACH = {
    "losses",
    "views",
    "augmentations",
    "named",
    "heads",
    "values",
    "bandwidths",
    "scales",
}
"""Arguments of any number, whose elements have no names or names of the caller's."""


BUT = {
    "networks.ConditionalBatchNorm": "a Flax module, with Flax's own arguments",
    "losses.likelihoods.Likelihood": "made by functions of the same module",
    "losses.Posterior": "made by games, of arrays that are traced",
    "losses.absolute_error": "called by losses, with arrays that are traced",
    "losses.squared_error": "called by losses, with arrays that are traced",
    "games.AdversarialCoding": "made by games, of arrays that are traced",
    "games.CodedRound": "made by games, of arrays that are traced",
    "games.Coding": "made by games, of arrays that are traced",
    "games.DrawnCoding": "made by games, of arrays that are traced",
    "games.Evidence": "made by outputs, of arrays that are traced",
    "games.Turn": "made by the dynamics, of arrays that are traced",
    "games.as_score": "takes what any network may return",
    "games.joint": "called by games, with arrays that are traced",
    "games.separate": "called by games, with arrays that are traced",
    "games.score_round": "called by games, with arrays that are traced",
    "penalties.interpolates": "called by losses, with a record",
    "games.priors.Prior": "a type",
}

FUNCTIONS = public(*ROOMS, but=BUT)


@pytest.mark.slow
@pytest.mark.parametrize("name", FUNCTIONS)
def test_invalid_arguments_are_refused_by_name(name):
    kinds = KINDS | made_kinds()
    if name == "losses.gradient_balanced":
        kinds |= {"b": Kind([losses.minimax()], LOSS.invalid)}
    short = name.rpartition(".")[2]
    found, _ = faults(short, FUNCTIONS[name], kinds, EACH)
    assert not found, "\n".join(found)
