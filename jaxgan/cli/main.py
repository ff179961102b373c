"""The command line: one function for each command."""

import dataclasses
import inspect
import logging
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any, Union

import jax
import numpy as np
import tyro
from numpy.typing import NDArray
from tyro.conf import OmitArgPrefixes, arg, subcommand

from jaxgan.cli import evaluate as scoring
from jaxgan.cli.commands import (
    RUNS,
    Compare,
    Data,
    Evaluate,
    Interpolate,
    List,
    Sample,
    Sweep,
    Train,
)
from jaxgan.cli.compare import (
    read_compared,
    score_curves,
    score_table,
    unlike_versions,
)
from jaxgan.cli.data import contact_sheet, open_data, summary
from jaxgan.errors import (
    InputError,
    Interrupted,
    RunError,
    check_positive_int,
    check_seed,
)
from jaxgan.reporting.figures import check_picture
from jaxgan.reporting.log import read_rows
from jaxgan.sampling.inputs import put_inputs, read_inputs
from jaxgan.sampling.interpolation import between, leaf_names, lerp, slerp, traverse
from jaxgan.sampling.outputs import choose, draw_latents, maker
from jaxgan.training.allocator import keep_freed_memory
from jaxgan.training.checkpoint import steps
from jaxgan.training.experiment import ExperimentFile, load_file
from jaxgan.training.loop import Schedule
from jaxgan.training.loop import train as train_run
from jaxgan.training.run import (
    Run,
    changed_versions,
    create_run,
    open_run,
    withdrawn_if_refused,
)
from jaxgan.training.snapshots import restored_networks
from jaxgan.training.sweep import parse_grid
from jaxgan.training.sweep import sweep as run_sweep
from jaxgan.training.sweep_report import table
from jaxgan.types import Tree


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command, and exit with its status."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    logging.basicConfig(level=logging.WARNING)  # which Orbax has already called
    for handler in logging.getLogger().handlers:
        handler.setFormatter(logging.Formatter("%(message)s"))
    try:
        file = _experiment_file(arguments)
        command = _parse(arguments, file)
        if isinstance(command, Train):
            train(command, file)
        elif isinstance(command, Sweep):
            sweep(command, file)
        elif isinstance(command, Sample):
            sample(command)
        elif isinstance(command, Interpolate):
            interpolate(command)
        elif isinstance(command, Evaluate):
            evaluate(command)
        elif isinstance(command, Compare):
            compare(command)
        elif isinstance(command, Data):
            look(command)
        else:
            list_runs(command)
    except KeyboardInterrupt:  # before the first step, or a second one
        sys.exit(_say(RunError("stopped."), 130))
    except Interrupted as stop:
        sys.exit(_say(stop, 128 + stop.signal_number))
    except InputError as error:
        sys.exit(_say(error, 2))
    except RunError as error:
        sys.exit(_say(error, 1))
    except OSError as error:
        where = error.filename2 or error.filename or "a file"
        sys.exit(_say(RunError(f"{where}: {error.strerror or error}."), 1))


def train(command: Train, file: ExperimentFile | None) -> None:
    """`jaxgan train`."""
    keep_freed_memory()
    # first, so that what is refused leaves no run behind
    schedule = Schedule(
        command.log_every, command.save_every, command.evaluate_every, command.keep
    )
    schedule.check()
    devices = _devices(command.devices)
    fresh = False
    if file is None:
        if command.run is not None:
            raise InputError("--run: a run directory is resumed where it is.")
        run = open_run(command.experiment)
    else:
        directory = command.run or RUNS / command.experiment.stem
        fresh = not directory.exists()
        run = create_run(directory, file, getattr(command, "config"))  # noqa: B009
    for name, (then, now) in changed_versions(run.directory).items():
        print(f"note: the run began with {name} {then}, this is {now}: other bits.")
    if begun := steps(run.checkpoints):
        print(f"resuming {run.directory}, which has come to step {begun[-1]:,}")
    with withdrawn_if_refused(run) if fresh else nullcontext():
        train_run(run, schedule, devices, command.tensorboard)
    print(f"finished: {run.samples / 'strip.png'} shows how it learned.")
    for row in read_rows(run.metrics)[-1:]:
        for name, value in row.items():
            print(f"  {name:40} {value}")


def sweep(command: Sweep, file: ExperimentFile | None) -> None:
    """`jaxgan sweep`."""
    if file is None:
        raise InputError(
            f"{command.experiment} is a directory; give an experiment's file."
        )
    keep_freed_memory()
    out = command.out or RUNS / f"{command.experiment.stem}-sweep"
    members = run_sweep(
        out,
        file,
        getattr(command, "config"),  # noqa: B009
        command.seeds,
        parse_grid(command.grid, file),
        log_every=command.log_every,
        sequential=command.sequential,
    )
    print(table(members))
    kept = out / "best"
    best = f"the best is the run {kept}" if kept.exists() else "it ranks no run"
    curves = " and curves" if (out / "curves.png").exists() else ""
    print(f"finished: {out} holds this table{curves}; {best}.")


