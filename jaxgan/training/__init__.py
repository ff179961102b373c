"""Experiments, runs and the training loop."""

from jaxgan.errors import Interrupted, RunError
from jaxgan.training.allocator import tune_malloc
from jaxgan.training.experiment import Experiment, load_file
from jaxgan.training.loop import train
from jaxgan.training.run import Run, create_run, load_run
from jaxgan.training.sample import Samples, sample
from jaxgan.training.schedule import Schedule
from jaxgan.training.snapshots import restored_networks

__all__ = [
    "Experiment",
    "Interrupted",
    "Run",
    "RunError",
    "Samples",
    "Schedule",
    "create_run",
    "load_file",
    "load_run",
    "restored_networks",
    "sample",
    "train",
    "tune_malloc",
]
