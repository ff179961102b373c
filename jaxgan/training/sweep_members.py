"""Make the members of a sweep: a Config, an experiment and a run directory each."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxgan.algorithms.population import hyper_grid
from jaxgan.errors import InputError, check_seed
from jaxgan.reporting.log import Row, read_rows
from jaxgan.sampling.outputs import draw_examples
from jaxgan.training.experiment import ExperimentFile, build, open_data
from jaxgan.training.run import Run, write_file_run
from jaxgan.training.run_data import RunData
from jaxgan.training.snapshots import SampleInputs, sample_inputs
from jaxgan.training.sweep_report import SweepMember


class Planned(NamedTuple):
    """A member of a sweep, and its Config."""

    about: SweepMember
    config: Any


class Member(NamedTuple):
    """A member of a sweep that is trained."""

    about: SweepMember
    run: Run
    data: RunData
    inputs: SampleInputs  # that it is measured by


def plan_members(
    file: ExperimentFile, config: Any, seeds: int, grid: Mapping[str, Sequence[float]]
) -> list[Planned]:
    """List all members, those of the same values next to each other.

    Raises:
        InputError: if the Config has no seed, or a seed is too large.
    """
    if not hasattr(config, "seed"):
        raise InputError(f"{file.path}: a sweep needs a Config with a field `seed`.")
    check_seed("the last seed", config.seed + seeds - 1)
    cells = hyper_grid(**grid) if grid else {}
    count = len(next(iter(cells.values()))) if cells else 1
    planned = []
    for i in range(count):
        values = {name: column[i].item() for name, column in cells.items()}
        own = typed(config, values)
        for seed in range(config.seed, config.seed + seeds):
            name = ",".join(f"{k}={v}" for k, v in (own | {"seed": seed}).items())
            about = SweepMember(run=name, seed=seed, values=values)
            planned.append(
                Planned(about, dataclasses.replace(config, **own, seed=seed))
            )
    return planned


def build_members(
    directory: Path, file: ExperimentFile, name: str, planned: Sequence[Planned]
) -> list[Member]:
    """Build the experiments of all members; nothing is written.

    One copy of the data serves all members of a seed, and one of the compiled outputs
    all seeds of a cell.

    Args:
        directory: of the sweep.
        file: the experiment's.
        name: of the experiment.
        planned: the members.

    Raises:
        InputError: if a member is refused, or its values change the data or the number
            of steps.
    """
    opened: dict[int, Member] = {}  # the first of each seed
    cell: Member | None = None
    members = []
    for about, config in planned:
        experiment = build(file, config)
        first = opened.get(about.seed)
        if first is not None:
            _check_shared(first, experiment, about)
            shared = first.run.experiment
            experiment = experiment._replace(
                source=shared.source, examples=shared.examples
            )
        data = open_data(file.path, experiment) if first is None else first.data
        inputs = sample_inputs(experiment)
        if cell is not None and cell.about.values == about.values:
            inputs = inputs._replace(makers=cell.inputs.makers)
        cell = Member(
            about, Run(directory / about.run, name, config, experiment), data, inputs
        )
        opened.setdefault(about.seed, cell)
        members.append(cell)
    return members


def write_runs(file: ExperimentFile, members: Sequence[Member]) -> None:
    """Make the run directories that are not there yet, seed by seed."""
    for each in sorted(members, key=lambda each: each.about.seed):
        if not (each.run.directory / "run.json").exists():
            write_file_run(each.run, file, each.data)


def measured(run: Run) -> dict[int, Row]:
    """Read what a run measured besides its players' losses, by step."""
    rows = {}
    for row in read_rows(run.metrics):
        step = row.pop("step")
        if own := {name: value for name, value in row.items() if "/" not in name}:
            rows[step] = {k: np.nan if v is None else v for k, v in own.items()}
    return rows


def typed(config: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """Convert whole floats to int where the Config has an int."""

    def convert(name: str, value: Any) -> Any:
        whole = isinstance(value, float) and value.is_integer()
        return int(value) if whole and isinstance(getattr(config, name), int) else value

    return {name: convert(name, value) for name, value in values.items()}


def _check_shared(first: Member, own: Any, about: SweepMember) -> None:
    """Check that swept values change neither the data nor the number of steps."""
    shared = first.run.experiment
    batches = own.source()(own.seed, 0)
    examples = draw_examples(own.examples, own.n_plotted, own.seed)
    leaves = [jax.tree.leaves(each) for each in (first.data, (batches, examples))]
    alike = len(leaves[0]) == len(leaves[1]) and all(map(np.array_equal, *leaves))
    if shared.steps != own.steps or not alike:
        raise InputError(
            f"grid: {', '.join(about.values)} must not change the data or the number "
            f"of steps, as {about.values} does; make a sweep for each."
        )
