"""Create, open and lock run directories, which hold all that belongs to a run.

experiment.py   the experiment file as it was; without one, data/experiment is it
modules/        the modules beside it that it imports
run.json        its name, the full configuration, the versions, data, cores and devices
                that its bits depend on
data/           shapes and examples of its data, which make it self-contained
metrics.jsonl   the log: one line every --log-every steps
unlogged.jsonl  the sums since the last line, at checkpoints between two lines
scores.jsonl    scores during training, each with its protocol
evaluations.jsonl   scores of `jaxgan evaluate`
checkpoints/    the latest few
best/           the checkpoint of the best score, where the experiment evaluates
frozen/         the networks that nobody trains, once for all checkpoints
samples/        pictures of each output at each milestone, and strip.png, the series
"""

import contextlib
import dataclasses
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import pydantic
from filelock import FileLock, Timeout

from jaxgan.errors import InputError, RunError
from jaxgan.training.checkpoint import steps
from jaxgan.training.config_values import as_config, as_json, differing_fields
from jaxgan.training.experiment import (
    Experiment,
    ExperimentFile,
    build,
    load_file,
    open_data,
    prepare,
)
from jaxgan.training.kept_experiment import (
    program_digest,
    read_experiment,
    write_experiment,
)
from jaxgan.training.local_modules import (
    MODULES,
    changed_module,
    copy_modules,
    make_importable,
    module_folder,
)
from jaxgan.training.near_runs import near_runs
from jaxgan.training.provenance import (
    Provenance,
    describe_changes,
    describe_devices,
    trace_provenance,
)
from jaxgan.training.run_data import RunData, read_run_data, write_run_data
from jaxgan.versions import versions

SCORES, EVALUATIONS = "scores.jsonl", "evaluations.jsonl"


class _About(pydantic.BaseModel):
    """The contents of run.json."""

    name: str
    config: dict[str, Any]
    provenance: Provenance
    program: str | None = None  # digest, of a run that was made without a file


@dataclasses.dataclass(frozen=True)
class InlineConfig:
    """The configuration of an experiment that was made without a file."""

    steps: int
    seed: int


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
    def unlogged(self) -> Path:
        """The sums of the steps since the last line of the log, at checkpoints."""
        return self.directory / "unlogged.jsonl"

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
    _check_vacant(directory)
    built = build(file, config)  # first, so that what is refused leaves no trace
    data = open_data(file.path, built)

    def keep(fresh: Path) -> None:
        shutil.copyfile(file.path, fresh / "experiment.py")
        copy_modules(file.path.parent, fresh)

    try:
        _write_run(directory, _describe(file, config), built, data, keep)
    except OSError:
        if not (directory / "run.json").exists():
            raise
        return create_run(directory, file, config)  # another process was faster
    return Run(directory, file.path.stem, config, built)


def create_inline_run(directory: Path, experiment: Experiment) -> Run:
    """Make a run directory of an experiment without a file, or open it.

    It is opened if an experiment of the same program and seed made it; the number of
    steps may be another.

    Raises:
        InputError: if the directory holds something else, or the experiment is refused.
    """
    is_run = (directory / "run.json").exists()
    if not is_run:
        _check_vacant(directory)
    config = InlineConfig(experiment.steps, experiment.seed)
    run = Run(directory, directory.name, config, prepare(experiment))
    data = open_data("the experiment", run.experiment)
    about = {
        "name": run.name,
        "config": dataclasses.asdict(config),
        "program": program_digest(experiment, data.batches),
    }
    if is_run:
        _check_same_program(run, about)
        write_experiment(run.kept / "experiment", experiment)
        _write_about(
            directory, _read_about(directory).model_dump() | {"config": about["config"]}
        )
        return run

    def keep(fresh: Path) -> None:
        (fresh / "data").mkdir()
        write_experiment(fresh / "data" / "experiment", experiment)
        copy_modules(Path.cwd(), fresh)

    _write_run(directory, about, run.experiment, data, keep)
    return run


def _write_run(
    directory: Path,
    about: dict[str, Any],
    experiment: Experiment,
    data: RunData,
    keep: Callable[[Path], None],
) -> None:
    """Write a run directory, whole or not at all; `keep` writes the experiment."""
    beside = directory.resolve().parent  # of a link's target, on its file system
    beside.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=beside) as made:
        fresh = Path(made) / "run"
        fresh.mkdir()
        keep(fresh)
        provenance = trace_provenance(fresh, experiment).model_dump()
        _write_about(fresh, about | {"provenance": provenance})
        write_run_data(fresh / "data", data)
        _put(fresh, directory)


def _put(made: Path, directory: Path) -> None:
    """Move a whole run to its place, which is absent or an empty directory.

    An empty directory stays, since it may be a link or where the user is.
    """
    if not directory.exists():
        made.replace(directory.resolve())  # whole or not at all
        return
    for path in sorted(made.iterdir(), key=lambda path: path.name == "run.json"):
        path.replace(directory / path.name)  # run.json last, which makes it a run


