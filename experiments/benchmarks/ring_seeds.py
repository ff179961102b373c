"""The ring experiment over many seeds: every one reported, and their mean.

Command: python experiments/benchmarks/ring_seeds.py --seeds 10
"""

from pathlib import Path

import numpy as np
import tyro

from jaxgan.reporting import read_rows
from jaxgan.training import Schedule, create_run, load_file, train

MEASURED = ("captured", "high_quality", "reverse_kl")


def main(seeds: int = 10, runs: Path = Path("runs/ring-seeds")) -> None:
    """Train seeds 0 to `seeds` - 1, one after the other, and print what they reach.

    Args:
        seeds: how many.
        runs: where the run directories go; finished ones are not trained again.
    """
    file = load_file(Path(__file__).parent.parent / "ring.py")
    scores = []
    for seed in range(seeds):
        run = create_run(runs / str(seed), file, file.config(seed=seed))
        train(run, schedule=Schedule(save_every=5000, keep=1))
        last = read_rows(run.metrics)[-1]
        scores.append([last[name] for name in MEASURED])
        values = "  ".join(
            f"{name} {value:.4g}"
            for name, value in zip(MEASURED, scores[-1], strict=True)
        )
        print(f"seed {seed}: {values}", flush=True)
    means = np.mean(scores, axis=0)
    errors = np.std(scores, axis=0, ddof=1) / np.sqrt(seeds) if seeds > 1 else means * 0
    for name, mean, error in zip(MEASURED, means, errors, strict=True):
        print(f"mean {name}: {mean:.5g} ± {error:.2g} (standard error)")


if __name__ == "__main__":
    tyro.cli(main)
