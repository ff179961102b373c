import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import InputError, Score, from_linen, mlp
from jaxgan.networks import dcgan_discriminator, headed, projection, unconditional
from tests.builders import assert_close, random

X, LABELS = random(0, 8, 8, 8, 1), jnp.array([0, 2, 1, 0, 0, 1, 2, 2], jnp.int32)


def test_the_embedding_is_multiplied_by_the_features_summed_over_positions():
    trunk = dcgan_discriminator((8, 8, 1), 4, base=2)
    network = projection(trunk, 3)
    variables = network.init(jax.random.key(0), X, LABELS)
    table = np.asarray(variables.params["embedding"])
    own = variables._replace(params=variables.params["network"])
    score, stats = network.apply(variables, X, LABELS)
    alone, own_stats = trunk.apply(own, X)
    features = np.asarray(alone.features[-1], np.float64)
    assert features.shape[1:3] == (2, 2) and table.shape == (3, features.shape[-1])
    expected = alone.logits + np.einsum("bhwc,bc->b", features, table[LABELS])
    assert_close(score.logits, expected, rtol=1e-5)
    assert_close(stats, own_stats)
    assert not np.allclose(score.logits, alone.logits)


class Patches(nn.Module):
    """A logit for each of four patches, of two scales, in a narrow dtype."""

    @nn.compact
    def __call__(self, image):
        x = nn.Conv(3, (4, 4), (4, 4), dtype=jnp.bfloat16)(image)
        return Score((x[..., :1], x.mean(axis=(1, 2))[:, 0]), features=(x,))


def test_every_patch_and_scale_gets_its_examples_projection():
    network = projection(from_linen(Patches()), 3)
    variables = network.init(jax.random.key(0), X, LABELS)
    (patches, whole), features = network.apply(variables, X, LABELS)[0][:2]
    assert patches.dtype == whole.dtype == jnp.float32
    product = np.einsum(
        "bhwc,bc->b",
        np.asarray(features[0], np.float64),
        np.asarray(variables.params["embedding"])[LABELS],
    )
    own = features[0].astype(jnp.float32)[..., :1]
    assert_close(patches, own + product[:, None, None, None], rtol=1e-5, atol=1e-5)


def test_heads_lie_inside_or_outside():
    trunk, head = mlp((), (6,), features=True), mlp((4,), ())
    inside = projection(headed(trunk, style=head), 3)
    outside = headed(projection(trunk, 3), style=head)
    for network in (inside, outside):
        variables = network.init(jax.random.key(0), X, LABELS)
        score, _ = network.apply(variables, X, LABELS)
        other, _ = network.apply(variables, X, (LABELS + 1) % 3)
        assert score.extra["style"].shape == (8, 4)
        np.testing.assert_array_equal(score.extra["style"], other.extra["style"])
        assert (score.logits != other.logits).all()


def test_a_network_without_condition_sees_its_first_input_only():
    trunk = mlp((), (6,))
    network = unconditional(trunk)
    variables = network.init(jax.random.key(0), X, LABELS)
    logits, _ = network.apply(variables, X, LABELS)
    np.testing.assert_array_equal(logits, trunk.apply(variables, X)[0])


def test_a_discriminator_without_features_is_refused():
    network = projection(mlp(()), 3)
    with pytest.raises(InputError, match=r"projection: .* features, but it returns no"):
        network.init(jax.random.key(0), X, LABELS)
    with pytest.raises(InputError, match="projection: classes must be an integer"):
        projection(mlp((), features=True), 0)
