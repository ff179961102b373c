"""Load and check experiments: one Python file each, which a reader can change.

The file has a docstring (Paper, Command, Cost, Expect), a frozen dataclass `Config`
whose fields carry their meaning as a trailing comment, and `experiment(config)`, which
returns an `Experiment`: all that training needs. Nothing is registered anywhere.
"""

import dataclasses
import importlib.util
import re
import sys
import traceback
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from jaxgan.data.datasets import Dataset
from jaxgan.data.sources import Source, whole_batches
from jaxgan.errors import (
    InputError,
    as_path,
    check_entries,
    check_function,
    check_instance,
    check_platform,
    check_positive_int,
    check_seed,
)
from jaxgan.evaluation.evaluator import Evaluation, check_evaluation, check_rows
from jaxgan.reporting.figures import image_grid
from jaxgan.sampling.inputs import Input, check_inputs
from jaxgan.sampling.outputs import (
    check_outputs,
    draw_examples,
    output_name,
    output_shapes,
)
from jaxgan.training.first_batch import (
    check_batches,
    check_reach,
    with_extreme_labels,
)
from jaxgan.training.local_modules import make_importable, module_folder
from jaxgan.training.run_data import RunData
from jaxgan.training.sizes import check_sizes
from jaxgan.types import Algorithm, Batch, Game, NetworkName, Tree, Variables

T = TypeVar("T")

Plot = Callable[[Tree, Batch, int | None], Image.Image]
Summarize = Callable[[Tree, Batch], Mapping[str, float]]
Objective = Callable[[Mapping[str, float]], float]


def plot_images(made: Tree, batch: Batch, columns: int | None) -> Image.Image:
    """Draw the images that were made as a grid."""
    del batch
    return image_grid(made, columns)


def _no_summary(made: Tree, batch: Batch) -> Mapping[str, float]:
    del made, batch
    return {}


@dataclasses.dataclass(frozen=True, eq=False)
class Experiment:
    """A game with its dynamics, data and evaluation, as `jaxgan train` takes it.

    The data are behind functions, and opened when they are used: a trained run is
    sampled and evaluated without them.

    game:     the game.
    dynamics: `(game, example) -> algorithm`, for batches shaped like `example`; it
              takes the game, since training on several devices builds the algorithm on
              a game whose latents are split.
    source:   `() -> source`, which is `(seed, step) -> batches`.
    steps:    number of iterations.
    seed:     of everything random: weights, data order, latents, noise.
    examples: `() -> data set` that is held out and shaped like the source's batches, of
              which outputs are made; None for games that read no examples.
    inputs:   what `jaxgan sample` can be given in their place, by name.
    plot:     `(made, batch, columns) -> picture` of an output and the examples that it
              was made of, row by row; `columns` is the preferred number of grid
              columns, None for a square grid.
    summarize: `(made, batch) -> {name: number}` of the game's first output, whenever
              pictures are made.
    objective: `(summary) -> number`, lowest for the best of several runs; without it a
              sweep goes by the first score and, without scores, keeps none.
    evaluation: what an output is scored against, at intervals and at the end of a
              sweep, each score with its protocol; None if outputs are not scored.
    n_summarized: number of rows that `summarize` is given.
    n_plotted: number of them that `plot` is given.
    """

    game: Game
    dynamics: Callable[[Game, Batch], Algorithm]
    source: Callable[[], Source]
    steps: int
    seed: int = 0
    examples: Callable[[], Dataset | Batch] | None = None
    inputs: Mapping[str, Input] = dataclasses.field(default_factory=dict)
    plot: Plot = plot_images
    summarize: Summarize = _no_summary
    objective: Objective | None = None
    evaluation: Evaluation | None = None
    n_summarized: int = 64
    n_plotted: int = 64

    def __post_init__(self) -> None:
        check_instance("game", self.game, Game, "gan(…)")
        for name in ("dynamics", "source", "plot", "summarize"):
            check_function(name, getattr(self, name), "lambda …: …")
        for name in ("examples", "objective"):
            if getattr(self, name) is not None:
                check_function(name, getattr(self, name), "lambda …: …")
        for name in ("steps", "n_summarized", "n_plotted"):
            check_positive_int(name, getattr(self, name))
        check_seed("seed", self.seed)
        check_entries("inputs", self.inputs, Input)
        if self.evaluation is not None:
            check_instance(
                "evaluation", self.evaluation, Evaluation, "by_classifier(…)"
            )

    def _replace(self, **changes: Any) -> "Experiment":
        """Return the experiment with some fields replaced."""
        return dataclasses.replace(self, **changes)


class ExperimentFile(NamedTuple):
    """A loaded experiment file."""

    path: Path
    config: type  # the dataclass
    experiment: Callable[[Any], Experiment]
    doc: str


def load_file(path: Path | str) -> ExperimentFile:
    """Run an experiment file and take what it defines.

    Raises:
        InputError: if the file is missing or empty, fails, or lacks `Config` (a
            dataclass) or `experiment`.
    """
    path = as_path("path", path)
    if not path.is_file():
        raise InputError(
            f"path: {path} is not a file; give an experiment's Python file."
        )
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


TAKEN = {"run", "output", "count", "seed", "best", "out", "help"}
"""Reserved option names of `jaxgan sample`; no input may have one."""


