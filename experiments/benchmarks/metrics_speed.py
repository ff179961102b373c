"""Metrics of 10,000 × 2,048 features in float64, beside torch-fidelity and prdc.

The same features on both sides, each in a process of its own:

    frechet     the Fréchet distance
    kid         the KID over 100 subsets of 1,000, which are the same subsets
    neighbors  precision and recall with k = 3 by torch-fidelity, density and coverage
                with k = 5 by prdc; jaxgan reads all four from the same distances
    all pairs   the KID without subsets, by jaxgan alone

jaxgan's have their standard errors too. Sides take turns in one run, since shared
machines drift: believe the ratios, turn by turn. The first turn includes compilation.
Peak memory is that of the whole process, features included.

On two CPU cores, medians of four turns (least to greatest; the least is that of the
first turn); jax 0.10.2, PyTorch 2.13.0, torch-fidelity 0.4.0, prdc 0.2:

                jaxgan     other     other / jaxgan
    frechet      3.2 s      2.8 s    0.90 (0.78 to 0.91)
    kid          6.2 s      7.7 s    1.24 (1.21 to 1.25)
    neighbors   8.6 s     25.5 s    2.96 (2.60 to 3.06)
    together    18.0 s     36.1 s    2.00 (1.81 to 2.06)
    all pairs    6.4 s
    peak memory  1.57 GiB   3.00 GiB

Only jaxgan's Fréchet distance has a standard error and a bias: about a quarter of
its time.

All values agree: the shares in every count, the others in the nine digits printed.

Command: python experiments/benchmarks/metrics_speed.py --torch-python PYTHON
    where PYTHON is the interpreter of an environment that has torch-fidelity 0.4.0 and
    prdc 0.2.
"""

import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tyro
from torch_side import spread, torch_worker

from jaxgan.metrics import Features, frechet_distance, kid, neighbors_metric

Values = dict[str, float]


def main(torch_python: Path, n: int = 10_000, d: int = 2048, rounds: int = 5) -> None:
    """Time both sides.

    Args:
        torch_python: the interpreter of the other side's environment.
        n: examples of each set, at least 1,000.
        d: dimensions.
        rounds: how many turns each side takes.
    """
    with tempfile.TemporaryDirectory() as folder:
        # Started while this process is small: a child's peak begins with its parent's.
        other = torch_worker(torch_python, "metrics_speed_reference.py", Path(folder))
        real, fake = features(n, d, seed=0), features(n, d, seed=1)
        fake *= 0.95
        np.save(Path(folder, "real"), real)
        np.save(Path(folder, "fake"), fake)
        other("load", 0)
        values: Values = {}
        ours: dict[str, list[float]] = {name: [] for name in TASKS}
        theirs: dict[str, list[float]] = {name: [] for name in COMPARED}
        for _ in range(rounds):
            for name, task in TASKS.items():
                start = time.perf_counter()
                values |= task(real, fake)
                ours[name].append(time.perf_counter() - start)
                if name in theirs:
                    theirs[name].append(other(name, 0))
        report(ours, theirs)
        for name in ("frechet", "kid", *NEIGHBORS):
            print(f"    {name:12} {values[name]:.9g}, other {other(name, 1):.9g}")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"    peak memory  {peak:.2f} GiB, other {other('peak', 0):.2f} GiB")


def features(n: int, d: int, seed: int) -> np.ndarray:
    """Gaussian features, few of them wide; made without temporary arrays."""
    made = np.random.default_rng(seed).standard_normal((n, d))
    made *= np.arange(1, d + 1) ** -0.5
    return made


def frechet(real: np.ndarray, fake: np.ndarray) -> Values:
    """The Fréchet distance."""
    return {"frechet": frechet_distance(real, fake).value}


def subsets(real: np.ndarray, fake: np.ndarray) -> Values:
    """The KID over the published subsets."""
    return {"kid": kid(real, fake, subsets=100).value}


def neighbors(real: np.ndarray, fake: np.ndarray) -> Values:
    """All four shares from the distances made once."""
    found = neighbors_metric().compute(Features(real), Features(fake))
    return {name: found[name].value for name in NEIGHBORS}


def all_pairs(real: np.ndarray, fake: np.ndarray) -> Values:
    """The KID without subsets."""
    return {"all pairs": kid(real, fake).value}


def report(ours: dict[str, list[float]], theirs: dict[str, list[float]]) -> None:
    """The medians, and the ratios turn by turn."""
    for side in (ours, theirs):
        turns = zip(*(side[name] for name in COMPARED), strict=True)
        side["together"] = [sum(turn) for turn in turns]
    for name, found in ours.items():
        line = f"    {name:12} {statistics.median(found):8.2f} s"
        if name in theirs:
            line += f", other {statistics.median(theirs[name]):8.2f} s"
            line += f", other / jaxgan {spread(theirs[name], found)}"
        print(line, flush=True)


NEIGHBORS = ("precision", "recall", "density", "coverage")

COMPARED = ("frechet", "kid", "neighbors")

TASKS: dict[str, Callable[[np.ndarray, np.ndarray], Values]] = {
    "frechet": frechet,
    "kid": subsets,
    "neighbors": neighbors,
    "all pairs": all_pairs,
}


if __name__ == "__main__":
    tyro.cli(main)
