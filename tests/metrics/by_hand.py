"""Metrics from their definitions: all pairs at once, no blocks, no tricks."""

import numpy as np
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist
from scipy.stats import wasserstein_distance


def authenticity(real, fake):
    """The share of fakes farther from a real than its nearest other real."""
    among, across = cdist(real, real), cdist(real, fake)
    np.fill_diagonal(among, np.inf)
    own = among.min(axis=0)[across.argmin(axis=0)]
    return (across.min(axis=0) > own).mean()


def frechet(real, fake, ddof):
    """Between Gaussians with the sets' means and covariances."""
    a, b = (np.cov(x.T, ddof=ddof) for x in (real, fake))
    mean = np.square(real.mean(axis=0) - fake.mean(axis=0)).sum()
    return mean + np.trace(a + b - 2 * sqrtm(a @ b).real)


def cubic_kid(real, fake):
    """The squared MMD under (x·y / d + 1)³ over all pairs of two examples."""
    n, m, d = len(real), len(fake), real.shape[1]

    def kernel(x, y):
        return (x @ y.T / d + 1) ** 3

    def of_others(k):
        return (k.sum() - np.trace(k)) / (len(k) * (len(k) - 1))

    across = kernel(real, fake).sum() / (n * m)
    return of_others(kernel(real, real)) + of_others(kernel(fake, fake)) - 2 * across


def neighbors(real, fake, near, wide):
    """Precision and recall with `near` neighbors, density and coverage with `wide`."""

    def radius(x, k):
        return np.sort(cdist(x, x), axis=1)[:, k]

    across = cdist(real, fake)
    in_real = across <= radius(real, wide)[:, None]
    return {
        "precision": (across <= radius(real, near)[:, None]).any(axis=0).mean(),
        "recall": (across <= radius(fake, near)[None]).any(axis=1).mean(),
        "density": in_real.sum(axis=0).mean() / wide,
        "coverage": in_real.any(axis=1).mean(),
    }


def inception_score(p, splits):
    """The mean over splits of the shuffled examples, by NumPy's old generator."""
    p = p[np.random.RandomState(2020).permutation(len(p))]
    parts = np.split(p, [i * len(p) // splits for i in range(1, splits)])
    divergences = [q * np.log(q / q.mean(axis=0)) for q in parts]
    return np.mean([np.exp(d.sum(axis=1).mean()) for d in divergences])


def sliced_wasserstein(real, fake, directions):
    """The mean Wasserstein-1 distance along random directions."""
    along = np.random.default_rng(0).standard_normal((directions, real.shape[1]))
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    return np.mean([wasserstein_distance(real @ t, fake @ t) for t in along])
