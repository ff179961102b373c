"""`jaxgan train`."""

import dataclasses
from contextlib import nullcontext
from pathlib import Path
from typing import Any, ClassVar

from tyro.conf import Positional

from jaxgan.cli.options import RUNS, choose_devices
from jaxgan.errors import InputError
from jaxgan.reporting.log import read_rows
from jaxgan.training.allocator import tune_malloc
from jaxgan.training.checkpoint import steps
from jaxgan.training.experiment import ExperimentFile
from jaxgan.training.loop import train
from jaxgan.training.run import (
    changed_versions,
    create_run,
    delete_on_rejection,
    load_run,
)
from jaxgan.training.schedule import Schedule


@dataclasses.dataclass(frozen=True)
class Train:
    """Train an experiment, or resume a run.

    With an experiment's file, each field of its Config is an option too; `jaxgan train
    FILE --help` lists them. The run goes into runs/NAME. The same command again resumes
    a run that was stopped or killed, to the same bits; so does `jaxgan train RUN`.

    The configuration of a run is fixed: more steps are another run.

    Ctrl-C or SIGTERM ends the step, saves, and exits with status 128 + the signal's
    number. Bad input exits with 2, a run that had to stop with 1.
    """

    experiment: Positional[Path]
    """An experiment's Python file, or a run directory."""

    run: Path | None = None
    """Where the run goes; runs/NAME by default."""

    log_every: int = 100
    """Steps between lines of metrics.jsonl."""

    save_every: int = 1000
    """Steps between checkpoints."""

    evaluate_every: int = 1000
    """Steps between scores, where the experiment has an evaluation; 0 for none."""

    tensorboard: bool = False
    """Write the log for TensorBoard too, in RUN/tensorboard."""

    keep: int = 3
    """How many checkpoints to keep, the latest."""

    devices: int | None = None
    """How many devices share each batch; all by default."""

    file: ClassVar[ExperimentFile | None] = None
    config: ClassVar[Any]  # of the file

    def execute(self) -> None:
        """Train, and say what came of it."""
        tune_malloc()
        # first, so that what is refused leaves no run behind
        schedule = Schedule(
            self.log_every, self.save_every, self.evaluate_every, self.keep
        )
        schedule.check()
        devices = choose_devices(self.devices)
        fresh = False
        if self.file is None:
            if self.run is not None:
                raise InputError("--run: a run directory is resumed where it is.")
            run = load_run(self.experiment)
        else:
            directory = self.run or RUNS / self.experiment.stem
            fresh = not directory.exists()
            run = create_run(directory, self.file, self.config)
        for name, (then, now) in changed_versions(run.directory).items():
            print(
                f"warning: this run was started with {name} {then}; "
                f"with {now} it will not resume bit-exactly."
            )
        if begun := steps(run.checkpoints):
            print(f"resuming {run.directory}, which has come to step {begun[-1]:,}")
        with delete_on_rejection(run) if fresh else nullcontext():
            train(run, schedule, devices, self.tensorboard)
        print(f"finished: {run.samples / 'strip.png'} shows how it learned.")
        for row in read_rows(run.metrics)[-1:]:
            for name, value in row.items():
                print(f"  {name:40} {value}")
