"""Train a DCGAN step in the precision that the environment asks for; print dtypes."""

import sys

import jax
import jax.numpy as jnp
import optax

import jaxgan as jg


def main(dtype):
    game = jg.gan(
        jg.networks.dcgan_generator((8, 8, 1), 4, base=4),
        jg.networks.dcgan_discriminator((8, 8, 1), 4, base=4),
        jg.non_saturating() + jg.gradient_penalty() + jg.every(jg.r1(1.0), n=2),
        jg.priors.normal(4),
    )
    real = jax.random.uniform(jax.random.key(0), (8, 8, 8, 1), dtype, -1, 1)
    batch = jg.Batch(real)
    optimizers = {player: optax.adam(1e-3) for player in game.players}
    algorithm = jg.ema(jg.alternating(game, optimizers, batch), decay=0.9)
    state, step = algorithm.init(jax.random.key(0)), jax.jit(algorithm.step)
    types = jax.tree.map(lambda x: x.dtype, state._replace(key=()))
    for _ in range(3):
        state, info = step(state, (batch, batch))
    assert jax.tree.map(lambda x: x.dtype, state._replace(key=())) == types
    assert all(jnp.isfinite(x).all() for x in jax.tree.leaves((state.variables, info)))
    print(step._cache_size(), jax.tree.leaves(state.variables)[0].dtype)


if __name__ == "__main__":
    main(sys.argv[1])
