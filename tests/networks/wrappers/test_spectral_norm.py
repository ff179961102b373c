"""Tests of spectral normalization, against NumPy's singular values."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from jax.test_util import check_grads

from jaxgan import (
    Batch,
    InputError,
    alternating,
    chain,
    ema,
    from_linen,
    from_nnx,
    gan,
    gradient_penalty,
    hinge,
    mlp,
    population,
    priors,
    r1,
)
from jaxgan.games.calls import bind_to_evaluate
from jaxgan.networks import (
    dcgan_discriminator,
    dcgan_generator,
    headed,
    labeled,
    spectral_norm,
)
from jaxgan.networks.ops.convolution import convolve_transposed
from tests.builders import (
    Normed,
    assert_close,
    batches,
    bits,
    random,
    reals,
    tiered,
    unchecked,
)
from tests.networks.wrappers.test_headed import Trunk
from tests.zoo import ZOO

KEY = jax.random.key(0)
X = random(0, 8, 3)
IMAGES = random(1, 4, 8, 8, 1)
MANY = 1000
"""Iterations after which the vectors are singular vectors."""


def matrices(params):
    """The weight matrices by path, in float64."""
    return {
        jax.tree_util.keystr(path): np.asarray(x, np.float64).reshape(-1, x.shape[-1])
        for path, x in jax.tree_util.tree_leaves_with_path(params)
        if x.ndim > 1
    }


def sigmas(params):
    """The largest singular value of each weight matrix."""
    return {k: np.linalg.svd(m)[1].max() for k, m in matrices(params).items()}


class Pieces(nnx.Module):
    """Convolutions of NNX, in a list."""

    def __init__(self, rngs):
        self.layers = nnx.List(
            [
                nnx.Conv(1, 4, (3, 3), rngs=rngs),
                nnx.ConvTranspose(4, 2, (4, 4), strides=2, rngs=rngs),
            ]
        )
        self.norm = nnx.BatchNorm(2, rngs=rngs)

    def __call__(self, x):
        for layer in self.layers:
            x = layer(x)
        return self.norm(x).mean(axis=(1, 2, 3))


NETWORKS = {
    "mlp": (mlp((2,), (8, 8)), X),
    "normed": (from_linen(Normed((2,))), X),
    "nnx": (from_nnx(lambda rngs: Pieces(rngs)), IMAGES),
    "discriminator": (dcgan_discriminator((8, 8, 1), 8, base=2), IMAGES),
    "generator": (dcgan_generator((8, 8, 1), 8, base=2), X),
}


@pytest.mark.parametrize("name", tiered(NETWORKS, ["normed"]))
def test_each_weight_is_divided_by_its_largest_singular_value(name):
    inner, x = NETWORKS[name]
    network = spectral_norm(inner, iterations=MANY)
    variables = network.init(KEY, x)
    assert bits(variables.params) == bits(inner.init(KEY, x).params)
    prepared = jax.jit(network.prepare)(variables)
    found, given = matrices(prepared.params), matrices(variables.params)
    for path, sigma in sigmas(variables.params).items():
        np.testing.assert_allclose(found[path], given[path] / sigma, atol=1e-5)
    np.testing.assert_allclose([*sigmas(prepared.params).values()], 1, atol=1e-5)

    def others(tree):
        return [x for x in jax.tree.leaves(tree) if x.ndim < 2]

    assert bits(others(prepared.params)) == bits(others(variables.params))
    output, stats = network.apply(prepared, x, key=KEY)
    alone = prepared._replace(stats=prepared.stats["network"])
    expected, after = inner.apply(alone, x, key=KEY)
    assert bits((output, stats["network"])) == bits((expected, after))
    assert bits(stats["vectors"]) == bits(prepared.stats["vectors"])


@pytest.mark.slow
def test_a_transposed_convolution_has_the_matrix_of_the_convolution():
    """Its kernel's rows are the patch made of one pixel, whatever the stride."""
    network = spectral_norm(dcgan_generator((8, 8, 1), 4), iterations=MANY)
    variables = network.prepare(network.init(KEY, X))
    kernel = variables.params["_Up_0"]["kernel"]
    matrix = np.asarray(kernel).reshape(-1, kernel.shape[-1])
    pixel = np.asarray(random(3, kernel.shape[-1]))
    x = jnp.zeros((1, 4, 4, len(pixel))).at[0, 2, 2].set(pixel)
    made = np.asarray(convolve_transposed(x, kernel, stride=2))
    patch = matrix @ pixel
    np.testing.assert_allclose(np.linalg.norm(made), np.linalg.norm(patch), rtol=1e-5)
    assert np.linalg.norm(made) <= np.linalg.norm(pixel)


