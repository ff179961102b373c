"""Create and open run directories, which hold all that belongs to a run.

experiment.py   the experiment file as it was; without one, data/experiment is it
modules/        the modules beside it that it imports
run.json        its name, the full configuration, the versions, data, cores and devices
                that its bits depend on
data/           shapes and examples of its data, which make it self-contained
metrics.jsonl   the log: one line every --log-every steps
unlogged.jsonl  the sums since the last line, at checkpoints between two lines
seconds.jsonl   the seconds of training until each checkpoint
scores.jsonl    scores during training, each with its protocol
evaluations.jsonl   scores of `jaxgan evaluate`
checkpoints/    the latest few
best/           the checkpoint of the best score, and the best at each kept checkpoint
frozen/         the networks that nobody trains, once for all checkpoints
samples/        pictures of each output at each milestone, and strip.png, the series
"""

import contextlib
import dataclasses
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import pydantic

from jaxgan.errors import InputError, RunError, as_path, check_instance, naming
from jaxgan.reporting.log import last_row_of
from jaxgan.training.about import (
    About,
    InlineConfig,
    note_changes,
    note_provenance,
    read_about,
    write_about,
)
from jaxgan.training.checkpoint import steps
from jaxgan.training.config_values import (
    as_config,
    as_json,
    differing_fields,
    with_absolute_paths,
)
from jaxgan.training.experiment import (
    Experiment,
    ExperimentFile,
    build,
    load_file,
    open_data,
    prepare,
)
from jaxgan.training.kept_experiment import read_experiment
from jaxgan.training.local_modules import (
    changed_module,
    copy_modules,
    make_importable,
    module_folder,
)
from jaxgan.training.lock import LOCK, locked
from jaxgan.training.processes import leads
from jaxgan.training.provenance import (
    describe_changes,
    trace_provenance,
    trace_surroundings,
)
from jaxgan.training.run_data import RunData, read_run_data, write_run_data
from jaxgan.training.signals import uninterrupted
from jaxgan.training.start import (
    Networks,
    read_kept_networks,
    started_from,
    write_networks,
)
from jaxgan.training.sweep_report import command_to_go_on

logger = logging.getLogger(__name__)

SCORES, EVALUATIONS = "scores.jsonl", "evaluations.jsonl"


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
    def seconds(self) -> Path:
        """The file of the seconds of training until each checkpoint."""
        return self.directory / "seconds.jsonl"

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

    def is_logged(self, step: int) -> bool:
        """Return True if the last line of the log is that of a step."""
        return last_row_of(self.metrics, step) is not None


def create_run(
    directory: Path | str,
    file: ExperimentFile,
    config: Any,
    start: Networks | None = None,
) -> Run:
    """Make a run directory, or open it if it was made from the same file and config.

    Paths in the config are kept absolute.

    Args:
        directory: of the run.
        file: the experiment.
        config: an instance of its Config.
        start: networks of another run to begin with; see `read_networks`.

    Raises:
        InputError: if the directory holds something else, or the configuration is one
            that the experiment refuses.
    """
    directory = as_path("directory", directory)
    check_instance("file", file, ExperimentFile, "load_file(path)")
    _check_config(file, config)
    if start is not None:
        check_instance("start", start, Networks, "that of another run")
    config = with_absolute_paths(config)
    if not is_run(directory):
        with unless_made_meanwhile(directory):
            return _make_run(directory, file, config, start)
    check_same(directory, file, config, start)
    return load_run(directory)


def _check_config(file: ExperimentFile, config: Any) -> None:
    """Check that a config is one of a file, or of the same file loaded once more."""
    names = [field.name for field in dataclasses.fields(file.config)]
    is_config = dataclasses.is_dataclass(config) and not isinstance(config, type)
    if not is_config or [field.name for field in dataclasses.fields(config)] != names:
        raise InputError(
            f"config must be a Config of {file.path}, such as file.config(), got "
            f"{config!r}."
        )


