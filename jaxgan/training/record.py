"""Record the results of finished runs in files that can be committed."""

import dataclasses
import io
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from jaxgan.errors import InputError
from jaxgan.metrics.protocol import Measurement, Protocol, read_scores
from jaxgan.reporting.log import finite_or_none, last_rows
from jaxgan.reporting.small_picture import small_png
from jaxgan.training.about import Start, read_about
from jaxgan.training.clock import seconds_until
from jaxgan.training.config_values import as_json, map_values
from jaxgan.training.packaged import packaged_experiments
from jaxgan.training.recorder import is_finished
from jaxgan.training.records import write_whole
from jaxgan.training.results import (
    Entry,
    Results,
    ScoreSet,
    Value,
    read_results,
    results_file,
    write_results,
)
from jaxgan.training.run import Run, load_run
from jaxgan.training.sweep_report import SWEEP, command_to_go_on

LIMIT = 100_000
"""The most bytes of a picture."""


def record(runs: Sequence[Path], directory: Path, name: str | None = None) -> list[str]:
    """Add the results of finished runs to the files of their experiments.

    All runs are read before anything is written.

    Args:
        runs: run directories.
        directory: of the files; made if it is missing.
        name: of the file; by default that of each run's experiment.

    Returns:
        A line for each file that was written.

    Raises:
        InputError: if a run is not finished, is a sweep's, or has no results, or a file
            is damaged, of another format or of another experiment.
    """
    if name is not None:
        results_file(directory, name)  # checked before any run is opened
    found: dict[Path, list[Run]] = {}
    for each in runs:
        run = _finished(each)
        found.setdefault(results_file(directory, name or run.name), []).append(run)
    made = {path: _added(path, own) for path, own in found.items()}
    lines = []
    directory.mkdir(parents=True, exist_ok=True)
    for path, (results, picture) in made.items():
        if picture is not None:
            write_whole(path.with_suffix(".png"), picture)
        write_results(path, results)
        lines.append(f"{path}: {len(found[path])} recorded, {len(results.runs)} in all")
    return lines


def _finished(directory: Path) -> Run:
    """Open a run that is finished and belongs to no sweep."""
    if any((each / SWEEP).exists() for each in (directory, directory.resolve().parent)):
        raise InputError(
            f"{directory} belongs to a sweep; record runs of `jaxgan train`, one for "
            "each seed."
        )
    run = load_run(directory)
    if not is_finished(run):
        raise InputError(
            f"{directory} has not finished its {run.experiment.steps:,} steps; finish "
            f"it by `{command_to_go_on(directory)}`."
        )
    return run


def _added(path: Path, runs: Sequence[Run]) -> tuple[Results, bytes | None]:
    """Add runs to the results of a file, and make its picture if one of them has it."""
    experiment = runs[0].name
    old = read_results(path) if path.exists() else Results(experiment=experiment)
    for run in runs:
        if run.name != old.experiment:
            raise InputError(
                f"{path} holds results of the experiment {old.experiment!r}, and "
                f"{run.directory} is one of {run.name!r}; choose another name."
            )
    entries = [entry_of(run) for run in runs]
    kept = {each.identity for each in old.runs if each.picture}
    for run, entry in zip(runs, entries, strict=True):
        if run.experiment.game.outputs and (not kept or entry.identity in kept):
            entry.picture = path.with_suffix(".png").name
            return old.with_entries(entries), _picture(run)
    return old.with_entries(entries), None


def _picture(run: Run) -> bytes:
    """Read the picture of the first output after the last step, made small."""
    path = run.samples / f"{run.experiment.steps:06d}.png"
    try:
        with Image.open(io.BytesIO(path.read_bytes())) as picture:
            picture.load()
            return small_png(picture, LIMIT)
    except OSError as error:  # which Pillow's are too
        raise InputError(
            f"{path} is missing or damaged, which shows the samples of the last step; "
            "train the run again, or record another one first."
        ) from error


