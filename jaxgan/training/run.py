"""Create, open and lock run directories, which hold all that belongs to a run.

experiment.py   the experiment file as it was
modules/        the modules beside it that it imports
run.json        its name, the full configuration, the versions it ran on
data/           shapes and examples of its data, which make it self-contained
metrics.jsonl   the log: one line every --log-every steps
scores.jsonl    scores during training, each with its protocol
evaluations.jsonl   scores of `jaxgan evaluate`
checkpoints/    the latest few
best/           the checkpoint of the best score, where the experiment evaluates
frozen/         the networks that nobody trains, once for all checkpoints
samples/        pictures of each output at each milestone, and strip.png, the series
"""

import contextlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pydantic
from filelock import FileLock, Timeout

from jaxgan.errors import InputError, RunError
from jaxgan.training.checkpoint import steps
from jaxgan.training.experiment import (
    Experiment,
    ExperimentFile,
    build,
    load_file,
    open_data,
)
from jaxgan.training.local_modules import MODULES, changed_module, copy_modules
from jaxgan.training.run_data import RunData, read_run_data, write_run_data
from jaxgan.versions import versions

SCORES, EVALUATIONS = "scores.jsonl", "evaluations.jsonl"


class _About(pydantic.BaseModel):
    """The contents of run.json."""

    name: str
    config: dict[str, Any]
    versions: dict[str, str]


class Run(NamedTuple):
    """A run directory and what is in it."""

    directory: Path
    name: str  # of the experiment
    config: Any  # an instance of the experiment's Config
    experiment: Experiment

    @property
    def kept(self) -> Path:
        """The directory of the kept data."""
        return self.directory / "data"

    @property
    def data(self) -> RunData:
        """The shapes and examples that are kept of the data."""
        return read_run_data(self.kept)

    @property
    def metrics(self) -> Path:
        """The log."""
        return self.directory / "metrics.jsonl"

    @property
    def scores(self) -> Path:
        """The file of scores."""
        return self.directory / SCORES

    @property
    def evaluations(self) -> Path:
        """The file of scores that `jaxgan evaluate` took."""
        return self.directory / EVALUATIONS

    @property
    def checkpoints(self) -> Path:
        """The directory of checkpoints."""
        return self.directory / "checkpoints"

    @property
    def best(self) -> Path:
        """The directory of the best checkpoint."""
        return self.directory / "best"

    @property
    def samples(self) -> Path:
        """The directory of pictures."""
        return self.directory / "samples"


def create_run(directory: Path, file: ExperimentFile, config: Any) -> Run:
    """Make a run directory, or open it if it was made from the same file and config.

    Raises:
        InputError: if the directory holds something else, or the configuration is one
            that the experiment refuses.
    """
    if (directory / "run.json").exists():
        _check_same(directory, file, config)
        return load_run(directory)
    if directory.exists() and any(directory.iterdir()):
        raise InputError(
            f"{directory} is not empty and is not a run; choose another with --run."
        )
    built = build(file, config)  # first, so that what is refused leaves no trace
    data = open_data(file, built)
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent) as made:
        fresh = Path(made) / "run"
        fresh.mkdir()
        shutil.copyfile(file.path, fresh / "experiment.py")
        copy_modules(file.path.parent, fresh)
        about = json.dumps(_describe(file, config), indent=2)
        (fresh / "run.json").write_text(about + "\n", encoding="utf-8")
        write_run_data(fresh / "data", data)
        fresh.replace(directory)  # whole or not at all
    return Run(directory, file.path.stem, config, built)


def load_run(directory: Path) -> Run:
    """Open a run directory from its own files alone.

    Raises:
        InputError: if it is not a run directory, or its files do not fit together.
    """
    about = _read_about(directory)
    file = load_file(directory / "experiment.py")
    try:
        config: Any = pydantic.TypeAdapter(file.config).validate_python(about.config)
    except pydantic.ValidationError as error:
        raise InputError(
            f"{directory / 'run.json'} does not hold the Config of "
            f"{directory / 'experiment.py'}: {str(error).splitlines()[0]}"
        ) from error
    return Run(directory, about.name, config, build(file, config))


@contextlib.contextmanager
def delete_on_rejection(run: Run) -> Iterator[None]:
    """Remove a run that is refused before its first checkpoint and line of the log.

    Otherwise the command, once it is mended, would find another run in its place.
    """
    try:
        yield
    except InputError:
        if not run.metrics.exists() and not steps(run.checkpoints):
            shutil.rmtree(run.directory)
        raise


@contextlib.contextmanager
def locked(run: Run) -> Iterator[None]:
    """Keep a run to one process at a time.

    Raises:
        RunError: if another process trains in it.
    """
    try:
        with FileLock(run.directory / ".lock", timeout=0):
            yield
    except Timeout as error:
        raise RunError(f"another process is training in {run.directory}.") from error


class ExperimentId(NamedTuple):
    """The experiment and configuration that runs of several seeds share."""

    name: str  # of the experiment
    code: bytes  # of its file and modules
    config: str  # but for the seed


def experiment_identity(directory: Path) -> tuple[ExperimentId, str]:
    """Read a run's experiment, configuration and seed from disk.

    Raises:
        InputError: if it is not a run directory.
    """
    about = _read_about(directory)
    seed = str(about.config.pop("seed", directory))
    modules = sorted((directory / MODULES).rglob("*.py"))
    files = [directory / "experiment.py", *modules]
    code = b"".join(path.read_bytes() for path in files)
    return ExperimentId(about.name, code, str(about.config)), seed


def changed_versions(directory: Path) -> dict[str, tuple[str, str]]:
    """Compare package versions with those of the run's start: `{name: (then, now)}`."""
    then, now = _read_about(directory).versions, versions()
    return {
        name: (then.get(name, "none"), version)
        for name, version in now.items()
        if then.get(name) != version
    }


def _describe(file: ExperimentFile, config: Any) -> dict[str, Any]:
    return {
        "name": file.path.stem,
        "config": pydantic.TypeAdapter(file.config).dump_python(config, mode="json"),
        "versions": versions(),
    }


def _check_same(directory: Path, file: ExperimentFile, config: Any) -> None:
    then, now = _read_about(directory), _describe(file, config)
    cure = "choose another directory with --run"
    if then.name != now["name"]:
        raise InputError(
            f"{directory} was made by the experiment {then.name!r}, not by "
            f"{now['name']!r}; {cure}."
        )
    differing = [
        f"{name} (there {then.config.get(name)!r}, now {value!r})"
        for name, value in now["config"].items()
        if then.config.get(name) != value
    ]
    if differing:
        raise InputError(
            f"{directory} was made with another config: {', '.join(differing)}; {cure}."
        )
    changed = changed_module(file.path.parent, directory)
    if (directory / "experiment.py").read_bytes() != file.path.read_bytes():
        changed = file.path
    if changed is not None:
        raise InputError(
            f"{changed} has changed since {directory} was made; {cure}, or go on "
            f"with the file as it was by `jaxgan train {directory}`."
        )


def _read_about(directory: Path) -> _About:
    path = directory / "run.json"
    try:
        # Not pydantic's own reader, which refuses paths that are not UTF-8.
        return _About.model_validate(json.loads(path.read_bytes()))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(
            f"{directory} is not a run directory: it has no run.json."
        ) from error
    except pydantic.ValidationError as error:
        reason = error.errors()[0]["msg"]
        raise InputError(f"{path} is damaged: {reason}.") from error
    except ValueError as error:  # no JSON
        raise InputError(f"{path} is damaged: {error}.") from error
