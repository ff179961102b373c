"""The alternating DCGAN step against one written out by hand in plain JAX."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import (
    Batch,
    alternating,
    chain,
    data_parallel,
    gan,
    gradient_penalty,
    non_saturating,
    priors,
    r1,
)
from jaxgan.networks import dcgan_discriminator, dcgan_generator

pytestmark = pytest.mark.usefixtures("optimized")

FAKES = {"discriminator": 8, "generator": 6}
LATENTS = jax.random.normal(jax.random.key(5), (8, 12))
REALS = jax.random.uniform(jax.random.key(6), (2, 8, 16, 16, 3), minval=-1, maxval=1)
GAMMA = 0.3
RATE = 1e-2


def the_game():
    return gan(
        dcgan_generator((16, 16, 3), channels=8),
        dcgan_discriminator((16, 16, 3), channels=8),
        chain(non_saturating(), r1(GAMMA)),
        prior=lambda key, n, condition: LATENTS[:n],
    )


def plain_norm(x, old, scale, bias):
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    y = (x - mean.reshape(1, 1, 1, -1)) / jnp.sqrt(variance.reshape(1, 1, 1, -1) + 1e-5)
    new = {
        "mean": 0.9 * old["mean"] + 0.1 * mean,
        "var": 0.9 * old["var"] + 0.1 * variance,
    }
    return y * scale.reshape(1, 1, 1, -1) + bias.reshape(1, 1, 1, -1), new


def plain_down(x, kernel):
    dimensions = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(
        x, kernel, (2, 2), ((1, 1), (1, 1)), dimension_numbers=dimensions
    )


def plain_up(x, kernel):
    return jax.lax.conv_transpose(
        x,
        kernel,
        (2, 2),
        "SAME",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        transpose_kernel=True,
    )


def plain_generator(p, stats, z):
    new = {}
    x = (z @ p["Dense_0"]["kernel"]).reshape(-1, 4, 4, 16)
    for level, norm in enumerate(("BatchNorm_0", "BatchNorm_1")):
        x, new[norm] = plain_norm(x, stats[norm], p[norm]["scale"], p[norm]["bias"])
        x = plain_up(jnp.maximum(x, 0), p[f"_Up_{level}"]["kernel"])
    return jnp.tanh(x + p["_Up_1"]["bias"].reshape(1, 1, 1, -1)), new


def plain_discriminator(p, stats, x):
    def leaky(x):
        return jnp.where(x > 0, x, 0.2 * x)

    x = plain_down(x, p["_Down_0"]["kernel"])
    x = leaky(x + p["_Down_0"]["bias"].reshape(1, 1, 1, -1))
    x = plain_down(x, p["_Down_1"]["kernel"])
    norm = p["BatchNorm_0"]
    x, new = plain_norm(x, stats["BatchNorm_0"], norm["scale"], norm["bias"])
    x = leaky(x).reshape(x.shape[0], -1)
    logits = x @ p["Dense_0"]["kernel"] + p["Dense_0"]["bias"].reshape(1, -1)
    return logits[:, 0], {"BatchNorm_0": new}


def plain_step(g, g_stats, d, d_stats):
    """Descend with SGD: the discriminator, then the generator against the new one."""

    def discriminator_loss(d):
        fake, _ = plain_generator(g, g_stats, LATENTS[: FAKES["discriminator"]])
        real_logits, stats = plain_discriminator(d, d_stats, REALS[0])
        fake_logits, stats = plain_discriminator(d, stats, fake)
        loss = -jnp.log(jax.nn.sigmoid(real_logits)).mean()
        loss -= jnp.log(1 - jax.nn.sigmoid(fake_logits)).mean()

        def total(x):
            return plain_discriminator(d, d_stats, x)[0].sum()

        slope = jax.grad(total)(REALS[0])
        return loss + GAMMA / 2 * (slope**2).sum((1, 2, 3)).mean(), stats

    def generator_loss(g):
        fake, stats = plain_generator(g, g_stats, LATENTS[: FAKES["generator"]])
        logits, _ = plain_discriminator(new_d, new_d_stats, fake)
        return -jnp.log(jax.nn.sigmoid(logits)).mean(), stats

    differentiated = jax.value_and_grad(discriminator_loss, has_aux=True)
    (d_loss, new_d_stats), d_gradient = differentiated(d)
    new_d = jax.tree.map(lambda p, g: p - RATE * g, d, d_gradient)
    differentiated = jax.value_and_grad(generator_loss, has_aux=True)
    (g_loss, new_g_stats), g_gradient = differentiated(g)
    new_g = jax.tree.map(lambda p, g: p - RATE * g, g, g_gradient)
    return {
        "discriminator": (d_loss, d_gradient, new_d, new_d_stats),
        "generator": (g_loss, g_gradient, new_g, new_g_stats),
    }


def close(one, other, tolerance):
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=tolerance),
        one,
        other,
    )


def strengthened(state):
    """Kernels five times as large: from N(0, 0.02²) the gradients would be tiny."""
    grown = {
        name: value._replace(
            params=jax.tree.map(lambda p: 5 * p if p.ndim > 1 else p, value.params)
        )
        for name, value in state.variables.items()
    }
    return state._replace(variables=grown)


def test_losses_gradients_and_statistics_are_those_written_by_hand():
    game = the_game()
    # Momentum, since its memory after one step is the gradient itself.
    optimizers = {player: optax.sgd(RATE, momentum=0.9) for player in game.players}
    algorithm = alternating(game, optimizers, Batch(REALS[0]), fake_batch_sizes=FAKES)
    before = strengthened(jax.jit(algorithm.init)(jax.random.key(0)))
    after, info = jax.jit(algorithm.step)(before, (Batch(REALS[0]), Batch(REALS[1])))
    g, d = before.variables["generator"], before.variables["discriminator"]
    by_hand = jax.jit(plain_step)(
        g.params, g.stats["batch_stats"], d.params, d.stats["batch_stats"]
    )
    for player in ("generator", "discriminator"):
        loss, gradient, params, stats = by_hand[player]
        np.testing.assert_allclose(sum(info.losses[player].values()), loss, atol=1e-6)
        ours = after.opt_states[player][0].trace[player]
        close(ours, gradient, 1e-6)
        close(after.variables[player].params, params, 1e-6)
        close(after.variables[player].stats["batch_stats"], stats, 1e-6)
        sizes = [float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(gradient)]
        assert min(sizes) > 1e-3, "nothing compared with nothing"


def parallel_game():
    return gan(
        dcgan_generator((16, 16, 3), channels=16),
        dcgan_discriminator((16, 16, 3), channels=16),
        chain(non_saturating(), r1(GAMMA), gradient_penalty(1.0)),
        priors.normal(12),
    )


@pytest.fixture(scope="module")
def on_one_and_on_eight():
    game = parallel_game()
    optimizers = {player: optax.sgd(1e-2) for player in game.players}
    reals = jax.random.uniform(jax.random.key(1), (64, 16, 16, 3), minval=-1, maxval=1)
    batches = (Batch(reals[:32]), Batch(reals[32:]))
    found = []
    for devices in (jax.devices()[:1], jax.devices()[:8]):
        algorithm = data_parallel(
            lambda game: alternating(game, optimizers, batches[0]), game, devices
        )
        state = algorithm.init(jax.random.key(0))
        compiled = algorithm.step.lower(state, batches).compile()
        for _ in range(5):
            state, _ = algorithm.step(state, batches)
        found.append((state, compiled))
    return found


@pytest.mark.slow
def test_eight_devices_move_the_parameters_as_one_does(on_one_and_on_eight):
    (one, _), (eight, _) = on_one_and_on_eight
    close(one.variables, eight.variables, 1e-6)


@pytest.mark.slow
def test_eight_devices_share_the_work_and_gather_nothing(on_one_and_on_eight):
    (_, alone), (_, shared) = on_one_and_on_eight
    flops = [compiled.cost_analysis()["flops"] for compiled in (alone, shared)]
    assert 0.9 / 8 <= flops[1] / flops[0] <= 1.1 / 8
    text = shared.as_text()
    assert "all-reduce" in text
    assert "all-gather" not in text


@pytest.mark.slow
def test_the_step_exports_for_accelerators():
    game = parallel_game()
    optimizers = {player: optax.adam(1e-3) for player in game.players}
    batches = (Batch(jnp.zeros((8, 16, 16, 3))),) * 2
    algorithm = alternating(game, optimizers, batches[0])
    state = jax.eval_shape(algorithm.init, jax.random.key(0))
    exported = jax.export.export(jax.jit(algorithm.step), platforms=("tpu", "cuda"))(
        state, batches
    )
    assert exported.platforms == ("tpu", "cuda")
    assert "convolution" in exported.mlir_module()
