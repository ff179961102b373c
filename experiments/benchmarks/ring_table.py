"""Train the ring GAN under each loss, penalty and dynamics.

Every row is one setting of the ring experiment, all else equal: networks of two hidden
layers of 128, batches of 128, Adam with β1 = 0.5 (and ε_root = 1e-8, which unrolling
needs), a rate that falls from 2e-3 to 0 along a cosine, and 10,000 steps. A step is one
move of each player, whatever it costs: unrolled plays five more rounds. All seeds
of a row are one program, and the mean is of all that did not diverge. R1 has weight
0.005, the gradient penalty 10; consensus and the symplectic adjustment have weight 1;
lookahead goes back half the way every 5 steps; unrolled looks 5 moves ahead; negative
momentum is β1 = -0.5. Nothing was tuned for a row. The proximal point method is left
out: its step solves linear systems in 35 thousand unknowns.

Measured on 2,500 samples of the averaged generator: modes captured, of 8; the share of
samples within 3σ, 98.9 % for a perfect sampler; the reverse KL of the modes, 0.0014.

Paper: the benchmark is PacGAN's (Lin et al. 2018, arXiv:1712.04086).

Command: python experiments/benchmarks/ring_table.py --jobs 2

Cost: under an hour on two CPU cores that others used too

Expect: docs/ring_table.md, which this writes
"""

import json
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import tyro

from jaxgan import (
    Algorithm,
    Batch,
    Game,
    Loss,
    alternating,
    chain,
    ema,
    extragradient,
    gan,
    gradient_penalty,
    hinge,
    least_squares,
    minimax,
    mlp,
    non_saturating,
    population,
    priors,
    r1,
    shuffled,
    simultaneous,
    wasserstein,
)
from jaxgan.algorithms import diverged_members, lookahead, select_member
from jaxgan.data import synthetic
from jaxgan.dynamics import (
    consensus,
    optimistic,
    past_extragradient,
    symplectic_adjustment,
    unrolled,
)
from jaxgan.losses import relativistic
from jaxgan.metrics import count_modes
from jaxgan.reporting import mean_and_error
from jaxgan.sampling import best_variables, draw_latents, maker

Dynamics = Callable[..., Algorithm]

LOSSES: dict[str, Loss] = {
    "non-saturating": non_saturating(),
    "minimax": minimax(),
    "hinge": hinge(),
    "least squares": least_squares(),
    "Wasserstein": wasserstein(),
    "relativistic": relativistic(non_saturating()),
}
PENALTIES: dict[str, Loss] = {
    "none": chain(),
    "R1": r1(0.005),
    "GP": gradient_penalty(10.0),
}


class Way(NamedTuple):
    """Dynamics, and what their steps take."""

    dynamics: Dynamics
    substeps: int = 2
    beta1: float = 0.5


DYNAMICS = {
    "alternating": Way(alternating),
    "simultaneous": Way(simultaneous, 1),
    "extragradient": Way(extragradient),
    "past extragradient": Way(past_extragradient, 1),
    "optimistic": Way(optimistic, 1),
    "consensus": Way(partial(consensus, weight=1.0), 1),
    "symplectic adjustment": Way(symplectic_adjustment, 1),
    "unrolled": Way(partial(unrolled, unroll_steps=5)),
    "lookahead": Way(lambda *of: lookahead(alternating(*of))),
    "negative momentum": Way(alternating, beta1=-0.5),
}


class Row(NamedTuple):
    """A setting, by the names in the tables above."""

    loss: str
    penalty: str
    dynamics: str


ROWS = [
    *(Row(loss, penalty, "alternating") for loss in LOSSES for penalty in PENALTIES),
    *(
        Row("non-saturating", penalty, dynamics)
        for dynamics in list(DYNAMICS)[1:]
        for penalty in ("none", "R1")
    ),
]


def game_of(row: Row) -> Game:
    """The ring's networks, playing for a row's stakes."""
    hidden = (128, 128)
    loss = chain(LOSSES[row.loss], PENALTIES[row.penalty])
    return gan(mlp((2,), hidden), mlp((), hidden), loss, priors.normal(16))


