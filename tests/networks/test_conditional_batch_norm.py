import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import InputError, from_linen
from jaxgan.networks import ConditionalBatchNorm, dcgan_generator
from jaxgan.precision import standard_promotion
from tests.builders import assert_close, random

LABELS = jnp.array([0, 2, 1, 0, 0, 1], jnp.int32)


@pytest.mark.parametrize("shape", [(6, 4), (6, 3, 2, 4)])
def test_each_class_has_its_scale_and_bias(shape):
    x = 2 + 3 * random(0, *shape)
    network = from_linen(ConditionalBatchNorm(3, momentum=0.8, epsilon=1e-3))
    variables = network.init(jax.random.key(0), x, LABELS)
    assert_close(variables.params, jax.tree.map(jnp.zeros_like, variables.params))
    scale, bias = random(1, 3, 4), random(2, 3, 4)
    variables = variables._replace(params={"scale": scale, "bias": bias})

    wide = np.asarray(x, np.float64)
    axes = tuple(range(x.ndim - 1))
    one = (6, *(1,) * (x.ndim - 2), 4)
    rows = [np.asarray(each)[LABELS].reshape(one) for each in (scale, bias)]

    def expected(mean, variance):
        return (1 + rows[0]) * (wide - mean) / np.sqrt(variance + 1e-3) + rows[1]

    mean, variance = wide.mean(axis=axes), wide.var(axis=axes)
    output, stats = network.apply(variables, x, LABELS)
    assert_close(output, expected(mean, variance), rtol=1e-4, atol=1e-4)
    moved = variables._replace(stats=stats)
    output, unmoved = network.apply(moved, x, LABELS, train=False)
    running = 0.2 * mean, 0.8 + 0.2 * variance
    assert_close(output, expected(*running), rtol=1e-4, atol=1e-4)
    assert_close(unmoved, stats)


def test_a_generators_classes_differ_by_their_scales_and_biases_alone():
    network = dcgan_generator((8, 8, 1), 4, base=2, classes=3)
    latent = random(0, 6, 5)
    variables = network.init(jax.random.key(0), latent, LABELS)
    first, _ = network.apply(variables, latent, LABELS)
    other, _ = network.apply(variables, latent, jnp.zeros(6, jnp.int32))
    np.testing.assert_array_equal(first, other)  # as they are zero
    plain = dcgan_generator((8, 8, 1), 4, base=2)
    own = {n: x for n, x in variables.params.items() if "BatchNorm" not in n}
    norms = [n for n in variables.params if "BatchNorm" in n]
    shapes = plain.init(jax.random.key(0), latent)
    assert len(norms) == 2 and set(own) < set(shapes.params)

    def total(params):
        made, _ = network.apply(variables._replace(params=params), latent, LABELS)
        return jnp.square(made).sum()

    slopes = jax.grad(total)(variables.params)
    for norm in norms:
        for slope in slopes[norm].values():
            assert (jnp.abs(slope).sum(axis=1) > 0).all()


def test_a_layer_and_a_generator_refuse_what_has_no_classes():
    with pytest.raises(InputError, match="ConditionalBatchNorm: classes must be an i"):
        ConditionalBatchNorm(0)
    with pytest.raises(InputError, match="ConditionalBatchNorm: momentum must be in"):
        ConditionalBatchNorm(3, momentum=1.0)
    with pytest.raises(InputError, match="ConditionalBatchNorm: epsilon must be above"):
        ConditionalBatchNorm(3, epsilon=0.0)
    with pytest.raises(InputError, match="dcgan: classes must be an integer"):
        dcgan_generator((8, 8, 1), 4, classes=0)
    latent = random(0, 6, 5)
    with pytest.raises(InputError, match="if and only if it is made with classes"):
        dcgan_generator((8, 8, 1), 4, classes=3).init(jax.random.key(0), latent)
    with pytest.raises(InputError, match="if and only if it is made with classes"):
        dcgan_generator((8, 8, 1), 4).init(jax.random.key(0), latent, LABELS)
    network = from_linen(ConditionalBatchNorm(2))
    with pytest.raises(InputError, match=r"ConditionalBatchNorm: labels .* got 2"):
        network.init(jax.random.key(0), latent, LABELS)


def test_a_narrow_input_stays_narrow():
    network, x = from_linen(ConditionalBatchNorm(3)), random(0, 6, 4)
    variables = network.init(jax.random.key(0), x, LABELS)
    whole, _ = network.apply(variables, x, LABELS)
    with standard_promotion():
        narrow, _ = network.apply(variables, x.astype(jnp.bfloat16), LABELS)
    assert narrow.dtype == jnp.bfloat16
    assert_close(narrow.astype(jnp.float32), whole, rtol=0.05, atol=0.05)
