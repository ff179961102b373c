"""Compare each game, its discriminator free at every point, with its divergence.

The losses themselves are evaluated, on two Gaussians in one dimension and a grid on
which the discriminator has one logit a point. At its optimum, `minimax` is worth
2·JSD - log 4 and D* is p / (p + q); every f-divergence's game is worth that divergence;
a critic under `gradient_penalty` overestimates W1 by less the greater the weight. Last,
the two distributions move apart: once they are disjoint, JSD rests at log 2, and tells
a generator nothing, while W1 keeps its slope.

Paper: Goodfellow et al. 2014, arXiv:1406.2661, theorem 1; Nowozin et al. 2016,
    arXiv:1606.00709; Arjovsky et al. 2017, arXiv:1701.07875, example 1; Gulrajani et
    al. 2017, arXiv:1704.00028.

Command: python experiments/theory/divergences.py --picture docs/divergences.png

Cost: about 25 s on one CPU core

Expect: every game its divergence to 12 digits; D* to 1e-15; W1, which is 1, as 1.0546,
    1.0182 and 1.0055 under weights of 10, 30 and 100 (theory: 1.0545, 1.0182, 1.0054);
    two boxes 1, 2 and 3 apart: JSD 0.6931 each time, W1 1, 2 and 3
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import tyro
from jax.tree_util import Partial
from jaxtyping import Array, Float
from matplotlib.axes import Axes
from scipy.optimize import minimize
from scipy.stats import norm, qmc

from jaxgan import (
    Loss,
    Round,
    Score,
    chain,
    gradient_penalty,
    minimax,
    theory,
    wasserstein,
)
from jaxgan.losses import Divergence, divergences, f_divergence

Density = Callable[[np.ndarray], np.ndarray]


class Pair(NamedTuple):
    """Two distributions on one grid, as masses that sum to one."""

    points: Float[np.ndarray, " n"]
    real: Float[np.ndarray, " n"]
    fake: Float[np.ndarray, " n"]


def pair_of(points: np.ndarray, real: Density, fake: Density) -> Pair:
    """Two densities on an even grid that holds all of both."""
    p, q = real(points), fake(points)
    return Pair(points, p / p.sum(), q / q.sum())


def payment(loss: Loss, record: Round) -> Array:
    """Compute the discriminator's total loss."""
    paid, _ = loss.evaluate(record, loss.init({}), jax.random.key(0))
    return jnp.stack(list(paid["discriminator"].values())).sum()


def round_of(real_logits: Array, fake_logits: Array, **fields: object) -> Round:
    """A round that knows its logits, and whatever else is given."""
    nothing = Partial(lambda *of: None)
    known = {
        "real": (),
        "fake": (),
        "latent": (),
        "condition": (),
        "weight": None,
        "fake_weight": None,
        "real_score": Score(real_logits),
        "fake_score": Score(fake_logits),
        "real_pullback": nothing,
        "fake_pullback": nothing,
        "critic": nothing,
        "generate": nothing,
        "params": {},
        "step": jnp.int32(0),
        "draw": nothing,
        "mean": Partial(jnp.mean),
        "gather": nothing,
    }
    return Round(**known | fields)


def optimum(loss: Loss, pair: Pair, bound: float = 1e5) -> tuple[float, np.ndarray]:
    """The discriminator's least payment, and its logits, each free.

    A loss of single logits is a separate problem at every point, whose slope changes
    its sign once: halving the interval finds the place to the last digit.
    """
    n = len(pair.points)
    weights = {"weight": jnp.asarray(n * pair.real)}
    weights["fake_weight"] = jnp.asarray(n * pair.fake)
    pay = jax.jit(lambda logits: payment(loss, round_of(logits, logits, **weights)))
    slope = jax.jit(jax.grad(pay))
    low, high = jnp.full(n, -bound), jnp.full(n, bound)
    for _ in range(80):
        middle = (low + high) / 2
        falls = slope(middle) < 0
        low, high = jnp.where(falls, middle, low), jnp.where(falls, high, middle)
    return float(pay(low)), np.asarray(low)


def by_definition(divergence: Divergence, pair: Pair) -> float:
    """E_Q f(p/q), by summing over the grid."""
    return theory.divergences.f_divergence(divergence.function, pair.real, pair.fake)


