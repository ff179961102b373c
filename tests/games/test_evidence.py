"""Log densities of a VAE, against the formulas in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxgan import Batch, chain, mlp
from jaxgan.errors import InputError
from jaxgan.games import evidence, vae
from jaxgan.losses import kl_to_prior, likelihoods, likeness
from jaxgan.networks import labeled
from jaxgan.sampling import maker
from tests.builders import assert_close, unchecked

P = likelihoods.bernoulli()
KEYS = jax.random.split(jax.random.key(0), 5)
DATA = jnp.sign(jax.random.normal(KEYS[0], (6, 2, 2, 1)))
LABELS = jnp.arange(6) % 3
SIZE = 2


def computed(latents, condition=(), wrap=lambda network: network):
    encoder, decoder = wrap(mlp((2 * SIZE,), (8,))), wrap(mlp((2, 2, 1), (8,)))
    loss = chain(likeness(P), kl_to_prior())
    game = vae(encoder, decoder, loss, SIZE, image=P.image)
    variables = {
        "encoder": encoder.init(KEYS[1], DATA, *condition),
        "decoder": decoder.init(KEYS[2], jnp.ones((6, SIZE)), *condition),
    }
    game = game._replace(outputs={"evidence": evidence(P, SIZE)})
    found = maker(game)(variables, latents, Batch(DATA, condition))
    return found, game, variables


@pytest.mark.parametrize("draws", [None, 3])
@pytest.mark.parametrize("labels", [(), (LABELS,)], ids=["plain", "labeled"])
def test_the_densities_are_those_of_the_formulas(draws, labels):
    shape = (6, SIZE) if draws is None else (6, draws, SIZE)
    noise = np.asarray(jax.random.normal(KEYS[3], shape))
    wrap = (
        (lambda network: labeled(network, 3)) if labels else (lambda network: network)
    )
    found, game, variables = computed(noise, labels, wrap)
    assert found.log_joint.shape == found.log_posterior.shape == shape[:-1]

    output = game.networks["encoder"].apply(variables["encoder"], DATA, *labels)[0]
    mean, scale = np.split(np.asarray(output, np.float64), 2, axis=1)
    scale = np.exp(scale)
    assert_close(found.posterior.mean, mean, rtol=1e-5)
    for k in range(draws or 1):
        here = (slice(None), k) if draws else (slice(None),)
        code = mean + scale * noise[here]
        logits = game.networks["decoder"].apply(
            variables["decoder"], jnp.asarray(code, jnp.float32), *labels
        )[0]
        white = 1 / (1 + np.exp(-np.asarray(logits, np.float64)))
        likely = np.where(np.asarray(DATA) > 0, white, 1 - white)
        joint = np.log(likely).sum(axis=(1, 2, 3))
        joint = joint + stats.norm.logpdf(code).sum(axis=1)
        posterior = stats.norm.logpdf(code, mean, scale).sum(axis=1)
        assert_close(found.log_joint[here], joint, rtol=1e-4)
        assert_close(found.log_posterior[here], posterior, rtol=1e-4)


def test_bad_input_is_refused():
    wanted = "evidence: likelihood must be a function"
    with unchecked(), pytest.raises(InputError, match=wanted):
        evidence("bernoulli", 2)
    with pytest.raises(InputError, match="evidence: latent_size"):
        evidence(P, 0)
    with pytest.raises(InputError, match="latents of shape"):
        computed(np.zeros((6, SIZE + 1), np.float32))
