import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest

from jaxgan import InputError, Score, from_linen, mlp
from jaxgan.networks import headed, projection
from tests.builders import Normed, assert_close, bits, random


class Trunk(nn.Module):
    """Logits and two layers of features, with dropout and BatchNorm."""

    @nn.compact
    def __call__(self, x, train=True):
        first = jnp.tanh(nn.Dense(6)(x))
        first = nn.BatchNorm(use_running_average=not train)(first)
        last = jnp.tanh(nn.Dense(5)(first))
        last = nn.Dropout(0.5, deterministic=not train)(last)
        return Score(nn.Dense(1)(last)[:, 0], features=(first, last))


NETWORK = headed(
    from_linen(Trunk()), digit=mlp((10,), (4,)), style=from_linen(Normed((2,), 3))
)
X = random(0, 8, 3)


def test_heads_read_the_last_features_of_one_trunk():
    variables = NETWORK.init(jax.random.key(0), X)
    score, _ = NETWORK.apply(variables, X, train=False)
    own = {name: variables.params[name] for name in variables.params}
    assert set(own) == {"discriminator", "digit", "style"}
    trunk = from_linen(Trunk())
    alone, _ = trunk.apply(
        type(variables)(own["discriminator"], variables.stats["discriminator"]),
        X,
        train=False,
    )
    assert_close(score.logits, alone.logits)
    expected, _ = mlp((10,), (4,)).apply(
        type(variables)(own["digit"], variables.stats["digit"]), alone.features[-1]
    )
    assert_close(score.extra["digit"], expected)
    assert score.extra["style"].shape == (8, 2)


def test_statistics_of_trunk_and_heads_move():
    variables = NETWORK.init(jax.random.key(0), X)
    _, stats = NETWORK.apply(variables, X, key=jax.random.key(1))
    for name in ("discriminator", "style"):
        assert bits(stats[name]) != bits(variables.stats[name])


def test_a_head_needs_features():
    network = headed(mlp(()), digit=mlp((10,)))
    with pytest.raises(InputError, match=r"headed: the heads read .* returns none"):
        network.init(jax.random.key(0), X)
    with pytest.raises(InputError, match="headed: give at least one head"):
        headed(from_linen(Trunk()))


class Flat(nn.Module):
    """Features without an axis of their own, or without width."""

    shape: tuple[int, ...]

    @nn.compact
    def __call__(self, image):
        logits = nn.Dense(1)(image.reshape(len(image), -1))[:, 0]
        return Score(logits, features=(jnp.zeros((len(image), *self.shape)),))


@pytest.mark.parametrize("shape", [(), (0,), (2, 0)])
def test_features_need_a_width(shape):
    trunk = from_linen(Flat(shape))
    with pytest.raises(InputError, match=r"must be \(b, …, d\), .* got \(8"):
        headed(trunk, digit=mlp((10,))).init(jax.random.key(0), X)
    with pytest.raises(InputError, match=r"projection: .* must be \(b, …, d\)"):
        projection(trunk, 3).init(jax.random.key(0), X, jnp.zeros(8, jnp.int32))
