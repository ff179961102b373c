import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import InputError, mlp
from jaxgan.networks import fourier
from jaxgan.types import Network, Variables


def identity():
    """A network that returns what it is shown."""
    return Network(
        init=lambda key, x, *rest: Variables(jnp.zeros(x.shape[1])),
        apply=lambda variables, x, *rest, **mode: ((x, *rest), variables.stats),
    )


def test_features_by_hand():
    network = fourier(identity(), features=3, scale=0.5, seed=4)
    x = jnp.array([[1.0, -2.0], [0.5, 0.0]])
    (found, extra), _ = network.apply(Variables(()), x, "condition")
    b = np.random.default_rng(4).standard_normal((2, 3))
    phase = 2 * np.pi * 0.5 * np.asarray(x) @ b
    expected = np.concatenate([x, np.cos(phase), np.sin(phase)], axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert extra == "condition"
    assert network.init(jax.random.key(0), x).params.shape == (8,)


def test_scale_may_be_traced():
    def logit(scale):
        network = fourier(mlp((), (4,)), features=3, scale=scale)
        x = jnp.ones((2, 2))
        return network.apply(network.init(jax.random.key(0), x), x)[0]

    np.testing.assert_allclose(jax.jit(logit)(0.3), logit(0.3), rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"features": 0, "scale": 1.0}, "fourier: features must be an integer of at"),
        ({"scale": 0.0}, "fourier: scale must be above 0"),
        ({"scale": 1.0, "seed": -1}, "fourier: seed must be an integer from 0"),
    ],
)
def test_bad_input_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        fourier(identity(), **options)