def _make_run(
    directory: Path, file: ExperimentFile, config: Any, start: Networks | None
) -> Run:
    check_vacant(directory)
    built = build(file, config)  # first, so that what is refused leaves no trace
    if start is not None:
        built = started_from(built, start)
    run = Run(directory, file.path.stem, config, built)
    write_file_run(run, file, open_data(file.path, built), start)
    return run


def write_file_run(
    run: Run, file: ExperimentFile, data: RunData, start: Networks | None = None
) -> None:
    """Write the directory of a run of an experiment's file, whole or not at all."""

    def keep(fresh: Path) -> None:
        shutil.copyfile(file.path, fresh / "experiment.py")
        copy_modules(file.path.parent, fresh, file.path)
        if start is not None:
            write_networks(fresh, start)

    def about(fresh: Path) -> About:
        return About(
            name=run.name,
            config=as_json(file.config, run.config),
            provenance=trace_provenance(fresh, run.experiment),
            start=start and start.about,
        )

    write_run(run.directory, about, data, keep)


def is_run(directory: Path) -> bool:
    """Return True if a directory is a run."""
    return (directory / "run.json").exists()


@contextlib.contextmanager
def unless_made_meanwhile(directory: Path) -> Iterator[None]:
    """Ignore the failure to make a run that another process has made meanwhile."""
    try:
        yield
    except (InputError, OSError):
        if not is_run(directory):
            raise


def write_run(
    directory: Path,
    about: Callable[[Path], About],
    data: RunData,
    keep: Callable[[Path], None],
) -> None:
    """Write a run directory, whole or not at all.

    Args:
        directory: the run.
        about: makes its run.json, of the directory as `keep` has filled it.
        data: shapes and examples of its data.
        keep: writes the experiment into a directory.

    Raises:
        InputError: in another process than the first, which writes it.
    """
    if not leads():
        raise InputError(
            f"{directory} is not seen here, though the first process made it; all "
            "processes need one file system that they share."
        )
    beside = directory.resolve().parent  # of a link's target, on its file system
    beside.mkdir(parents=True, exist_ok=True)
    temporary = tempfile.TemporaryDirectory(dir=beside)
    made_in = Path(temporary.name)
    with uninterrupted(), temporary, naming(directory, made_in):
        fresh = made_in / "run"
        fresh.mkdir()
        keep(fresh)
        write_about(fresh, about(fresh))
        write_run_data(fresh / "data", data)
        _put(fresh, directory)


def _put(made: Path, directory: Path) -> None:
    """Move a whole run to its place, which is absent or an empty directory.

    An empty directory stays, since it may be a link or where the user is.
    """
    if not directory.exists():
        made.replace(directory.resolve())  # whole or not at all
        return
    with locked(directory):
        _check_vacant(directory)
        for path in sorted(made.iterdir(), key=lambda path: path.name == "run.json"):
            path.replace(directory / path.name)  # run.json last, which makes it a run


def _empty(directory: Path) -> None:
    for path in [*directory.iterdir()]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def load_run(directory: Path | str) -> Run:
    """Open a run directory from its own files alone.

    Raises:
        InputError: if it is not a run directory, or its files do not fit together.
    """
    directory = as_path("directory", directory)
    about = read_about(directory)
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
    return Run(directory, about.name, config, rebuild(directory, file, config))


def rebuild(directory: Path, file: ExperimentFile, config: Any) -> Experiment:
    """Make the experiment of a run for a Config, with the networks it began with.

    Raises:
        InputError: if the file refuses the Config.
        RunError: if the networks cannot be read.
    """
    built = build(file, config)
    start = read_about(directory).start
    if start is None:
        return built
    return started_from(built, read_kept_networks(directory, start))


