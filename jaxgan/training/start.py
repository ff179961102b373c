"""Begin a run with the networks of another, instead of random ones."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from jaxgan.games.start import start_from
from jaxgan.training.about import Start
from jaxgan.training.experiment import Experiment
from jaxgan.training.run_data import read, write
from jaxgan.types import NetworkName, Variables


class Networks(NamedTuple):
    """Networks of another run, and which of them are not trained further."""

    about: Start
    variables: Mapping[NetworkName, Variables]


def started_from(experiment: Experiment, networks: Networks) -> Experiment:
    """Let the networks of an experiment begin as those of another run of their names.

    Raises:
        InputError: if no name is shared, or a frozen one is not there.
    """
    game = start_from(experiment.game, networks.variables, networks.about.frozen)
    return experiment._replace(game=game)


def write_networks(directory: Path, networks: Networks) -> None:
    """Keep the networks in a run directory, so that it needs no other."""
    (directory / "data").mkdir(exist_ok=True)
    write(_path(directory), jax.tree.map(np.asarray, dict(networks.variables)))


def read_kept_networks(directory: Path, about: Start) -> Networks:
    """Read the networks that a run directory keeps.

    Raises:
        RunError: if the file is missing or damaged.
    """
    return Networks(about, read(_path(directory)))


def _path(directory: Path) -> Path:
    return directory / "data" / "start"
