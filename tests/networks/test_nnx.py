"""The NNX adapter alone; the contract of both adapters is in `test_linen`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jaxgan import InputError, from_nnx
from tests.builders import assert_close, bits, random

X = random(0, 6, 3)
KEY = jax.random.key(0)


class Spectral(nnx.Module):
    """A dense layer of unit spectral norm."""

    def __init__(self, rngs):
        self.layer = nnx.SpectralNorm(nnx.Linear(3, 2, rngs=rngs), rngs=rngs)

    def __call__(self, x, train):
        return self.layer(x, update_stats=train)


def test_spectral_norm_does_not_overwrite_the_parameters():
    network = from_nnx(Spectral)
    start = network.init(KEY, X)
    variables = start._replace(params=jax.tree.map(lambda p: 5 * p, start.params))
    before = bits(variables)
    for _ in range(30):
        output, stats = network.apply(variables, X)
        variables = variables._replace(stats=stats)
    assert bits(variables.params) == {
        path[len(".params") :]: value
        for path, value in before.items()
        if path.startswith(".params")
    }
    assert bits(stats) != bits(start.stats)
    # After many power iterations the layer's norm is 1.
    [kernel] = [x for x in jax.tree.leaves(variables.params) if x.ndim == 2]
    [bias] = [x for x in jax.tree.leaves(variables.params) if x.ndim == 1]
    normed = kernel / np.linalg.norm(kernel, 2)
    assert_close(output, X @ normed + bias[None], rtol=1e-4, atol=1e-4)


def test_train_is_passed_only_where_it_is_taken():
    network = from_nnx(lambda rngs: nnx.Linear(3, 2, rngs=rngs))
    variables = network.init(KEY, X)
    outputs = [network.apply(variables, X, train=train)[0] for train in (True, False)]
    expected = X @ variables.params["kernel"] + variables.params["bias"][None]
    for output in outputs:
        assert_close(output, expected)


def test_without_a_key_the_streams_are_fixed():
    class Noisy(nnx.Module):
        def __init__(self, rngs):
            self.dropout = nnx.Dropout(0.5, rngs=rngs)

        def __call__(self, x):
            return self.dropout(x)

    network = from_nnx(Noisy)
    variables = network.init(KEY, X)
    assert jax.tree.leaves(variables) == []
    one, same = (network.apply(variables, X)[0] for _ in range(2))
    np.testing.assert_array_equal(one, same)
    other = network.apply(variables, X, key=jax.random.key(5))[0]
    assert not np.allclose(one, other)
    kept = np.asarray(other) != 0
    assert 0 < kept.sum() < kept.size
    np.testing.assert_allclose(np.asarray(other)[kept], 2 * np.asarray(X)[kept])


@pytest.mark.parametrize("call", ["eager", "jit", "grad"])
def test_the_callers_variables_are_not_aliased(call):
    network = from_nnx(lambda rngs: nnx.BatchNorm(3, rngs=rngs))
    variables = network.init(KEY, X)
    before = bits(variables)

    def run(v):
        output, stats = network.apply(v, X)
        return output.sum(), stats

    calls = {"eager": run, "jit": jax.jit(run), "grad": jax.grad(run, has_aux=True)}
    calls[call](variables)
    assert bits(variables) == before
    leaves = jax.tree.leaves(variables)
    assert all(isinstance(leaf, jax.Array) and not leaf.is_deleted() for leaf in leaves)
    assert all(jnp.isfinite(leaf).all() for leaf in leaves)


def test_a_module_without_a_train_argument_is_evaluated_in_eval_mode():
    class Plain(nnx.Module):
        def __init__(self, rngs):
            self.norm = nnx.BatchNorm(3, rngs=rngs)
            self.drop = nnx.Dropout(0.5, rngs=rngs)

        def __call__(self, x):
            return self.drop(self.norm(x))

    network = from_nnx(Plain)
    x = 5 + jax.random.normal(jax.random.key(0), (8, 3))
    variables = network.init(jax.random.key(1), x)
    key = jax.random.key(2)
    evaluated, stats = network.apply(variables, x, key=key, train=False)
    # Fresh running statistics are 0 and 1: evaluation leaves x as it is.
    np.testing.assert_allclose(evaluated, x, rtol=1e-4)
    assert stats is variables.stats
    trained, _ = network.apply(variables, x, key=key, train=True)
    assert 0 < (np.asarray(trained) == 0).mean() < 1


def test_a_module_in_place_of_a_function_is_refused():
    with pytest.raises(
        InputError, match=r"lambda rngs: Linear\(rngs=rngs\), got a mod"
    ):
        from_nnx(nnx.Linear(2, 3, rngs=nnx.Rngs(0)))
