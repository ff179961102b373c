"""Compare all dynamics on three games: bilinear, Dirac-GAN, a mixture.

- min max xy, whose only equilibrium is the origin, and around which it only rotates;
  steps of 0.3. The spectral radius of the step at the origin is printed beside the
  distance that 100 steps leave.
- The Dirac-GAN with the minimax loss, one fake point θ before D(x) = ψx; steps of 0.3.
- A GAN in the plane, eight narrow modes on a circle, non-saturating with R1 (0.02),
  two hidden layers of 64, Adam with β1 = 0 and a rate that falls from 2e-3 to 0: its
  samples after 3,000 steps, one seed, to look at; the ring's table compares at length.
  Proximal point is left out there: a step solves linear systems in 9,000 unknowns.

Paper: Mescheder et al. 2017, arXiv:1705.10461; Gidel et al. 2019, arXiv:1802.10551;
    Mescheder et al. 2018, arXiv:1801.04406.

Command: python experiments/theory/games_compared.py --picture docs/games.png

Cost: about 5 min on one CPU core

Expect: the spectral radius ρ of a step on the bilinear game, the distance from the
    equilibrium that it leaves there and in the Dirac-GAN, and the ring's samples:

                             ρ    bilinear     Dirac   high quality, reverse KL
    simultaneous          1.044        105      3.62      42 %  0.08
    alternating           1.000       1.63      1.53      50 %  0.11
    negative momentum     0.987       0.40      0.55      52 %  0.04
    lookahead             0.939     3e-3       0.019      14 %  0.22
    optimistic            0.949     8e-3       0.046      56 %  0.16
    extragradient         0.958      0.020     0.053      53 %  0.04
    past extragradient    0.949     8e-3       0.045      44 %  0.20
    consensus             0.901     4e-5      6e-4        67 %  0.00
    symplectic adjustment 0.901     4e-5      6e-4        51 %  0.01
    unrolled              0.781     8e-11     6e-10       30 %  0.15
    proximal point        0.958      0.019     0.052
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
import tyro
from matplotlib.axes import Axes

from jaxgan import (
    Algorithm,
    Batch,
    Game,
    State,
    alternating,
    chain,
    extragradient,
    gan,
    minimax,
    mlp,
    non_saturating,
    priors,
    r1,
    shuffled,
    simultaneous,
)
from jaxgan.algorithms import lookahead
from jaxgan.data import synthetic
from jaxgan.dynamics import (
    consensus,
    optimistic,
    past_extragradient,
    proximal_point,
    symplectic_adjustment,
    unrolled,
)
from jaxgan.metrics import count_modes
from jaxgan.sampling import draw_latents, maker
from jaxgan.theory import bilinear, dirac_gan, spectral_radius


class Way(NamedTuple):
    """Dynamics, the substeps of their step, and the momentum that they use."""

    dynamics: Callable[..., Algorithm]
    substeps: int = 1
    momentum: float = 0.0
    trains: bool = True  # the GAN in the plane, too


WAYS = {
    "simultaneous": Way(simultaneous),
    "alternating": Way(alternating, 2),
    "negative\nmomentum": Way(alternating, 2, momentum=-0.5),
    "lookahead": Way(lambda *of: lookahead(alternating(*of)), 2),
    "optimistic": Way(optimistic),
    "extragradient": Way(extragradient, 2),
    "past\nextragradient": Way(past_extragradient),
    "consensus": Way(partial(consensus, weight=0.5)),
    "symplectic\nadjustment": Way(partial(symplectic_adjustment, weight=0.5)),
    "unrolled": Way(partial(unrolled, unroll_steps=3), 2),
    "proximal\npoint": Way(partial(proximal_point, iterations=2), trains=False),
}

NO_DATA = Batch(np.zeros((1, 1), np.float32))


def algorithm_of(
    way: Way, game: Game, optimizer: optax.GradientTransformation, example: Batch
) -> Algorithm:
    """A game played in a way, with one optimizer for both."""
    return way.dynamics(game, dict.fromkeys(game.players, optimizer), example)


def course(way: Way, game: Game, size: float, steps: int) -> np.ndarray:
    """Both players' points, (steps + 1, 2), by gradient descent."""
    sgd = optax.sgd(size, momentum=way.momentum or None)
    algorithm = algorithm_of(way, game, sgd, NO_DATA)
    state = algorithm.init(jax.random.key(0))

    def where(state: State) -> jax.Array:
        names = [game.players[player][0] for player in ("generator", "discriminator")]
        return jnp.concatenate([state.variables[name].params for name in names])

    def step(state: State, _: None) -> tuple[State, jax.Array]:
        state, _ = algorithm.step(state, (NO_DATA,) * way.substeps)
        return state, where(state)

    _, points = jax.lax.scan(step, state, None, steps)
    return np.concatenate([where(state)[None], points])


