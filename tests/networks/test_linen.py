import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jaxgan import Variables, from_linen, from_nnx
from tests.builders import assert_close, bits, random

X = random(0, 6, 3)
KEY = jax.random.key(0)


class LinenNet(nn.Module):
    """Dense, BatchNorm, tanh, dropout, dense."""

    rate: float = 0.5

    @nn.compact
    def __call__(self, x, train):
        x = nn.Dense(4)(x)
        x = jnp.tanh(nn.BatchNorm(use_running_average=not train, momentum=0.9)(x))
        x = nn.Dropout(self.rate, deterministic=not train)(x)
        return nn.Dense(2)(x)


class NnxNet(nnx.Module):
    """The same."""

    def __init__(self, rngs, rate=0.5):
        self.first = nnx.Linear(3, 4, rngs=rngs)
        self.norm = nnx.BatchNorm(4, momentum=0.9, rngs=rngs)
        self.dropout = nnx.Dropout(rate, rngs=rngs)
        self.last = nnx.Linear(4, 2, rngs=rngs)

    def __call__(self, x, train):
        x = jnp.tanh(self.norm(self.first(x), use_running_average=not train))
        return self.last(self.dropout(x, deterministic=not train))


NETWORKS = {"linen": from_linen(LinenNet()), "nnx": from_nnx(NnxNet)}
QUIET = {"linen": from_linen(LinenNet(0.0)), "nnx": from_nnx(lambda r: NnxNet(r, 0.0))}


@pytest.fixture(params=NETWORKS)
def network(request):
    return NETWORKS[request.param]


@pytest.fixture
def variables(network):
    return network.init(KEY, X)


# What holds of both adapters


def test_the_key_decides_the_start(network, variables):
    assert bits(network.init(KEY, X)) == bits(variables)
    assert bits(network.init(jax.random.key(1), X)) != bits(variables)


def test_the_key_decides_dropout_in_training_only(network, variables):
    def run(seed, train):
        return network.apply(variables, X, key=jax.random.key(seed), train=train)[0]

    np.testing.assert_array_equal(run(0, True), run(0, True))
    assert not np.allclose(run(0, True), run(1, True))
    np.testing.assert_array_equal(run(0, False), run(1, False))
    np.testing.assert_array_equal(
        run(0, False), network.apply(variables, X, train=False)[0]
    )


def test_statistics_are_threaded_and_nothing_is_mutated(network, variables):
    before = bits(variables)
    _, first = network.apply(variables, X, key=KEY)
    _, second = network.apply(variables._replace(stats=first), X, key=KEY)
    _, unchanged = network.apply(variables, X, key=KEY, train=False)
    assert bits(variables) == before
    assert bits(unchanged) == bits(variables.stats)
    assert jax.tree.structure(first) == jax.tree.structure(variables.stats)
    # The running mean starts at 0 and follows with momentum 0.9.
    for name, after in (("first", first), ("second", second)):
        [mean] = [x for path, x in paths(after) if "mean" in path]
        [target] = [x for path, x in paths(first) if "mean" in path]
        factor = {"first": 1.0, "second": 1.9}[name]
        assert_close(mean, factor * target)
        assert abs(np.asarray(mean)).max() > 1e-3


def paths(tree):
    return [
        (jax.tree_util.keystr(path), x)
        for path, x in jax.tree_util.tree_leaves_with_path(tree)
    ]


def total(network, variables, x):
    return jnp.square(network.apply(variables, x, key=KEY)[0]).sum()


def test_gradients_of_gradients_pass(network, variables):
    def steepness(params):
        given = variables._replace(params=params)
        slope = jax.grad(total, argnums=2)(network, given, X)
        return jnp.square(slope).sum()

    def along(t):
        return steepness(jax.tree.map(lambda p: p + t, variables.params))

    h = 1e-2
    gradient = jax.jit(jax.grad(steepness))(variables.params)
    inner = sum(slope.sum() for slope in jax.tree.leaves(gradient))
    difference = (along(h) - along(-h)) / (2 * h)
    assert float(inner) == pytest.approx(float(difference), rel=0.02)


