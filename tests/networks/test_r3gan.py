"""R3GAN's networks: their parts against formulas, and all that GANs do with them."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import (
    Batch,
    alternating,
    chain,
    data_parallel,
    gan,
    gradient_penalty,
    mlp,
    non_saturating,
    population,
    priors,
    r1,
    r2,
    wasserstein,
)
from jaxgan.errors import InputError
from jaxgan.losses import relativistic
from jaxgan.networks import headed, r3gan, r3gan_discriminator, r3gan_generator
from tests.builders import assert_close, tiered, unchecked

KEY = jax.random.key(0)
BOTH = pytest.mark.parametrize("make", [r3gan_generator, r3gan_discriminator])
LOSSES = {
    "r3gan": chain(relativistic(non_saturating()), r1(1.0), r2(1.0)),
    "wgan_gp": chain(wasserstein(), gradient_penalty(10.0)),
}
LATENTS = jax.random.normal(jax.random.key(1), (16, 4))


def images(n=16, shape=(8, 8, 1), dtype=jnp.float32):
    return jax.random.uniform(jax.random.key(2), (n, *shape), dtype, -1, 1)


@functools.cache
def pair():
    """Both networks with their variables."""
    shape = (8, 8, 1)
    g, d = r3gan_generator(shape, 64), r3gan_discriminator(shape, 64)
    return (
        (g, jax.jit(g.init)(KEY, LATENTS)),
        (d, jax.jit(d.init)(KEY, images(2, shape))),
    )


def blocks(params):
    return [value for name, value in params.items() if name.startswith("_Residual")]


# --- Shapes and scales --------------------------------------------------------------


@pytest.mark.parametrize("size", tiered([8, 16, 32, 64, 128], []))
def test_images_have_the_size_and_maps_a_limited_width(size):
    g, d = (make((size, size, 3), 4) for make in (r3gan_generator, r3gan_discriminator))
    variables = jax.eval_shape(g.init, KEY, LATENTS)
    image, _ = jax.eval_shape(g.apply, variables, LATENTS)
    assert image.shape == (16, size, size, 3)
    variables = jax.eval_shape(d.init, KEY, image)
    score, _ = jax.eval_shape(d.apply, variables, image)
    assert score.logits.shape == (16,)
    assert score.features[-1].shape == (16, 8 if size == 8 else 16)
    assert len(blocks(variables.params)) == 2 * (int(math.log2(size)) - 1)


def test_the_first_networks_are_linear_as_every_block_is_the_identity():
    (g, g_variables), (d, d_variables) = pair()
    x = images()
    made = jax.jit(lambda z: g.apply(g_variables, z)[0])
    score = jax.jit(lambda x: d.apply(d_variables, x)[0].logits)
    assert_close(made(3 * LATENTS), 3 * made(LATENTS), atol=1e-5)
    assert_close(score(x[::-1] - 2 * x), score(x)[::-1] - 2 * score(x), atol=1e-5)
    assert float(jnp.std(score(x))) > 0.01


def test_weights_have_the_variances_of_the_formulas():
    (_, g), (_, d) = pair()
    for params in (g.params, d.params):
        for block in blocks(params):
            scale = (2 / 1.04 / math.sqrt(4)) ** 0.5  # four blocks
            for weight in (block["_Linear_0"]["kernel"], block["kernel"]):
                fan_in = weight.size / weight.shape[-1]
                assert_close(np.std(weight) * fan_in**0.5, scale, rtol=0.1)
            for name in ("bias_1", "bias_2"):
                assert not block[name].any()
            assert not block["_Linear_1"]["kernel"].any()
    assert_close(np.std(g.params["basis"]), 1.0, rtol=0.1)
    assert_close(np.std(g.params["_Linear_0"]["kernel"]) * 2, 1.0, rtol=0.2)
    assert_close(np.std(d.params["basis"]) * 4, 1.0, rtol=0.1)


def test_images_and_logits_start_near_one():
    (g, g_variables), (d, d_variables) = pair()
    made, _ = jax.jit(g.apply)(g_variables, jax.random.normal(KEY, (64, 4)))
    score, _ = jax.jit(d.apply)(d_variables, made)
    assert 0.2 < float(jnp.std(made)) < 2
    assert 0.1 < float(jnp.std(score.logits)) < 4


def test_resampling_is_bilinear():
    x = jax.random.normal(KEY, (2, 4, 6, 3))
    larger = jax.image.resize(x, (2, 8, 12, 3), "bilinear")
    smaller = jax.image.resize(x, (2, 2, 3, 3), "bilinear", antialias=False)
    assert_close(r3gan._double(x), larger, atol=1e-6)
    assert_close(r3gan._halve(x), smaller, atol=1e-6)


def test_a_block_is_a_bottleneck_with_biases_before_activations():
    x = jax.random.normal(KEY, (2, 4, 4, 6))
    block = r3gan._Residual(1.0)
    params = block.init(KEY, x)["params"]
    params = jax.tree.map(
        lambda p: jnp.cos(jnp.arange(p.size)).reshape(p.shape), params
    )

    def leaky(y, bias):
        y = y + bias.reshape(1, 1, 1, -1)
        return jnp.where(y > 0, y, 0.2 * y)

    y = leaky(x @ params["_Linear_0"]["kernel"], params["bias_1"])
    dims = ("NHWC", "HWIO", "NHWC")
    y = jax.lax.conv_general_dilated(
        y, params["kernel"], (1, 1), "SAME", dimension_numbers=dims
    )
    y = leaky(y, params["bias_2"]) @ params["_Linear_1"]["kernel"]
    assert_close(block.apply({"params": params}, x), x + y, rtol=1e-4, atol=1e-4)


# --- Games --------------------------------------------------------------------------


def game(loss, channels=4):
    shape = (8, 8, 1)
    return gan(
        r3gan_generator(shape, channels, blocks=1),
        r3gan_discriminator(shape, channels, blocks=1),
        LOSSES[loss],
        priors.normal(4),
    )


def algorithm(own, rate=0.02):
    optimizers = {player: optax.sgd(rate) for player in own.players}
    return alternating(own, optimizers, Batch(images()))


def assert_every_weight_moves(own, dtype=jnp.float32):
    """After two steps: the first gives the blocks' last convolutions a gradient."""
    made, batch = algorithm(own), Batch(images(dtype=dtype))
    first = jax.jit(made.init)(KEY)
    step, state = jax.jit(made.step), first
    for _ in range(2):
        state, info = step(state, (batch, batch))
    before, after = (jax.tree.leaves(s.variables) for s in (first, state))
    assert all(jnp.isfinite(x).all() for x in [*after, *jax.tree.leaves(info)])
    assert all((a != b).any() for a, b in zip(after, before, strict=True))