def test_a_dense_network_is_1_lipschitz_and_reaches_it():
    inner = mlp((5,), (6, 6), activation=lambda x: x)
    network = spectral_norm(inner, iterations=MANY)
    variables = network.init(KEY, X)
    variables = variables._replace(params=jax.tree.map(lambda w: 3 * w, variables[0]))
    prepared = network.prepare(variables)
    difference = random(2, 100, 3)
    far, near = X[:1] + difference, jnp.tile(X[:1], (100, 1))

    def ratios(variables):
        moved = network.apply(variables, far)[0] - network.apply(variables, near)[0]
        moved, by = (np.linalg.norm(x, axis=1) for x in (moved, difference))
        return moved / by

    assert ratios(prepared).max() <= 1 + 1e-5
    assert ratios(variables).max() > 1  # the network without preparation

    one = spectral_norm(mlp((5,), ()), iterations=MANY)
    layer = one.prepare(one.init(KEY, X))
    [right] = jax.tree.leaves(layer.stats["vectors"])
    [kernel] = matrices(layer.params).values()
    left = kernel @ np.asarray(right)
    output = one.apply(layer, jnp.asarray(left, jnp.float32)[None])[0]
    np.testing.assert_allclose(np.linalg.norm(output), 1, atol=1e-5)


def gradient_of(network, variables, cotangent):
    """The gradient of the weight under a linear function of the normalized one."""

    def value(params):
        weights = network.prepare(variables._replace(params=params)).params
        return jnp.vdot(weights["Dense_0"]["kernel"], cotangent)

    return jax.jit(jax.grad(value))(variables.params)["Dense_0"]["kernel"]


def test_the_gradient_is_the_papers():
    network = spectral_norm(mlp((5,), ()), iterations=MANY)
    variables, cotangent = network.init(KEY, X), random(4, 3, 5)
    weight = np.asarray(variables.params["Dense_0"]["kernel"], np.float64)
    left, values, right = np.linalg.svd(weight)
    first = np.outer(left[:, 0], right[0])
    normalized = weight / values[0]
    along = (np.asarray(cotangent) * normalized).sum()
    expected = (np.asarray(cotangent) - along * first) / values[0]  # equation 12
    found = gradient_of(network, variables, cotangent)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_vectors_are_constant_in_the_gradient():
    network = spectral_norm(mlp((5,), ()))
    variables, cotangent = network.init(KEY, X), random(4, 3, 5)
    far = {"Dense_0": {"kernel": random(5, 5), "bias": ()}}
    variables = variables._replace(stats=variables.stats | {"vectors": far})
    weight = variables.params["Dense_0"]["kernel"]
    u = weight @ far["Dense_0"]["kernel"]
    v = weight.T @ (u / jnp.linalg.norm(u))
    v = v / jnp.linalg.norm(v)
    u = weight @ v / jnp.linalg.norm(weight @ v)
    expected = jax.grad(lambda w: jnp.vdot(w / (u @ w @ v), cotangent))(weight)
    assert_close(gradient_of(network, variables, cotangent), expected, atol=1e-5)


DISCRIMINATOR = spectral_norm(mlp((), (16, 16)))


def spectral_game(loss):
    return gan(mlp((2,), (8,)), DISCRIMINATOR, loss, priors.normal(3))


def test_one_iteration_a_step_follows_weights_that_move_slowly():
    network = spectral_norm(mlp((5,), ()))
    variables, toward = network.init(KEY, X), random(7, 3, 5)
    prepare = jax.jit(network.prepare)
    start, found = variables.params["Dense_0"], []
    for step in range(200):
        kernel = start["kernel"] + step / 100 * toward
        variables = variables._replace(params={"Dense_0": start | {"kernel": kernel}})
        prepared = prepare(variables)
        variables = variables._replace(stats=prepared.stats)
        found += sigmas(prepared.params).values()
    np.testing.assert_allclose(found[20:], 1, atol=0.01)
    right = np.linalg.svd(np.asarray(kernel, np.float64))[2][0]
    [vector] = jax.tree.leaves(variables.stats)
    assert abs(right @ np.asarray(vector)) > 0.999
    [old] = jax.tree.leaves(network.init(KEY, X).stats)
    assert abs(right @ np.asarray(old)) < 0.9  # the vector has moved


