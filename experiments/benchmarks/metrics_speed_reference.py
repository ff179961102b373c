"""The other side of `metrics_speed.py`: the same features in torch-fidelity and prdc.

Not run by hand: a worker that reads lines "WHAT VALUE" and answers each with a number:
the seconds that a task takes, or, where VALUE is 1, what it found last; the peak
memory in GiB.
"""

# ruff: noqa: E402

import contextlib
import os
import resource
import sys
import time
from pathlib import Path
from unittest.mock import MagicMock

# torch-fidelity imports torchvision for images; of features it makes no use.
for name in ("", ".datasets", ".models", ".transforms", ".transforms.functional"):
    sys.modules[f"torchvision{name}"] = MagicMock()

import numpy as np
import torch
from prdc import compute_prdc
from torch_fidelity.metric_fid import fid_features_to_statistics as statistics
from torch_fidelity.metric_fid import fid_statistics_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric

Values = dict[str, float]


def frechet(real: torch.Tensor, fake: torch.Tensor) -> Values:
    """By the eigenvalues of the product of covariances."""
    found = fid_statistics_to_metric(statistics(fake), statistics(real), verbose=False)
    return {"frechet": found["frechet_inception_distance"]}


def kid(real: torch.Tensor, fake: torch.Tensor) -> Values:
    """Over 100 subsets of 1,000, its defaults."""
    found = kid_features_to_metric(fake, real, verbose=False)
    return {"kid": found["kernel_inception_distance_mean"]}


def neighbors(real: torch.Tensor, fake: torch.Tensor) -> Values:
    """Two of the four by either package, as each was published."""
    near = prc_features_to_metric(fake, real, verbose=False)
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        wide = compute_prdc(real.numpy(), fake.numpy(), nearest_k=5)
    chosen = {name: near[name] for name in ("precision", "recall")}
    return chosen | {name: wide[name] for name in ("density", "coverage")}


TASKS = {"frechet": frechet, "kid": kid, "neighbors": neighbors}


def main() -> None:
    """Answer lines until there are no more."""
    sets: list[torch.Tensor] = []
    values: Values = {}
    print(torch.__version__, flush=True)
    for line in sys.stdin:
        what, value = line.split()
        start = time.perf_counter()
        if value == "1":
            answer = values[what]
        elif what == "peak":
            answer = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        elif what == "load":
            files = [Path(sys.argv[1], f"{name}.npy") for name in ("real", "fake")]
            sets = [torch.from_numpy(np.load(file)) for file in files]
            answer = len(sets)
        else:
            values |= TASKS[what](*sets)
            answer = time.perf_counter() - start
        print(answer, flush=True)


if __name__ == "__main__":
    main()