def load_run(directory: Path | str) -> Run:
    """Open a run directory from its own files alone.

    Raises:
        InputError: if it is not a run directory, or its files do not fit together.
    """
    directory = Path(directory)
    about = _read_about(directory)
    if about.program is not None:
        make_importable(module_folder(directory / "experiment.py"))
        experiment = prepare(read_experiment(directory / "data" / "experiment"))
        return Run(directory, about.name, InlineConfig(**about.config), experiment)
    file = load_file(directory / "experiment.py")
    try:
        config = as_config(file.config, about.config)
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
            for path in [*run.directory.iterdir()]:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            with contextlib.suppress(OSError):  # a link, or where the user is
                run.directory.rmdir()
        raise


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[Callable[[], None]]:
    """Keep a run to one process at a time.

    Yields a function that raises a RunError if the directory or its lock was removed or
    replaced since, so that another process may be at work in it.

    Raises:
        RunError: if another process trains in it.
    """
    lock = directory / ".lock"

    def identify() -> list[tuple[int, int]]:
        return [(s.st_dev, s.st_ino) for s in map(os.stat, (directory, lock))]

    def check() -> None:
        with contextlib.suppress(OSError):
            if identify() == own:
                return
        raise RunError(
            f"{directory} or its .lock was removed or replaced while it trained; "
            "nothing more is written into it."
        )

    try:
        with FileLock(lock, timeout=0):
            own = identify()
            yield check
    except Timeout as error:
        raise RunError(f"another process is training in {directory}.") from error


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
    files = [directory / "experiment.py", *modules] if about.program is None else []
    code = b"".join(path.read_bytes() for path in files)
    code += (about.program or "").encode()
    return ExperimentId(about.name, code, str(about.config)), seed


def note_devices(run: Run, devices: Sequence[jax.Device] | None) -> None:
    """Write into run.json which devices begin to train a run."""
    about = _read_about(run.directory)
    about.provenance.devices = describe_devices(devices)
    _write_about(run.directory, about.model_dump())


def changes_since(run: Run, devices: Sequence[jax.Device] | None = None) -> list[str]:
    """Describe in one sentence each what a run's bits depend on and has changed.

    Args:
        run: the run.
        devices: that train it now; by default all of this process.
    """
    now = trace_provenance(run.directory, run.experiment, devices)
    return describe_changes(_read_about(run.directory).provenance, now)


def _describe(file: ExperimentFile, config: Any) -> dict[str, Any]:
    return {
        "name": file.path.stem,
        "config": as_json(file.config, config),
    }


def _check_vacant(directory: Path) -> None:
    if directory.exists() and any(directory.iterdir()):
        raise InputError(
            f"{directory} is not empty and is not a run; choose another with --run."
        )


def _check_same_program(run: Run, about: dict[str, Any]) -> None:
    """Check that a run was made by an experiment like this, the steps aside."""
    then, directory = _read_about(run.directory), run.directory
    cure = "choose another directory"
    if then.program is None:
        raise InputError(
            f"{directory} was made from an experiment's file; go on by "
            f"`jg.train(jg.load_run({str(directory)!r}))`, or {cure}."
        )
    seeds = then.config["seed"], about["config"]["seed"]
    if seeds[0] != seeds[1]:
        raise InputError(
            f"{directory} was made with seed {seeds[0]}, not {seeds[1]}; {cure}."
        )
    if then.provenance.versions == versions() and then.program != about["program"]:
        asked = then.config["steps"], about["config"]["steps"]
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


def _check_same(directory: Path, file: ExperimentFile, config: Any) -> None:
    then, now = _read_about(directory), _describe(file, config)
    cure = "choose another directory with --run"
    if then.name != now["name"]:
        raise InputError(
            f"{directory} was made by the experiment {then.name!r}, not by "
            f"{now['name']!r}; {cure}."
        )
    differing = differing_fields(file.config, then.config, now["config"])
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


def _write_about(directory: Path, about: dict[str, Any]) -> None:
    path = directory / "run.json"
    fresh = path.with_suffix(".tmp")
    fresh.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    fresh.replace(path)


def _read_about(directory: Path) -> _About:
    path = directory / "run.json"
    try:
        # Not pydantic's own reader, which refuses paths that are not UTF-8.
        return _About.model_validate(json.loads(path.read_bytes()))
    except (FileNotFoundError, NotADirectoryError) as error:
        near = [] if directory.exists() else near_runs(directory)
        hint = f"; did you mean {' or '.join(map(str, near))}?" if near else "."
        raise InputError(
            f"{directory} is not a run directory: it has no run.json{hint}"
        ) from error
    except pydantic.ValidationError as error:
        reason = error.errors()[0]["msg"]
        raise InputError(f"{path} is damaged: {reason}.") from error
    except ValueError as error:  # no JSON
        raise InputError(f"{path} is damaged: {error}.") from error
