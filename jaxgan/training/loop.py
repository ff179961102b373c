"""The training loop.

A step's data, latents and noise are pure functions of (seed, step), so the position in
all of them is the step, and a resumed run goes on to the same bits: run 2n steps, or n,
kill, restore and n more. (On a GPU that needs XLA's deterministic operations.)
"""

import logging
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from pathlib import Path

import jax
from jax.tree_util import PyTreeDef

from jaxgan.algorithms.data_parallel import data_parallel, on_devices, replicated
from jaxgan.data.sources import Source, prefetch
from jaxgan.errors import InputError, check_instance
from jaxgan.training.about import note_devices
from jaxgan.training.checkpoint import steps
from jaxgan.training.experiment import Experiment
from jaxgan.training.inline import create_inline_run
from jaxgan.training.recorder import open_recorder
from jaxgan.training.run import (
    Run,
    changes_since,
    delete_on_rejection,
)
from jaxgan.training.schedule import Schedule
from jaxgan.types import Algorithm, Batch, Game, Info, State

logger = logging.getLogger(__name__)


def train(
    experiment: Experiment | Run,
    directory: Path | str | None = None,
    *,
    schedule: Schedule = Schedule(),
    devices: Sequence[jax.Device] | None = None,
    tensorboard: bool = False,
) -> State:
    """Train an experiment to its last step, from its newest checkpoint if it has one.

    The run directory is one that the command line understands: `jaxgan sample`,
    `evaluate` and `train` go on with it. The same call again resumes a run that was
    stopped; with more `steps` it trains for longer, unless a schedule depends on them.

    Args:
        experiment: the experiment; or a run, made by `create_run` or opened by
            `load_run`.
        directory: of the run; only for an experiment.
        schedule: how often it reports and saves; see `Recorder`.
        devices: to share each batch between; by default all of this process.
        tensorboard: write the log for TensorBoard too, in RUN/tensorboard.

    Returns:
        The state after the last step.

    Raises:
        InputError: if the experiment does not fit together, or the directory holds
            something else.
        RunError: if a loss or gradient is not finite, or the disk is full; it names the
            last good checkpoint.
        Interrupted: if a signal stopped the run, after saving it.

    Example: `jg.train(experiment, "runs/mine")`
    """
    schedule.check()
    if jax.process_count() > 1:
        raise InputError(
            f"train: there are {jax.process_count()} processes, and each would train "
            "networks of its own; use one process, which trains on all devices that it "
            "has."
        )
    if isinstance(experiment, Run):
        if directory is not None:
            raise InputError("directory: a run is trained where it is; leave it out.")
        return _train(experiment, schedule, devices, tensorboard)
    check_instance("train: experiment", experiment, Experiment, "jg.Experiment(…)")
    if directory is None:
        raise InputError('directory: give the run one, such as "runs/mine".')
    run = create_inline_run(Path(directory), experiment)
    with delete_on_rejection(run):
        return _train(run, schedule, devices, tensorboard)


def _train(
    run: Run,
    schedule: Schedule,
    devices: Sequence[jax.Device] | None,
    tensorboard: bool,
) -> State:
    experiment = run.experiment
    begun = max(steps(run.checkpoints), default=0)
    if not begun:
        note_devices(run.directory, devices)
    elif begun < experiment.steps:
        for change in changes_since(run, devices):
            logger.warning("warning: %s", change)
    leaves, tree = jax.tree.flatten(run.data.batches[0])
    split = None if devices is None else tuple(devices)
    algorithm = _compiled(
        experiment.game, experiment.dynamics, tuple(leaves), tree, split
    )
    source = _prefetched(experiment.source(), devices)
    init = partial(algorithm.init, jax.random.key(experiment.seed))
    with open_recorder(run, schedule, tensorboard) as recorder:
        state = recorder.resume(init, replicated(devices))
        batches = partial(source, experiment.seed)
        return take_steps(algorithm, state, batches, experiment.steps, recorder.record)


@lru_cache(maxsize=1)  # so that a notebook's next call compiles nothing again
def _compiled(
    game: Game,
    dynamics: Callable[[Game, Batch], Algorithm],
    leaves: tuple[jax.ShapeDtypeStruct, ...],
    tree: PyTreeDef,
    devices: tuple[jax.Device, ...] | None,
) -> Algorithm:
    """Compile the steps of a game, for examples of these shapes."""
    example = jax.tree.unflatten(tree, leaves)
    return data_parallel(
        lambda split_game: dynamics(split_game, example),
        game,
        devices,
        donate=True,
    )


def take_steps(
    algorithm: Algorithm,
    state: State,
    batches: Callable[[int], tuple[Batch, ...]],
    steps: int,
    record: Callable[[int, State, Info], None],
) -> State:
    """Step an algorithm from where a state is to its last step.

    Args:
        algorithm: the algorithm.
        state: the state to begin with.
        batches: `(steps done) -> batches` of the next step.
        steps: how many there are in all.
        record: `(step, state, info)`, called after each step.
    """
    for step in range(int(state.step) + 1, steps + 1):
        state, info = algorithm.step(state, batches(step - 1))
        record(step, state, info)
    return state


def _prefetched(source: Source, devices: Sequence[jax.Device] | None) -> Source:
    """Prefetch batches onto the devices; on a CPU there is no transfer to hide."""
    here = (devices or jax.local_devices())[0].platform == "cpu"
    if here and jax.process_count() == 1:
        return source
    return prefetch(on_devices(source, devices))
