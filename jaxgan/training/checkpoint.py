"""Save and restore checkpoints with Orbax, which no other file imports.

A checkpoint is a directory named by its step. It is written under another name and
renamed when whole, so a process killed while saving leaves the older ones as they were.
Three trees lie in it, so that sampling reads no more than it needs: "variables",
"ema" (where averages are kept) and "training", the rest of the state. Frozen networks,
which never change, are saved once for all checkpoints, in `frozen` beside them. With
each tree its digest is saved, and checked when the tree is read: flipped bits are
damage, not other numbers.
"""

import contextlib
import gc
import logging
import shutil
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray
from orbax.checkpoint import v1 as ocp

from jaxgan.data.digest import digest_of
from jaxgan.errors import RunError
from jaxgan.training.processes import LostProcess, exchange, lead, own_copy
from jaxgan.types import NetworkName, State, Tree, Variables

DIGESTS = "digests"
"""The name of the digests among the trees of a checkpoint."""

ATTEMPTS = 20
"""How often a checkpoint is looked for while a trainer removes what is read."""

PATIENCE = 10.0
"""Seconds to wait for each thread of a save that failed."""


class Checkpoints:
    """A directory of checkpoints, open for writing. Use it in a `with` statement.

    Saving goes on in the background while training does; a save that failed is reported
    by the next call, as a `RunError` that names the last checkpoint that is whole.

    Args:
        directory: made if absent.
        keep: how many of the latest to keep; all if None.
    """

    def __init__(self, directory: Path, keep: int | None) -> None:
        self.directory = directory
        self._saving: ocp.AsyncResponse | None = None
        self._quiet = _quiet_orbax()  # as long as its threads may be at work
        context = ocp.Context()
        # In several processes, a save of one directory may begin while that of another
        # goes on, so that their barriers must not have one name.
        context.multiprocessing.barrier_sync_key_prefix = directory.name
        self._orbax = ocp.training.Checkpointer(
            directory.absolute(),
            preservation_policy=ocp.training.preservation_policies.LatestN(keep),
            cleanup_tmp_directories=True,
            context=context,
        )
        # Orbax would tell JAX steps where the signals of a run tell it their calls.
        manager: Any = self._orbax._manager
        manager.reached_preemption = lambda step: False

    def __enter__(self) -> "Checkpoints":
        self._quiet.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        try:
            if kind is not None and issubclass(kind, LostProcess):
                return  # with which Orbax would wait to save
            with self._translated():
                self._await_save()
                self._orbax.close()
        except RunError:
            if kind is None:  # else the first error is the one to be told
                raise
        finally:
            self._quiet.__exit__(None, None, None)

    def save(self, state: State) -> None:
        """Start saving; the arrays may be changed or donated once this returns.

        A step that is saved already is left as it is.
        """
        self.wait()
        if (step := int(state.step)) in steps(self.directory):
            return
        with self._translated():
            if state.frozen and not _frozen(self.directory).exists():
                frozen = _with_digests({"frozen": state.frozen})
                ocp.save_checkpointables(_frozen(self.directory), frozen)
            trees = _with_digests(_split(state))
            self._saving = self._orbax.save_checkpointables_async(
                step, trees, force=True
            )

    def wait(self) -> None:
        """Return when the last save is whole."""
        with self._translated():
            self._await_save()

    def last_good(self) -> str:
        """Wait for the last save, and describe the newest whole checkpoint in words."""
        with contextlib.suppress(Exception):  # it failed: not whole
            self._await_save()
        return last_good(self.directory)

    def _await_save(self) -> None:
        saving, self._saving = self._saving, None
        if saving is not None:
            saving.result()  # or its threads and descriptors are never freed
        self._orbax.wait()

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            reason = _reason(error)
            with _quiet_asyncio():
                gc.collect()
            _join_orbax()
            raise RunError(
                f"saving into {self.directory} failed ({reason}); {self.last_good()}."
            ) from error


def steps(directory: Path) -> list[int]:
    """List the steps that have a checkpoint, whole or not, in ascending order."""
    if not directory.is_dir():
        return []
    return sorted(int(path.name) for path in directory.iterdir() if path.name.isdigit())


def last_good(directory: Path) -> str:
    """Describe the newest checkpoint, which is whole unless damaged from outside."""
    found = steps(directory)
    if not found:
        return "there is no checkpoint yet"
    return f"the last good checkpoint is {directory / str(found[-1])}"