def sample(command: Sample) -> None:
    """`jaxgan sample`."""
    run = open_run(command.run)
    check_seed("--seed", command.seed)
    game, inputs = run.experiment.game, run.experiment.inputs
    make = maker(game, command.output)
    given = read_inputs(inputs, _asked(command, run))
    count = command.count
    if count is None:
        counted = [len(rows) for name, rows in given.items() if inputs[name].counts]
        count = max(counted, default=64)
    check_positive_int("--count", count)
    batch = put_inputs(inputs, given, choose(run.data.examples, count, command.seed))
    latents = draw_latents(game, count, command.seed, batch.condition)
    step, variables = restored_networks(run, command.best)
    made = make(variables, latents, batch)
    best = "-best" if command.best else ""
    name = f"{command.output or 'sample'}-{command.seed}{best}"
    out = command.out or run.samples / name
    out.parent.mkdir(parents=True, exist_ok=True)
    arrays = {"samples": made, "latents": latents, "examples": batch._asdict()}
    arrays = _arrays(arrays) | {"step": np.asarray(step)}
    np.savez(f"{out}.npz", **arrays)
    run.experiment.plot(made, batch, None).save(f"{out}.png")
    what = command.output or "samples"
    print(f"{count} {what} of step {step:,}: {out}.png and {out}.npz")


def interpolate(command: Interpolate) -> None:
    """`jaxgan interpolate`."""
    run = open_run(command.run)
    check_positive_int("--pairs", command.pairs)
    check_positive_int("--steps", command.steps)
    check_seed("--seed", command.seed)
    game, inputs = run.experiment.game, run.experiment.inputs
    make = maker(game, command.output)
    given = read_inputs(inputs, _asked(command, run))
    pairs, seed = command.pairs, command.seed
    batch = put_inputs(inputs, given, choose(run.data.examples, pairs, seed))
    twice = jax.tree.map(lambda x: np.concatenate([x, x]), batch)
    latents = draw_latents(game, 2 * pairs, seed, twice.condition)
    if not jax.tree.leaves(latents):
        raise InputError(f"{command.run}: the game has no latents to move between.")
    if command.along is None:
        ways = {
            path.__name__: (between(latents, path, command.steps), command.steps)
            for path in (lerp, slerp)
        }
    else:
        starts = jax.tree.map(lambda x: x[:pairs], latents)
        of = (command.along, command.steps, batch.condition)
        ways = {command.along: traverse(game, starts, *of)}
    step, variables = restored_networks(run, command.best)
    best = "-best" if command.best else ""
    out = command.out or run.samples / f"interpolate{best}"
    out.parent.mkdir(parents=True, exist_ok=True)
    for name, (points, columns) in ways.items():
        rows = jax.tree.map(lambda x, n=columns: np.repeat(x, n, axis=0), batch)
        picture = f"{out}-{name}.png"
        made = make(variables, points, rows)
        run.experiment.plot(made, rows, columns).save(picture)
        print(f"{pairs} ways of step {step:,}: {picture}")


def _arrays(tree: Tree) -> dict[str, NDArray]:
    """Every leaf of a tree by its name, for an .npz file."""
    leaves = map(np.asarray, jax.tree.leaves(tree))
    return dict(zip(leaf_names(tree), leaves, strict=True))


def _asked(command: Sample | Interpolate, run: Run) -> dict[str, tuple[str, ...]]:
    """Collect the words given for the inputs that the experiment declares."""
    words = {name: getattr(command, name, ()) for name in run.experiment.inputs}
    return {name: given for name, given in words.items() if given}


def evaluate(command: Evaluate) -> None:
    """`jaxgan evaluate`."""
    print(scoring.told(scoring.evaluate(command)))


def compare(command: Compare) -> None:
    """`jaxgan compare`."""
    check_picture("--out", command.out)
    compared = read_compared(command.runs, command.metrics, command.evaluations)
    print(score_table(compared))
    for name, versions in unlike_versions(compared).items():
        print(f"note: they have {name} {' and '.join(sorted(versions))}: other bits.")
    command.out.parent.mkdir(parents=True, exist_ok=True)
    score_curves(compared).save(command.out)
    print(f"curves: {command.out}")


def list_runs(command: List) -> None:
    """`jaxgan list`."""
    if not command.directory.is_dir():
        raise InputError(f"{command.directory} is not a directory.")
    found = sorted(path.parent for path in command.directory.glob("*/run.json"))
    if not found:
        print(f"no runs in {command.directory}")
        return
    print(f"{'run':32} {'logged':>10} {'saved':>10}  measured")
    for directory in found:
        rows = read_rows(directory / "metrics.jsonl")
        saved = steps(directory / "checkpoints")
        logged = rows[-1]["step"] if rows else 0
        measured = "  ".join(
            f"{name} {value:.4g}"
            for name, value in _last_measured(rows).items()
            if isinstance(value, int | float)
        )
        at = saved[-1] if saved else 0
        print(f"{directory!s:32} {logged:10,} {at:10,}  {measured}")


