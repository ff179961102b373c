"""The training loop.

A step's data, latents and noise are pure functions of (seed, step), so the position in
all of them is the step, and a resumed run goes on to the same bits: run 2n steps, or n,
kill, restore and n more. (On a GPU that needs XLA's deterministic operations.)
"""

from collections.abc import Callable, Sequence
from functools import partial

import jax

from jaxgan.algorithms.data_parallel import data_parallel, on_devices, replicated
from jaxgan.data.sources import Source, prefetch
from jaxgan.training.recorder import open_recorder
from jaxgan.training.run import Run
from jaxgan.training.schedule import Schedule
from jaxgan.types import Algorithm, Batch, Info, State


def train(
    run: Run,
    schedule: Schedule = Schedule(),
    devices: Sequence[jax.Device] | None = None,
    tensorboard: bool = False,
) -> State:
    """Train a run to its last step, from its newest checkpoint if it has one.

    Args:
        run: made by `create_run` or opened by `load_run`.
        schedule: how often it reports and saves; see `Recorder`.
        devices: to share each batch between; by default all of this process.
        tensorboard: write the log for TensorBoard too, in RUN/tensorboard.

    Returns:
        The state after the last step.

    Raises:
        InputError: if the experiment does not fit together.
        RunError: if a loss or gradient is not finite, or the disk is full; it names the
            last good checkpoint.
        Interrupted: if a signal stopped the run, after saving it.
    """
    schedule.check()
    experiment, example = run.experiment, run.data.batches[0]
    algorithm = data_parallel(
        lambda game: experiment.dynamics(game, example),
        experiment.game,
        devices,
        donate=True,
    )
    source = _prefetched(experiment.source(), devices)
    init = partial(algorithm.init, jax.random.key(experiment.seed))
    with open_recorder(run, schedule, tensorboard) as recorder:
        state = recorder.resume(init, replicated(devices))
        batches = partial(source, experiment.seed)
        return take_steps(algorithm, state, batches, experiment.steps, recorder.record)


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
