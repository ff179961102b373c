"""The training loop.

A step's data, latents and noise are pure functions of (seed, step), so the position in
all of them is the step, and a resumed run goes on to the same bits: run 2n steps, or n,
kill, restore and n more. (On a GPU that needs XLA's deterministic operations.)
"""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import PyTreeDef
from jaxtyping import Array, Key

from jaxgan.algorithms.data_parallel import (
    data_parallel,
    on_devices,
    replicated,
    state_shardings,
)
from jaxgan.algorithms.many_steps import many_steps
from jaxgan.data.sources import Source, of_process, prefetch
from jaxgan.errors import (
    InputError,
    as_path,
    check_devices,
    check_flag,
    check_instance,
    check_positive_int,
)
from jaxgan.reporting.report import Step, reporting
from jaxgan.training.checkpoint import steps
from jaxgan.training.experiment import Experiment
from jaxgan.training.inline import create_inline_run
from jaxgan.training.processes import are_several, in_turn, lead, lost_if_gone
from jaxgan.training.recorder import open_recorder
from jaxgan.training.run import (
    Run,
    delete_on_rejection,
    note_start,
    tell_changes,
)
from jaxgan.training.same_everywhere import check_same_everywhere
from jaxgan.training.schedule import Schedule
from jaxgan.training.sweep_report import check_no_member
from jaxgan.types import Algorithm, Batch, Game, State

logger = logging.getLogger(__name__)


