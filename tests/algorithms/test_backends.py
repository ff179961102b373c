"""A step on eight devices is the step on one, whatever divides it between them."""

import math
import re
from functools import cache, partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import (
    Batch,
    InputError,
    chain,
    data_parallel,
    dynamics,
    ema,
    every,
    from_linen,
    gan,
    gradient_penalty,
    losses,
    mlp,
    non_saturating,
    penalties,
    priors,
    r1,
    views,
    wasserstein,
)
from jaxgan.algorithms import batch_axis
from jaxgan.networks import (
    dcgan_discriminator,
    dcgan_generator,
    headed,
    normalized_per_device,
    projection,
    spectral_norm,
)
from tests.builders import (
    algorithm_of,
    assert_close,
    batches,
    small_game,
    tiered,
    unchecked,
)
from tests.zoo import ZOO


def pictures(seed, n=16):
    return Batch(np.random.default_rng(seed).uniform(-1, 1, (n, 8, 8, 1)).astype("f4"))


def points(seed, n=16):
    return batches(1, n, seed)[0]


def dcgan(loss, batch_norm=True, **options):
    generator = dcgan_generator((8, 8, 1), 4)
    discriminator = dcgan_discriminator((8, 8, 1), 4, batch_norm=batch_norm)
    return gan(generator, discriminator, loss, priors.normal(4), **options)


def labeled(seed, n=16):
    return points(seed, n)._replace(condition=(jax.nn.one_hot(np.arange(n) % 3, 3),))


class Conditional(nn.Module):
    """A network of its inputs side by side."""

    size: int

    @nn.compact
    def __call__(self, x, label):
        hidden = nn.relu(nn.Dense(8)(jnp.concatenate([x, label], axis=1)))
        return nn.Dense(self.size)(hidden)


def labeled_pictures(seed, n=16):
    return pictures(seed, n)._replace(condition=(np.arange(n, dtype="i4") % 3,))


def classified():
    """Conditional BatchNorm, and the losses of two classifiers and a projection."""
    trunk = dcgan_discriminator((8, 8, 1), 4)
    heads = {"label": mlp((6,), ()), "margin": mlp((3,), ())}
    loss = chain(
        non_saturating(),
        losses.auxiliary_discriminative_classifier(0.5),
        losses.multi_hinge(0.5, head="margin"),
    )
    generator = dcgan_generator((8, 8, 1), 4, classes=3)
    return gan(generator, projection(headed(trunk, **heads), 3), loss, priors.normal(4))


STATEFUL = chain(
    wasserstein(), gradient_penalty(10.0), penalties.lecam(0.1), every(r1(1.0), n=2)
)
AUGMENTED = views.diff_augment()


def spectral():
    """A DCGAN whose networks both have spectral and batch normalization."""
    game = dcgan(chain(losses.hinge(), r1(1.0)))
    networks = {name: spectral_norm(each) for name, each in game.networks.items()}
    return game._replace(networks=networks)


GAMES = {
    "normed": (lambda: dcgan(non_saturating()), pictures, {}),
    "spectral": (spectral, pictures, {}),
    "stateful": (lambda: dcgan(STATEFUL, False), pictures, {}),
    "augmented": (lambda: dcgan(losses.hinge(), view=AUGMENTED), pictures, {}),
    "conditional": (
        lambda: gan(
            from_linen(Conditional(2)),
            from_linen(Conditional(1)),
            chain(losses.hinge(), gradient_penalty()),
            priors.normal(3),
        ),
        labeled,
        {},
    ),
    "classes": (classified, labeled_pictures, {}),
    "all pairs": (
        lambda: gan(mlp((2,), (8,)), mlp((4,), (8,)), losses.mmd(), priors.normal(3)),
        points,
        {},
    ),
    **{
        name: (exhibit.game, lambda seed, e=exhibit: e.examples(16, seed), {})
        for name, exhibit in ZOO.items()
        if not exhibit.pools
    },
    **{
        name: (
            lambda: small_game(chain(non_saturating(), r1(0.3))),
            points,
            {"make": make, "substeps": substeps},
        )
        for name, make, substeps in [
            ("consensus", partial(dynamics.consensus, weight=0.3), 1),
            ("unrolled", partial(dynamics.unrolled, unroll_steps=2), 2),
            ("symplectic adjustment", dynamics.symplectic_adjustment, 1),
            ("extragradient", dynamics.extragradient, 2),
        ]
    },
}


