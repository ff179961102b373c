"""`jaxgan train`."""

import contextlib
import dataclasses
import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import jax
from tyro.conf import arg

from jaxgan.cli.join import join
from jaxgan.cli.options import ExperimentName, choose_devices
from jaxgan.errors import InputError, check_positive_int
from jaxgan.metrics.protocol import read_scores
from jaxgan.reporting.log import last_rows
from jaxgan.reporting.tables import with_error
from jaxgan.training.about import Start, read_about
from jaxgan.training.allocator import tune_malloc
from jaxgan.training.checkpoint import steps
from jaxgan.training.compilation_cache import keep_compiled
from jaxgan.training.experiment import Experiment, ExperimentFile, build, open_data
from jaxgan.training.extend import extend_run
from jaxgan.training.loop import train
from jaxgan.training.near_runs import RUNS
from jaxgan.training.processes import exchange, in_turn, leads
from jaxgan.training.recorder import is_finished
from jaxgan.training.run import (
    Run,
    check_vacant,
    create_run,
    delete_on_rejection,
    is_run,
    load_run,
)
from jaxgan.training.run_data import RunData
from jaxgan.training.schedule import Schedule
from jaxgan.training.snapshots import restored_networks
from jaxgan.training.start import Networks, read_kept_networks, started_from
from jaxgan.types import count_parameters

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Train:
    """Train an experiment, or resume a run.

    Example: jaxgan train digits --steps 300

    The experiment is a file, or the name of one that comes with jaxgan; `jaxgan
    experiments` lists those. Each field of its Config is an option too; `jaxgan train
    FILE --help` lists them. The run goes into runs/NAME. The same command again resumes
    a run that was stopped or killed, to the same bits; so does `jaxgan train RUN`. It
    runs RUN/experiment.py: resume only runs that you trust.

    The configuration of a run is fixed, but for its length: `jaxgan train RUN --steps
    N` trains on to step N, if nothing else depends on the number of steps.

    Ctrl-C or SIGTERM ends the step, saves, and exits with status 128 + the signal's
    number. Bad input exits with 2, a run that had to stop with 1.
    """

    experiment: ExperimentName
    """An experiment's Python file, the name of a packaged one, or a run directory."""

    run: Annotated[Path | None, arg(metavar="DIR")] = None
    """Run directory; runs/NAME by default."""

    log_every: int = 100
    """Steps between lines of metrics.jsonl."""

    save_every: int = 1000
    """Steps between checkpoints."""

    evaluate_every: int = 1000
    """Steps between scores, where the experiment has an evaluation; 0 for none."""

    tensorboard: bool = False
    """Write the log for TensorBoard too, in RUN/tensorboard."""

    keep: int = 3
    """Number of latest checkpoints to keep."""

    devices: Annotated[int | None, arg(metavar="INT")] = None
    """Number of devices that share each batch; all by default, of all processes."""

    shard_state: bool = False
    """Divide parameters and optimizer states among the devices too."""

    coordinator: Annotated[str | None, arg(metavar="HOST:PORT")] = None
    """Train with other processes, which all are given the address of the first; or
    "auto", on a TPU pod, under SLURM or Open MPI."""

    processes: Annotated[int | None, arg(metavar="INT")] = None
    """Number of processes that --coordinator connects."""

    process: Annotated[int | None, arg(metavar="INT")] = None
    """Number of this process, from 0."""

    steps_per_call: Annotated[int | None, arg(metavar="N")] = None
    """Steps that the device makes in one call; 1 on a CPU, 10 elsewhere by default."""

    no_cache: bool = False
    """Compile everything anew, and keep nothing of it in $JAXGAN_CACHE."""

    dry_run: bool = False
    """Print config, networks, data and devices, and train nothing."""

    init: Annotated[Path | None, arg(metavar="RUN")] = None
    """Begin with the networks of another run, averaged ones preferred, by name.

    It runs RUN/experiment.py."""

    freeze: Annotated[tuple[str, ...], arg(metavar="NETWORK")] = ()
    """Networks of --init that are not trained further."""

    def execute(self, file: ExperimentFile | None = None, config: Any = None) -> None:
        """Train, and print where the results are.

        Args:
            file: the experiment's file; None for a run directory.
            config: an instance of its Config.
        """
        tune_malloc()
        if not self.no_cache:
            keep_compiled()
        self._join()
        # first, so that what is refused leaves no run behind
        schedule = Schedule(
            self.log_every, self.save_every, self.evaluate_every, self.keep
        )
        if self.steps_per_call is not None:
            check_positive_int("--steps-per-call", self.steps_per_call)
        devices = choose_devices(self.devices)
        if self.dry_run:
            if file is not None and not is_run(directory := self._directory(file)):
                check_vacant(directory)
            _say(self._described(file, config, devices))
            return
        with contextlib.ExitStack() as stack:
            run = in_turn(lambda: self._run(file, config, stack))
            if exchange(is_finished(run))[0]:
                last = run.experiment.steps
                _say(f"{run.directory} is already finished, with {last:,} steps")
            else:
                if begun := steps(run.checkpoints):
                    _say(f"resuming {run.directory} from step {begun[-1]:,}")
                train(
                    run,
                    schedule=schedule,
                    devices=devices,
                    shard_state=self.shard_state,
                    tensorboard=self.tensorboard,
                    steps_per_call=self.steps_per_call,
                )
                strip = run.samples / "strip.png"
                _say(f"finished: {strip} shows samples over the steps.")
        for line in _last_numbers(run):
            _say(line)

    def _join(self) -> None:
        """Connect with the other processes, of which one alone prints."""
        if self.coordinator is not None:
            join(self.coordinator, self.processes, self.process)
        elif self.processes is not None or self.process is not None:
            raise InputError(
                "--processes, --process: give --coordinator HOST:PORT, the address of "
                "the first process, too."
            )
        if not leads():
            logging.getLogger().setLevel(logging.ERROR)

    def _run(
        self, file: ExperimentFile | None, config: Any, stack: contextlib.ExitStack
    ) -> Run:
        """Open the run or create it; a new one is removed if the block refuses it."""
        if file is None:
            if self.run is not None:
                raise InputError("--run: a run directory is resumed where it is.")
            if self.init is not None or self.freeze:
                raise InputError(
                    "--init, --freeze: a run goes on with its own networks; give them "
                    "with an experiment."
                )
            run = load_run(self.experiment)
            count: int | None = getattr(self, "steps", None)
            return run if count is None else extend_run(run, count)
        directory = self._directory(file)
        fresh = not is_run(directory)
        run = create_run(directory, file, config, self._start(directory))
        if fresh:
            stack.enter_context(delete_on_rejection(run))
        return run

    def _directory(self, file: ExperimentFile) -> Path:
        return self.run or RUNS / file.path.stem

    def _start(self, directory: Path | None = None) -> Networks | None:
        """Read the networks to begin with, if another run's are asked for.

        A run that began with them has kept them.
        """
        if self.init is None:
            if self.freeze:
                raise InputError(
                    "--freeze: networks are frozen as --init RUN has them."
                )
            return None
        name = str(self.init.resolve())
        if directory is not None and is_run(directory):
            begun = read_about(directory).start
            if begun is not None and begun.run == name:
                self._say_if_trained_further(begun)
                asked = begun.model_copy(update={"frozen": self.freeze})
                return read_kept_networks(directory, asked)
        step, variables = restored_networks(load_run(self.init))
        return Networks(Start(run=name, step=step, frozen=self.freeze), variables)

    def _say_if_trained_further(self, begun: Start) -> None:
        assert self.init is not None
        last = max(steps(self.init / "checkpoints"), default=begun.step)
        if last != begun.step:
            logger.warning(
                "warning: --init: %s has other networks by now, of step %s; this run "
                "goes on from those of step %s that it began with.",
                self.init,
                f"{last:,}",
                f"{begun.step:,}",
            )

    def _described(
        self,
        file: ExperimentFile | None,
        config: Any,
        devices: list[jax.Device] | None,
    ) -> str:
        """Describe the experiment; nothing is written."""
        if file is None:
            run = load_run(self.experiment)
            config, built, data = run.config, run.experiment, run.data
        else:
            built, start = build(file, config), self._start()
            built = built if start is None else started_from(built, start)
            data = open_data(file.path, built)
        return describe(config, built, data, devices or jax.devices())


