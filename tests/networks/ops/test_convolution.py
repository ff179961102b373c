"""The convolution family against JAX's own operator, and its laws."""

import functools

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from jax import lax
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

from jaxgan.errors import InputError
from jaxgan.networks.ops.convolution import convolve, convolve_transposed

# image, kernel, stride, padding: what GANs use, and what is awkward.
WINDOWS = [
    ((8, 8), (4, 4), 2, "SAME"),
    ((7, 8), (4, 4), 2, "SAME"),
    ((6, 5), (3, 3), 1, "SAME"),
    ((7, 9), (3, 3), 2, "SAME"),
    ((9, 8), (5, 5), 2, "SAME"),
    ((8, 8), (7, 7), 1, "SAME"),
    ((4, 5), (1, 1), 1, "SAME"),
    ((5, 6), (1, 1), 2, "SAME"),
    ((7, 8), (2, 2), 3, "SAME"),
    ((4, 4), (4, 4), 1, "VALID"),
    ((9, 10), (4, 4), 2, "VALID"),
    ((8, 7), (4, 3), (2, 1), ((1, 1), (0, 2))),
    ((5, 5), (2, 2), 1, ((3, 2), (2, 3))),
]
CHANNELS = (2, 3)
every_window = pytest.mark.parametrize("window", WINDOWS, ids=str)
few_windows = pytest.mark.parametrize(
    "window", [WINDOWS[0], WINDOWS[2], WINDOWS[11]], ids=str
)


@pytest.fixture
def float64():
    with jax.enable_x64(True):
        yield


def native(x, w, window):
    _, _, stride, padding = window
    strides = (stride, stride) if isinstance(stride, int) else stride
    dims = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(x, w, strides, padding, dimension_numbers=dims)


def ours(x, w, window):
    _, _, stride, padding = window
    return convolve(x, w, stride=stride, padding=padding)


def transposed(y, w, window):
    image, _, stride, padding = window
    return convolve_transposed(y, w, stride=stride, padding=padding, size=image)


def native_transposed(y, w, window):
    x = jnp.zeros((y.shape[0], *window[0], w.shape[2]), y.dtype)
    return jax.linear_transpose(lambda x: native(x, w, window), x)(y)[0]


def operands(window, dtype=None, batch=2):
    """An image, a kernel and an image as the convolution makes them; from NumPy."""
    image, kernel, *_ = window
    shapes = (batch, *image, CHANNELS[0]), (*kernel, *CHANNELS)
    x, w = (np.random.default_rng(0).normal(size=s) for s in shapes)
    y = jax.eval_shape(lambda x, w: native(x, w, window), x, w)
    y = np.random.default_rng(1).normal(size=y.shape)
    return tuple(jnp.asarray(a, dtype) for a in (x, w, y))


def close(a, b, rtol=1e-12):
    a, b = np.asarray(a), np.asarray(b)
    assert a.shape == b.shape and a.dtype == b.dtype
    np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * np.max(np.abs(b)))


# --- Values -----------------------------------------------------------------------


@every_window
def test_the_operator_is_that_of_jax(window, float64):
    x, w, _ = operands(window)
    close(ours(x, w, window), native(x, w, window))


@every_window
def test_the_three_are_adjoints(window, float64):
    """⟨convolve(x, w), y⟩ = ⟨x, convolve_transposed(y, w)⟩ = ⟨w, correlate(x, y)⟩."""
    x, w, y = operands(window)
    _, correlate = jax.vjp(lambda w: ours(x, w, window), w)
    forms = [
        (ours(x, w, window), y),
        (x, transposed(y, w, window)),
        (w, correlate(y)[0]),
    ]
    numbers = [np.vdot(a, b) for a, b in forms]
    np.testing.assert_allclose(numbers, numbers[0], rtol=1e-11)


@pytest.mark.parametrize("stride, pixels", [(1, 5), (2, 10), (3, 15)])
def test_same_makes_the_image_a_stride_as_large(stride, pixels):
    y, w = jnp.ones((2, 5, 5, 4)), jnp.ones((4, 4, 3, 4))
    assert convolve_transposed(y, w, stride=stride).shape == (2, pixels, pixels, 3)


