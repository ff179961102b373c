"""An experiment: one Python file that a reader can change.

The file has a docstring (Paper, Command, Cost, Expect), a frozen dataclass `Config`
whose fields carry their meaning as a trailing comment, and `experiment(config)`, which
returns an `Experiment`: all that training needs. Nothing is registered anywhere.
"""

import dataclasses
import importlib.util
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from numpy.typing import NDArray
from PIL import Image

from jaxgan.data.sources import Source
from jaxgan.errors import InputError
from jaxgan.reporting import image_grid
from jaxgan.types import Algorithm, Game

Draw = Callable[[NDArray, int | None], Image.Image]
Measure = Callable[[NDArray], Mapping[str, float]]


def _measure_nothing(samples: NDArray) -> Mapping[str, float]:
    del samples
    return {}


class Experiment(NamedTuple):
    """What `jaxgan train` trains, and how its samples are shown and measured.

    game:     who plays.
    dynamics: `(game) -> algorithm`; it takes the game, since training on several
              devices builds the algorithm on a game whose latents are split.
    source:   `(seed, step) -> batches`.
    steps:    how many.
    seed:     of everything random: weights, data order, latents, noise.
    draw:     `(samples, columns) -> picture`; `columns` is a wish, or None.
    measure:  `(samples) -> {name: number}`, taken whenever samples are drawn.
    samples:  how many `measure` is given.
    shown:    how many of them `draw` is given.
    """

    game: Game
    dynamics: Callable[[Game], Algorithm]
    source: Source
    steps: int
    seed: int = 0
    draw: Draw = image_grid
    measure: Measure = _measure_nothing
    samples: int = 64
    shown: int = 64


class ExperimentFile(NamedTuple):
    """A loaded experiment file."""

    path: Path
    config: type  # the dataclass
    experiment: Callable[[Any], Experiment]
    doc: str


def load_file(path: Path) -> ExperimentFile:
    """Run an experiment file and take what it defines.

    Raises:
        InputError: if the file is missing or empty, fails, or lacks `Config` (a
            dataclass) or `experiment`.
    """
    if not path.is_file():
        raise InputError(f"{path} is not a file; give an experiment's Python file.")
    if not path.read_bytes().strip():
        raise InputError(f"{path} is empty; an experiment defines Config, experiment.")
    module = _run(path)
    config = getattr(module, "Config", None)
    if not (isinstance(config, type) and dataclasses.is_dataclass(config)):
        raise InputError(f"{path} defines no dataclass named Config.")
    experiment = getattr(module, "experiment", None)
    if not callable(experiment):
        raise InputError(f"{path} defines no function named experiment.")
    return ExperimentFile(path, config, experiment, module.__doc__ or "")


def _run(path: Path) -> ModuleType:
    # A module name of its own, found in sys.modules by dataclasses and typing.
    name = f"jaxgan_experiment_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"{path} is not a Python file; its name must end in .py.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"{path} cannot be run: {type(error).__name__}: {error}{_line(error, path)}"
        ) from error
    return module


def _line(error: Exception, path: Path) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    return f" (line {lines[-1]})" if lines else ""