def jsd(pair: Pair) -> float:
    """The Jensen–Shannon divergence in nats, as `minimax` measures it."""
    paid, _ = optimum(minimax(), pair)
    return (np.log(4) - paid) / 2


def heights_of(slopes: Array, steps: Array) -> Array:
    """A critic's values at the points of a grid, from its slopes between them."""
    return jnp.concatenate([jnp.zeros(1), jnp.cumsum(slopes * steps)])


def lipschitz_w1(pair: Pair) -> float:
    """W1, as `wasserstein` measures it with the best critic of slopes from -1 to 1."""
    n, steps = len(pair.points), np.diff(pair.points)

    def pay(slopes: Array) -> Array:
        logits = heights_of(slopes, steps)
        weights = jnp.asarray(n * pair.real), jnp.asarray(n * pair.fake)
        record = round_of(logits, logits, weight=weights[0], fake_weight=weights[1])
        return payment(wasserstein(), record)

    # The payment is linear in the slopes, so each is best at one of its two ends.
    best = -jnp.sign(jax.grad(pay)(jnp.zeros(n - 1)))
    return -float(pay(best))


def penalized_w1(weight: float, draws: int = 2**16, cells: int = 300) -> float:
    """W1 of N(0, 1) and N(1, 1), as WGAN-GP's critic estimates it at its optimum.

    The critic is linear in each of some cells with equally many interpolates; its
    slopes are fitted to what WGAN-GP charges for a Sobol sequence of reals, fakes and
    interpolates.
    """
    uniform = qmc.Sobol(3, seed=0).random(draws)
    real = jnp.asarray(norm.ppf(uniform[:, :1]))
    fake = jnp.asarray(1 + norm.ppf(uniform[:, 1:2]))
    share = jnp.asarray(uniform[:, 2])
    between = share[:, None] * real + (1 - share[:, None]) * fake
    inner = jnp.quantile(between, jnp.linspace(0, 1, cells + 1)[1:-1])
    ends = jnp.concatenate([real, fake])
    grid = jnp.concatenate([ends.min()[None], inner, ends.max()[None]])
    loss = chain(wasserstein(), gradient_penalty(weight))

    def pay(slopes: Array) -> Array:
        heights = heights_of(slopes, jnp.diff(grid))

        def critic(x: Array, condition: tuple = (), train: bool = True) -> Score:
            return Score(jnp.interp(x[:, 0], grid, heights))

        record = round_of(
            critic(real).logits,
            critic(fake).logits,
            real=real,
            fake=fake,
            critic=Partial(critic),
            draw=Partial(lambda sampler, key, shape: share),
        )
        return payment(loss, record)

    descend = jax.jit(jax.value_and_grad(pay))
    found = minimize(
        lambda slopes: tuple(np.asarray(x, "f8") for x in descend(jnp.asarray(slopes))),
        -np.ones(cells),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 2000, "ftol": 1e-13, "gtol": 1e-9},
    )
    heights = heights_of(jnp.asarray(found.x), jnp.diff(grid))
    reals, fakes = (jnp.interp(x[:, 0], grid, heights) for x in (real, fake))
    return float(reals.mean() - fakes.mean())


# In theory the best slope is -1 - Δ / (2λρ), with Δ the difference of the distribution
# functions and ρ the density of the interpolates, so that E D(x) - E D(y) is
# 1 + ∫ Δ²/ρ / (2λ), and that integral is this number.
EXCESS = 1.08907


def boxes(distance: float) -> Pair:
    """Two uniform distributions of width 1, one shifted by `distance`."""
    points = np.linspace(-0.5, 4.5, 5001)

    def box(start: float) -> Density:
        return lambda x: ((x > start) & (x < start + 1)) + 1e-30

    return pair_of(points, box(0), box(distance))


def gaussians(mean: float) -> Pair:
    """N(0, 1) and N(mean, 1.1²)."""
    return pair_of(np.linspace(-7, 9, 3201), norm(0, 1).pdf, norm(mean, 1.1).pdf)


FAMILY = [d for d in vars(divergences).values() if isinstance(d, Divergence)]