def train(
    experiment: Experiment | Run,
    directory: Path | str | None = None,
    *,
    schedule: Schedule = Schedule(),
    devices: Sequence[jax.Device] | None = None,
    shard_state: bool = False,
    tensorboard: bool = False,
    steps_per_call: int | None = None,
) -> State:
    """Train an experiment to its last step, from its newest checkpoint if it has one.

    The run directory is one that the command line understands: `jaxgan sample`,
    `evaluate` and `train` go on with it. The same call again resumes a run that was
    stopped; with more `steps` it trains for longer, unless a schedule depends on them.

    Several processes that `jax.distributed.initialize` has connected train one run
    together: all make the same call, and share the file system that holds the run.

    Args:
        experiment: the experiment; or a run, made by `create_run` or opened by
            `load_run`.
        directory: of the run; only for an experiment.
        schedule: how often it reports and saves; see `Recorder`.
        devices: to share each batch between; by default all, those of other processes
            included.
        shard_state: divide parameters and optimizer states between the devices too; see
            `data_parallel`.
        tensorboard: write the log for TensorBoard too, in RUN/tensorboard.
        steps_per_call: number of steps that the device makes in one call; by default
            1 on a CPU, where more are slower, and 10 elsewhere. Steps in one call
            round otherwise than one by one.

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
    check_instance("train: schedule", schedule, Schedule, "Schedule(save_every=100)")
    check_devices("train: devices", devices)
    _check_shared(devices)
    check_flag("train: shard_state", shard_state)
    check_flag("train: tensorboard", tensorboard)
    if steps_per_call is not None:
        check_positive_int("train: steps_per_call", steps_per_call)
    n = steps_per_call or (1 if _on_cpu(devices) else 10)
    placing = Placing(None if devices is None else tuple(devices), shard_state, n)
    if isinstance(experiment, Run):
        if directory is not None:
            raise InputError("directory: a run is trained where it is; leave it out.")
        return _train(experiment, schedule, placing, tensorboard)
    check_instance("train: experiment", experiment, Experiment, "jg.Experiment(…)")
    if directory is None:
        raise InputError('directory: give the run one, such as "runs/mine".')
    path = as_path("train: directory", directory)
    run = in_turn(lambda: create_inline_run(path, experiment))
    with delete_on_rejection(run):
        return _train(run, schedule, placing, tensorboard)


def _check_shared(devices: Sequence[jax.Device] | None) -> None:
    """Check that several processes have as many of the devices each."""
    if not are_several():
        return
    counts = Counter(
        each.process_index for each in (jax.devices() if devices is None else devices)
    )
    if len(counts) != jax.process_count() or len({*counts.values()}) != 1:
        raise InputError(
            "train: devices must be as many of each process, since all train one run, "
            f"got {[*counts.values()]} of processes {[*counts]}."
        )


class Placing(NamedTuple):
    """Devices on which a run is trained, and how they share it.

    devices:     all if None.
    shard_state: whether they share the state as well as each batch.
    n:           number of steps in a call.
    """

    devices: tuple[jax.Device, ...] | None
    shard_state: bool
    n: int


def _train(run: Run, schedule: Schedule, placing: Placing, tensorboard: bool) -> State:
    check_no_member(run.directory)
    experiment, devices = run.experiment, placing.devices
    options = {
        "schedule": schedule,
        "number of steps a call": placing.n,
        "choice of shard_state": placing.shard_state,
        "choice of devices": None if devices is None else [each.id for each in devices],
    }
    check_same_everywhere(run, options)
    with (
        open_recorder(run, schedule, tensorboard) as recorder,
        lost_if_gone(),
    ):
        begun = lead(lambda: max(steps(run.checkpoints), default=0))
        if not begun:
            lead(lambda: note_start(run, devices))
        elif begun < experiment.steps:
            lead(lambda: tell_changes(run, begun, devices))
        leaves, tree = jax.tree.flatten(run.data.batches[0])
        compiled = _compiled(
            experiment.game, experiment.dynamics, tuple(leaves), tree, placing
        )
        source = of_process(experiment.source(), run.data.batches)
        init = partial(compiled.init, jax.random.key(experiment.seed))
        return take_steps(
            compiled.step,
            recorder.resume(init, compiled.shardings),
            partial(_prefetched(source, devices), experiment.seed),
            experiment.steps,
            recorder.record,
            calls=Calls(placing.n, compiled.step_many, recorder.until_due),
            unread=recorder.unread,
        )


class Compiled(NamedTuple):
    """Functions of an algorithm, compiled for the devices that share a run.

    init:      `(key) -> state`.
    step:      `(state, batches) -> (state, report)`.
    step_many: the same for n steps, of stacked batches.
    shardings: those of the state.
    """

    init: Callable[[Key[Array, ""]], State]
    step: Step
    step_many: Step
    shardings: State


@lru_cache(maxsize=1)  # so that a notebook's next call compiles nothing again
def _compiled(
    game: Game,
    dynamics: Callable[[Game, Batch], Algorithm],
    leaves: tuple[jax.ShapeDtypeStruct, ...],
    tree: PyTreeDef,
    placing: Placing,
) -> Compiled:
    """Compile a step of a game for examples of these shapes, and a call of n steps."""
    example = jax.tree.unflatten(tree, leaves)
    devices, shard_state, n = placing
    algorithm = data_parallel(
        lambda split_game: dynamics(split_game, example),
        game,
        devices,
        shard_state=shard_state,
        donate=True,
    )
    like = jax.eval_shape(algorithm.init, jax.random.key(0))
    shardings = state_shardings(like, devices, shard_state)
    step, step_many = (
        jax.jit(
            reporting(each.step),
            donate_argnums=0,
            out_shardings=(shardings, replicated(devices)),
        )
        for each in (algorithm, many_steps(algorithm, n))
    )
    return Compiled(algorithm.init, step, step_many, shardings)


class Calls(NamedTuple):
    """Several steps in one call: how many, their function, and where they end.

    n:         number of steps in a call, which begins at a multiple of it.
    step:      makes them, of stacked batches.
    until_due: `(step, most)` counts the steps until one after which something is due.
    """

    n: int
    step: Step
    until_due: Callable[[int, int], int]


def take_steps(
    one: Step,
    state: State,
    batches: Callable[[int], tuple[Batch, ...]],
    steps: int,
    record: Callable[..., None],
    calls: Calls | None = None,
    unread: Callable[[State, Exception], None] = lambda state, error: None,
) -> State:
    """Make steps from where a state is to the last.

    Which steps are made in one call depends on their numbers and on what is due, and
    not on where a run was interrupted.

    Args:
        one: makes one step.
        state: the state to begin with.
        batches: `(steps done) -> batches` of the next step.
        steps: how many there are in all.
        record: `(step, state, report, count)`, called after each step, with count 1, or
            after several, with their report.
        calls: how several are made at once; by default each is made alone.
        unread: `(state, error)`, called where the next batches cannot be made.
    """
    step = int(state.step)
    rows: list[tuple[Batch, ...]] | Exception = []
    while step < steps:
        rows = rows or _drawn(batches, calls, step)
        if isinstance(rows, Exception):
            unread(state, rows)
            raise rows
        n = len(rows)
        if calls is not None and n > 1:
            state, report = calls.step(state, _stacked(rows))
        else:
            state, report = one(state, rows[0])
        step += n
        # While the device computes, which takes some time where it makes several steps.
        rows = _drawn(batches, calls, step) if n > 1 and step < steps else []
        record(step, state, report, n)
    return state


def _drawn(
    batches: Callable[[int], tuple[Batch, ...]],
    calls: Calls | None,
    step: int,
) -> list[tuple[Batch, ...]] | Exception:
    """Make the batches of the next call, or return why that fails."""
    n = calls.n if calls is not None and _fits(calls, step) else 1
    try:
        return [batches(each) for each in range(step, step + n)]
    except Exception as error:
        return error


def _fits(calls: Calls, step: int) -> bool:
    """Return True if a call may be made after a step: nothing is due in between."""
    n = calls.n
    return n > 1 and step % n == 0 and calls.until_due(step, n) == n


def _stacked(rows: list[tuple[Batch, ...]]) -> tuple[Batch, ...]:
    if isinstance(jax.tree.leaves(rows[0])[0], jax.Array):
        return _stacked_on_devices(rows)
    return jax.tree.map(lambda *each: np.stack(each), *rows)


@jax.jit
def _stacked_on_devices(rows: list[tuple[Batch, ...]]) -> tuple[Batch, ...]:
    return jax.tree.map(lambda *each: jnp.stack(each), *rows)


def _on_cpu(devices: Sequence[jax.Device] | None) -> bool:
    return (jax.local_devices() if devices is None else devices)[0].platform == "cpu"


def _prefetched(source: Source, devices: Sequence[jax.Device] | None) -> Source:
    """Prefetch batches onto the devices; on a CPU there is no transfer to hide."""
    if _on_cpu(devices) and jax.process_count() == 1:
        return source
    return prefetch(on_devices(source, devices))