def restore(directory: Path, like: State) -> State | None:
    """Load the newest state that can be read; None if the directory holds none.

    Damaged newer checkpoints are moved out of the way, into `unreadable` beside the
    directory, so that training can go on over them.

    Args:
        like: shapes, types and shardings, from `jax.eval_shape`.

    Raises:
        RunError: if there are checkpoints and none can be read, or several processes
            read different ones.
    """
    found = _read_newest(directory, _split(like))
    read = exchange(None if found is None else found[0])
    if len({*read}) > 1:
        raise RunError(
            f"{directory}: the processes read different steps ({read}); all must see "
            "the same files."
        )
    if found is None:
        return None
    step, trees = found
    lead(partial(_set_aside, directory, step))
    return _joined(trees, directory, like)


def states_back(directory: Path, like: State) -> Iterator[State]:
    """Load the states that can be read, one after the other, the newest first.

    Args:
        like: as in `restore`.
    """
    for step in reversed(steps(directory)):
        trees, _ = _try_load(directory.absolute() / str(step), _split(like))
        if trees is not None:
            yield _joined(trees, directory, like)


def _set_aside(directory: Path, step: int) -> None:
    """Move the checkpoints after a step away."""
    for damaged in (s for s in steps(directory) if s > step):
        aside = directory.parent / "unreadable" / str(damaged)
        shutil.rmtree(aside, ignore_errors=True)
        aside.parent.mkdir(exist_ok=True)
        (directory / str(damaged)).rename(aside)


def restore_networks(
    directory: Path, like: State
) -> tuple[int, dict[NetworkName, Variables]]:
    """Load the newest step that can be read, and its networks, averaged ones preferred.

    Raises:
        RunError: if no checkpoint can be read.
    """
    trees = _split(like)
    del trees["training"]
    found = _read_newest(directory, trees)
    if found is None:
        raise RunError(f"{directory} holds no checkpoint; train for longer first.")
    step, trees = found
    networks = trees["variables"] | trees.get("ema", {})
    return step, networks | _restore_frozen(directory, like)


def _split(state: State) -> dict[str, Tree]:
    training = state._asdict()
    trees = {"variables": training.pop("variables")}
    ema = training.pop("ema")
    del training["frozen"]
    if ema:
        trees["ema"] = ema
    return {**trees, "training": training}


def _joined(trees: dict[str, Tree], directory: Path, like: State) -> State:
    return State(
        variables=trees["variables"],
        ema=trees.get("ema", {}),
        frozen=_restore_frozen(directory, like),
        **trees["training"],
    )


def _with_digests(trees: dict[str, Tree]) -> dict[str, Tree]:
    """Add the digest of each tree, under "digests"."""
    return {**trees, DIGESTS: {name: _digest(tree) for name, tree in trees.items()}}


def _digest(tree: Tree) -> NDArray[np.uint8]:
    # One by one, since devices that divide a state may not hold it whole.
    here = jax.tree.map(lambda x: np.asarray(own_copy(x)), _without_keys(tree))
    return np.frombuffer(bytes.fromhex(digest_of(here)), np.uint8)


def _without_keys(tree: Tree) -> Tree:
    """Replace random keys by their data, which NumPy can hold."""

    def plain(x: Any) -> Any:
        is_key = jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key)
        return jax.random.key_data(x) if is_key else x

    return jax.tree.map(plain, tree)


def _frozen(directory: Path) -> Path:
    return directory.absolute().parent / "frozen"


def _restore_frozen(directory: Path, like: State) -> dict[NetworkName, Variables]:
    if not like.frozen:
        return {}
    path = _frozen(directory)
    trees, reason = _try_load(path, {"frozen": like.frozen})
    if trees is None:
        raise RunError(f"the frozen networks in {path} cannot be read ({reason}).")
    return trees["frozen"]


def _try_load(path: Path, like: dict[str, Tree]) -> tuple[dict[str, Tree] | None, str]:
    """Load some trees, or return the reason why they cannot be read."""
    with _quiet_orbax(), _quiet_asyncio():
        try:
            digests = ocp.load_checkpointables(path, {DIGESTS: None})[DIGESTS]
            trees = {
                name: ocp.load_checkpointables(path, {name: tree})[name]
                for name, tree in like.items()
            }
        except Exception as error:  # torn files fail in many ways
            reason = _reason(error)
        else:
            for name, tree in trees.items():
                if not np.array_equal(_digest(tree), digests[name]):
                    return None, f"{name} is damaged: its digest is another"
            return trees, ""
        gc.collect()  # what was not awaited, now that the error no longer holds it
    return None, reason


