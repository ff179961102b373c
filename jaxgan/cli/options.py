"""Options that depend on an experiment, and options that commands share."""

import dataclasses
import inspect
import logging
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_origin, get_type_hints

import jax
from PIL import Image
from tyro.conf import OmitArgPrefixes, Positional, arg

from jaxgan.errors import InputError, check_positive_int
from jaxgan.training.experiment import load_file
from jaxgan.training.packaged import find_experiment, packaged_experiments
from jaxgan.training.run import Run, load_run, surroundings_since

RunDirectory = Annotated[Positional[Path], arg(metavar="RUN")]
"""The argument of commands that take a run."""

ExperimentName = Annotated[Positional[Path], arg(metavar="EXPERIMENT")]
"""The argument of commands that take an experiment."""

Names = Annotated[tuple[str, ...], arg(metavar="NAME ...")]
"""An option that takes several names."""

logger = logging.getLogger(__name__)

MOST_ROWS = 1_000_000
"""Most rows of an output that a command makes at once."""


def load_for_outputs(directory: Path) -> Run:
    """Load a run to make outputs of it, and warn of what has changed since it began."""
    run = load_run(directory)
    for change in surroundings_since(run):
        logger.warning("warning: %s", change)
    return run


def with_config(command: type, arguments: Sequence[str]) -> Any:
    """Put the fields of an experiment's Config before a command's options.

    Its `execute` is given the loaded file and the Config; of a run directory there are
    none.

    Raises:
        InputError: if the file is none, or its Config has a field of the same name as
            an option of the command.
    """
    name = command.__name__.lower()
    if arguments[:1] != [name] or not (words := _plain_words(command, arguments)):
        return command
    likeliest = min(words, key=_doubt_of_experiment).word
    path = find_experiment(Path(likeliest))
    if path.is_dir():
        return _with_steps(command) if name == "train" else command
    file = load_file(path)
    own = {field.name for field in dataclasses.fields(command)}
    taken = sorted(own & {field.name for field in dataclasses.fields(file.config)})
    if taken:
        raise InputError(f"{file.path}: Config may not have fields named {taken}.")

    def execute(self: Any) -> None:
        getattr(self, name).execute(file, self.config)

    about = f"Options for every experiment; `jaxgan {name} --help` explains more."
    plain = type(command.__name__, (command,), {"__doc__": about})
    made: Any = dataclasses.make_dataclass(
        command.__name__,
        [
            ("config", Annotated[file.config, arg(name="")]),
            (name, Annotated[plain, OmitArgPrefixes]),
        ],
        namespace={"execute": execute},
        frozen=True,
    )
    made.__doc__ = inspect.cleandoc(file.doc) or str(file.path)
    if "Command:" not in file.doc:
        made.__doc__ += f"\n\nExample: jaxgan {name} {likeliest}"
    return made


def _with_steps(command: type) -> Any:
    """Add the option that trains a run for longer; a file's Config has its own."""
    text = "Train on to this step, for longer than the run was made for."
    longer: Any = dataclasses.make_dataclass(
        command.__name__,
        [
            (
                "steps",
                Annotated[int | None, arg(help=text, metavar="INT")],
                dataclasses.field(default=None),
            )
        ],
        bases=(command,),
        frozen=True,
    )
    longer.__doc__ = command.__doc__
    return longer


class _Word(NamedTuple):
    """A word of the command line that may be the experiment.

    after_option: whether it may instead be the value of a Config's option.
    """

    word: str
    after_option: bool


def _plain_words(command: type, arguments: Sequence[str]) -> list[_Word]:
    """List the words that are neither options nor values of the command's own."""
    kinds = get_type_hints(command)
    words = []
    values = 0.0  # that the command's option before takes
    unknown = False  # whether another's option is before
    for word in arguments[1:]:
        if word.startswith("-"):
            name, equals, _ = word.lstrip("-").partition("=")
            kind = kinds.get(name.replace("-", "_"))
            several = math.inf if get_origin(kind) is tuple else 1.0
            values = 0.0 if equals or kind in (bool, None) else several
            unknown = not equals and kind is None
        elif values:
            values -= 1
        else:
            words.append(_Word(word, unknown))
            unknown = False
    return words