def test_by_default_a_transposed_convolution_has_the_smallest_size():
    y, w = jnp.ones((2, 4, 3, 5)), jnp.ones((4, 4, 3, 5))
    out = convolve_transposed(y, w, stride=2, padding=((1, 1), (0, 1)))
    assert out.shape == (2, 8, 7, 3)
    assert convolve_transposed(y[:, :1, :1], w, padding="VALID").shape == (2, 4, 4, 3)


def test_an_empty_batch_has_empty_images_and_a_gradient_of_zero():
    x, w = jnp.zeros((0, 8, 8, 2)), jnp.ones((4, 4, 2, 3))
    loss = lambda w: jnp.sum(convolve(x, w, stride=2))  # noqa: E731
    assert convolve(x, w, stride=2).shape == (0, 4, 4, 3)
    assert convolve_transposed(convolve(x, w), w, stride=2).shape == (0, 16, 16, 2)
    np.testing.assert_array_equal(jax.grad(loss)(w), jnp.zeros_like(w))


@pytest.mark.parametrize(
    "window", [((8, 8), (4, 4), 2, "SAME"), ((8, 8), (3, 3), 1, "SAME")], ids=str
)
def test_bfloat16_is_rounded_once(window):
    """The error is that of rounding the result, not of a sum of 256 in bfloat16."""
    image, kernel = (4, 8, 8, 16), (*window[1], 16, 8)
    x = jax.random.normal(jax.random.key(0), image, jnp.bfloat16)
    w = jax.random.normal(jax.random.key(1), kernel, jnp.bfloat16)
    y = native(x, w, window)
    wide = [a.astype(jnp.float32) for a in (x, w, y)]
    results = everything(x, w, y, window)
    for result, reference in zip(results, everything(*wide, window), strict=True):
        assert result.dtype == jnp.bfloat16
        error = jnp.max(jnp.abs(result.astype(jnp.float32) - reference))
        assert 0 < error <= 2.0**-8 * jnp.max(jnp.abs(reference))


def everything(x, w, y, window):
    _, pullback = jax.vjp(lambda x, w: ours(x, w, window), x, w)
    return (ours(x, w, window), *pullback(y))


def test_of_two_types_the_wider_one_comes_out_and_gradients_keep_theirs():
    x, w = jnp.ones((1, 4, 4, 2), jnp.bfloat16), jnp.ones((4, 4, 2, 3))
    loss = lambda x, w: jnp.sum(convolve(x, w))  # noqa: E731
    assert convolve(x, w).dtype == jnp.float32
    dx, dw = jax.grad(loss, (0, 1))(x, w)
    assert (dx.dtype, dw.dtype) == (jnp.bfloat16, jnp.float32)


# --- Derivatives ------------------------------------------------------------------


def curved(conv, window, a, w):
    """A scalar of which every derivative up to the third is there."""
    return jnp.sum(jnp.sin(conv(a, w, window)) ** 2)


def directions(f, a, w, u, v):
    """Gradient, Hessian-vector product and third derivative, each in both."""
    gradient = jax.grad(f, (0, 1))
    hessian = lambda a, w: jax.jvp(gradient, (a, w), (u, v))[1]  # noqa: E731
    third = jax.jvp(hessian, (a, w), (u, v))[1]
    back = jax.grad(lambda a, w: sum(map(jnp.sum, hessian(a, w))), (0, 1))(a, w)
    forward = jax.jvp(f, (a, w), (u, v))[1]
    return forward, gradient(a, w), hessian(a, w), third, back


@few_windows
@pytest.mark.parametrize(
    "pair", [(ours, native), (transposed, native_transposed)], ids=["conv", "convT"]
)
def test_derivatives_to_the_third_are_those_of_jax(window, pair, float64):
    x, w, y = operands(window)
    a = x if pair[0] is ours else y
    u, v = jnp.cos(a), jnp.cos(w)
    mine, theirs = (
        jax.jit(functools.partial(directions, functools.partial(curved, f, window)))
        for f in pair
    )
    jax.tree.map(lambda m, t: close(m, t, 1e-10), mine(a, w, u, v), theirs(a, w, u, v))