@functools.cache
def algorithm_of(loss=hinge, rate=0.01):
    game = spectral_game(loss())
    optimizers = {player: optax.sgd(rate) for player in game.players}
    algorithm = alternating(game, optimizers, reals(0))
    return jax.jit(algorithm.init), jax.jit(algorithm.step)


def trained(steps, start=None, **options):
    init, step = algorithm_of(**options)
    state = init(KEY) if start is None else start
    for i in range(steps):
        state, _ = step(state, batches(2, seed=i))
    return state


def error(variables):
    """Measure how far the normalized weights' largest singular values are from 1."""
    prepared = DISCRIMINATOR.prepare(variables)
    return np.abs(np.array([*sigmas(prepared.params).values()]) - 1).max()


@pytest.mark.slow
def test_vectors_follow_the_weights_while_they_are_trained():
    start = trained(0)
    variables = start.variables["discriminator"]
    fresh = jax.tree.map(
        lambda v: random(6, *v.shape) / np.sqrt(v.size), variables.stats["vectors"]
    )
    variables = variables._replace(stats=variables.stats | {"vectors": fresh})
    assert error(variables) > 0.02
    start = start._replace(variables=start.variables | {"discriminator": variables})
    after = trained(150, start).variables["discriminator"]
    assert error(after) < 1e-3
    moved = jax.tree.map(lambda a, b: jnp.abs(a - b).max(), variables[0], after[0])
    assert max(jax.tree.leaves(moved)) > 0.02
    assert error(after._replace(stats=variables.stats)) > 0.02  # not kept
    for path, v in jax.tree_util.tree_leaves_with_path(after.stats["vectors"]):
        matrix = matrices(after.params)[jax.tree_util.keystr(path)]
        right = np.linalg.svd(matrix)[2][0]
        assert abs(right @ np.asarray(v)) > 0.999


@pytest.mark.slow
def test_the_first_steps_are_normalized_too():
    assert error(trained(0).variables["discriminator"]) < 0.02


@pytest.mark.slow
def test_only_the_owner_writes_the_vectors():
    game = spectral_game(hinge())
    optimizers = {player: optax.sgd(0.01) for player in game.players}
    algorithm = alternating(game, optimizers, reals(0), order=("generator",))
    start = trained(0).variables
    after, _ = jax.jit(algorithm.step)(trained(0), batches(1))
    assert bits(after.variables["discriminator"]) == bits(start["discriminator"])
    assert bits(after.variables["generator"]) != bits(start["generator"])
    moved = trained(1).variables["discriminator"].stats["vectors"]
    assert bits(moved) != bits(start["discriminator"].stats["vectors"])


@pytest.mark.slow
def test_a_frozen_network_is_normalized_and_keeps_its_vectors():
    exhibit = ZOO["perceptual_vae"]
    game = exhibit.game()
    plain = game.networks["seer"]
    spectral = game._replace(networks=game.networks | {"seer": spectral_norm(plain)})
    after, seen = {}, {}
    for name, each in {"plain": game, "spectral": spectral}.items():
        algorithm = alternating(
            each, {"coder": optax.sgd(0.01)}, exhibit.examples(8, 0)
        )
        state = algorithm.init(KEY)
        after[name], info = jax.jit(algorithm.step)(state, (exhibit.examples(8, 1),))
        assert bits(after[name].frozen) == bits(state.frozen)
        seen[name] = info.losses["coder"]["seen"]
    assert bits(after["plain"].frozen["seer"].params) == bits(
        after["spectral"].frozen["seer"].params
    )
    assert seen["plain"] != seen["spectral"]


@pytest.mark.slow
def test_evaluation_mode_uses_the_normalized_weights():
    game = gan(
        spectral_norm(from_linen(Normed((2,)))), mlp(()), hinge(), priors.normal(3)
    )
    optimizers = {player: optax.sgd(0.05) for player in game.players}
    algorithm = ema(alternating(game, optimizers, reals(0)), 0.5)
    state = algorithm.init(KEY)
    step = jax.jit(algorithm.step)
    for i in range(3):
        state, _ = step(state, batches(2, seed=i))
    assert bits(state.ema["generator"].stats) == bits(
        state.variables["generator"].stats
    )
    network, averaged = game.networks["generator"], state.ema["generator"]
    made = bind_to_evaluate(game, state.ema)["generator"](X)
    prepared = network.prepare(averaged)
    inner, _ = from_linen(Normed((2,))).apply(
        prepared._replace(stats=averaged.stats["network"]), X, train=False
    )
    assert_close(made, inner)
    assert max(abs(s - 1) for s in sigmas(prepared.params).values()) < 0.05


