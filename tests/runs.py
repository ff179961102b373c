"""Runs small enough for tests, and what is asked of two that should be one."""

import time
from pathlib import Path

import jax
import numpy as np

from jaxgan.training.experiment import load_file
from jaxgan.training.run import Run, create_run
from jaxgan.training.schedule import Schedule

TINY = Path(__file__).parent / "tiny_experiment.py"
PICTURE = Path(__file__).parent / "picture_experiment.py"
PLANE = Path(__file__).parent / "plane_experiment.py"
OFTEN = Schedule(log_every=1, save_every=2)
ONE_DEVICE = jax.devices()[:1]


def make_run(directory, experiment=TINY, **config) -> Run:
    """A run of an experiment, begun or opened."""
    file = load_file(experiment)
    return create_run(directory, file, file.config(**config))


def leaves(state):
    """Every bit of a state, keys included."""
    state = state._replace(key=jax.random.key_data(state.key))
    return [np.asarray(leaf) for leaf in jax.tree.leaves(state)]


def assert_same_bits(one, other):
    for a, b in zip(leaves(one), leaves(other), strict=True):
        assert a.dtype == b.dtype
        assert a.tobytes() == b.tobytes()


def wait_until(condition, process, seconds=300.0, pause=0.0005):
    """Wait for a condition while a process runs, and look at it after each pause."""
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, "the process ended by itself"
        assert time.monotonic() < end, "waited in vain"
        time.sleep(pause)
