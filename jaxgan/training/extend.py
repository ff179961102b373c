"""Train a run for longer than it was made for."""

import dataclasses

from jaxgan.errors import InputError, check_positive_int
from jaxgan.training.about import InlineConfig, read_about, write_about
from jaxgan.training.checkpoint import steps
from jaxgan.training.config_values import as_json
from jaxgan.training.experiment import load_file
from jaxgan.training.inline import create_inline_run
from jaxgan.training.kept_experiment import program_digest, read_experiment
from jaxgan.training.lock import locked
from jaxgan.training.processes import leads
from jaxgan.training.provenance import trace_batches
from jaxgan.training.run import Run, rebuild
from jaxgan.training.sweep_report import check_no_member


def extend_run(run: Run, count: int) -> Run:
    """Give a run another number of steps, so that training goes on for longer.

    The result is that of one run of so many steps, bit for bit where steps are made one
    by one. (Where several are made in a call, the rest of the call in which the run had
    ended is made one by one, which rounds otherwise.) The line of the log, the picture
    and the scores of the step at which the run had ended stay, and the next line is the
    mean of the steps since. A run whose steps depend on their number, by a schedule
    say, is refused.

    Args:
        run: the run.
        count: number of steps in all.

    Raises:
        InputError: if the run has made more steps, or what a step does depends on how
            many there are, or the run is a member of an unfinished sweep.
        RunError: if another process trains in it.
    """
    check_positive_int("steps", count)
    check_no_member(run.directory)
    if (done := max(steps(run.checkpoints), default=0)) > count:
        raise InputError(
            f"steps: {run.directory} has already made {done:,} steps; give more."
        )
    if isinstance(run.config, InlineConfig):
        experiment = read_experiment(run.kept / "experiment")
        return create_inline_run(run.directory, experiment._replace(steps=count))
    if not hasattr(run.config, "steps"):
        raise InputError(
            f"steps: the Config of {run.directory} has no field `steps`, so the "
            "number of its steps cannot be changed."
        )
    config = dataclasses.replace(run.config, steps=count)
    file = load_file(run.directory / "experiment.py")
    longer = rebuild(run.directory, file, config)
    shared = min(run.experiment.steps, longer.steps)
    now, then = (
        (program_digest(each, run.data.batches), trace_batches(each, shared))
        for each in (run.experiment, longer)
    )
    if longer.steps != count or now != then:
        raise InputError(
            f"steps: what a step of {run.directory} does depends on the number of "
            "steps, such as a schedule of the learning rate over "
            f"{run.experiment.steps:,}; train the experiment anew, with "
            f"{count:,} steps, in another directory."
        )
    if leads():
        with locked(run.directory):
            about = read_about(run.directory)
            about.config = as_json(file.config, config)
            write_about(run.directory, about)
    return run._replace(config=config, experiment=longer)