def _say(line: str) -> None:
    if leads():
        print(line)


def describe(
    config: Any, experiment: Experiment, data: RunData, devices: Sequence[jax.Device]
) -> str:
    """Describe an experiment: config, networks, data, devices, steps."""
    batch = data.batches[0]
    algorithm = experiment.dynamics(experiment.game, batch)
    state = jax.eval_shape(algorithm.init, jax.random.key(0))
    lines = ["config"]
    for name, value in dataclasses.asdict(config).items():
        lines.append(f"  {name:24} {value}")
    lines.append("networks")
    for name, variables in sorted((state.variables | state.frozen).items()):
        lines.append(f"  {name:24} {count_parameters(variables):,} parameters")
    lines.append(f"data, {len(data.batches)} batches a step")
    for path, leaf in jax.tree_util.tree_leaves_with_path(batch):
        name = jax.tree_util.keystr(path).lstrip(".")
        lines.append(f"  {name:24} {leaf.dtype} {leaf.shape}")
    lines.append(f"devices: {len(devices)} × {devices[0].device_kind}")
    lines.append(f"steps: {experiment.steps:,}, seed: {experiment.seed}")
    return "\n".join(lines)


def _last_numbers(run: Run) -> list[str]:
    """Format the last line of the log, scores to two digits of their errors."""
    scores = {score.name: score for score in read_scores(run.scores)}
    lines = []
    for name, value in next(last_rows(run.metrics), {}).items():
        error = scores[name].error if name in scores else math.nan
        number = math.nan if value is None else value
        shown = number if isinstance(number, int) else with_error(number, error)
        lines.append(f"  {name:40} {shown}")
    return lines