def steps(
    game,
    batch,
    backend,
    count,
    *,
    make=dynamics.alternating,
    substeps=None,
    number=5,
    shard_state=False,
):
    """The state and the report after some steps."""
    optimizers = {player: optax.sgd(0.02) for player in game.players}
    substeps = substeps or len(game.players)
    algorithm = data_parallel(
        lambda own: (
            ema(make(own, optimizers, batch(0)), 0.9, networks=["generator"])
            if "generator" in game.networks
            else make(own, optimizers, batch(0))
        ),
        game,
        jax.devices()[:count],
        backend=backend,
        shard_state=shard_state,
    )
    state = algorithm.init(jax.random.key(0))
    for step in range(number):
        made = tuple(batch(10 * step + i) for i in range(substeps))
        state, info = algorithm.step(state, made)
    return state._replace(key=jax.random.key_data(state.key)), info


BACKENDS = {
    "jit": {"backend": "jit"},
    "sharded": {"backend": "jit", "shard_state": True},
    "shard_map": {"backend": "shard_map"},
    "pmap": {"backend": "pmap"},
}


CHOSEN = [
    "normed",
    "spectral",
    "conditional",
    "classes",
    "augmented",
    "stateful",
    "cycle_gan",
    "consensus",
    "unrolled",
]
CASES = [
    (name, backend)
    for name in GAMES
    for backend in BACKENDS
    if name in CHOSEN or backend == "shard_map"
    if name not in ("classes", "spectral") or backend in ("jit", "shard_map")
]
FEW = [("stateful", backend) for backend in ("jit", "shard_map", "pmap")]


@cache
def on_one_device(name):
    make_game, batch, how = GAMES[name]
    return steps(make_game(), batch, "jit", 1, **how)


@pytest.mark.parametrize("case", tiered(CASES, FEW), ids=", ".join)
def test_eight_devices_do_what_one_does(case):
    name, backend = case
    make_game, batch, how = GAMES[name]
    expected = on_one_device(name)
    found = steps(make_game(), batch, count=8, **BACKENDS[backend], **how)
    assert_close(found[0].variables, expected[0].variables, atol=1e-6)
    assert_close(found, expected, atol=1e-5)


def program(count, **how):
    """A compiled step of a gradient penalty's game, and the bytes of its parameters."""
    loss = chain(wasserstein(), gradient_penalty())
    networks = mlp((2,), (128, 128)), mlp((), (128, 128))
    game = gan(*networks, loss, priors.normal(3))
    make = partial(algorithm_of, n=64)
    algorithm = data_parallel(make, game, jax.devices()[:count], **how)
    state = jax.eval_shape(algorithm.init, jax.random.key(0))
    parameters = jax.tree.leaves([each.params for each in state.variables.values()])
    step = algorithm.step.lower(state, batches(2, 64)).compile()
    return step, 4 * sum(each.size for each in parameters)


@cache
def flops_of_one():
    return program(1)[0].cost_analysis()["flops"]


@pytest.mark.parametrize("name", tiered(BACKENDS, ["jit"]))
def test_a_device_computes_its_share_and_sends_sums(name):
    step, parameters = program(8, **BACKENDS[name])
    assert step.cost_analysis()["flops"] <= 1.1 / 8 * flops_of_one()
    text = step.as_text()
    assert ("all-gather" in text) == (name == "sharded")
    # This compiler sums the gradients of each term, those of GPUs of all together.
    most = 1.05 if name == "pmap" else 2.05
    assert parameters <= summed(text) <= most * parameters


def summed(text):
    """Count the bytes that a program's devices sum."""
    shapes = " ".join(re.findall(r" = (.*) all-reduce(?:-start)?\(", text))
    sizes = re.findall(r"f32\[([\d,]*)\]", shapes)
    return 4 * sum(
        math.prod(map(int, size.split(",")) if size else ()) for size in sizes
    )


