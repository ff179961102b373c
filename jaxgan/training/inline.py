"""Make runs of experiments that are objects, as notebooks and scripts have them."""

import dataclasses
import logging
from pathlib import Path

from jaxgan.errors import InputError
from jaxgan.training.about import About, InlineConfig, read_about, write_about
from jaxgan.training.checkpoint import steps
from jaxgan.training.experiment import Experiment, open_data, prepare
from jaxgan.training.kept_experiment import program_digest, write_experiment
from jaxgan.training.local_modules import copy_modules, own_folders
from jaxgan.training.lock import locked
from jaxgan.training.processes import leads
from jaxgan.training.provenance import trace_provenance
from jaxgan.training.run import (
    Run,
    check_vacant,
    is_run,
    unless_made_meanwhile,
    write_run,
)
from jaxgan.versions import versions

logger = logging.getLogger(__name__)


def create_inline_run(directory: Path, experiment: Experiment) -> Run:
    """Make a run directory of an experiment without a file, or open it.

    It is opened if an experiment of the same program and seed made it; the number of
    steps may be another.

    Raises:
        InputError: if the directory holds something else, or the experiment is refused.
        RunError: if another process trains in it.
    """
    made = is_run(directory)
    if not made:
        check_vacant(directory)
    config = InlineConfig(experiment.steps, experiment.seed)
    run = Run(directory, directory.name, config, prepare(experiment))
    data = open_data("the experiment", run.experiment)
    program = program_digest(experiment, data.batches)
    values = dataclasses.asdict(config)

    def keep(fresh: Path) -> None:
        (fresh / "data").mkdir()
        write_experiment(fresh / "data" / "experiment", experiment)
        for folder in own_folders():
            copy_modules(folder, fresh)

    def about(fresh: Path) -> About:
        provenance = trace_provenance(fresh, run.experiment)
        return About(
            name=run.name, config=values, provenance=provenance, program=program
        )

    if not made:
        with unless_made_meanwhile(directory):
            write_run(directory, about, data, keep)
            return run
    if not leads():
        _check_same_program(run, read_about(directory), program)
        return run
    with locked(directory):
        then = read_about(directory)
        _check_same_program(run, then, program)
        write_experiment(run.kept / "experiment", experiment)
        write_about(directory, then.model_copy(update={"config": values}))
    return run


def _check_same_program(run: Run, then: About, program: str) -> None:
    """Check that a run was made by an experiment like this, the steps aside."""
    directory = run.directory
    cure = "choose another directory"
    if then.program is None:
        raise InputError(
            f"{directory} was made from an experiment's file; go on by "
            f"`jg.train(jg.load_run({str(directory)!r}))`, or {cure}."
        )
    seeds = then.config["seed"], run.config.seed
    if seeds[0] != seeds[1]:
        raise InputError(
            f"{directory} was made with seed {seeds[0]}, not {seeds[1]}; {cure}."
        )
    differing = [
        f"{name} {then.provenance.versions.get(name, 'none')} instead of {version}"
        for name, version in versions().items()
        if then.provenance.versions.get(name) != version
    ]
    if differing:  # which write the same program otherwise
        logger.warning(
            "warning: it cannot be told whether this experiment is the one that made "
            "%s, with %s; `jg.train(jg.load_run(%r))` goes on with that one for sure.",
            directory,
            " and ".join(differing),
            str(directory),
        )
    elif then.program != program:
        asked = then.config["steps"], run.config.steps
        schedule = (
            f" (or a schedule that depends on the steps, {asked[1]:,} instead of "
            f"{asked[0]:,})"
            if asked[0] != asked[1]
            else ""
        )
        raise InputError(
            f"{directory} was made by another program: of another network, loss, "
            f"optimizer or batch size{schedule}; {cure}."
        )
    if (done := max(steps(run.checkpoints), default=0)) > run.experiment.steps:
        raise InputError(
            f"steps: {directory} has already made {done:,}, more than "
            f"{run.experiment.steps:,}; {cure}."
        )
