"""Measure each penalty's cost: FLOPs and time of the step, over the plain step's.

The alternating step of a DCGAN, one move each, at 32×32×3 pixels, 32 channels and batch
64 without BatchNorm in the discriminator, with the non-saturating loss alone and with
each penalty beside it. The steps take turns, since shared machines drift: each time is
the median over the turns of its ratio to the plain step's in the same turn.

On two CPU cores, jax 0.10.2, the plain step at 4.95 GFLOP: FLOPs, time, and the
quartiles of the time. `every` is timed in iterations that do not pay, but its FLOPs
count all branches; "nothing" is the plain step compiled again.

    r1 + r2, by hand             1.51  1.46  (1.44 to 1.50)
    nothing                      1.00  1.01  (1.00 to 1.03)
    r1                           1.25  1.21  (1.19 to 1.22)
    r2                           1.25  1.19  (1.17 to 1.20)
    r1 + r2                      1.51  1.41  (1.38 to 1.42)
    every(r1 + r2, n=16)           1.76  1.07  (1.06 to 1.09)
    gradient_penalty             1.34  1.30  (1.24 to 1.35)
    every(gradient_penalty, n=16)  1.42  0.99  (0.97 to 1.01)
    zero_centered_penalty        1.34  1.27  (1.25 to 1.29)
    dragan                       1.35  1.37  (1.35 to 1.40)
    max_gradient_penalty         1.34  1.31  (1.28 to 1.35)
    drift_penalty                1.00  1.00  (0.98 to 1.01)
    lecam                        1.00  1.03  (1.00 to 1.05)
    consistency                  1.24  1.17  (1.16 to 1.18)
    balanced_consistency         1.48  1.34  (1.33 to 1.36)
    latent_consistency           1.93  1.77  (1.75 to 1.80)
    path_length                  1.47  1.45  (1.44 to 1.48)
    every(path_length, n=16)       1.55  1.04  (1.01 to 1.07)
    mode_seeking                 1.46  1.44  (1.43 to 1.46)
    feature_matching             1.09  1.08  (1.07 to 1.09)
    pulling_away                 1.01  1.01  (1.00 to 1.02)
    orthogonal_penalty           1.68  1.24  (1.23 to 1.25)
    weight_decay_penalty         1.00  1.01  (1.00 to 1.01)
    historical_averaging         1.00  1.01  (1.00 to 1.03)

R1 + R2 cost 1.00 of the FLOPs and 0.96 of the time of the cheapest way known, by hand.
A step that pays no lazy penalty runs the same products and convolutions as the plain
one, which tests/dynamics/test_lazy.py counts, and takes 0.99 to 1.07 of its time here.
With --channels 64 --turns 20 --steps 3: nothing 1.00, every(r1 + r2, n=16) 1.02,
every(gradient_penalty, n=16) 1.03, every(path_length, n=16) 1.03.

Command: python experiments/benchmarks/penalty_cost.py
"""

import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
import tyro
from jax.nn import softplus

from jaxgan import (
    Batch,
    Loss,
    Network,
    alternating,
    chain,
    data_parallel,
    every,
    gan,
    gradient_penalty,
    non_saturating,
    priors,
    r1,
    r2,
)
from jaxgan.losses import feature_matching
from jaxgan.networks import dcgan_discriminator, dcgan_generator
from jaxgan.penalties import (
    balanced_consistency,
    consistency,
    dragan,
    drift_penalty,
    historical_averaging,
    latent_consistency,
    lecam,
    max_gradient_penalty,
    mode_seeking,
    orthogonal_penalty,
    path_length,
    pulling_away,
    weight_decay_penalty,
    zero_centered_penalty,
)
from jaxgan.training import tune_malloc

SHAPE, BATCH, LATENT = (32, 32, 3), 64, 128
OPTIMIZER = optax.adam(2e-4, b1=0.5)
KEY = jax.random.key(0)
REAL = jax.random.uniform(KEY, (BATCH, *SHAPE), minval=-1, maxval=1)


