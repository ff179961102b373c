"""Public constructors refuse what has no meaning, by the name of the argument.

Each argument in turn is replaced by an edge value, which must do, or by an invalid one,
which must raise an `InputError` that names it. A public function or an argument without
a kind of values below fails the test.
"""

import inspect
import math
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import (
    InputError,
    View,
    algorithms,
    dynamics,
    games,
    losses,
    metrics,
    networks,
    optimizers,
    penalties,
    views,
)
from jaxgan.games import priors
from jaxgan.types import Variables
from tests.builders import reals, small_game, unchecked

NAMESPACES = {
    "losses": losses,
    "penalties": penalties,
    "optimizers": optimizers,
    "views": views,
    "networks": networks,
    "priors": priors,
    "dynamics": dynamics,
    "algorithms": algorithms,
    "games": games,
}

NAN, INF = math.nan, math.inf


class Kind(NamedTuple):
    """The values of an argument: the first valid one is used beside the others."""

    valid: list[Any]
    invalid: list[Any]


NUMBERS = [None, "many", NAN, INF, -INF, (1.0,), jnp.ones(3), object()]
NON_NEGATIVE = Kind(
    [1.0, 0.0, 0, 2, 1e30, np.float32(2), jnp.float32(2)], [*NUMBERS, -1.0]
)
POSITIVE = Kind([1.0, 1e-30, 3, jnp.float32(2)], [*NUMBERS, -1.0, 0.0])
FINITE = Kind([1.0, 0.0, -2.0, jnp.float32(2)], NUMBERS)
FRACTION = Kind([0.5, 0.0, 1.0, 1, jnp.float32(0.5)], [*NUMBERS, -0.1, 1.1])
DECAY = Kind([0.5, 0.0, 0.999], [*NUMBERS, -0.1, 1.0])
COUNT = Kind([2, 1, np.int64(3)], [None, "many", NAN, 0, -1, 1.5, True, (2,), 0.0])
SIZE = Kind([8, 1, np.int64(3)], COUNT.invalid)
OPTIONAL_COUNT = Kind([None, 1, 4], ["many", NAN, 0, -1, 1.5, True, (2,)])
FLAG = Kind([False, True], [None, "no", 0.5, NAN, (), object()])
FUNCTION = Kind([lambda *given: given[0]], [None, "name", 1.0, (), object()])
LOSS = Kind([losses.hinge()], [None, "hinge", 1.0, losses.hinge, [losses.hinge()]])
NAME = Kind(["generator", "other"], [None, 1, "", 1.5, ("generator",), object()])
SCHEDULE_FRACTION = Kind(
    [*FRACTION.valid, optax.constant_schedule(0.5)], FRACTION.invalid
)
SCHEDULE_WEIGHT = Kind(
    [*NON_NEGATIVE.valid, optax.constant_schedule(1.0)], NON_NEGATIVE.invalid
)
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
        losses.Targets(2.0),
        losses.Targets(NAN),
        losses.Targets(None),
        losses.Targets("soft"),
    ],
)
NETWORK = Kind([networks.mlp(())], [None, "mlp", 1.0, networks.mlp, ()])
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
BASE = Kind([4], [None, "four", NAN, 0, -1, 1.5, 3, (4,)])
VIEW = Kind([View(), views.replayed()], [None, "view", 1.0, View, ()])
PRIOR = Kind([priors.normal(2), priors.nothing()], [None, "normal", 1.0, ()])
GAME = Kind([small_game()], [None, "gan", 1.0, games.gan, ()])
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
EXAMPLE = Kind(
    [reals(0)],
    [
        None,
        "reals",
        1.0,
        jnp.ones((8, 2)),
        reals(0, 0),
        reals(0)._replace(weight=-jnp.ones(8)),
        reals(0)._replace(real=None),
    ],
)
ORDER = Kind(
    [None, ("generator", "discriminator")], ["generator", 1.0, (None,), ("critic",), ()]
)
SIZES = Kind(
    [None, {"generator": 4}],
    ["many", 1.0, {"critic": 4}, {"generator": 0}, {"generator": NAN}],
)
ALGORITHM = Kind(
    [dynamics.simultaneous(GAME.valid[0], OPTIMIZERS.valid[0], EXAMPLE.valid[0])],
    [None, "adam", 1.0, dynamics.simultaneous, ()],
)
SEED = Kind([0, 5], [None, "seed", NAN, -1, 1.5, 2**40, (1,)])

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
    "sequential": FLAG,
    "batch_norm": FLAG,
    "embed": FUNCTION,
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
    "algorithm": ALGORITHM,
    "prior": PRIOR,
    "block": COUNT,
    "splits": COUNT,
    "subsets": OPTIONAL_COUNT,
    "precision_recall_k": COUNT,
    "density_coverage_k": COUNT,
    "luma": FLAG,
    "border": Kind([0, 3], ["many", None, NAN, -1, 1.5, True]),
    "projections": Kind([500, 2], COUNT.invalid),
    "p": Kind([1, 2], [None, "x", NAN, INF, 0, -1]),
    "frechet_infinity_metric points": Kind([15, 3], COUNT.invalid),
    # by the function's and the argument's
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
    "fourier network": NETWORK,
    "autoencoding autoencoder": NETWORK,
    "labeled network": NETWORK,
    "headed discriminator": NETWORK,
    "headed heads": NETWORK,
    "fourier scale": POSITIVE,
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

