"""Write and read the experiment of a run that was made without a file.

`jg.train(experiment, directory)` keeps the experiment itself, its functions included,
in RUN/data/experiment. So the command line can resume, sample and evaluate the run. A
digest of the program that trains tells whether a later experiment is the same.
"""

import hashlib
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr

from jaxgan.data.sources import Source
from jaxgan.errors import InputError
from jaxgan.training.experiment import Experiment
from jaxgan.training.run_data import read, write, write_if_small
from jaxgan.types import Batch


def write_experiment(path: Path, experiment: Experiment) -> None:
    """Write an experiment, without its data if they need more than 100 MB.

    Raises:
        InputError: if it holds something that cannot be kept, such as an open file.
    """
    if write_if_small(path, experiment):
        return
    try:
        write(path, experiment._replace(source=partial(_missing_data, str(path))))
    except Exception as error:
        raise InputError(
            f"the experiment cannot be kept in the run: {error}; make such objects "
            "inside its functions, or write the experiment as a file."
        ) from error


def read_experiment(path: Path) -> Experiment:
    """Read an experiment.

    Raises:
        RunError: if the file is damaged, or needs a module that is not here.
    """
    return read(path)


def program_digest(experiment: Experiment, batches: tuple[Batch, ...]) -> str:
    """Digest the program of the initial state and of a training step.

    Two experiments with the same digest, seed and data train to the same bits. The
    number of steps is in it only where something depends on it, such as a schedule.

    Args:
        experiment: the experiment.
        batches: of a step, or their shapes.
    """
    algorithm = experiment.dynamics(experiment.game, batches[0])
    key = jax.eval_shape(lambda: jax.random.key(0))
    state = jax.eval_shape(algorithm.init, key)
    digest = hashlib.sha256()
    for function, given in (
        (algorithm.init, (key,)),
        (algorithm.step, (state, batches)),
    ):
        program = jax.make_jaxpr(function)(*given)
        text = re.sub("0x[0-9a-f]+", "", str(program.jaxpr))  # addresses of functions
        digest.update(text.encode())
        for constant in _constants(program):
            digest.update(np.asarray(constant).tobytes())
    return digest.hexdigest()


def _constants(part: Any) -> Iterator[Any]:
    """Iterate over the constants of a program, and of those that it calls."""
    if isinstance(part, ClosedJaxpr):
        yield from part.consts
        yield from _constants(part.jaxpr)
    elif isinstance(part, Jaxpr):
        for equation in part.eqns:
            yield from _constants([*equation.params.values()])
    elif isinstance(part, list | tuple):
        for each in part:
            yield from _constants(each)


def _missing_data(path: str) -> Source:
    """Stand in for a source that was too large to keep."""
    raise InputError(
        f"{path} holds no data, since they cannot be kept or need more than 100 MB; "
        "go on by `jg.train(experiment, directory)`, where the experiment is."
    )