def flip(key: jax.Array, image: jax.Array) -> jax.Array:
    """An image, or its mirror image."""
    return jnp.where(jax.random.bernoulli(key), image[:, ::-1], image)


PENALTIES = {
    "nothing": chain(),
    "r1": r1(1.0),
    "r2": r2(1.0),
    "r1 + r2": chain(r1(1.0), r2(1.0)),
    "every(r1 + r2, n=16)": every(chain(r1(1.0), r2(1.0)), n=16),
    "gradient_penalty": gradient_penalty(),
    "every(gradient_penalty, n=16)": every(gradient_penalty(), n=16),
    "zero_centered_penalty": zero_centered_penalty(),
    "dragan": dragan(),
    "max_gradient_penalty": max_gradient_penalty(),
    "drift_penalty": drift_penalty(),
    "lecam": lecam(),
    "consistency": consistency(flip),
    "balanced_consistency": balanced_consistency(flip),
    "latent_consistency": latent_consistency(),
    "path_length": path_length(),
    "every(path_length, n=16)": every(path_length(), n=16),
    "mode_seeking": mode_seeking(),
    "feature_matching": feature_matching(),
    "pulling_away": pulling_away(),
    "orthogonal_penalty": orthogonal_penalty(),
    "weight_decay_penalty": weight_decay_penalty(),
    "historical_averaging": historical_averaging(),
}


class Variant:
    """A compiled step and its state; `run(n)` gives the seconds of a step."""

    def __init__(self, step: Any, state: Any, batches: Any, start: Any) -> None:
        self.step = step.lower(state, batches).compile()
        self.state, self.batches, self.start = state, batches, start
        self.flops = self.step.cost_analysis()["flops"]
        self.run(2)

    def run(self, steps: int) -> float:
        """Seconds of a step, the mean of so many; lazy terms rest in all of them."""
        self.state = self.start(self.state)
        jax.block_until_ready(self.state)
        begin = time.perf_counter()
        for _ in range(steps):
            self.state = self.step(self.state, self.batches)[0]
        jax.block_until_ready(self.state)
        return (time.perf_counter() - begin) / steps


def networks(channels: int) -> tuple[Network, Network]:
    """The generator and the discriminator."""
    return (
        dcgan_generator(SHAPE, channels),
        dcgan_discriminator(SHAPE, channels, batch_norm=False),
    )


def played(loss: Loss, channels: int) -> Variant:
    """The step of jaxgan under a loss."""
    game = gan(*networks(channels), loss, priors.normal(LATENT))
    batches = (Batch(REAL),) * 2
    algorithm = data_parallel(
        lambda game: alternating(
            game, dict.fromkeys(game.players, OPTIMIZER), batches[0]
        ),
        game,
        jax.devices()[:1],
        donate=True,
    )
    return Variant(
        algorithm.step,
        algorithm.init(KEY),
        batches,
        lambda state: state._replace(
            step=jax.device_put(jnp.int32(1), state.step.sharding)
        ),
    )