def test_no_derivative_leaves_the_family():
    """A gradient penalty of a generator's and a critic's layer runs the three only."""
    x, w, _ = operands(WINDOWS[0])

    def penalty(w, x):
        critic = lambda x: jnp.sum(  # noqa: E731
            jnp.tanh(convolve(convolve_transposed(convolve(x, w), w), w, stride=2))
        )
        return jnp.sum(jax.grad(critic)(x) ** 2)

    names = str(jax.make_jaxpr(jax.grad(penalty))(w, x))
    assert "conv_general_dilated" not in names
    for name in ("convolve[", "convolve_transposed[", "correlate["):
        assert name in names


# --- Transformations --------------------------------------------------------------


def gradients(conv, window):
    """The three maps at once, as functions of an image and a kernel."""
    loss = lambda a, w: jnp.sum(jnp.sin(conv(a, w, window)))  # noqa: E731
    return jax.value_and_grad(loss, (0, 1))


@pytest.mark.parametrize("axes", [(0, None), (None, 0), (0, 0), (2, 3), (4, None)])
@pytest.mark.parametrize("conv", [ours, transposed])
def test_vmap_is_a_loop(conv, axes, float64):
    window, n = WINDOWS[11], 3
    x, w, y = operands(window)
    arrays = [
        a if axis is None else jnp.stack([a * (1 + i) for i in range(n)], axis)
        for a, axis in zip((x if conv is ours else y, w), axes, strict=True)
    ]
    f = gradients(conv, window)
    take = lambda a, axis, i: a if axis is None else jnp.take(a, i, axis)  # noqa: E731
    loop = [
        f(*(take(a, d, i) for a, d in zip(arrays, axes, strict=True))) for i in range(n)
    ]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *loop)
    jax.tree.map(close, jax.vmap(f, axes)(*arrays), stacked)


def test_vmap_of_vmap_is_a_loop_of_loops(float64):
    window = WINDOWS[0]
    x, w, _ = operands(window)
    xs, ws = jnp.stack([x, 2 * x]), jnp.stack([w, 3 * w, 4 * w])
    table = jax.vmap(lambda x: jax.vmap(lambda w: ours(x, w, window))(ws))(xs)
    for i, j in np.ndindex(2, 3):
        close(table[i, j], native(xs[i], ws[j], window))


def test_control_flow_and_remat_change_nothing(float64):
    window = ((4, 4), (3, 3), 1, "SAME")
    x = jax.random.normal(jax.random.key(0), (2, 4, 4, 2))
    w = jax.random.normal(jax.random.key(1), (3, 3, 3, 2, 2))
    layer = lambda x, w: jnp.tanh(ours(x, w, window))  # noqa: E731

    def scanned(w):
        body = jax.checkpoint(lambda x, w: (layer(x, w), None))
        last, _ = lax.scan(body, x, w)
        return lax.cond(jnp.sum(last) < 1e9, jnp.sum, lambda _: 0.0, last)

    plain = lambda w: jnp.sum(layer(layer(layer(x, w[0]), w[1]), w[2]))  # noqa: E731
    close(jax.jit(jax.grad(scanned))(w), jax.grad(plain)(w))


@pytest.mark.parametrize("platform", ["tpu", "cuda"])
def test_it_exports_for_accelerators_as_plain_convolutions(platform):
    x, w, _ = operands(WINDOWS[0])
    f = jax.jit(gradients(ours, WINDOWS[0]))
    exported = jax.export.export(f, platforms=[platform])(x, w)
    text = exported.mlir_module()
    assert exported.platforms == (platform,)
    assert text.count("stablehlo.convolution") == 3
    assert "custom_call" not in text


# --- Many devices -----------------------------------------------------------------


@pytest.fixture
def mesh():
    if jax.device_count() < 8:
        pytest.skip("needs 8 devices, which conftest.py makes of the CPU")
    return jax.make_mesh((8,), ("batch",), axis_types=(AxisType.Auto,))


def two_layers(w, x):
    y = jnp.tanh(convolve(x, w, stride=2))
    return jnp.mean(jnp.tanh(convolve_transposed(y, w, stride=2)) ** 2)


