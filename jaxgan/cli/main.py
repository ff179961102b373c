"""Parse the command line and run a command."""

import contextlib
import difflib
import importlib.metadata
import logging
import os
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, NoReturn, Union

import tyro
from tyro.conf import subcommand

from jaxgan.cli.compare import Compare
from jaxgan.cli.data import Data
from jaxgan.cli.evaluate import Evaluate
from jaxgan.cli.evaluate_folders import EvaluateFolders
from jaxgan.cli.experiments import Experiments
from jaxgan.cli.interpolate import Interpolate
from jaxgan.cli.list import List
from jaxgan.cli.new import New
from jaxgan.cli.options import check_values, with_config, with_inputs
from jaxgan.cli.record import Record
from jaxgan.cli.sample import Sample
from jaxgan.cli.streams import unfailing_streams
from jaxgan.cli.sweep import Sweep
from jaxgan.cli.train import Train
from jaxgan.errors import InputError, Interrupted, RunError, check_platform
from jaxgan.training.processes import (
    OUT_OF_MEMORY,
    are_several,
    is_told,
    leads,
    leave,
)

DESCRIPTION = "Train GANs and other games, sample them, and score what they make."

STOPPED = RunError("stopped.")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command, and exit with its status."""
    with unfailing_streams(), _unswallowed():
        _run(sys.argv[1:] if arguments is None else list(arguments))


@contextlib.contextmanager
def _unswallowed() -> Iterator[None]:
    """Let Ctrl-C end the command also where Python would report it and go on.

    That is in callbacks, such as JAX's of the garbage collector.
    """
    hook = sys.unraisablehook

    def end(thrown: Any) -> None:
        if not issubclass(thrown.exc_type, KeyboardInterrupt):
            return hook(thrown)
        status = _report(STOPPED, 130)
        sys.stdout.flush()
        os._exit(status)

    sys.unraisablehook = end
    try:
        yield
    finally:
        sys.unraisablehook = hook


def _run(arguments: Sequence[str]) -> None:
    logging.basicConfig(level=logging.WARNING)  # which Orbax has already called
    for handler in logging.getLogger().handlers:
        handler.setFormatter(logging.Formatter("%(message)s"))
    if [*arguments] == ["--version"]:
        print(f"jaxgan {importlib.metadata.version('jaxgan')}")
        return
    try:
        _parse(arguments).execute()
    except KeyboardInterrupt:  # before the first step, or a second one
        # Orbax may have left coroutines, of which Python would complain at its end.
        never = "coroutine .* was never awaited"
        warnings.filterwarnings("ignore", never, RuntimeWarning)
        _end(STOPPED, 130)
    except Interrupted as stop:
        _end(stop, 128 + stop.signal_number)
    except InputError as error:
        _end(error, 2)
    except RunError as error:
        _end(error, 1)
    except (AssertionError, MemoryError, RuntimeError) as error:
        if (cause := _cause(error)) is None:
            raise
        _end(cause, 2 if isinstance(cause, InputError) else 1)
    except OSError as error:
        where = error.filename2 or error.filename or "a file"
        _end(RunError(f"{where}: {error.strerror or error}."), 1)


def _parse(arguments: Sequence[str]) -> Any:
    commands = [
        with_config(Train, arguments),
        with_config(Sweep, arguments),
        with_inputs(Sample, arguments),
        with_inputs(Interpolate, arguments),
        Evaluate,
        EvaluateFolders,
        Compare,
        Record,
        List,
        Data,
        Experiments,
        New,
    ]
    names = [_name(each) for each in commands]
    if arguments and not arguments[0].startswith("-") and arguments[0] not in names:
        near = difflib.get_close_matches(arguments[0], names) or names
        raise InputError(
            f"{arguments[0]!r} is not a command; did you mean {' or '.join(near)}?"
        )
    for each in [*commands, Train, Sweep]:  # of which the first are other classes
        if arguments[:1] == [_name(each)]:
            check_values(each, arguments)
    if {"-h", "--help"} & {*arguments[1:]}:
        arguments = [arguments[0], "--help"]  # or the arguments read are left out
    named = [Annotated[each, subcommand(_name(each))] for each in commands]
    kinds: Any = Union[tuple(named)]  # noqa: UP007 - built at run time
    return tyro.cli(
        kinds,
        args=arguments,
        prog="jaxgan",
        description=DESCRIPTION,
    )


def _name(command: type) -> str:
    """Return the name of a command: `evaluate-folders` for `EvaluateFolders`."""
    return re.sub("(?<!^)([A-Z])", r"-\1", command.__name__).lower()


def _cause(error: Exception) -> Exception | None:
    """Find why JAX failed, where it says so: no memory, or no device."""
    if isinstance(error, MemoryError) or OUT_OF_MEMORY in str(error):
        return RunError("there is not enough memory for this.")
    try:
        check_platform()
    except InputError as unusable:
        return unusable
    return None


def _end(error: Exception, status: int) -> NoReturn:
    """End the command; of several processes, only one reports what ends all."""
    stopped = isinstance(error, Interrupted)
    if leads() or not (stopped or is_told(error)):
        _report(error, status)
    if are_several() and not stopped:
        leave(status)
    sys.exit(status)


def _report(error: Exception, status: int) -> int:
    print(f"jaxgan: {error}", file=sys.stderr)
    return status