def look(command: Data) -> None:
    """`jaxgan data`."""
    spec = Path(command.spec)
    name = spec.resolve().stem if spec.exists() else command.spec
    out = command.out or RUNS / f"{name.replace('/', '-').replace(':', '-')}-data.png"
    check_picture("--out", out)
    if spec.is_dir() and out.resolve().is_relative_to(spec.resolve()):
        raise InputError(f"--out: {out} would be an image of {spec}; name another.")
    data = open_data(command)
    print(summary(data))
    sheet = contact_sheet(data)
    if sheet is None:
        print("no contact sheet: these are no images of 1 or 3 channels")
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(out)
    print(f"contact sheet: {out}")


def _last_measured(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What the experiment measured last; the names of players' reports have a slash."""
    for row in reversed(rows):
        own = {k: v for k, v in row.items() if "/" not in k and k != "step"}
        if own:
            return own
    return {}


def _experiment_file(arguments: Sequence[str]) -> ExperimentFile | None:
    """The file that is trained: its Config decides what options there are."""
    if len(arguments) < 2 or arguments[0] not in ("train", "sweep"):
        return None
    named = [word for word in arguments[1:] if word.endswith(".py")]
    first = [word for word in arguments[1:2] if not word.startswith("-")]
    path = Path((named or first or ["."])[0])
    return None if path.is_dir() else load_file(path)


def _parse(arguments: Sequence[str], file: ExperimentFile | None) -> Any:
    train_type: Any = Train
    sweep_type: Any = Sweep
    if file is not None and arguments[0] == "train":
        train_type = _with_config(Train, file)
    elif file is not None:
        sweep_type = _with_config(Sweep, file)
    sample_type: Any = _with_inputs(Sample, arguments)
    interpolate_type: Any = _with_inputs(Interpolate, arguments)
    commands = Union[  # noqa: UP007 - built at run time
        Annotated[train_type, subcommand("train")],
        Annotated[sweep_type, subcommand("sweep")],
        Annotated[sample_type, subcommand("sample")],
        Annotated[interpolate_type, subcommand("interpolate")],
        Annotated[Evaluate, subcommand("evaluate")],
        Annotated[Compare, subcommand("compare")],
        Annotated[List, subcommand("list")],
        Annotated[Data, subcommand("data")],
    ]
    return tyro.cli(commands, args=arguments, prog="jaxgan", description=__doc__)


def _with_config(command: type, file: ExperimentFile) -> type:
    """A command whose options are its own and the Config's."""
    own = {field.name for field in dataclasses.fields(command)}
    taken = sorted(own & {field.name for field in dataclasses.fields(file.config)})
    if taken:
        raise InputError(f"{file.path}: Config may not have fields named {taken}.")
    made = dataclasses.make_dataclass(
        command.__name__,
        [("config", Annotated[file.config, OmitArgPrefixes])],
        bases=(command,),
        frozen=True,
        kw_only=True,
    )
    made.__doc__ = f"{inspect.cleandoc(file.doc)}\n\n{inspect.getdoc(command)}"
    return made


def _with_inputs(command: type, arguments: Sequence[str]) -> Any:
    """A command whose options are its own and the inputs of the run that it names.

    Raises:
        InputError: if an option is neither.
    """
    words = [Path(word) for word in arguments[1:] if not word.startswith("-")]
    found = [path for path in words if (path / "run.json").exists()] or words
    if arguments[:1] != [command.__name__.lower()] or not found:
        return command
    inputs = open_run(found[0]).experiment.inputs
    own = {field.name for field in dataclasses.fields(command)} | {"help", "no-best"}
    for word in arguments[1:]:
        option = word[2:].partition("=")[0].replace("-", "_")
        if word.startswith("--") and option not in own | inputs.keys():
            known = ", ".join(f"--{name}" for name in sorted(inputs)) or "none"
            raise InputError(
                f"{word}: {found[0]} declares no such input; it declares {known}."
            )
    made = dataclasses.make_dataclass(
        command.__name__,
        [
            (name, Annotated[tuple[str, ...], arg(help=each.help)], ())
            for name, each in inputs.items()
        ],
        bases=(command,),
        frozen=True,
        kw_only=True,
    )
    made.__doc__ = inspect.getdoc(command)
    return made


def _devices(count: int | None) -> list[jax.Device] | None:
    if count is None:
        return None
    check_positive_int("--devices", count)
    there = jax.local_devices()
    if count > len(there):
        raise InputError(f"--devices is {count}, but there are only {len(there)}.")
    return there[:count]


def _say(error: Exception, status: int) -> int:
    print(f"jaxgan: {error}", file=sys.stderr)
    return status


if __name__ == "__main__":
    main()
