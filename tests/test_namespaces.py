"""The public surface: central names at top level, everything else in a namespace."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import jaxgan

ROOT = Path(__file__).parent.parent


def public_modules(path="jaxgan", module=jaxgan):
    """All modules that the lists of public names reach, by their public paths."""
    found = {path: module}
    for name in module.__all__:
        if isinstance(value := getattr(module, name), ModuleType):
            found |= public_modules(f"{path}.{name}", value)
    return found


PUBLIC = public_modules()
NAMESPACES = [name for name in jaxgan.__all__ if f"jaxgan.{name}" in PUBLIC]


def test_about_45_names_and_the_namespaces_are_at_top_level():
    names = {*jaxgan.__all__} - {*NAMESPACES, "__version__"}
    assert 40 <= len(names) <= 50
    assert {*NAMESPACES} == {
        *("algorithms", "data", "dynamics", "evaluation", "games", "losses", "metrics"),
        *("networks", "optimizers", "penalties", "priors", "reporting", "sampling"),
        *("theory", "training", "views"),
    }
    assert jaxgan.__version__ and {*dir(jaxgan)} == {*jaxgan.__all__}


@pytest.mark.parametrize("name", PUBLIC)
def test_every_namespace_holds_what_it_lists(name):
    namespace = PUBLIC[name]
    assert len({*namespace.__all__}) == len(namespace.__all__) > 1
    for public in namespace.__all__:
        assert hasattr(namespace, public), public


def users():
    """All Python that users read: experiments, notebooks, pages, doctests."""
    for path in sorted((ROOT / "experiments").rglob("*.py")):
        yield path, path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
        python = [cell for cell in code if not cell.startswith("%%")]
        yield path, re.sub(r"^( *)%.*$", r"\1pass", "\n".join(python), flags=re.M)
    for path in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]):
        blocks = re.findall(r"```python\n(.*?)```", path.read_text("utf-8"), re.DOTALL)
        if blocks:
            yield path, "\n".join(blocks)


USERS = {str(path.relative_to(ROOT)): code for path, code in users()}


def imported(tree):
    """Each import from jaxgan: the module, the name taken, the name it gets here."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "jaxgan":
                    yield alias.name, None, alias.asname
        elif isinstance(node, ast.ImportFrom) and node.module.startswith("jaxgan"):
            for alias in node.names:
                yield node.module, alias.name, alias.asname or alias.name


def used(code):
    """Pairs of a module of jaxgan and a name taken from it, by imports and dots."""
    tree, bound = ast.parse(code), {}
    for module, name, local in imported(tree):
        yield module, name
        path = module if name is None else f"{module}.{name}"
        if path in PUBLIC:
            bound[local or "jaxgan"] = path
    for node in ast.walk(tree):
        names = ast.unparse(node).split(".") if isinstance(node, ast.Attribute) else []
        if names and names[0] in bound:
            module = ".".join([bound[names[0]], *names[1:-1]])
            if module in PUBLIC:
                yield module, names[-1]


def inner(code):
    """Names of jaxgan that code uses and that are not public."""
    return [
        f"{module}.{name}" if name else module
        for module, name in used(code)
        if module not in PUBLIC or (name and name not in PUBLIC[module].__all__)
    ]


@pytest.mark.parametrize("path", USERS)
def test_what_users_read_uses_only_public_names(path):
    assert inner(USERS[path]) == []


def test_inner_names_would_be_found():
    assert {"README.md", "docs/games.md", "notebooks/games.ipynb"} <= {*USERS}
    assert inner("import jaxgan as jg\njg.data.readers\njg.data.folder(x).y") == [
        "jaxgan.data.readers"
    ]
    assert inner("from jaxgan.metrics.kid import kid") == ["jaxgan.metrics.kid.kid"]
    assert inner("from jaxgan.metrics import kid, checks") == ["jaxgan.metrics.checks"]


def test_doctests_of_public_names_import_them_from_where_they_are_public():
    wrong = []
    for path in sorted((ROOT / "jaxgan").rglob("*.py")):
        lines = re.findall(r">>> (from jaxgan.*)$", path.read_text("utf-8"), re.M)
        for module, name in (pair for line in lines for pair in used(line)):
            home = PUBLIC.get(".".join(module.split(".")[:2]), jaxgan)
            if module not in PUBLIC and name in home.__all__:
                wrong.append(f"{path.name}: from {module} import {name}")
    assert wrong == []


def test_nothing_else_is_found():
    with pytest.raises(AttributeError, match="no attribute 'wgan'"):
        _ = jaxgan.wgan


def test_the_heavy_namespaces_are_loaded_when_they_are_used():
    late = ["evaluation", "metrics", "sampling", "theory", "training", "reporting"]
    code = (
        "import sys, jaxgan\n"
        f"print([n for n in {late} if f'jaxgan.{{n}}' in sys.modules])\n"
        "print(jaxgan.metrics.frechet_distance.__name__, jaxgan.train.__name__)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert run.stdout.splitlines() == ["[]", "frechet_distance train"]
