"""An evaluation in no time: two numbers as features, and two classes."""

import numpy as np

from jaxgan import Batch
from jaxgan.data.datasets import as_dataset
from jaxgan.errors import InputError
from jaxgan.evaluation.evaluator import Evaluation
from jaxgan.metrics.features.extractor import Extractor, Features
from jaxgan.metrics.frechet import frechet_metric
from jaxgan.metrics.kid import kid_metric
from jaxgan.metrics.modes import class_shares_metric

SEEDS = {"train": 1, "test": 2}


def reals(split):
    """Noise of 8×8 pixels."""
    if split not in SEEDS:
        raise InputError(f"split: there is no {split!r}; there are {list(SEEDS)}.")
    rng = np.random.default_rng(SEEDS[split])
    return as_dataset(Batch(rng.integers(0, 256, (60, 8, 8, 1), np.uint8)))


def halves(images):
    """The mean brightness of the upper and the lower half, and which is brighter."""
    means = images.reshape(len(images), 2, -1).mean(axis=-1)
    upper = (means[:, :1] > means[:, 1:]).astype(np.float64)
    return Features(means, np.concatenate([upper, 1 - upper], axis=1))


HALVES = Extractor("halves", "abc", "none", halves)

EVALUATED = 50
"""Samples."""

TINY = Evaluation(
    "noise",
    reals,
    lambda: HALVES,
    held_out="train",
    samples=EVALUATED,
    metrics=(frechet_metric(), kid_metric(), class_shares_metric()),
)