def _read_newest(
    directory: Path, like: dict[str, Tree]
) -> tuple[int, dict[str, Tree]] | None:
    """Read the newest step that can be read; None if there is no checkpoint.

    A trainer may remove a step while it is read, but not without a newer one: then the
    directory is looked at again.
    """
    for _ in range(ATTEMPTS):
        found = steps(directory)
        try:
            return _read_newest_of(directory, found, like)
        except RunError:
            if steps(directory) == found:
                raise
    raise RunError(f"{directory}: checkpoints are removed faster than they are read.")


def _read_newest_of(
    directory: Path, found: Sequence[int], like: dict[str, Tree]
) -> tuple[int, dict[str, Tree]] | None:
    reasons = []
    for step in reversed(found):
        path = directory.absolute() / str(step)
        trees, reason = _try_load(path, like)
        if trees is not None:
            return step, trees
        reasons.append(f"step {step}: {reason}")
        if not path.exists():  # removed by a trainer
            continue
        logging.getLogger("jaxgan").warning(
            "checkpoint %s cannot be read (%s); trying the one before",
            directory / str(step),
            reason,
        )
    if reasons:
        raise RunError(
            f"no checkpoint in {directory} can be read ({'; '.join(reasons)})."
        )
    return None


def _join_orbax() -> None:
    """Wait for the threads of a save that failed, which would report it at length."""
    for thread in threading.enumerate():
        if type(thread).__module__.startswith("orbax"):
            with contextlib.suppress(Exception):  # that of the thread, once more
                thread.join(PATIENCE)


def _reason(error: BaseException) -> str:
    """Return the cause of an Orbax error in one line.

    Raises:
        KeyboardInterrupt: if it is one, which Orbax takes for a failure.
    """
    while error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, KeyboardInterrupt):
        raise KeyboardInterrupt from error
    text = str(error)
    if "No space left on device" in text:
        return "no space left on device"
    return (text.strip().split("\n") or [""])[0][:200] or type(error).__name__


# TensorStore leaks what it answers when Orbax asks it how many bytes were written,
# which Orbax only logs: some 60 kB at each save.


def _not_counted(*direction: Any) -> None:
    """Answer for TensorStore that no bytes are counted."""


with contextlib.suppress(ImportError):  # private, and elsewhere in another version
    from orbax.checkpoint._src.serialization import tensorstore_utils

    vars(tensorstore_utils)["get_tensorstore_raw_bytes"] = _not_counted

# A load or save that fails leaves others under way; Python would report each at length.


def _unless_orbax(hook: Callable[[Any], Any], thrown: Any) -> None:
    """Pass on what a thread or the collector reports, but for Orbax's abandoned reads.

    Args:
        hook: `threading.excepthook` or `sys.unraisablehook`.
        thrown: what it takes.
    """
    frames = traceback.extract_tb(thrown.exc_traceback)
    is_late = "Event loop is closed" in str(thrown.exc_value)
    of_orbax = is_late or any("orbax" in frame.filename for frame in frames)
    if not of_orbax or not issubclass(thrown.exc_type, Exception):  # but Ctrl-C, say
        hook(thrown)


@contextlib.contextmanager
def _quiet_asyncio() -> Iterator[None]:
    """Silence asyncio about tasks and coroutines that nobody has awaited."""

    def silent(record: logging.LogRecord) -> bool:
        return False

    logger = logging.getLogger("asyncio")
    logger.addFilter(silent)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            yield
    finally:
        logger.removeFilter(silent)


@contextlib.contextmanager
def _quiet_orbax() -> Iterator[None]:
    """Silence Orbax's log, which repeats every exception as several tracebacks."""

    def is_not_orbax(record: logging.LogRecord) -> bool:
        return "orbax" not in record.pathname

    logger, hook = logging.getLogger("absl"), threading.excepthook
    unraisable = sys.unraisablehook
    logger.addFilter(is_not_orbax)
    threading.excepthook = partial(_unless_orbax, hook)
    sys.unraisablehook = partial(_unless_orbax, unraisable)
    try:
        yield
    finally:
        logger.removeFilter(is_not_orbax)
        threading.excepthook, sys.unraisablehook = hook, unraisable


def shapes(make: Callable[[], Tree], shardings: Tree) -> Tree:
    """Return the abstract state that a function makes, with shardings.

    Args:
        make: makes the state.
        shardings: one for all arrays, or a tree of one for each.
    """
    like = jax.eval_shape(make)
    if isinstance(shardings, jax.sharding.Sharding):
        shardings = jax.tree.map(lambda _: shardings, like)
    return jax.tree.map(
        lambda x, sharding: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding),
        like,
        shardings,
    )