@pytest.mark.parametrize("dtype", tiered([jnp.float32, jnp.bfloat16], []))
@pytest.mark.parametrize("loss", LOSSES)
def test_every_weight_moves_under_penalties(loss, dtype):
    assert_every_weight_moves(game(loss), dtype)


def in_bfloat16(network):
    """Let a network compute in bfloat16; variables and outputs stay float32."""

    def cast(tree, dtype):
        return jax.tree.map(lambda x: x.astype(dtype), tree)

    def apply(variables, *inputs, **mode):
        made, stats = network.apply(*cast((variables, *inputs), jnp.bfloat16), **mode)
        return cast(made, jnp.float32), stats

    return network._replace(apply=apply)


def test_networks_compute_in_bfloat16_what_they_do_in_float32():
    for (network, variables), x in zip(pair(), (LATENTS, images()), strict=True):
        narrow = in_bfloat16(network).apply
        products = [
            line
            for line in jax.jit(narrow).lower(variables, x).as_text().splitlines()
            if "stablehlo.dot" in line or "stablehlo.convolution" in line
        ]
        assert len(products) > 10
        assert all("bf16" in line and "f32" not in line for line in products)
        a, b = (jax.jit(f)(variables, x)[0] for f in (narrow, network.apply))
        a, b = (y if isinstance(y, jax.Array) else y.logits for y in (a, b))
        assert_close(a, b, atol=0.03 * float(jnp.std(b)) + 0.01)


