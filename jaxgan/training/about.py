"""Read and write run.json: the name, config and provenance of a run."""

import dataclasses
from pathlib import Path
from typing import Any, NamedTuple

import pydantic

from jaxgan.errors import InputError
from jaxgan.training.near_runs import find_runs, near_runs
from jaxgan.training.provenance import Provenance, digest_code
from jaxgan.training.records import read_record, write_record
from jaxgan.types import NetworkName


class Start(pydantic.BaseModel):
    """The networks that a run began with."""

    run: str  # whose networks they were
    step: int
    frozen: tuple[NetworkName, ...] = ()  # that are not trained further


class Change(pydantic.BaseModel):
    """Differences from the beginning of a run, where it was resumed."""

    step: int
    said: list[str]  # a sentence each


class About(pydantic.BaseModel):
    """The contents of run.json."""

    name: str
    config: dict[str, Any]
    provenance: Provenance
    program: str | None = None  # digest, of a run that was made without a file
    start: Start | None = None  # of a run that began with another's networks
    changes: list[Change] = []  # in the order of the resumptions


@dataclasses.dataclass(frozen=True)
class InlineConfig:
    """The configuration of an experiment that was made without a file."""

    steps: int
    seed: int


class ExperimentId(NamedTuple):
    """The experiment and configuration that runs of several seeds share."""

    name: str  # of the experiment
    code: str  # digest of its file and modules, or of its program
    config: str  # but for the seed


def experiment_identity(directory: Path) -> tuple[ExperimentId, str]:
    """Read a run's experiment, configuration and seed from disk.

    Raises:
        InputError: if it is not a run directory.
    """
    about = read_about(directory)
    seed = str(about.config.pop("seed", directory))
    code = about.program or digest_code(directory)
    return ExperimentId(about.name, code, str(about.config)), seed


def note_provenance(directory: Path, provenance: Provenance) -> None:
    """Write into run.json with what and where the training of a run begins."""
    about = read_about(directory)
    about.provenance = provenance
    write_about(directory, about)


def note_changes(directory: Path, step: int, said: list[str]) -> None:
    """Write into run.json what has changed where a run is resumed, if anything has."""
    about = read_about(directory)
    changes = [each for each in about.changes if each.step < step]
    changes += [Change(step=step, said=said)] if said else []
    if changes != about.changes:
        about.changes = changes
        write_about(directory, about)


def write_about(directory: Path, about: About) -> None:
    """Write the run.json of a run directory, whole or not at all."""
    write_record(directory / "run.json", about)


def read_about(directory: Path) -> About:
    """Read the run.json of a run directory.

    Raises:
        InputError: if it is not a run directory, or the file is damaged.
    """
    try:
        return read_record(About, directory / "run.json")
    except (FileNotFoundError, NotADirectoryError) as error:
        near = find_runs(directory)[:3] or near_runs(directory)
        hint = f"; did you mean {' or '.join(map(str, near))}?" if near else "."
        raise InputError(
            f"{directory} is not a run directory: it has no run.json{hint}"
        ) from error