def _doubt_of_experiment(each: _Word) -> tuple[bool, bool]:
    known = each.word in packaged_experiments() or each.word.endswith(".py")
    return not known and _doubt_of_run(each)[0], each.after_option


def _doubt_of_run(each: _Word) -> tuple[bool, bool]:
    return not (Path(each.word) / "run.json").exists(), each.after_option


def file_prefix(out: str | None, default: Path) -> Path:
    """Return the path of a picture and its like without the suffix.

    Args:
        out: path with or without the suffix; a directory stands for the default name
            in it.
        default: path where `out` is None.

    Raises:
        InputError: if the suffix is that of another kind of picture.
    """
    if out is None:
        return default
    path = Path(out)
    if out.endswith(os.sep) or path.is_dir():
        return path / default.name
    if path.suffix in (".png", ".npz"):
        return path.with_suffix("")
    if path.suffix.lower() in Image.registered_extensions():
        raise InputError(f"--out: {out}: pictures are made as .png; leave it out.")
    return path


def check_values(command: type, arguments: Sequence[str]) -> None:
    """Check that each option that takes several values is given one, and none is empty.

    An empty word is what the shell makes of a variable that is not set. The fields of
    an experiment's Config, and its inputs, may be empty texts.

    Raises:
        InputError: if an option is given none, or an empty one.
    """
    kinds = get_type_hints(command)
    _check_not_empty(kinds, arguments)
    for word, following in zip(arguments, [*arguments[1:], "--"], strict=True):
        name = word[2:].replace("-", "_")
        several = word.startswith("--") and get_origin(kinds.get(name)) is tuple
        if several and following.startswith("--"):
            raise InputError(f"{word}: give it at least one value, or leave it out.")


def _check_not_empty(kinds: Mapping[str, Any], arguments: Sequence[str]) -> None:
    """Check that no option or argument of a command's own is an empty word."""
    option = ""
    for word in arguments[1:]:
        if word.startswith("--"):
            option, equals, value = word.partition("=")
        own = option[2:].replace("-", "_") in kinds
        if not option and not word:
            raise InputError(f"{arguments[0]}: an argument is empty; give a value.")
        if own and (not word or (word.startswith("--") and equals and not value)):
            raise InputError(
                f"{option}: its value is empty; give one, or leave it out."
            )


def with_inputs(command: type, arguments: Sequence[str]) -> Any:
    """Add the inputs of a run's experiment to a command's options.

    Raises:
        InputError: if an option is neither.
    """
    words = _plain_words(command, arguments)
    if arguments[:1] != [command.__name__.lower()] or not words:
        return command
    directory = Path(min(words, key=_doubt_of_run).word)
    inputs = load_run(directory).experiment.inputs
    own = {field.name for field in dataclasses.fields(command)} | {"help", "no_best"}
    for word in arguments[1:]:
        option = word[2:].partition("=")[0].replace("-", "_")
        if word.startswith("--") and option not in own | inputs.keys():
            known = ", ".join(f"--{name}" for name in sorted(inputs)) or "none"
            raise InputError(
                f"{word}: {directory} declares no such input; it declares {known}."
            )
    made: Any = dataclasses.make_dataclass(
        command.__name__,
        [
            (
                name,
                Annotated[tuple[str, ...], arg(help=each.help, metavar="VALUE ...")],
                (),
            )
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
    """Return the first devices, as many of each process; None for all.

    Raises:
        InputError: if there are not so many, or the processes do not divide them.
    """
    if count is None:
        return None
    check_positive_int("--devices", count)
    processes = jax.process_count()
    if count % processes:
        raise InputError(
            f"--devices is {count}, which {processes} processes do not divide evenly; "
            f"use a multiple of {processes}."
        )
    of_each = [jax.local_devices(process_index=i) for i in range(processes)]
    chosen = [device for own in of_each for device in own[: count // processes]]
    if len(chosen) < count:
        there = sum(map(len, of_each))
        raise InputError(
            f"--devices is {count}, but JAX finds {there} here; use at most {there}."
        )
    return chosen
