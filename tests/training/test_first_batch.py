"""Batches that nothing can be learned from are refused before training."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgan as jg
from jaxgan import Batch, InputError, Network, Variables
from jaxgan.reporting.figures import image_grid
from jaxgan.sampling.outputs import NOTHING
from jaxgan.training.experiment import Experiment, open_data
from jaxgan.training.first_batch import (
    check_batches,
    check_reach,
    with_extreme_labels,
)

UNIFORM = np.random.default_rng(0).uniform(-1, 1, (8, 4, 4, 1)).astype(np.float32)


def generator(last):
    """A generator of images of 4×4 pixels that ends as is given."""

    def init(key, latent):
        return Variables(jax.random.normal(key, (latent.shape[-1], 16)))

    def apply(variables, latent, *, key=None, train=True):
        return last((latent @ variables.params).reshape(-1, 4, 4, 1)), variables.stats

    return Network(init, apply)


def game_of(last):
    return jg.gan(
        generator(last),
        jg.mlp(()),
        jg.non_saturating(),
        jg.priors.normal(3),
    )


def check(real, last):
    game = game_of(last)
    latent = game.prior(jax.random.key(0), 2, ())
    init = game.networks["generator"].init
    variables = {"generator": jax.eval_shape(init, jax.random.key(0), latent)}
    check_reach(game, variables, NOTHING, Batch(real))


BOUNDED = {
    "tanh": jnp.tanh,
    "sigmoid": jax.nn.sigmoid,
    "jit": lambda x: jax.jit(lambda y: jnp.tanh(y)[::-1])(x),
    "remat": jax.checkpoint(jnp.tanh),
    "transposed": lambda x: jnp.tanh(x).transpose(0, 2, 1, 3),
    "half": lambda x: jnp.tanh(x).astype(jnp.bfloat16).astype(jnp.float32),
}


@pytest.mark.parametrize("last", BOUNDED.values(), ids=BOUNDED)
def test_reals_out_of_the_generators_reach_are_refused(last):
    check((UNIFORM + 1) / 2, last)
    least = 0 if last is jax.nn.sigmoid else -1
    message = f"real goes from 0 to 255, but the generator only makes {least} to 1;"
    with pytest.raises(InputError, match=message):
        check(np.linspace(0, 255, 128).reshape(8, 4, 4, 1), last)
    with pytest.raises(InputError, match="scale the data to that ra"):
        check(3 * UNIFORM, last)


def test_reals_with_noise_are_not_refused(caplog):
    check(1.4 * UNIFORM, jnp.tanh)
    assert not caplog.messages


UNBOUNDED = {
    "none": lambda x: x,
    "scaled": lambda x: 300 * jnp.tanh(x),
    "residual": lambda x: x + jnp.tanh(x),
    "relu": jax.nn.relu,
    "scan": lambda x: jax.lax.scan(lambda y, _: (y + jnp.tanh(y), None), x, length=2)[
        0
    ],
}


@pytest.mark.parametrize("last", UNBOUNDED.values(), ids=UNBOUNDED)
def test_without_a_bound_large_reals_are_only_pointed_out(last, caplog):
    check(3 * UNIFORM, last)
    assert not caplog.messages
    check(255 * UNIFORM, last)
    [said] = caplog.messages
    assert re.match(r"real goes from -2\d\d\.\d+ to 2\d\d\.\d+; networks learn", said)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_named(value):
    wrong = UNIFORM.copy()
    wrong[[2, 5], 1] = value
    for name, batch in {
        "real": Batch(wrong),
        "real[1]": Batch((UNIFORM, wrong)),
        "condition[0]": Batch(UNIFORM, (wrong,)),
    }.items():
        with pytest.raises(InputError) as refused:
            check_batches((Batch(batch.real, batch.condition), batch))
        assert str(refused.value) == (
            f"{name} holds numbers that are not finite, in 2 of the 8 examples of the "
            "first batch; leave these out, or replace the numbers with data.map."
        )


@pytest.mark.parametrize("value", [np.nan, -1])
def test_weights_below_zero_are_refused(value):
    weight = np.ones(8)
    weight[3] = value
    with pytest.raises(InputError, match="weight must hold finite numbers of at least"):
        check_batches((Batch(UNIFORM, (), weight),))


def test_examples_that_are_all_the_same_are_pointed_out(caplog):
    check_batches((Batch(UNIFORM), Batch(UNIFORM)))
    check_batches((Batch((UNIFORM * 0, UNIFORM)),))
    check_batches((Batch(UNIFORM[:1]),))
    assert not caplog.messages
    check_batches((Batch(np.repeat(UNIFORM[:1], 8, axis=0)),))
    assert caplog.messages == ["real: all 8 examples of the first batch are the same."]


def opened(tmp_path, real, channels=1, plot=None):
    """Open the data of an experiment whose generator ends in tanh."""
    last = lambda x: jnp.tanh(jnp.repeat(x, channels, axis=-1))  # noqa: E731
    game = game_of(last)
    optimizers = {player: optax.sgd(0.1) for player in game.players}
    made = Experiment(
        game=game,
        dynamics=lambda game, example: jg.alternating(game, optimizers, example),
        source=lambda: lambda seed, step: (Batch(real),) * 2,
        steps=1,
        **({} if plot is None else {"plot": plot}),
    )
    return open_data(tmp_path / "x.py", made)


def test_an_experiment_is_refused_before_it_trains(tmp_path):
    opened(tmp_path, UNIFORM)
    with pytest.raises(InputError, match="real holds numbers that are not finite"):
        opened(tmp_path, UNIFORM * np.float32(np.nan))
    with pytest.raises(InputError, match="the generator only makes -1 to 1"):
        opened(tmp_path, 255 * UNIFORM)


@pytest.mark.parametrize("channels", [2, 4])
def test_images_that_cannot_be_drawn_are_refused_before_training(tmp_path, channels):
    real = np.repeat(UNIFORM, channels, axis=-1)
    with pytest.raises(InputError) as refused:
        opened(tmp_path, real, channels)
    assert str(refused.value) == (
        f"plot cannot draw the output 'samples', of shapes (64, 4, 4, {channels}): "
        "images must be of shape (n, h, w, 1) or (n, h, w, 3) with n ≥ 1, got "
        f"(64, 4, 4, {channels}). Give the experiment a plot=… that draws it, such as "
        "its first three channels."
    )
    opened(tmp_path, real, channels, lambda made, *_: image_grid(made[..., :1]))


def labeled(labels):
    """An experiment of two classes, which has these labels."""
    networks = (jg.networks.labeled(jg.mlp(shape), 2) for shape in ((2,), ()))
    game = jg.gan(*networks, jg.non_saturating(), jg.priors.normal(3))
    data = Batch(np.zeros((len(labels), 2), np.float32), (labels,))
    data.real[::2] = 1
    rates = dict.fromkeys(game.players, optax.sgd(0.1))
    return Experiment(
        game=game,
        dynamics=lambda game, example: jg.alternating(game, rates, example),
        source=lambda: jg.shuffled(data, 8),
        examples=lambda: jax.tree.map(lambda x: x[:16], data),
        steps=1,
        n_plotted=4,
        plot=lambda made, batch, columns: image_grid(np.zeros((1, 4, 4, 1))),
    )


@pytest.mark.parametrize("wrong", [2, -1])
def test_a_label_outside_the_classes_is_found_wherever_it_is(wrong):
    labels = np.arange(4_000) % 2
    open_data("x.py", labeled(labels))
    for place in (0, 1234, 3_999):
        changed = labels.copy()
        changed[place] = wrong
        with pytest.raises(InputError, match=rf"label.*{wrong}"):
            open_data("x.py", labeled(changed))


def test_labels_that_a_transform_makes_are_taken_as_they_are():
    """Since those of the arrays are none of the network's."""
    plain = jg.shuffled(Batch(UNIFORM, (np.arange(8),)), 4)
    batch = plain(0, 0)[0]
    found = with_extreme_labels(batch, plain).condition[0]
    assert (found[:2] == [0, 7]).all() and (found[2:] == batch.condition[0][2:]).all()
    mapped = jg.data.random_transform(plain, lambda key, example: example)
    assert with_extreme_labels(batch, mapped) is batch
    assert with_extreme_labels(batch, lambda seed, step: (batch,)) is batch
