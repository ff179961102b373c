"""Import the modules beside an experiment's file, and copy them into its runs.

An experiment may import modules that lie beside it, as a script may. A run keeps copies
in RUN/modules, so that it needs nothing else: of those that are imported, and of those
that its code would import later, inside a function.
"""

import ast
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
        file = Path(name_of_file)  # of a link its own name, not its target's
        if not file.is_relative_to(folder):
            continue
        relative = file.relative_to(folder)
        stem = relative.name.partition(".")[0]  # without .cpython-311.so too
        parts = (*relative.parent.parts, *([stem] if stem != "__init__" else []))
        if ".".join(parts) == name and parts[0] != "jaxgan":
            found[name] = relative
    return found


def modules_of(folder: Path, code: Path | None) -> dict[str, Path]:
    """List the modules in a folder that are imported, or that code would import.

    Args:
        folder: of the modules.
        code: a Python file whose imports are followed, those in its functions too.
    """
    folder = folder.resolve()
    found = local_modules(folder)
    todo = [folder / relative for relative in found.values()] + ([code] if code else [])
    while todo:
        file = todo.pop()
        if file.suffix != ".py":
            continue
        inside = file.parent.is_relative_to(folder)
        package = file.parent.relative_to(folder).parts if inside else ()
        for name in _imported_names(file, package):
            for relative in _files_of(folder, name):
                if relative not in found.values():
                    found[name] = relative
                    todo.append(folder / relative)
    return found


def _imported_names(file: Path, package: tuple[str, ...]) -> set[str]:
    """Names of the modules that a file imports; of `from a import b` also `a.b`.

    Args:
        file: a Python file.
        package: the names of the packages in which it lies, the outermost first.
    """
    names = set()
    try:
        tree = ast.parse(file.read_bytes())
    except SyntaxError as error:
        raise InputError(f"{file}, line {error.lineno}: {error.msg}.") from error
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            # A relative one is of the package in which the file lies, or of one above.
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            names |= {f"{module}.{alias.name}" for alias in node.names}
            names |= {module} if module else set()
    return names


def _files_of(folder: Path, name: str) -> list[Path]:
    """List the files of a module in a folder, relative to it: its packages' too."""
    parts = name.split(".")
    if parts[0] == "jaxgan":
        return []
    packages = [Path(*parts[:n], "__init__.py") for n in range(1, len(parts) + 1)]
    candidates = [*packages, Path(*parts).with_suffix(".py")]
    return [relative for relative in candidates if (folder / relative).is_file()]


def own_folders() -> list[Path]:
    """List the folders of a program's own modules: where it runs, and its script's."""
    folders = [Path.cwd()]
    script = getattr(sys.modules["__main__"], "__file__", None)
    # Of a script, Python looks there first. A module that is run may lie anywhere.
    if script is not None and Path(script).resolve().parent == Path(sys.path[0]):
        folders.append(Path(sys.path[0]))
    return folders


def copy_modules(folder: Path, run: Path, code: Path | None = None) -> None:
    """Copy the modules of a folder into a run directory.

    Args:
        folder: of the modules.
        run: the run directory.
        code: the experiment's file, if it has one.

    Raises:
        InputError: if one cannot be copied.
    """
    for name, relative in modules_of(folder, code).items():
        target = run / MODULES / relative
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / relative, target)
        except OSError as error:
            raise InputError(
                f"{folder / relative}: the module {name!r} that the experiment imports "
                f"cannot be copied into the run: {error.strerror or error}."
            ) from error


def changed_module(folder: Path, run: Path, code: Path) -> Path | None:
    """Find a module whose copy in a run differs; None if all are the same.

    The modules are those that `copy_modules` copies.
    """
    for relative in modules_of(folder, code).values():
        kept, now = run / MODULES / relative, folder / relative
        if not kept.exists() or kept.read_bytes() != now.read_bytes():
            return now
    return None