def test_stacked_variables_may_be_mapped(network):
    many = [network.init(jax.random.key(i), X) for i in range(3)]
    stacked = jax.tree.map(lambda *x: jnp.stack(x), *many)
    outputs = jax.vmap(lambda v: network.apply(v, X, key=KEY))(stacked)
    for i, variables in enumerate(many):
        single = network.apply(variables, X, key=KEY)
        assert_close(jax.tree.map(lambda x, i=i: x[i], outputs), single, rtol=1e-5)


def test_calls_may_be_scanned_and_branched_over(network, variables):
    def call(stats, x):
        output, stats = network.apply(variables._replace(stats=stats), x, key=KEY)
        return stats, output

    @jax.jit
    def scanned(stats, xs):
        return jax.lax.scan(
            lambda s, x: jax.lax.cond(
                x.sum() > -1e9, call, lambda s, x: (s, jnp.zeros((6, 2))), s, x
            ),
            stats,
            xs,
        )

    xs = jnp.stack([X, 2 * X])
    stats, outputs = scanned(variables.stats, xs)
    expected = variables.stats
    for x, output in zip(xs, outputs, strict=True):
        expected, single = call(expected, x)
        assert_close(output, single, rtol=1e-5)
    assert_close(stats, expected, rtol=1e-5)


# What holds between them


def test_linen_and_nnx_agree_for_the_same_weights():
    linen, other = QUIET["linen"], QUIET["nnx"]
    given = linen.init(KEY, X)
    p, s = given.params, given.stats["batch_stats"]["BatchNorm_0"]
    same = Variables(
        {
            "first": p["Dense_0"],
            "norm": p["BatchNorm_0"],
            "last": p["Dense_1"],
        },
        {"norm": s},
    )
    assert jax.tree.structure(other.init(KEY, X).params) == jax.tree.structure(
        same.params
    )
    for train in (True, False):
        one, after = linen.apply(given, X, train=train)
        two, after_too = other.apply(same, X, train=train)
        assert_close(one, two, rtol=1e-5)
        assert_close(after["batch_stats"]["BatchNorm_0"], after_too["norm"])


# Linen alone


class Plain(nn.Module):
    """Takes two inputs, and no mode."""

    @nn.compact
    def __call__(self, x, y):
        return nn.Dense(2)(x) + nn.Dense(2)(y)


@pytest.mark.parametrize("train", [True, False])
def test_train_is_passed_only_where_it_is_taken(train):
    network = from_linen(Plain())
    variables = network.init(KEY, X, 2 * X)
    output, stats = network.apply(variables, X, 2 * X, train=train)
    assert_close(output, Plain().apply({"params": variables.params}, X, 2 * X))
    assert stats == variables.stats == {}


def test_a_module_without_parameters_is_a_network():
    class Double(nn.Module):
        def __call__(self, x):
            return 2 * x

    network = from_linen(Double())
    variables = network.init(KEY, X)
    assert variables == Variables({}, {})
    assert_close(network.apply(variables, X)[0], 2 * X)


def test_the_stream_of_noise_is_fed_too():
    class Noisy(nn.Module):
        @nn.compact
        def __call__(self, x):
            return x + jax.random.normal(self.make_rng("noise"), x.shape)

    network = from_linen(Noisy())
    variables = network.init(KEY, X)
    one, same, other = (
        network.apply(variables, X, key=jax.random.key(i))[0] for i in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, same)
    assert not np.allclose(one, other)


def test_spectral_norm_of_linen_moves_its_statistics_in_training_only():
    class Spectral(nn.Module):
        @nn.compact
        def __call__(self, x, train):
            return nn.SpectralNorm(nn.Dense(2))(x, update_stats=train)

    network = from_linen(Spectral())
    variables = network.init(KEY, X)
    _, after = network.apply(variables, X)
    assert bits(after) != bits(variables.stats)
    assert bits(network.apply(variables, X, train=False)[1]) == bits(variables.stats)
