"""Options that depend on an experiment, and options that commands share."""

import dataclasses
import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import jax
from tyro.conf import OmitArgPrefixes, arg

from jaxgan.errors import InputError, check_positive_int
from jaxgan.training.experiment import load_file
from jaxgan.training.packaged import find_experiment
from jaxgan.training.run import Run, load_run

RUNS = Path("runs")


def with_config(command: type, arguments: Sequence[str]) -> Any:
    """Add the fields of an experiment's Config to a command's options.

    It gets the loaded file as `file`; of a run directory there is none.

    Raises:
        InputError: if the file is none, or its Config has a field of the same name as
            an option of the command.
    """
    if len(arguments) < 2 or arguments[0] != command.__name__.lower():
        return command
    named = [word for word in arguments[1:] if word.endswith(".py")]
    first = [word for word in arguments[1:2] if not word.startswith("-")]
    path = find_experiment(Path((named or first or ["."])[0]))
    if path.is_dir():
        return command
    file = load_file(path)
    own = {field.name for field in dataclasses.fields(command)}
    taken = sorted(own & {field.name for field in dataclasses.fields(file.config)})
    if taken:
        raise InputError(f"{file.path}: Config may not have fields named {taken}.")
    made: Any = dataclasses.make_dataclass(
        command.__name__,
        [("config", Annotated[file.config, OmitArgPrefixes])],
        bases=(command,),
        frozen=True,
        kw_only=True,
    )
    made.__doc__ = f"{inspect.cleandoc(file.doc)}\n\n{inspect.getdoc(command)}"
    made.file = file
    return made


def with_inputs(command: type, arguments: Sequence[str]) -> Any:
    """Add the inputs of a run's experiment to a command's options.

    Raises:
        InputError: if an option is neither.
    """
    words = [Path(word) for word in arguments[1:] if not word.startswith("-")]
    found = [path for path in words if (path / "run.json").exists()] or words
    if arguments[:1] != [command.__name__.lower()] or not found:
        return command
    inputs = load_run(found[0]).experiment.inputs
    own = {field.name for field in dataclasses.fields(command)} | {"help", "no-best"}
    for word in arguments[1:]:
        option = word[2:].partition("=")[0].replace("-", "_")
        if word.startswith("--") and option not in own | inputs.keys():
            known = ", ".join(f"--{name}" for name in sorted(inputs)) or "none"
            raise InputError(
                f"{word}: {found[0]} declares no such input; it declares {known}."
            )
    made: Any = dataclasses.make_dataclass(
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


def given_inputs(command: Any, run: Run) -> dict[str, tuple[str, ...]]:
    """Collect the words given for the inputs of a run's experiment."""
    words = {name: getattr(command, name, ()) for name in run.experiment.inputs}
    return {name: given for name, given in words.items() if given}


def choose_devices(count: int | None) -> list[jax.Device] | None:
    """Return the first devices of this process; None for all.

    Raises:
        InputError: if there are not so many.
    """
    if count is None:
        return None
    check_positive_int("--devices", count)
    there = jax.local_devices()
    if count > len(there):
        raise InputError(f"--devices is {count}, but there are only {len(there)}.")
    return there[:count]
