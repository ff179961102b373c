"""Maximum likelihood and its rivals: what is learned by a model that is too small.

The data are two Gaussians on a line, 0.6·N(-2, 0.6²) + 0.4·N(2, 0.6²). A model of one
Gaussian cannot be them, so the divergence decides: KL(data‖model), which is maximum
likelihood, covers both modes and what lies between; KL(model‖data) would rather keep to
one of them. These and JSD are descended exactly, on a grid, from four starts. Then the
model is a generator, whose samples an MLP judges: `minimax`, which at the optimal
discriminator descends 2·JSD, and `non_saturating` with `r1`, which without r1 would
descend KL(model‖data) - 2·JSD = 2·KL(m‖data), m halfway to the model. A model of two
Gaussians can be the data, and there all agree, if the start lets them.

Paper: Goodfellow 2016, arXiv:1701.00160, section 3.2.5; Huszár 2015,
    arXiv:1511.05101; Arjovsky & Bottou 2017, arXiv:1701.04862, theorem 2.5, for what
    `non_saturating` descends; Figurnov et al. 2018, arXiv:1805.08498, for the samples.

Command: python experiments/theory/maximum_likelihood.py
    --picture docs/maximum_likelihood.png

Cost: about 2 minutes on one CPU core of a busy machine

Expect: of one Gaussian, by mean and sigma: KL(data‖model) -0.400, 2.049 from all
    starts; KL(model‖data) three minima, -1.998, 0.604 the least, 1.996, 0.606 and
    -0.313, 1.762; JSD -0.395, 2.025, by a little its least (0.155 against 0.164), or
    -1.996, 0.607. By five seeds, minimax from N(0, 1²) is where JSD is, -0.397 ± 0.004,
    2.025 ± 0.002; from N(3, 1²) it leaves the mode, but only comes to 0.003 ± 0.004 (in
    12,000 steps, not 4,000, to -0.390 ± 0.004). non_saturating from N(0, 1²) is at
    -0.227 ± 0.017, 1.865 ± 0.003 and not where theory has it, -0.328, 1.722; it asks
    for log p where there are no reals. From N(3, 1²) it stays at the mode, 1.994,
    0.600, as in theory. Of two Gaussians, from -1 and 1 all fits are the data, games to
    a JSD below 0.001; from 2 and 3 KL(model‖data) and 2·KL(m‖data) miss the left mode
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
import tyro
from jax.scipy.stats import norm
from jaxtyping import Array, Float
from matplotlib.axes import Axes

import jaxgan as jg
from jaxgan.theory import densities, divergences


class Mixture(NamedTuple):
    """Gaussians on a line; the data, or a model of k of them."""

    logits: Float[Array, " k"]  # of the weights
    means: Float[Array, " k"]
    log_sigmas: Float[Array, " k"]


Fits = dict[tuple[str, str], list[Mixture]]  # by objective or loss, and by start
Objective = Callable[[Array, Array], Array]  # of log densities of data and model
DATA = Mixture(np.log([0.6, 0.4]), np.array([-2.0, 2.0]), np.log([0.6, 0.6]))
GRID = np.linspace(-12, 12, 1201)
STEP = GRID[1] - GRID[0]


def log_density(mixture: Mixture, x: Float[Array, " n"]) -> Float[Array, " n"]:
    """log p at points."""
    sigmas = jnp.exp(mixture.log_sigmas)[None]
    each = norm.logpdf(x[:, None], mixture.means[None], sigmas)
    return jax.nn.logsumexp(each + jax.nn.log_softmax(mixture.logits)[None], axis=1)


def distribution(mixture: Mixture, x: Float[Array, " n"]) -> Float[Array, " n"]:
    """F, the probability of what lies below each of some points."""
    sigmas = jnp.exp(mixture.log_sigmas)[None]
    each = norm.cdf(x[:, None], mixture.means[None], sigmas)
    return each @ jax.nn.softmax(mixture.logits)


def sample(mixture: Mixture, z: Float[Array, " n"]) -> Float[Array, " n"]:
    """F⁻¹(Φ(z)), and dx = -dF(x) / F'(x), so that weights have gradients too."""
    u, fixed = norm.cdf(z), jax.lax.stop_gradient(mixture)
    reach = 9 * jnp.exp(fixed.log_sigmas)
    low = jnp.full_like(z, (fixed.means - reach).min())
    high = jnp.full_like(z, (fixed.means + reach).max())

    def halve(_: int, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        middle = (ends[0] + ends[1]) / 2
        below = distribution(fixed, middle) < u
        return jnp.where(below, middle, ends[0]), jnp.where(below, ends[1], middle)

    low, high = jax.lax.fori_loop(0, 16, halve, (low, high))
    x = (low + high) / 2
    # A last step of Newton's method, which also has the derivative.
    return x - (distribution(mixture, x) - u) / jnp.exp(log_density(fixed, x))


def forward_kl(p: Array, q: Array) -> Array:
    """KL(data‖model): what a sample is expected to lack in log likelihood."""
    return STEP * (jnp.exp(p) * (p - q)).sum()


def jsd(p: Array, q: Array) -> Array:
    """The Jensen–Shannon divergence."""
    m = jnp.logaddexp(p, q) - jnp.log(2.0)
    return (forward_kl(p, m) + forward_kl(q, m)) / 2


def to_the_middle(p: Array, q: Array) -> Array:
    """2·KL(m‖data), m halfway to the model: what `non_saturating` descends.

    That is, if its discriminator is optimal: KL(model‖data) - 2·JSD.
    """
    return 2 * forward_kl(jnp.logaddexp(p, q) - jnp.log(2.0), p)


def value(objective: Objective, mixture: Mixture) -> Array:
    """An objective, of a model."""
    x = jnp.asarray(GRID)
    return objective(log_density(DATA, x), log_density(mixture, x))


OBJECTIVES = {
    "KL(data‖model)": forward_kl,
    "KL(model‖data)": lambda p, q: forward_kl(q, p),
    "JSD": jsd,
    "2·KL(m‖data)": to_the_middle,
}
LOSSES = {
    "minimax": jg.minimax(),
    "non_saturating, r1": jg.chain(jg.non_saturating(), jg.r1(0.01)),
}
SEEDS = 5


def model(means: Sequence[float], sigma: float = 1.0) -> Mixture:
    """Make the first model: equal weights and equal sigmas."""
    k = len(means)
    return Mixture(np.zeros(k), np.asarray(means, float), np.full(k, np.log(sigma)))


ONE = {f"{m}, {s}": model([m], s) for m, s in [(0, 1), (0, 3), (-3, 1), (3, 1)]}
TWO = {f"{a}, {b}": model([a, b]) for a, b in [(-1, 1), (2, 3)]}


@partial(jax.jit, static_argnums=(0, 2))
def descend(objective: Objective, start: Mixture, steps: int = 2000) -> Mixture:
    """The model to which gradient descent on an objective comes from a start."""
    optimizer = optax.adam(optax.cosine_decay_schedule(0.03, steps))
    slope = jax.grad(partial(value, objective))

    def move(carry: tuple, _: None) -> tuple[tuple, None]:
        model, memory = carry
        with jax.numpy_dtype_promotion("standard"):  # optax under strict promotion
            updates, memory = optimizer.update(slope(model), memory)
        return (optax.apply_updates(model, updates), memory), None

    (model, _), _ = jax.lax.scan(move, (start, optimizer.init(start)), None, steps)
    return model


def reals(key: Array, n: int = 256) -> jg.Batch:
    """A batch of data."""
    of_mode, of_noise = jax.random.split(key)
    mode = jax.random.categorical(of_mode, jnp.asarray(DATA.logits), shape=(n,))
    means, sigmas = jnp.asarray(DATA.means), jnp.exp(jnp.asarray(DATA.log_sigmas))
    x = means[mode] + sigmas[mode] * jax.random.normal(of_noise, (n,))
    return jg.Batch(x[:, None].astype(jnp.float32))


def generator(start: Mixture) -> jg.Network:
    """The model as a network, whose samples are (n, 1)."""

    def apply(variables: jg.Variables, z: Array, **_: object) -> tuple[Array, object]:
        x = sample(variables.params, z[:, 0])[:, None]
        return x.astype(jnp.float32), variables.stats

    return jg.Network(lambda key, *inputs: jg.Variables(start), apply)


def play(loss: jg.Loss, start: Mixture, steps: int = 4000) -> list[Mixture]:
    """The models that come of the game against an MLP, by seed."""
    game = jg.gan(generator(start), jg.mlp((), (32, 32)), loss, jg.priors.normal(1))
    rate = optax.cosine_decay_schedule(2e-3, steps)
    optimizers = {player: optax.adam(rate, b1=0.5) for player in game.players}
    algorithm = jg.alternating(game, optimizers, reals(jax.random.key(0)))

    def one(seed: Array) -> Mixture:
        of_game, of_data = jax.random.split(jax.random.key(seed))

        def step(state: jg.State, key: Array) -> tuple[jg.State, None]:
            batches = tuple(reals(key) for key in jax.random.split(key))
            return algorithm.step(state, batches)[0], None

        keys = jax.random.split(of_data, steps)
        state, _ = jax.lax.scan(step, algorithm.init(of_game), keys)
        return state.variables["generator"].params

    models = jax.jit(jax.vmap(one))(jnp.arange(SEEDS))
    return [Mixture(*(x[seed] for x in models)) for seed in range(SEEDS)]


class Measured(NamedTuple):
    """A model, its divergences from the data, and its mass within 2σ of their modes."""

    mean: float
    sigma: float
    kl: float  # KL(data‖model)
    reverse_kl: float
    jsd: float
    left: float
    right: float


def measure(mixture: Mixture) -> Measured:
    """On the grid, by `jaxgan.theory.divergences`."""
    logs = (log_density(one, jnp.asarray(GRID)) for one in (DATA, mixture))
    p, q = (densities.masses(np.asarray(log)) for log in logs)
    mean = GRID @ q
    sigma = np.sqrt(np.square(GRID - mean) @ q)
    ends = (DATA.means + side * np.exp(DATA.log_sigmas) for side in (-2, 2))
    below, above = (distribution(mixture, jnp.asarray(end)) for end in ends)
    apart = (
        divergences.kl(p, q),
        divergences.kl(q, p),
        divergences.jensen_shannon(p, q),
    )
    return Measured(*map(float, (mean, sigma, *apart, *(above - below))))


def show(name: str, start: str, measured: Sequence[float]) -> None:
    """A row of the table."""
    print(f"{name:19}{start:9}" + "".join(f"{x:11.3f}" for x in measured), flush=True)


def fit(starts: dict[str, Mixture], played: Sequence[str]) -> Fits:
    """Every fit from some starts, printed."""
    print(" " * 28 + "".join(f"{name:>11}" for name in Measured._fields))
    show("data", "", measure(DATA))
    fits: Fits = {}
    for name, objective in OBJECTIVES.items():
        for start, given in starts.items():
            fits[name, start] = [descend(objective, given)]
            show(name, start, measure(fits[name, start][0]))
    for name, loss in LOSSES.items():
        for start in played:
            fits[name, start] = play(loss, starts[start])
            rows = np.array([measure(mixture) for mixture in fits[name, start]])
            show(name, start, rows.mean(axis=0))
            show("± standard error", "", rows.std(axis=0, ddof=1) / SEEDS**0.5)
            for seed, row in enumerate(rows):
                show("", f"seed {seed}", row)
    return fits


def main(picture: Path = Path("maximum_likelihood.png")) -> None:
    """Fit everything, print it, and draw it.

    Args:
        picture: where to draw it.
    """
    jax.config.update("jax_enable_x64", True)
    print("a model of one Gaussian, by mean and sigma at the start:")
    one = fit(ONE, played=["0, 1", "3, 1"])
    print("a model of two, by means at the start:")
    two = fit(TWO, played=["-1, 1"])
    figure, axes = plt.subplots(1, 3, figsize=(13, 3.4), layout="constrained")
    exact = {name: STYLES[name] for name in list(OBJECTIVES)[:3]}
    draw(axes[0], "one Gaussian, descent from 4 starts", one, list(ONE), exact)
    lines = [("JSD", ":"), ("2·KL(m‖data)", "--")]
    theory = {name: {"color": "k", "ls": line} for name, line in lines}
    games = {name: STYLES[name] for name in LOSSES} | theory
    starts = ["0, 1", "3, 1"]
    draw(axes[1], "one Gaussian, played from 2 starts, 5 seeds", one, starts, games)
    draw(axes[2], "two Gaussians, from means -1 and 1", two, ["-1, 1"], STYLES)
    figure.savefig(picture, dpi=80)
    print(f"drawn to {picture}")


STYLES = {
    name: {"color": f"C{number}", "linewidth": max(5 - 2 * number, 1)}
    for number, name in enumerate([*OBJECTIVES, *LOSSES])
}


def draw(
    axis: Axes, title: str, fits: Fits, starts: Sequence[str], styles: dict[str, dict]
) -> None:
    """The data, and all models of some names that come of some starts."""
    density = np.exp(log_density(DATA, jnp.asarray(GRID)))
    axis.fill_between(GRID, density, color="0.85", label="data")
    for name, style in styles.items():
        for mixture in (mixture for start in starts for mixture in fits[name, start]):
            density = np.exp(log_density(mixture, jnp.asarray(GRID)))
            axis.plot(GRID, density, **style)
        axis.plot([], [], label=name, **style)
    axis.set(title=title, xlim=(-6, 6.5), ylim=(0, 0.72), xlabel="x")
    axis.legend(fontsize=7)


if __name__ == "__main__":
    tyro.cli(main)