def two_layers_operands(pixels=8, channels=(4, 6)):
    x = jax.random.normal(jax.random.key(0), (32, pixels, pixels, channels[0]))
    return jax.random.normal(jax.random.key(1), (4, 4, *channels)) / 8, x


def test_a_sharded_batch_splits_the_work_and_gathers_nothing(mesh):
    w, x = two_layers_operands()
    one = jax.jit(jax.value_and_grad(two_layers)).lower(w, x).compile()
    x = jax.device_put(x, NamedSharding(mesh, P("batch")))
    w = jax.device_put(w, NamedSharding(mesh, P()))
    many = jax.jit(jax.value_and_grad(two_layers)).lower(w, x).compile()
    flops = [f.cost_analysis()["flops"] for f in (one, many)]
    assert 0.9 / 8 <= flops[1] / flops[0] <= 1.1 / 8
    assert "all-reduce" in many.as_text()
    assert "all-gather" not in many.as_text()
    jax.tree.map(
        lambda a, b: close(a, b, 1e-5), many(w, x), one(*two_layers_operands())
    )


@pytest.mark.parametrize(
    "check_vma, operands",
    [
        (True, two_layers_operands()),
        (False, two_layers_operands()),
        (True, two_layers_operands(channels=(64, 64))),  # by winograd
        (True, two_layers_operands(pixels=3)),  # smaller than the kernel
    ],
    ids=["checked", "unchecked", "wide", "tiny"],
)
def test_shard_map_sums_a_kernels_gradient_when_it_says_so(mesh, check_vma, operands):
    """With the check, the gradient of what all devices share is the sum over them."""
    w, x = operands

    def local(w, x):
        value, gradient = jax.value_and_grad(two_layers)(w, x)
        mean = gradient / 8 if check_vma else lax.pmean(gradient, "batch")
        return lax.pmean(value, "batch"), mean

    specs = {"in_specs": (P(), P("batch")), "out_specs": (P(), P())}
    f = jax.shard_map(local, mesh=mesh, check_vma=check_vma, **specs)
    one = jax.value_and_grad(two_layers)(w, x)
    jax.tree.map(lambda a, b: close(a, b, 1e-5), jax.jit(f)(w, x), one)


# --- Refusals ---------------------------------------------------------------------


@pytest.fixture
def as_users_run_it():
    """Without the type checks of the tests, which would refuse some of these first."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.mark.parametrize(
    "change, said",
    [
        ({"x": jnp.ones((8, 8, 2))}, "x must be a floating-point array with 4 axes"),
        ({"w": jnp.ones((4, 4, 2, 3), int)}, "w must be a floating-point array"),
        ({"w": jnp.ones((4, 4, 5, 3))}, "input channels must be 2, got 5"),
        ({"stride": 0}, "stride must be a positive integer, got 0"),
        ({"stride": (1, 2, 3)}, "stride must be given once or twice"),
        ({"padding": "same"}, 'padding must be "SAME", "VALID" or'),
        ({"padding": ((1, 1), (-1, 1))}, 'padding must be "SAME", "VALID" or'),
        ({"x": jnp.ones((1, 3, 8, 2)), "padding": "VALID"}, "smaller than the kernel"),
    ],
)
def test_convolve_refuses(change, said, as_users_run_it):
    arguments = {"x": jnp.ones((1, 8, 8, 2)), "w": jnp.ones((4, 4, 2, 3))} | change
    with pytest.raises(InputError, match=said):
        convolve(**arguments)


@pytest.mark.parametrize(
    "change, said",
    [
        ({"w": jnp.ones((4, 4, 3, 2))}, "output channels must be 3, got 2"),
        ({"size": (8, 9)}, r"y's pixels, for size=\(8, 9\), must be \(4, 5\)"),
        ({"padding": ((9, 9), (9, 9))}, "smaller than the kernel"),
    ],
)
def test_convolve_transposed_refuses(change, said, as_users_run_it):
    arguments = {"y": jnp.ones((1, 4, 4, 3)), "w": jnp.ones((4, 4, 2, 3))} | change
    with pytest.raises(InputError, match=said):
        convolve_transposed(**arguments, stride=2)
