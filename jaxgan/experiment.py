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
from typing import Any, NamedTuple, TypeVar

from numpy.typing import NDArray
from PIL import Image

from jaxgan.data.sources import Source
from jaxgan.errors import InputError, check_positive_int, check_seed
from jaxgan.evaluation import Evaluation, check_evaluation
from jaxgan.reporting import image_grid
from jaxgan.types import Algorithm, Game

T = TypeVar("T")

Draw = Callable[[NDArray, int | None], Image.Image]
Measure = Callable[[NDArray], Mapping[str, float]]
Rank = Callable[[Mapping[str, float]], float]


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
    rank:     `(measured) -> number`, the least for the best of several runs; without
              it a sweep goes by the first score and, without scores, keeps none.
    evaluation: what samples are scored against, at intervals and at the end of a
              sweep, each score with its protocol; None for nothing.
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
    rank: Rank | None = None
    evaluation: Evaluation | None = None
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


def build(file: ExperimentFile, config: Any) -> Experiment:
    """Make the experiment of a configuration, and check all of it that has a shape.

    Raises:
        InputError: if the file refuses the configuration, fails or returns something
            else, or if what it returns does not fit together.
    """
    built = _or_refused(file.path, lambda: file.experiment(config))
    if not isinstance(built, Experiment):
        raise InputError(f"{file.path}: experiment must return an Experiment.")
    check_positive_int("steps", built.steps)
    check_positive_int("samples", built.samples)
    check_positive_int("shown", built.shown)
    check_seed("seed", built.seed)
    if built.evaluation is not None:
        check_evaluation(built.evaluation)
    _or_refused(file.path, lambda: built.dynamics(built.game))
    if built.source(built.seed, 0)[0].condition:
        raise InputError(
            f"{file.path}: samples cannot be drawn under a condition yet, so the "
            "batches of an experiment must have none."
        )
    return built


def _or_refused(path: Path, make: Callable[[], T]) -> T:
    """Whatever goes wrong while a user's file runs, in a sentence with its line."""
    try:
        return make()
    except (InputError, OSError):
        raise
    except Exception as error:
        raise InputError(
            f"{path} cannot be run: {type(error).__name__}: {error}{_line(error, path)}"
        ) from error


def _run(path: Path) -> ModuleType:
    # A module name of its own, found in sys.modules by dataclasses and typing.
    name = f"jaxgan_experiment_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"{path} is not a Python file; its name must end in .py.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    loader = spec.loader
    _or_refused(path, lambda: loader.exec_module(module))
    return module


def _line(error: Exception, path: Path) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    return f" (line {lines[-1]})" if lines else ""