def build(file: ExperimentFile, config: Any) -> Experiment:
    """Make the experiment of a configuration; its data stay closed.

    Raises:
        InputError: if the file refuses the configuration, fails or returns something
            else, or what it returns is no experiment.
    """
    built = _or_refused(file.path, lambda: file.experiment(config))
    if not isinstance(built, Experiment):
        raise InputError(f"{file.path}: experiment must return an Experiment.")
    return prepare(built)


@lru_cache(maxsize=1)  # so that a notebook's next call opens and compiles nothing again
def prepare(built: Experiment) -> Experiment:
    """Check an experiment, and let its data be opened once.

    Raises:
        InputError: if the evaluation or the name of an input is not valid.
    """
    if built.evaluation is not None:
        check_evaluation(built.evaluation)
        output_name(built.game, built.evaluation.output)
    for name in built.inputs:
        if name in TAKEN or not re.fullmatch("[a-z][a-z0-9_]*", name):
            raise InputError(
                f"inputs: {name!r} cannot be an option; use another name, of small "
                "letters."
            )
    return built._replace(
        source=cache(built.source), examples=built.examples and cache(built.examples)
    )


def open_data(name: Path | str, built: Experiment) -> RunData:
    """Open the data of an experiment, and check that everything fits together.

    Args:
        name: of the experiment, for messages; its file if it has one.
        built: the experiment.

    Returns:
        A step's batches, and the first rows that outputs are made of.

    Raises:
        InputError: if it does not.
    """
    with whole_batches():
        source = _or_refused(name, built.source)
        batches = _or_refused(name, lambda: source(built.seed, 0))
    check_batches(batches)
    example = with_extreme_labels(batches[0], source)
    algorithm = _or_refused(name, lambda: built.dynamics(built.game, example))
    examples = _or_refused(
        name, lambda: draw_examples(built.examples, built.n_plotted, built.seed)
    )
    check_examples(batches[0], examples)
    check_inputs(built.inputs, examples)
    if built.evaluation is not None:
        check_rows(built.evaluation, examples)
    if built.game.outputs:
        state = jax.eval_shape(algorithm.init, jax.random.key(0))
        variables = state.variables | state.frozen
        check_sizes(variables)
        check_outputs(built.game, variables, examples)
        check_reach(built.game, variables, examples, batches[0])
        check_plot(built, variables, examples)
    return RunData(batches, examples)


def check_plot(
    experiment: Experiment,
    variables: Mapping[NetworkName, Variables],
    examples: Batch,
) -> None:
    """Check that the plot can draw every output, by letting it draw noise.

    Args:
        experiment: whose plot it is.
        variables: of all networks, or their shapes.
        examples: that outputs are made of.

    Raises:
        InputError: if it fails.
    """
    game, count = experiment.game, experiment.n_plotted
    noise = np.random.default_rng(0)

    def like(shape: jax.ShapeDtypeStruct) -> NDArray:
        if not jnp.issubdtype(shape.dtype, jnp.floating):
            return np.zeros(shape.shape, shape.dtype)
        return noise.uniform(-1, 1, shape.shape).astype(np.float32)

    for name in game.outputs:
        shapes = output_shapes(game, name, variables, examples, count)
        try:
            experiment.plot(jax.tree.map(like, shapes), examples, None)
        except Exception as error:  # whatever a plot may raise
            raise InputError(
                f"plot cannot draw the output {name!r}, of shapes "
                f"{jax.tree.map(lambda x: x.shape, shapes)}: {str(error).rstrip('.')}. "
                "Give the experiment a plot=… that draws it, such as its first three "
                "channels."
            ) from error


def check_examples(batch: Batch, examples: Batch) -> None:
    """Check that examples are shaped like those of training.

    Raises:
        InputError: if they are not.
    """
    if not jax.tree.leaves(examples):
        if batch.condition:
            raise InputError(
                "examples: the source's batches have conditions, so what is made has "
                "one too; give the experiment examples=…, held out, with conditions."
            )
        return
    made, wanted = len(examples.condition), len(batch.condition)
    if made != wanted:
        raise InputError(
            f"examples have {made} conditions, such as labels, but the source's "
            f"batches have {wanted}; give both the same."
        )
    shapes = [
        jax.tree.map(lambda x: (x.shape[1:], str(x.dtype)), each._replace(weight=None))
        for each in (examples, batch)
    ]
    if shapes[0] != shapes[1]:
        raise InputError(
            f"examples are of {shapes[0][:2]}, but the source's batches of "
            f"{shapes[1][:2]}; shape both alike."
        )


def _or_refused(path: Path | str, make: Callable[[], T]) -> T:
    """Run a user's function; an exception becomes an InputError that names the line."""
    try:
        return make()
    except (InputError, OSError):
        raise
    except Exception as error:
        check_platform()  # without a device everything fails, and no file is to blame
        reason = f"{type(error).__name__}: {error}{error_line(error, path)}"
        raise InputError(f"{path} cannot be run: {reason}") from error


def _run(path: Path) -> ModuleType:
    # A module name of its own, found in sys.modules by dataclasses and typing.
    name = f"jaxgan_experiment_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError(
            f"path: {path} is not a Python file; its name must end in .py."
        )
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    loader = spec.loader
    make_importable(module_folder(path))
    _or_refused(path, lambda: loader.exec_module(module))
    return module


def error_line(error: Exception, path: Path | str) -> str:
    """Return where in a file an exception was raised, such as " (line 12)", or ""."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    return f" (line {lines[-1]})" if lines else ""
