"""Experiments on codes, against closed forms."""

import dataclasses
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import Batch, mlp
from jaxgan.errors import InputError
from jaxgan.losses import Posterior
from jaxgan.training.experiment import load_file
from tests.builders import assert_close

ROOT = Path(__file__).parent.parent / "experiments"


def module(name):
    load_file(ROOT / f"{name}.py")
    return sys.modules[f"jaxgan_experiment_{name}"]


def zeros_of(game, example):
    """Variables of all zeros."""
    code = jnp.zeros((1, 4))
    shapes = {
        name: jax.eval_shape(game.networks[name].init, jax.random.key(0), given)
        for name, given in (("encoder", example), ("decoder", code))
    }
    return jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)


def test_the_bound_is_exact_where_the_posterior_is_the_prior(monkeypatch):
    """With weights of 0, each of 784 pixels is white with probability ½."""
    vae = module("vae")
    config = vae.Config(latent_size=4, channels=2, hidden=3)
    game = vae.coder(config)
    run = SimpleNamespace(config=config, experiment=SimpleNamespace(game=game))
    test = Batch(np.sign(np.random.default_rng(0).normal(size=(5, 28, 28, 1))))
    test = jax.tree.map(lambda x: x.astype(np.float32), test)
    variables = zeros_of(game, test.real)
    shapes = []
    bound = vae.importance_weighted_bound
    monkeypatch.setattr(
        vae,
        "importance_weighted_bound",
        lambda *given: (shapes.extend(np.shape(x) for x in given), bound(*given))[1],
    )
    found, means = vae.bound_of(run, variables, test, draws=7, at_once=3)
    assert_close(found.value, -784 * np.log(2), rtol=1e-5)
    assert shapes == [(7, 5), (7, 5)]
    assert (means == 0).all() and means.shape == (5, 4)
    picture = vae.traversal(run, variables, means)
    assert picture.size == (10 * 37 + 5, 4 * 37 + 5)  # a row for each number of a code


def test_the_summary_of_a_vae_counts_units_and_averages_nats():
    vae = module("vae")
    means = np.zeros((100, 3), np.float32)
    means[:, 1] = np.tile([0.2, -0.2], 50)
    means[:, 2] = np.tile([0.05, -0.05], 50)
    evidence = vae.Evidence(
        np.full(100, -90.0), np.linspace(-1, 1, 100), Posterior(means, means)
    )
    made = vae.Reconstruction(np.zeros((100, 32, 32, 1)), evidence)
    said = vae.summarize(made, Batch(()))
    assert said["active_units"] == 1
    assert said["negative_elbo"] == pytest.approx(90)


def test_beta_and_several_draws_are_refused_together():
    vae = module("vae")
    with pytest.raises(InputError, match="give beta or draws"):
        vae.coder(vae.Config(beta=4.0, draws=5))


def test_codes_are_scaled_to_a_sphere():
    network = module("autoencoder").on_the_sphere(mlp((16,), ()))
    x = jax.random.normal(jax.random.key(0), (8, 5))
    codes, _ = network.apply(network.init(jax.random.key(1), x), x)
    assert_close(jnp.linalg.norm(codes, axis=1), jnp.full(8, 4.0), rtol=1e-5)


def test_the_error_of_components_is_the_variance_that_they_leave():
    """Of independent coordinates, the narrowest are left."""
    draws = np.random.default_rng(0)
    scales = np.array([3.0, 1.0, 0.5, 0.1])
    train, test = (draws.normal(size=(20_000, 4)) * scales + 5 for _ in range(2))
    found = module("autoencoder").component_error(train, test, count=2)
    assert_close(found, (0.5**2 + 0.1**2) / 4, rtol=0.03)


@pytest.mark.parametrize("way", get_args(module("conditional_mnist").Way))
def test_every_way_of_conditioning_is_built(way):
    conditional = module("conditional_mnist")
    config = conditional.Config(way=way, channels=2, hidden=3, seen=3, latent_size=4)
    built = conditional.experiment(config)
    example = Batch(jnp.zeros((4, 32, 32, 1)), (jnp.arange(4),))
    algorithm = built.dynamics(built.game, example)
    state = jax.eval_shape(algorithm.init, jax.random.key(0))
    _, info = jax.eval_shape(algorithm.step, state, (example, example))
    classified = {"auxiliary_classifier", "auxiliary_discriminative_classifier"}
    classified = way in classified | {"multi_hinge"}
    assert (way in info.losses["generator"]) == classified
    assert bool(built.inputs) == (way != "none")
    names = {metric.name for metric in built.evaluation.metrics}
    assert ("conditional_accuracy" in names) == (way != "none")
    assert dataclasses.asdict(config)["weight"] == 1.0