def by_hand(channels: int) -> Variant:
    """R1 + R2 in the cheapest way known, without jaxgan's games, losses or dynamics.

    One pass of the discriminator over reals and fakes together gives the logits and,
    pulled back once, the slopes at both, as R3GAN's JAX port does it. It is right only
    for a discriminator that scores each image by itself.
    """
    generator, discriminator = networks(channels)
    latent = jax.random.normal(KEY, (BATCH, LATENT))
    g, d = generator.init(KEY, latent), discriminator.init(KEY, REAL)
    params = {"g": g.params, "d": d.params}
    moments = {name: OPTIMIZER.init(value) for name, value in params.items()}

    def generate(g_params: Any, stats: Any, key: Any) -> Any:
        z = jax.random.normal(key, (BATCH, LATENT))
        return generator.apply(g._replace(params=g_params, stats=stats), z)

    def judge(d_params: Any, image: Any) -> Any:
        return discriminator.apply(d._replace(params=d_params), image)[0].logits

    def d_loss(d_params: Any, params: Any, stats: Any, real: Any, key: Any) -> Any:
        fake, _ = generate(params["g"], stats, key)
        both = jnp.concatenate([real, fake])
        logits, pull = jax.vjp(lambda x: judge(d_params, x), both)
        [slope] = pull(jnp.ones_like(logits))
        penalty = 0.5 * jnp.square(slope).sum() / BATCH
        return (
            softplus(-logits[:BATCH]).mean() + softplus(logits[BATCH:]).mean() + penalty
        )

    def g_loss(g_params: Any, params: Any, stats: Any, key: Any) -> Any:
        fake, stats = generate(g_params, stats, key)
        return softplus(-judge(params["d"], fake)).mean(), stats

    def step(state: Any, batches: Any) -> Any:
        params, moments, stats, count = state
        keys = jax.random.split(jax.random.fold_in(KEY, count))
        slope = jax.grad(d_loss)(params["d"], params, stats, batches[0], keys[0])
        update, d_moments = OPTIMIZER.update(slope, moments["d"], params["d"])
        params = params | {"d": optax.apply_updates(params["d"], update)}
        slope, stats = jax.grad(g_loss, has_aux=True)(
            params["g"], params, stats, keys[1]
        )
        update, g_moments = OPTIMIZER.update(slope, moments["g"], params["g"])
        params = params | {"g": optax.apply_updates(params["g"], update)}
        return (params, {"g": g_moments, "d": d_moments}, stats, count + 1), None

    state = jax.device_put((params, moments, g.stats, jnp.int32(0)))
    compiled = jax.jit(step, donate_argnums=0)
    return Variant(compiled, state, (REAL, REAL), lambda state: state)


def ratio(variant: Variant, plain: Variant, turn: int, steps: int) -> float:
    """The variant's time over the plain step's, who goes first every other turn."""
    order = (variant, plain) if turn % 2 else (plain, variant)
    seconds = {each: each.run(steps) for each in order}
    return seconds[variant] / seconds[plain]


def main(
    penalties: tuple[str, ...] = tuple(PENALTIES),
    channels: int = 32,
    turns: int = 16,
    steps: int = 4,
) -> None:
    """Compile every step, let them take turns, and print the table.

    Args:
        penalties: which of them.
        channels: of both networks' largest maps.
        turns: how many each takes.
        steps: in a turn, below 16.
    """
    if steps > 15:
        raise SystemExit("steps must be below 16, or a lazy penalty would be due.")
    tune_malloc()
    print(f"jax {jax.__version__} on {jax.devices()[0].device_kind}")
    makers: dict[str, Callable[[], Variant]] = {
        "r1 + r2, by hand": lambda: by_hand(channels)
    }
    for name in penalties:
        loss = chain(non_saturating(), PENALTIES[name])
        makers[name] = lambda loss=loss: played(loss, channels)
    plain = played(non_saturating(), channels)
    print(f"the plain step: {plain.flops / 1e9:.2f} GFLOP")
    ratios: dict[str, list[float]] = {}
    costs = {}
    for name, make in makers.items():
        variant = make()
        costs[name] = variant.flops / plain.flops
        ratios[name] = [ratio(variant, plain, turn, steps) for turn in range(turns)]
        line = f"{name:30} {costs[name]:6.3f} {statistics.median(ratios[name]):7.3f}"
        low, _, high = statistics.quantiles(ratios[name], n=4)
        print(f"{line}  ({low:.3f} to {high:.3f})", flush=True)
    if "r1 + r2" in penalties:
        flops = costs["r1 + r2"] / costs["r1 + r2, by hand"]
        middle = {name: statistics.median(each) for name, each in ratios.items()}
        seconds = middle["r1 + r2"] / middle["r1 + r2, by hand"]
        print(f"r1 + r2 over the cheapest way: FLOPs {flops:.3f}, time {seconds:.3f}")


if __name__ == "__main__":
    tyro.cli(main)
