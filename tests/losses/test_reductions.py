import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.losses.reductions import (
    mean_over_fakes,
    mean_over_reals,
    per_example,
    safe_norm,
)
from tests.builders import random, round_of


@pytest.mark.parametrize("shape", [(3,), (3, 2), (3, 2, 4)])
def test_patches_are_averaged_within_each_example(shape):
    values = random(0, *shape)
    expected = np.asarray(values).reshape(3, -1).mean(axis=1)
    np.testing.assert_allclose(per_example(values), expected, rtol=1e-6, atol=1e-7)


def test_weights_multiply_reals_and_not_fakes():
    record = round_of(weight=jnp.array([0.0, 2.0]))
    values = jnp.array([[1.0, 3.0], [5.0, 7.0]])
    assert mean_over_reals(record, values) == 6.0  # (0·2 + 2·6) / 2
    assert mean_over_fakes(record, values) == 4.0


def test_the_norm_is_safe_at_zero_and_exact_elsewhere():
    points = jnp.array([[0.0, 0.0], [3.0, -4.0]])
    assert safe_norm(points).tolist() == [0.0, 5.0]
    slope = jax.grad(lambda x: safe_norm(x).sum())(points)
    np.testing.assert_allclose(slope, [[0, 0], [0.6, -0.8]], rtol=1e-6)