@pytest.mark.slow
def test_devices_with_a_sharded_state_exchange_no_activations():
    rows = 48
    game = gan(
        dcgan_generator((8, 8, 1), 16),
        dcgan_discriminator((8, 8, 1), 16),
        non_saturating(),
        priors.normal(4),
    )
    batch = pictures(0, rows)
    optimizers = {player: optax.adam(1e-3) for player in game.players}
    algorithm = data_parallel(
        lambda own: dynamics.alternating(own, optimizers, batch),
        game,
        jax.devices()[:8],
        shard_state=True,
    )
    state = jax.eval_shape(algorithm.init, jax.random.key(0))
    text = algorithm.step.lower(state, (batch, batch)).compile().as_text()
    exchange = r" = (.*) (?:all-gather|all-reduce|all-to-all|reduce-scatter)\("
    exchanged = re.findall(exchange, text)
    assert exchanged
    assert not [shapes for shapes in exchanged if f"[{rows}," in shapes]


@pytest.mark.slow
@pytest.mark.parametrize("name", BACKENDS)
def test_a_divided_step_exports_for_accelerators(name):
    game, batch = dcgan(STATEFUL, batch_norm=False), pictures(0)
    optimizers = {player: optax.adam(1e-3) for player in game.players}
    algorithm = data_parallel(
        lambda own: dynamics.alternating(own, optimizers, batch),
        game,
        jax.devices()[:8],
        **BACKENDS[name],
    )
    state = jax.eval_shape(algorithm.init, jax.random.key(0))
    export = jax.export.export(algorithm.step, platforms=("tpu", "cuda"))
    exported = export(state, (batch, batch))
    assert exported.platforms == ("tpu", "cuda")
    assert exported.nr_devices == 8
    assert "stablehlo.convolution" in exported.mlir_module()


def test_state_is_sharded_along_the_longest_even_axis():
    game = gan(mlp((2,), (16, 24)), mlp((), (24,)), losses.hinge(), priors.normal(5))
    algorithm = data_parallel(partial(algorithm_of, n=8), game, shard_state=True)
    state = algorithm.init(jax.random.key(0))
    leaves = jax.tree.leaves(state.variables)
    found = {x.shape: x.sharding.shard_shape(x.shape) for x in leaves}
    assert found[16, 24] == (16, 3) and found[24, 2] == (3, 2)
    assert found[2,] == (2,)  # which eight do not divide


class Normed(nn.Module):
    """A network with BatchNorm of all rows."""

    @nn.compact
    def __call__(self, x, train=True):
        norm = partial(nn.BatchNorm, momentum=0.0, axis_name=batch_axis())
        return nn.Dense(1)(norm(use_running_average=not train)(x))[:, 0]


def normed_game(network):
    return gan(mlp((2,)), network, losses.hinge(), priors.normal(3))


def test_rows_of_a_device_are_not_normalized_where_the_compiler_splits_the_batch():
    game = normed_game(normalized_per_device(from_linen(Normed())))
    steps(game, points, "jit", 1, number=1)  # all rows are those of the device
    with pytest.raises(InputError, match="normalizes the whole batch on several dev"):
        steps(game, points, "jit", 8, number=1)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["shard_map", "pmap"])
def test_each_device_may_normalize_its_own_rows(backend):
    whole = from_linen(Normed())
    stats = {}
    for name, network in {"all": whole, "own": normalized_per_device(whole)}.items():
        state, _ = steps(normed_game(network), points, backend, 8, number=1)
        made = state.variables["discriminator"].stats["batch_stats"]
        stats[name] = made["BatchNorm_0"]
    assert_close(stats["own"]["mean"], stats["all"]["mean"], atol=1e-5)
    assert (np.asarray(stats["own"]["var"]) < np.asarray(stats["all"]["var"])).all()


def test_what_cannot_be_split_is_refused():
    pooled = dcgan(losses.hinge(), view=views.replayed(8))
    with pytest.raises(InputError, match="cannot split the state of a view"):
        steps(pooled, pictures, "shard_map", 8, number=1)
    with pytest.raises(InputError, match=r"cannot run this step, since not all"):
        make = dynamics.proximal_point
        steps(small_game(), points, "shard_map", 8, make=make, substeps=1, number=1)
    named = "backend must be one of 'jit', 'shard_map', 'pmap'"
    with unchecked(), pytest.raises(InputError, match=named):
        steps(small_game(), points, "gspmd", 8, number=1)
    with pytest.raises(InputError, match="12 does not split evenly over 8"):
        steps(small_game(), partial(points, n=12), "shard_map", 8, number=1)
