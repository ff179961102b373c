"""Winograd's products, 9 or 16, against the 16 or 36 of `jax.lax`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

from jaxgan.networks.ops import convolution, winograd, winograd_3x3
from jaxgan.networks.ops.window import make_window, output_size

# image, kernel, stride, padding
WINDOWS = {
    winograd: [
        ((8, 8), (4, 4), 2, "SAME"),
        ((8, 12), (4, 4), 2, "SAME"),
        ((4, 4), (4, 4), 2, "SAME"),
        ((3, 5), (2, 2), 1, "VALID"),
        ((11, 10), (4, 4), 2, "VALID"),
        ((12, 12), (6, 6), 3, "SAME"),
        ((9, 8), (2, 4), (1, 2), ((0, 2), (1, 1))),
        ((5, 6), (4, 4), 2, ((2, 0), (0, 1))),
    ],
    winograd_3x3: [
        ((8, 8), (3, 3), 1, "SAME"),
        ((8, 12), (3, 3), 1, "SAME"),
        ((4, 6), (3, 3), 1, "VALID"),
        ((8, 4), (3, 3), 1, ((2, 0), (3, 1))),
    ],
}
every_form = pytest.mark.parametrize("form", WINDOWS)
every_window = pytest.mark.parametrize(
    "form, window", [(form, w) for form, some in WINDOWS.items() for w in some], ids=str
)


def first_window(form):
    return make_window("", *WINDOWS[form][0])


def operands(window, dtype=float, channels=(2, 3)):
    random = np.random.default_rng(0)
    image, kernel = [a.image for a in window], [a.kernel for a in window]
    shapes = (
        (3, *image, channels[0]),
        (*kernel, *channels),
        (3, *output_size(window), channels[1]),
    )
    return [jnp.asarray(random.normal(size=s), dtype) for s in shapes]


def three(convolve, transposed, correlate, window):
    """All of the family at x, w and y."""
    return jax.jit(
        lambda x, w, y: (
            convolve(x, w, window),
            transposed(y, w, window),
            correlate(x, y, window),
        )
    )


def fast(form, window):
    return three(form.convolve, form.convolve_transposed, form.correlate, window)


def plain(window):
    names = "_run_convolve", "_run_transposed", "_run_correlate"
    return three(*(getattr(convolution, name) for name in names), window)


@every_window
def test_the_three_are_those_of_jax(form, window):
    window = make_window("", *window)
    with jax.enable_x64(True):
        arrays = operands(window)
        pairs = zip(fast(form, window)(*arrays), plain(window)(*arrays), strict=True)
        for a, b in pairs:
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


@every_form
def test_float32_loses_no_more_than_two_bits_to_all_products(form):
    window = first_window(form)
    arrays = operands(window, jnp.float32, (64, 64))
    with jax.enable_x64(True):
        exact = plain(window)(*(a.astype(jnp.float64) for a in arrays))
        exact = [np.asarray(e) for e in exact]
    results = fast(form, window)(*arrays), plain(window)(*arrays)
    errors = [
        [np.std(np.asarray(a) - e) / np.std(e) for a, e in zip(r, exact, strict=True)]
        for r in results
    ]
    for fewer, every in zip(*errors, strict=True):
        assert 1e-8 < fewer < 1e-6
        assert fewer < 4 * every


def test_it_suits_long_kernels_wide_layers_even_outputs_and_32_bits():
    def suits(window, channels=(64, 64), dtype=jnp.float32):
        axes = make_window("", *window)
        return winograd.suits("convolve", axes, channels, jnp.dtype(dtype))

    window = WINDOWS[winograd][0]
    assert suits(window)
    assert suits(window, dtype=jnp.float64)
    assert not suits(window, dtype=jnp.bfloat16)
    assert not suits(window, channels=(3, 64))
    assert not suits(((8, 8), (3, 3), 2, "SAME"))
    assert not suits(((6, 8), (4, 4), 2, "SAME"))


def test_3x3_suits_stride_1_wide_layers_even_sizes_and_32_bits():
    def suits(window, channels=(32, 32), dtype=jnp.float32):
        return winograd_3x3.suits(make_window("", *window), channels, jnp.dtype(dtype))

    window = WINDOWS[winograd_3x3][0]
    assert suits(window)
    assert suits(window, dtype=jnp.float64)
    assert not suits(window, dtype=jnp.bfloat16)
    assert not suits(window, channels=(3, 64))
    assert not suits(((8, 8), (3, 3), 2, "SAME"))
    assert not suits(((9, 9), (3, 3), 1, "SAME"))
    assert not suits(((8, 8), (3, 3), 1, ((0, 1), (0, 1))))
    assert not suits(((6, 8), (3, 3), 1, "SAME"))


def convolutions(f, *arguments):
    return f.lower(*arguments).as_text().count("stablehlo.convolution")


def layer(form):
    stride = first_window(form)[0].stride
    return lambda x, w: jnp.sum(convolution.convolve(x, w, stride=stride) ** 2)


@every_form
def test_the_cpu_takes_it_and_an_accelerator_does_not(form):
    x, w, _ = operands(first_window(form), jnp.float32, (64, 64))
    gradients = jax.jit(jax.grad(layer(form), (0, 1)))
    assert convolutions(gradients, x, w) == 0
    exported = jax.export.export(gradients, platforms=["tpu"])(x, w)
    assert exported.mlir_module().count("stablehlo.convolution") == 3


def test_the_cpu_takes_the_operators_of_jax_for_3x3_with_stride_2():
    x, w, _ = operands(first_window(winograd), jnp.float32, (64, 64))
    gradients = jax.jit(jax.grad(layer(winograd), (0, 1)))
    assert convolutions(gradients, x, w[:3, :3]) == 3


@pytest.fixture
def mesh():
    if jax.device_count() < 8:
        pytest.skip("needs 8 devices, which conftest.py makes of the CPU")
    return jax.make_mesh((8,), ("batch",), axis_types=(AxisType.Auto,))


@every_form
def test_a_sharded_batch_splits_the_work_and_gathers_nothing(mesh, form):
    x, w, _ = operands(first_window(form), jnp.float32, (64, 64))
    x = jnp.tile(x[:1], (16, 1, 1, 1))
    gradients = jax.jit(jax.value_and_grad(layer(form), (0, 1)))
    one = gradients.lower(x, w).compile()
    split = jax.device_put(x, NamedSharding(mesh, P("batch")))
    shared = jax.device_put(w, NamedSharding(mesh, P()))
    many = gradients.lower(split, shared).compile()
    products = [f.as_text() for f in (one, many)]
    assert "all-reduce" in products[1]
    assert "all-gather" not in products[1]
    flops = [f.cost_analysis()["flops"] for f in (one, many)]
    assert 0.9 / 8 <= flops[1] / flops[0] <= 1.1 / 8
    for a, b in zip(
        jax.tree.leaves(many(split, shared)), jax.tree.leaves(one(x, w)), strict=True
    ):
        scale = float(np.max(np.abs(b)))
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * scale)


@every_form
def test_shard_map_gives_the_gradients_of_one_device(mesh, form):
    x, w, _ = operands(first_window(form), jnp.float32, (64, 64))
    x = jnp.tile(x, (8, 1, 1, 1))
    gradients = jax.grad(layer(form), (0, 1))
    specs = {"in_specs": (P("batch"), P()), "out_specs": (P("batch"), P())}
    split = jax.jit(jax.shard_map(gradients, mesh=mesh, **specs))
    for a, b in zip(split(x, w), jax.jit(gradients)(x, w), strict=True):
        scale = float(np.max(np.abs(b)))
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * scale)


def penalty(convolve):
    """R1's: its gradient differentiates the operators twice."""

    def of(x, w):
        slope = jax.grad(lambda x: jnp.sum(jnp.tanh(convolve(x, w))))(x)
        return jnp.sum(slope**2)

    return of


def test_a_gradient_penalty_and_vmap_agree_with_jax():
    window = first_window(winograd_3x3)
    x, w, _ = operands(window, jnp.float32, (32, 32))
    assert winograd_3x3.suits(window, w.shape[2:], x.dtype)
    xs, ws = jnp.stack([x, 2 * x]), jnp.stack([w, w[::-1]]) / 10
    gradients = jax.jit(jax.vmap(jax.grad(penalty(convolution.convolve), (0, 1))))
    assert convolutions(gradients, xs, ws) == 0
    of_jax = penalty(lambda x, w: convolution._run_convolve(x, w, window))
    one = jax.jit(jax.grad(of_jax, (0, 1)))
    expected = [one(*each) for each in zip(xs, ws, strict=True)]
    for a, *b in zip(gradients(xs, ws), *expected, strict=True):
        scale = float(np.max(np.abs(b)))
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5 * scale)