@contextlib.contextmanager
def delete_on_rejection(run: Run) -> Iterator[None]:
    """Remove a run that is refused before its first checkpoint and line of the log.

    Otherwise the command, once it is mended, would find another run in its place.
    """
    try:
        yield
    except InputError:
        if not leads():
            raise
        with contextlib.suppress(RunError, OSError), locked(run.directory):
            if not run.metrics.exists() and not steps(run.checkpoints):
                _empty(run.directory)
                with contextlib.suppress(OSError):  # a link, or where the user is
                    run.directory.rmdir()
        raise


def changes_since(run: Run, devices: Sequence[jax.Device] | None = None) -> list[str]:
    """Describe in one sentence each what a run's bits depend on and has changed.

    Args:
        run: the run.
        devices: that train it now; by default all.
    """
    now = trace_provenance(run.directory, run.experiment, devices)
    return describe_changes(read_about(run.directory).provenance, now)


def note_start(run: Run, devices: Sequence[jax.Device] | None) -> None:
    """Write down with what a run begins to train, which may not be what made it.

    Args:
        run: the run.
        devices: that train it; by default all.
    """
    then = read_about(run.directory).provenance
    now = trace_provenance(run.directory, run.experiment, devices)
    if now.data != then.data:
        logger.warning(
            "warning: the data are not those that this run was made with; it begins "
            "with the changed ones."
        )
        write_run_data(run.kept, open_data(run.directory, run.experiment))
    note_provenance(run.directory, now)


def tell_changes(run: Run, step: int, devices: Sequence[jax.Device] | None) -> None:
    """Say in one sentence each what has changed since a run began, and keep it.

    Args:
        run: the run.
        step: from which it goes on.
        devices: that train it now; by default all.
    """
    changes = changes_since(run, devices)
    for change in changes:
        logger.warning("warning: %s", change)
    note_changes(run.directory, step, changes)


def surroundings_since(run: Run) -> list[str]:
    """Describe what has changed, other than the data, which outputs do not need."""
    then = read_about(run.directory).provenance
    here = trace_surroundings(run.directory, None)
    return describe_changes(then, then.model_copy(update=here))


def check_vacant(directory: Path, kind: str = "run") -> None:
    """Check that a directory is absent, or empty but for a lock.

    Args:
        directory: where something is to be made.
        kind: what it is.

    Raises:
        InputError: if it is not.
        RunError: if another process trains in it.
    """
    filled = (directory / LOCK).exists()  # by another process, it may be
    with locked(directory) if filled else contextlib.nullcontext():
        _check_vacant(directory, kind)


def _check_vacant(directory: Path, kind: str = "run") -> None:
    if directory.exists() and not directory.is_dir():
        raise InputError(f"directory: {directory} is a file; choose another name.")
    if directory.exists() and any(p.name != LOCK for p in directory.iterdir()):
        raise InputError(
            f"{directory} is not empty and is not a {kind}; choose another directory."
        )


def check_same(
    directory: Path,
    file: ExperimentFile,
    config: Any,
    start: Networks | None = None,
) -> None:
    """Check that a run was made of a file, a config and networks to begin with.

    Raises:
        InputError: if one of them is another.
    """
    then, now = read_about(directory), as_json(file.config, config)
    cure = "choose another directory"
    if then.name != file.path.stem:
        raise InputError(
            f"{directory} was made by the experiment {then.name!r}, not by "
            f"{file.path.stem!r}; {cure}."
        )
    starts = [
        each and (each.run, each.frozen) for each in (then.start, start and start.about)
    ]
    if starts[0] != starts[1]:
        raise InputError(
            f"{directory} began with other networks ({starts[0]}, not {starts[1]}); "
            f"{cure}."
        )
    differing = differing_fields(file.config, then.config, now)
    if differing:
        raise InputError(
            f"{directory} was made with another config: {', '.join(differing)}; {cure}."
        )
    changed = changed_module(file.path.parent, directory, file.path)
    if (directory / "experiment.py").read_bytes() != file.path.read_bytes():
        changed = file.path
    if changed is not None:
        raise InputError(
            f"{changed} has changed since {directory} was made; {cure}, or go on "
            f"with the file as it was by `{command_to_go_on(directory)}`."
        )