def radius(way: Way, size: float) -> float:
    """The spectral radius of a step at the origin of the bilinear game.

    Of five steps, to the power of a fifth: lookahead is only itself over its period.
    """
    game = bilinear((0.0, 0.0))
    sgd = optax.sgd(size, momentum=way.momentum or None)
    algorithm = algorithm_of(way, game, sgd, NO_DATA)

    def five_steps(state: State, batches: tuple[Batch, ...]) -> tuple[State, None]:
        for _ in range(5):
            state, _ = algorithm.step(state, batches)
        return state, None

    batches = (NO_DATA,) * way.substeps
    state, _ = five_steps(algorithm.init(jax.random.key(0)), batches)
    many: Any = algorithm._replace(step=five_steps)
    return spectral_radius(many, state, batches) ** (1 / 5)


def samples_of(way: Way, steps: int, seed: int = 0) -> np.ndarray:
    """2,500 samples of a GAN of the plane trained in a way."""
    ring = synthetic.ring(sigma=0.02)
    game = gan(
        mlp((2,), (64, 64)),
        mlp((), (64, 64)),
        chain(non_saturating(), r1(0.02)),
        priors.normal(8),
    )
    source = shuffled(Batch(ring.sample(20_000, seed)), 128, way.substeps)
    rate = optax.cosine_decay_schedule(2e-3, steps)
    adam = optax.adam(rate, b1=way.momentum, b2=0.99, eps_root=1e-8)
    algorithm = algorithm_of(way, game, adam, source(seed, 0)[0])
    state, step = algorithm.init(jax.random.key(seed)), jax.jit(algorithm.step)
    for i in range(steps):
        state, info = step(state, source(seed, i))
        if i % 10 == 0:
            jax.block_until_ready(info)
    return maker(game)(state.variables, draw_latents(game, 2_500, seed))


def draw_course(axis: Axes, points: np.ndarray, reach: float) -> None:
    """A way through the plane, from its start to the origin or not."""
    axis.plot(*points.T, linewidth=0.8, color="tab:blue")
    axis.plot(*points[0], ".", color="tab:green")
    axis.plot(0, 0, "+", color="tab:red")
    axis.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")


def main(picture: Path = Path("games.png"), steps: int = 3000) -> None:
    """Play everything, print what came of it, and draw it.

    Args:
        picture: where to draw.
        steps: of the GAN in the plane.
    """
    ring = synthetic.ring(sigma=0.02)
    size = (1.25 * len(WAYS), 4.2)
    figure, axes = plt.subplots(3, len(WAYS), figsize=size, layout="constrained")
    for column, (name, way) in zip(axes.T, WAYS.items(), strict=True):
        rotating = course(way, bilinear(), 0.3, 100)
        dirac = course(way, dirac_gan(minimax(), (1.0, -1.0)), 0.3, 300)
        print(
            f"{' '.join(name.split()):22} bilinear: ρ {radius(way, 0.3):.4f}, "
            f"|w| {np.linalg.norm(rotating[-1]):9.3g}   "
            f"Dirac: |w| {np.linalg.norm(dirac[-1]):9.3g}",
            end="" if way.trains else "\n",
        )
        draw_course(column[0], rotating, 2.0)
        draw_course(column[1], dirac, 2.0)
        if way.trains:
            points = samples_of(way, steps)
            modes = count_modes(points, ring).values()
            print(
                f"   ring: {modes['captured']:.0f} modes, "
                f"{100 * modes['high_quality']:.0f} % of high quality, "
                f"reverse KL {modes['reverse_kl']:.3f}",
                flush=True,
            )
            column[2].plot(*points.T, ",", color="black", alpha=0.4)
        column[2].plot(*ring.means.T, "x", color="tab:red", markersize=4)
        column[2].set(xlim=(-1.5, 1.5), ylim=(-1.5, 1.5), aspect="equal")
        column[0].set_title(name, fontsize=8)
        for axis in column:
            axis.set(xticks=[], yticks=[])
    for axis, label in zip(axes[:, 0], ("bilinear", "Dirac-GAN", "ring"), strict=True):
        axis.set_ylabel(label)
    figure.savefig(picture, dpi=80)
    print(f"drawn to {picture}")


if __name__ == "__main__":
    tyro.cli(main)