def main(picture: Path = Path("divergences.png")) -> None:
    """Measure everything, print it, and draw it.

    Args:
        picture: where to draw it.
    """
    jax.config.update("jax_enable_x64", True)
    print("at the optimal discriminator of N(0, 1) and N(1, 1.1²):")
    for divergence in FAMILY:
        paid, _ = optimum(f_divergence(divergence), gaussians(1.0))
        exact = by_definition(divergence, gaussians(1.0))
        print(f"  {divergence.name:18} {-paid:.12f}, by definition {exact:.12f}")
    figure, axes = plt.subplots(1, 4, figsize=(13, 3.2), layout="constrained")
    draw_discriminator(axes[0])
    draw_family(axes[1])
    draw_penalty(axes[2])
    draw_separation(axes[3])
    figure.savefig(picture, dpi=80)
    print(f"drawn to {picture}")


def draw_discriminator(axis: Axes) -> None:
    """The densities, D at the optimum, and p / (p + q)."""
    pair = gaussians(1.0)
    paid, logits = optimum(minimax(), pair)
    best = pair.real / (pair.real + pair.fake)
    error = abs(1 / (1 + np.exp(-logits)) - best).max()
    print(f"minimax: V = {-paid:.6f}, |D* - p/(p+q)| ≤ {error:.1e}")
    step = pair.points[1] - pair.points[0]
    axis.fill_between(pair.points, pair.real / step, alpha=0.3, label="real p")
    axis.fill_between(pair.points, pair.fake / step, alpha=0.3, label="fake q")
    axis.plot(pair.points, best, color="k", label="p / (p + q)")
    some = slice(None, None, 100)
    axis.plot(
        pair.points[some], 1 / (1 + np.exp(-logits[some])), "r.", label="D at optimum"
    )
    axis.set(title="minimax", xlim=(-4, 5), xlabel="x")
    axis.legend(fontsize=7)


def draw_family(axis: Axes) -> None:
    """Each f-divergence as its game measures it, over its definition."""
    means = np.linspace(0.25, 2, 8)
    for divergence in FAMILY:
        if divergence is divergences.gan:
            continue  # jensen_shannon less log 4, and negative
        exact = [by_definition(divergence, gaussians(mean)) for mean in means]
        found = [-optimum(f_divergence(divergence), gaussians(m))[0] for m in means]
        [line] = axis.plot(means, exact, linewidth=1)
        axis.plot(means, found, ".", color=line.get_color(), label=divergence.name)
    axis.set(
        title="f-divergences: games on definitions",
        yscale="log",
        xlabel="mean of the fakes",
    )
    axis.legend(fontsize=6)


def draw_penalty(axis: Axes) -> None:
    """W1 as WGAN-GP's critic has it, over the weight of the penalty."""
    weights = [1.0, 3.0, 10.0, 30.0, 100.0]
    found = [penalized_w1(weight) for weight in weights]
    for weight, value in zip(weights, found, strict=True):
        exact = 1 + EXCESS / (2 * weight)
        print(f"gradient_penalty({weight:g}): W1 ≈ {value:.4f}, in theory {exact:.4f}")
    fine = np.geomspace(1, 100)
    axis.plot(fine, 1 + EXCESS / (2 * fine), "k", linewidth=1, label="theory")
    axis.plot(weights, found, "r.", label="at its optimum")
    axis.axhline(1, linestyle=":", label="W1")
    axis.set(title="a critic under gradient_penalty", xscale="log", xlabel="weight")
    axis.legend(fontsize=7)


def draw_separation(axis: Axes) -> None:
    """JSD and W1 of two boxes that move apart."""
    distances = np.linspace(0, 3, 13)
    pairs = [boxes(distance) for distance in distances]
    found = [jsd(pair) for pair in pairs], [lipschitz_w1(pair) for pair in pairs]
    for distance, js, w1 in list(zip(distances, *found, strict=True))[::4]:
        print(f"boxes {distance:.0f} apart: JSD {js:.4f}, W1 {w1:.4f}")
    axis.plot(distances, found[0], ".-", label="JSD")
    axis.plot(distances, found[1], ".-", label="W1")
    axis.axhline(np.log(2), linestyle=":", color="k", linewidth=1, label="log 2")
    axis.set(title="two boxes of width 1", xlabel="distance")
    axis.legend(fontsize=7)


if __name__ == "__main__":
    tyro.cli(main)
