import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import InputError, Network, Variables, chain, gan, mlp, priors
from jaxgan.losses import boundary_equilibrium, energy_based
from jaxgan.networks import autoencoding
from jaxgan.penalties import pulling_away
from tests.builders import algorithm_of, batches, random

X = random(0, 4, 3, 2)


def scaling(factor, code=False):
    """An autoencoder that multiplies by a number, and whose code is the image."""

    def apply(variables, image, key=None, train=True):
        again = factor * image
        return ((again, image) if code else again), variables.stats

    return Network(lambda key, image: Variables(()), apply)


@pytest.mark.parametrize("error", [jnp.square, jnp.abs])
def test_the_logit_is_minus_the_mean_error(error):
    network = autoencoding(scaling(0.5), error)
    score, _ = network.apply(network.init(jax.random.key(0), X), X)
    expected = -np.asarray(error(np.asarray(X) / 2)).mean(axis=(1, 2))
    np.testing.assert_allclose(score.logits, expected, rtol=1e-5)
    assert score.features == ()


def test_the_code_is_the_features_and_logits_are_wide():
    network = autoencoding(scaling(0.5, code=True))
    x = X.astype(jnp.bfloat16)
    score, _ = network.apply(Variables(()), x)
    assert score.features[0] is x
    assert score.logits.dtype == jnp.float32


@pytest.mark.parametrize(
    "loss", [energy_based(1.0), boundary_equilibrium()], ids=["ebgan", "began"]
)
def test_an_energy_based_gan_takes_a_step(loss):
    critic = autoencoding(mlp((2,), (8, 1, 8)))
    game = gan(mlp((2,), (8,)), critic, loss, priors.normal(3))
    algorithm = algorithm_of(game)
    _, info = jax.jit(algorithm.step)(algorithm.init(jax.random.key(0)), batches())
    assert all(jnp.isfinite(x) for x in jax.tree.leaves(info))
    [name] = loss.terms
    assert float(info.losses["generator"][name]) > 0  # an energy is a square


def test_a_term_of_the_code_needs_a_code():
    loss = chain(energy_based(1.0), pulling_away())
    game = gan(mlp((2,)), autoencoding(mlp((2,))), loss, priors.normal(3))
    with pytest.raises(InputError, match="pulling_away needs the discriminator's"):
        algorithm_of(game)


def test_a_reconstruction_is_shaped_like_its_image():
    game = gan(mlp((2,)), autoencoding(mlp((3,))), energy_based(), priors.normal(3))
    with pytest.raises(InputError, match=r"makes \(8, 3\) of images of shape \(8, 2\)"):
        algorithm_of(game)