def entry_of(run: Run) -> Entry:
    """Collect the results of a finished run.

    Raises:
        InputError: if it has neither scores nor measurements.
    """
    about, steps = read_about(run.directory), run.experiment.steps
    scores = _score_sets(run)
    taken = {each.name for each in read_scores(run.scores) if each.step == steps}
    last = next(last_rows(run.metrics))
    own = {k: v for k, v in last.items() if "/" not in k and k not in {"step", *taken}}
    if not scores and not own:
        raise InputError(
            f"{run.directory} has neither scores nor measurements; give its experiment "
            "an evaluation=… or a summarize=…, and train it again."
        )
    config = map_values(_without_folder, run.config)
    return Entry(
        config=as_json(type(config), config),
        seed=run.experiment.seed,
        command=_command(run, config, about.start and _start(about.start)),
        start=about.start and _start(about.start),
        changes=[each for each in about.changes if each.step < steps],
        steps=steps,
        seconds=seconds_until(run.seconds, steps),
        versions=about.provenance.versions,
        code=about.program or about.provenance.code,
        data=about.provenance.data,
        cores=about.provenance.cores,
        devices=about.provenance.devices,
        scores=scores,
        measured=own,
    )


def _score_sets(run: Run) -> list[ScoreSet]:
    """Group the last scores of a run, and those of other reals, as they were taken."""
    steps = run.experiment.steps
    taken = [each for each in read_scores(run.scores) if each.step == steps]
    later = read_scores(run.evaluations)
    taken += [each for each in later if each.step in (0, steps)]  # 0: of reals
    found: dict[tuple[str, int, int, Protocol], ScoreSet] = {}
    for each in taken:
        protocol = dataclasses.replace(each.protocol, metric="")
        key = (each.of, each.step, each.seed, protocol)
        fresh = ScoreSet(
            of=each.of,
            step=each.step,
            seed=each.seed,
            protocol=protocol,
            versions=each.versions,
            values={},
        )
        found.setdefault(key, fresh).values[each.name] = _value(each)
        found[key].versions = each.versions
    return [*found.values()]


def _value(score: Measurement) -> Value:
    finite = finite_or_none({"value": score.value, "error": score.error})
    return Value(**finite, metric=score.protocol.metric)


def _without_folder(value: Any) -> Any:
    """Reduce a path, or a text that is one of this machine, to its last part."""
    if isinstance(value, Path):
        return Path(value.name)
    if not isinstance(value, str):
        return value
    of_machine = os.path.isabs(os.path.expanduser(value)) or value.startswith("file:")
    return Path(value).name if of_machine else value


def _start(start: Start) -> Start:
    return start.model_copy(update={"run": Path(start.run).name})


def _command(run: Run, config: Any, start: Start | None) -> str | None:
    """Return the command that trains such a run, but for the seed.

    None for a run that was made without a file.
    """
    file = run.directory / "experiment.py"
    if not file.exists():
        return None
    packaged = packaged_experiments().get(run.name)
    same = packaged is not None and packaged.read_bytes() == file.read_bytes()
    words = ["jaxgan", "train", run.name if same else f"{run.name}.py"]
    begun = {} if start is None else {"init": [start.run], "freeze": start.frozen}
    for name, values in begun.items():
        words += [f"--{name}", *values] * bool(values)
    return shlex.join([*words, *_options(config)])


def _options(config: Any, usual: Any = None, prefix: str = "") -> list[str]:
    """List the options of all fields of a Config that differ from the defaults."""
    words: list[str] = []
    for field in dataclasses.fields(config):
        value, name = getattr(config, field.name), f"{prefix}{field.name}"
        default = _default(field) if usual is None else getattr(usual, field.name)
        off = "no-" if value is False else ""
        option = f"--{prefix}{off}{field.name}".replace("_", "-")
        if dataclasses.is_dataclass(value):
            same = type(default) is type(value)
            words += _options(value, default if same else None, f"{name}.")
        elif value == default or name == "seed":
            continue
        elif isinstance(value, bool):
            words.append(option)
        else:
            several = isinstance(value, tuple | list)
            words += [option, *map(str, value if several else [value])]
    return words


def _default(field: dataclasses.Field) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return map_values(_without_folder, field.default_factory())
    return map_values(_without_folder, field.default)