ELSEWHERE = {
    "losses": {"Divergence", "Targets", "divergences"},  # records, a module
    "penalties": {"interpolates"},  # called by losses, with a record
    "games": {"Turn", "as_score", "joint", "score_round", "separate", "priors"},
    "networks": {"from_linen", "from_nnx"},
    "algorithms": {
        "data_parallel",
        "diverged_members",
        "on_devices",
        "population",
        "select_member",
    },
    "priors": {"Prior"},  # a type
}
"""Public names that are tested elsewhere."""


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


def public(name, namespace):
    names = getattr(namespace, "__all__", None) or [
        n
        for n, o in vars(namespace).items()
        if inspect.isfunction(o) and o.__module__ == namespace.__name__ and n[0] != "_"
    ]
    return [n for n in names if n not in ELSEWHERE.get(name, ())]


METRICS = {
    f"metrics.{name}": getattr(metrics, name)
    for name in metrics.__all__
    if name.endswith("_metric")
}

FUNCTIONS = METRICS | {
    f"{room}.{name}": getattr(namespace, name)
    for room, namespace in NAMESPACES.items()
    for name in public(room, namespace)
}


def kind_of(function, argument):
    kind = KINDS.get(f"{function.__name__} {argument}") or KINDS.get(argument)
    assert kind, f"add the values of {function.__name__}: {argument}"
    return kind


def call(function, given):
    """Call a function with an argument of each name."""
    arguments, further = [], {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is parameter.VAR_POSITIONAL:
            arguments.append(given[name])
        elif parameter.kind is parameter.VAR_KEYWORD:
            further["some"] = given[name]
        elif parameter.kind is parameter.KEYWORD_ONLY:
            further[name] = given[name]
        else:
            arguments.append(given[name])
    return function(*arguments, **further)


def shown(value):
    return f"{value!r:.40}"


def faults(function):
    """Return what is wrong with a function's answers, and the number of calls."""
    kinds = {n: kind_of(function, n) for n in inspect.signature(function).parameters}
    if function.__name__ == "gradient_balanced":
        kinds["b"] = Kind([losses.minimax()], LOSS.invalid)
    plain = {name: kind.valid[0] for name, kind in kinds.items()}
    found, calls = [], 0
    for name, kind in kinds.items():
        for value in kind.valid:
            calls += 1
            try:
                call(function, plain | {name: value})
            except Exception as error:  # the test says which
                found.append(f"{name}={shown(value)}: {type(error).__name__}: {error}")
        for value in kind.invalid:
            calls += 1
            try:
                call(function, plain | {name: value})
            except InputError as error:
                text = str(error)
                each = name in EACH and any(
                    word in text for word in ("every argument", "some", name[:-1])
                )
                if not each and name not in text:
                    found.append(f"{name}={shown(value)} is not named: {text}")
            except Exception as error:
                found.append(f"{name}={shown(value)}: {type(error).__name__}: {error}")
            else:
                found.append(f"{name}={shown(value)} is accepted")
    return found, calls


@pytest.mark.slow
@pytest.mark.parametrize("name", FUNCTIONS)
def test_invalid_arguments_are_refused_by_name(name):
    with unchecked():
        found, _ = faults(FUNCTIONS[name])
    assert not found, "\n".join(found)