TRUNK = from_linen(Trunk())
HEAD = mlp((10,), (4,))


@pytest.mark.slow
def test_heads_and_trunk_are_normalized_in_both_nestings():
    outside = spectral_norm(headed(TRUNK, digit=HEAD), iterations=MANY)
    inside = headed(
        spectral_norm(TRUNK, iterations=MANY),
        digit=spectral_norm(HEAD, iterations=MANY),
    )
    found = [n.prepare(n.init(KEY, X)) for n in (outside, inside)]
    assert_close(found[0].params, found[1].params, atol=1e-5)
    np.testing.assert_allclose([*sigmas(found[0].params).values()], 1, atol=1e-5)
    scores = [
        network.apply(prepared, X, train=False)[0]
        for network, prepared in zip((outside, inside), found, strict=True)
    ]
    assert_close(scores[0], scores[1], atol=1e-5)
    part = headed(spectral_norm(TRUNK, iterations=MANY), digit=HEAD)
    variables = part.init(KEY, X)
    prepared = part.prepare(variables)
    values = sigmas(prepared.params["discriminator"])
    np.testing.assert_allclose([*values.values()], 1, atol=1e-5)
    assert bits(prepared.params["digit"]) == bits(variables.params["digit"])


@pytest.mark.slow
def test_a_label_may_be_added_inside_and_outside():
    labels = jnp.array([0, 2, 1, 0, 0, 1, 2, 2])
    one = labeled(spectral_norm(mlp((2,), (4,))), 3)
    other = spectral_norm(labeled(mlp((2,), (4,)), 3))
    variables = one.init(KEY, X, labels)
    assert bits(variables) == bits(other.init(KEY, X, labels))
    outputs = [n.apply(n.prepare(variables), X, labels) for n in (one, other)]
    assert bits(outputs[0]) == bits(outputs[1])


def test_the_inner_networks_own_preparation_comes_first():
    inner = mlp((2,), (4,))

    def prepare(variables):
        return variables._replace(params=jax.tree.map(jnp.exp, variables.params))

    network = spectral_norm(inner._replace(prepare=prepare), iterations=MANY)
    variables = network.init(KEY, X)
    prepared = network.prepare(variables)
    np.testing.assert_allclose([*sigmas(prepared.params).values()], 1, atol=1e-5)
    raw = matrices(jax.tree.map(jnp.exp, variables.params))
    for path, matrix in matrices(prepared.params).items():
        assert_close(matrix, raw[path] / np.linalg.svd(raw[path])[1].max(), atol=1e-5)


def test_chosen_weights_are_normalized_and_others_are_not():
    inner = mlp((2,), (4, 4))
    network = spectral_norm(inner, where=lambda path: path == "Dense_1/kernel")
    variables = network.init(KEY, X)
    assert len(jax.tree.leaves(variables.stats)) == 1
    before, after = variables.params, network.prepare(variables).params
    assert bits(after["Dense_0"]) == bits(before["Dense_0"])
    assert bits(after["Dense_2"]) == bits(before["Dense_2"])
    assert bits(after["Dense_1"]["kernel"]) != bits(before["Dense_1"]["kernel"])


def test_scales_and_biases_of_classes_are_no_weights():
    """They begin at zero, so that their first update would jump to norm 1."""
    network = spectral_norm(dcgan_generator((8, 8, 1), 4, classes=3))
    inputs = X, jnp.array([0, 1, 2, 0, 1, 2, 0, 1])
    variables = network.init(KEY, *inputs)
    moved = jax.tree.map(lambda x: x + 0.01, variables.params)
    after = network.prepare(variables._replace(params=moved)).params
    table = "ConditionalBatchNorm_0"
    assert bits(after[table]) == bits(moved[table])
    assert bits(after["Dense_0"]) != bits(moved["Dense_0"])


@pytest.mark.slow
def test_members_of_a_population_are_normalized_each_by_itself():
    def build(hypers):
        rate = optax.sgd(hypers["rate"])
        optimizers = {"generator": rate, "discriminator": rate}
        return alternating(spectral_game(hinge()), optimizers, reals(0))

    rates = (0.01, 0.1)
    hypers = {"rate": jnp.array(rates)}
    members = population(build, hypers, devices=jax.devices()[:1])
    keys = jnp.stack([KEY, KEY])
    state = members.init(keys)
    for i in range(2):
        both = jax.tree.map(lambda x: jnp.stack([x, x]), batches(2, seed=i))
        state, _ = members.step(state, both)
    for member, rate in enumerate(rates):
        found = jax.tree.map(lambda x, m=member: x[m], state.variables)
        assert_close(found, trained(2, rate=rate).variables, atol=1e-5)


