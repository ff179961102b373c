"""Find the experiments that come with jaxgan by name."""

import ast
import difflib
import re
from pathlib import Path
from typing import NamedTuple

from jaxgan.errors import InputError
from jaxgan.training.near_runs import near_runs


class Summary(NamedTuple):
    """An experiment's docstring in parts."""

    title: str  # its first line
    paper: str
    cost: str
    expect: str


def packaged_experiments() -> dict[str, Path]:
    """List the experiment files that come with jaxgan, by name."""
    package = Path(__file__).parent.parent
    installed, checkout = package / "experiments", package.parent / "experiments"
    folder = installed if installed.is_dir() else checkout
    return {path.stem: path for path in sorted(folder.glob("*.py"))}


def find_experiment(name: Path) -> Path:
    """Resolve a path, or the name of a packaged experiment such as `digits`.

    Raises:
        InputError: if it is neither; the nearest names are offered.
    """
    is_run = (name / "run.json").exists()
    if name.is_file() or is_run or name.suffix == ".py":
        return name
    found = packaged_experiments()
    if str(name) in found:
        return found[name.name]
    if name.exists():
        return name
    near = []
    if len(name.parts) == 1:
        near = difflib.get_close_matches(name.name, found, cutoff=0.5)
    near = [*near, *map(str, near_runs(name))] or [*found]
    raise InputError(
        f"{name} is neither a file, a run directory nor a packaged experiment; did you "
        f"mean {' or '.join(near)}? `jaxgan experiments` lists them."
    )


def summarize_experiment(path: Path) -> Summary:
    """Read the docstring of an experiment file, which is not run."""
    doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""

    def section(name: str) -> str:
        found = re.search(rf"^{name}: (.*?)(?=\n\n|\Z)", doc, re.DOTALL | re.MULTILINE)
        return " ".join(found[1].split()) if found else ""

    title = doc.partition("\n")[0]
    return Summary(title, section("Paper"), section("Cost"), section("Expect"))
