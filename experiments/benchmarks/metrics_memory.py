"""The metrics of 50,000 × 2,048 features, and the memory that they take.

Two sets of features in float64 are 1.53 GiB. Metrics are taken one after the other in
one process, so the peak is that of the greatest until then.

On two CPU cores, jax 0.10.2:

    features        0.0 s   peak 1.71 GiB
    frechet         8.3 s   peak 2.61 GiB
    subsets         6.9 s   peak 2.61 GiB
    neighbors    199.2 s   peak 3.19 GiB
    all_pairs     153.5 s   peak 3.19 GiB

Command: python experiments/benchmarks/metrics_memory.py
"""

import resource
import time

import tyro
from metrics_speed import all_pairs, features, frechet, neighbors, subsets


def main(n: int = 50_000, d: int = 2048) -> None:
    """Take one metric after the other.

    Args:
        n: examples of each set, at least 1,000.
        d: dimensions.
    """
    real, fake = features(n, d, seed=0), features(n, d, seed=1)
    told("features", 0.0)
    for task in (frechet, subsets, neighbors, all_pairs):
        start = time.perf_counter()
        task(real, fake)
        told(task.__name__, time.perf_counter() - start)


def told(name: str, seconds: float) -> None:
    """Format the time that it took and the peak memory of this process."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"    {name:12} {seconds:8.1f} s   peak {peak:.2f} GiB", flush=True)


if __name__ == "__main__":
    tyro.cli(main)