def with_r1():
    return chain(hinge(), r1(1.0))


def with_gradient_penalty():
    return chain(hinge(), gradient_penalty())


@pytest.mark.slow
@pytest.mark.parametrize("loss", [with_r1, with_gradient_penalty])
def test_gradients_of_penalties_are_those_of_finite_differences(loss):
    network = spectral_norm(mlp((), (4,), activation=jnp.tanh), iterations=MANY)

    @jax.jit
    def penalty(params, x):
        made = network.prepare(variables._replace(params=params))

        def logit(x):
            return network.apply(made, x)[0].sum()

        squares = jnp.square(jax.grad(logit)(x)).sum(axis=1)
        if loss is with_r1:
            return squares.mean()
        return jnp.square(jnp.sqrt(squares) - 1).mean()

    variables = network.init(KEY, X)
    with jax.enable_x64(True):
        double = jax.tree.map(lambda v: v.astype(jnp.float64), (variables, X))
        variables, x = double
        check_grads(penalty, (variables.params, x), order=1, modes=["rev"])
    values = jax.tree.leaves(trained(2, loss=loss).variables)
    assert all(np.isfinite(x).all() for x in values)


def test_a_weight_of_zeros_stays_and_learns():
    class Zeros(nn.Module):
        @nn.compact
        def __call__(self, x):
            return nn.Dense(2, kernel_init=nn.initializers.zeros)(x)

    network = spectral_norm(from_linen(Zeros()))
    variables = network.init(KEY, X)
    prepared = network.prepare(variables)
    assert bits(prepared.params) == bits(variables.params)
    cotangent = random(4, 3, 2)
    gradient = gradient_of(network, variables, cotangent)
    assert_close(gradient, cotangent)
    later = variables._replace(
        params={"Dense_0": {"kernel": gradient, "bias": jnp.zeros(2)}},
        stats=prepared.stats,
    )
    for _ in range(100):
        later = later._replace(stats=network.prepare(later).stats)
    np.testing.assert_allclose(
        [*sigmas(network.prepare(later).params).values()], 1, atol=1e-5
    )


@pytest.mark.parametrize("kind", tiered([jnp.bfloat16, jnp.float16], [jnp.bfloat16]))
def test_narrow_weights_stay_narrow_and_have_vectors_of_float32(kind):
    network = spectral_norm(
        from_linen(nn.Dense(4, dtype=kind, param_dtype=kind)), iterations=MANY
    )
    variables = network.init(KEY, X.astype(kind))
    prepared = network.prepare(variables)
    assert {x.dtype for x in jax.tree.leaves(prepared.params)} == {jnp.dtype(kind)}
    [vector] = jax.tree.leaves(prepared.stats)
    assert vector.dtype == jnp.float32
    [sigma] = sigmas(prepared.params).values()
    np.testing.assert_allclose(sigma, 1, atol=0.01)


def test_what_is_not_a_number_is_not_hidden():
    network = spectral_norm(mlp((2,), ()))
    variables = network.init(KEY, X)
    broken = {"Dense_0": {"kernel": jnp.full((3, 2), jnp.nan), "bias": jnp.zeros(2)}}
    prepared = network.prepare(variables._replace(params=broken))
    assert np.isnan(prepared.params["Dense_0"]["kernel"]).all()


def test_bad_input_is_refused():
    with unchecked(), pytest.raises(InputError, match="spectral_norm: network must"):
        spectral_norm(nn.Dense(2))
    with pytest.raises(InputError, match="spectral_norm: iterations must be an int"):
        spectral_norm(mlp(()), iterations=0)
    with unchecked(), pytest.raises(InputError, match="spectral_norm: where must be"):
        spectral_norm(mlp(()), where="Dense_0")
    absent = spectral_norm(mlp((), ()), where=lambda path: "Conv" in path)
    game = gan(mlp((2,)), absent, hinge(), priors.normal(3))
    optimizers = {player: optax.sgd(0.1) for player in game.players}
    match = r"a weight with two or more axes that `where` chooses; its parameters are"
    with pytest.raises(InputError, match=match):
        alternating(game, optimizers, Batch(jnp.ones((8, 2))))