def measure(row: Row, seeds: int, steps: int) -> list[dict[str, float] | None]:
    """Train all seeds of a row; None where one diverged."""
    ring, way, game = synthetic.ring(), DYNAMICS[row.dynamics], game_of(row)
    sources = [
        shuffled(Batch(ring.sample(100_000, seed)), 128, way.substeps)
        for seed in range(seeds)
    ]

    def batches(step: int) -> tuple[Batch, ...]:
        given = [source(seed, step) for seed, source in enumerate(sources)]
        return jax.tree.map(lambda *x: np.stack(x), *given)

    rate = optax.cosine_decay_schedule(2e-3, steps)
    adam = optax.adam(rate, b1=way.beta1, eps_root=1e-8)
    optimizers = {player: adam for player in game.players}
    [example, *_] = sources[0](0, 0)

    def build(seed: object) -> Algorithm:
        return ema(way.dynamics(game, optimizers, example))

    algorithm = population(build, jnp.arange(seeds), donate=True)
    state = algorithm.init(jnp.stack([jax.random.key(seed) for seed in range(seeds)]))
    for step in range(steps):
        state, info = algorithm.step(state, batches(step))
        if step % 10 == 0:
            jax.block_until_ready(info)
    make, lost = maker(game), diverged_members(state)
    found: list[dict[str, float] | None] = []
    for seed in range(seeds):
        latents = draw_latents(game, 2_500, seed)
        samples = make(best_variables(select_member(state, seed)), latents)
        found.append(None if lost[seed] else count_modes(samples, ring).values())
    return found


def kept(row: Row, seeds: int, steps: int, runs: Path) -> list[dict[str, float] | None]:
    """The same, from a file if an earlier call has written it.

    The file knows names only: remove it after changing what a name stands for.
    """
    path = runs / f"{'-'.join(row)}-{seeds}-{steps}.json".replace(" ", "_")
    if not path.exists():
        fresh = path.with_suffix(".tmp")
        fresh.write_text(json.dumps(measure(row, seeds, steps)), encoding="utf-8")
        fresh.replace(path)
    return json.loads(path.read_text(encoding="utf-8"))


def line(row: Row, found: list[dict[str, float] | None]) -> str:
    """A row of the table."""
    sound = [modes for modes in found if modes is not None]
    cells = [
        *row,
        mean_and_error([modes["captured"] for modes in sound]),
        mean_and_error([100 * modes["high_quality"] for modes in sound]),
        mean_and_error([modes["reverse_kl"] for modes in sound]),
        str(len(found) - len(sound) or ""),
    ]
    return "| " + " | ".join(cells) + " |"


def main(
    seeds: int = 5,
    steps: int = 10_000,
    jobs: int = 1,
    runs: Path = Path("runs/ring-table"),
    table: Path = Path("docs/ring_table.md"),
) -> None:
    """Measure every row that was not measured before, and write the table.

    Args:
        seeds: 0 to this, all of them in one program.
        steps: of each run.
        jobs: rows at a time, each in a process of its own.
        runs: where finished rows are kept.
        table: where the table goes.
    """
    runs.mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context, max_tasks_per_child=1) as pool:
        waiting = {pool.submit(kept, row, seeds, steps, runs): row for row in ROWS}
        for done in as_completed(waiting):
            print(line(waiting[done], done.result()), flush=True)
    lines = [line(row, kept(row, seeds, steps, runs)) for row in ROWS]
    heading = "# Ring benchmark: every loss, penalty and dynamics"
    text = [
        heading,
        "",
        *(__doc__ or "").split("\n\nPaper:")[0].splitlines()[2:],
        "",
        f"`python experiments/benchmarks/ring_table.py`: {seeds} seeds, mean ± "
        "standard error. The last column counts seeds that diverged.",
        "",
        "| loss | penalty | dynamics | modes | high quality, % | reverse KL | lost |",
        "|---|---|---|---|---|---|---|",
        *lines,
    ]
    table.write_text("\n".join(text) + "\n", encoding="utf-8")


if __name__ == "__main__":
    tyro.cli(main)