@pytest.mark.slow
@pytest.mark.parametrize("loss", LOSSES)
def test_every_weight_moves_in_bfloat16(loss):
    own = game(loss)
    networks = {name: in_bfloat16(x) for name, x in own.networks.items()}
    assert_every_weight_moves(own._replace(networks=networks))


@pytest.mark.slow
@pytest.mark.parametrize("loss", LOSSES)
def test_members_of_a_population_are_single_runs(loss):
    rates, batch = np.array([0.01, 0.02]), Batch(images())
    build = lambda hypers: algorithm(game(loss), hypers["rate"])  # noqa: E731
    many = population(build, {"rate": rates})
    keys = jax.random.split(KEY, 2)
    both = jax.tree.map(lambda x: jnp.stack([x, x]), (batch, batch))
    state, _ = jax.jit(many.step)(jax.jit(many.init)(keys), both)
    for i, rate in enumerate(rates):
        one = algorithm(game(loss), rate)
        alone, _ = jax.jit(one.step)(jax.jit(one.init)(keys[i]), (batch, batch))
        member = jax.tree.map(lambda x, i=i: x[i], state.variables)
        assert_close(member, alone.variables, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("backend", ["jit", "shard_map", "pmap"])
def test_eight_devices_do_what_one_does(backend, loss):
    own, batch, found = game(loss), Batch(images()), []
    for count, how in ((1, "jit"), (8, backend)):
        made = data_parallel(algorithm, own, jax.devices()[:count], backend=how)
        state = made.init(KEY)
        for _ in range(2):
            state, _ = made.step(state, (batch, batch))
        found.append(jax.tree.map(np.asarray, state.variables))
    assert_close(found[1], found[0], atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("loss", LOSSES)
def test_a_step_exports_for_accelerators(loss):
    made, batch = algorithm(game(loss, 32)), Batch(images())
    state = jax.eval_shape(made.init, KEY)
    export = jax.export.export(jax.jit(made.step), platforms=("tpu", "cuda"))
    exported = export(state, (batch, batch))
    assert exported.platforms == ("tpu", "cuda")
    assert "stablehlo.convolution" in exported.mlir_module()


def test_heads_read_the_last_features():
    d = headed(r3gan_discriminator((8, 8, 1), 4, blocks=1), digit=mlp((10,)))
    variables = jax.eval_shape(d.init, KEY, images())
    score, _ = jax.eval_shape(d.apply, variables, images())
    assert score.extra["digit"].shape == (16, 10)


# --- Refusals -----------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize(
    "arguments, said",
    [
        (((28, 28, 1),), r"the size in image_shape must be one of \(8, .*got 28"),
        (
            ((8, 16, 1),),
            r"image_shape must be \(size, size, colors\), got \(8, 16, 1\)",
        ),
        (((8, 8, 1), 0), "channels must be .* got 0"),
        (((8, 8, 1), 4, 0), "blocks must be .* got 0"),
    ],
)
def test_impossible_networks_are_refused(make, arguments, said):
    shape, *channels = arguments[:2]
    more = {"blocks": arguments[2]} if len(arguments) == 3 else {}
    with pytest.raises(InputError, match=f"^{make.__name__}: {said}"):
        make(shape, *channels, **more)


def test_images_of_another_shape_are_refused():
    d = r3gan_discriminator((8, 8, 1), 4)
    with unchecked(), pytest.raises(InputError, match=r"built for images \(8, 8, 1\)"):
        jax.eval_shape(d.init, KEY, images(shape=(16, 16, 1)))
