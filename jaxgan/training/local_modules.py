"""Import the modules beside an experiment's file, and copy them into its runs.

An experiment may import modules that lie beside it, as a script may. A run keeps a copy
of each in RUN/modules, so that it needs nothing else.
"""

import shutil
import sys
from pathlib import Path

from jaxgan.errors import InputError

MODULES = "modules"
"""The directory of a run that holds them."""


def module_folder(file: Path) -> Path:
    """Return the folder of the modules that an experiment's file may import."""
    kept = file.parent / MODULES
    is_run = (file.parent / "run.json").exists()
    return kept if is_run and kept.is_dir() else file.parent


def make_importable(folder: Path) -> None:
    """Put a folder first on sys.path, in place of other experiments' folders.

    Modules of the same name that were imported from another experiment's folder are
    forgotten.
    """
    for other in [Path(entry) for entry in sys.path if entry in _FOLDERS]:
        for name in local_modules(other):
            del sys.modules[name]
    own = str(folder.resolve())
    sys.path[:] = [own, *(x for x in sys.path if x not in _FOLDERS and x != own)]
    _FOLDERS.add(own)


_FOLDERS: set[str] = set()
"""Folders that were made importable; sys.path holds at most one of them."""


def local_modules(folder: Path) -> dict[str, Path]:
    """List the imported modules that lie in a folder: names, and relative files."""
    folder = folder.resolve()
    found = {}
    for name, module in sorted(sys.modules.items()):
        if (name_of_file := getattr(module, "__file__", None)) is None:
            continue
        file = Path(name_of_file).resolve()
        if not file.is_relative_to(folder):
            continue
        relative = file.relative_to(folder)
        parts = relative.with_suffix("").parts
        if parts[-1] == "__init__":
            parts = parts[:-1]
        if ".".join(parts) == name and parts[0] != "jaxgan":
            found[name] = relative
    return found


def copy_modules(folder: Path, run: Path) -> None:
    """Copy the imported modules of a folder into a run directory.

    Raises:
        InputError: if one cannot be copied.
    """
    for name, relative in local_modules(folder).items():
        target = run / MODULES / relative
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / relative, target)
        except OSError as error:
            raise InputError(
                f"{folder / relative}: the module {name!r} that the experiment imports "
                f"cannot be copied into the run: {error.strerror or error}."
            ) from error


def changed_module(folder: Path, run: Path) -> Path | None:
    """Find a module whose copy in a run differs; None if all are the same."""
    for relative in local_modules(folder).values():
        kept, now = run / MODULES / relative, folder / relative
        if not kept.exists() or kept.read_bytes() != now.read_bytes():
            return now
    return None
