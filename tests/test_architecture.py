"""Imports run one way, and load no heavy library."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import jaxgan

ROOT = Path(jaxgan.__file__).parent
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path
    for path in sorted(ROOT.rglob("*.py"))
}

BASE = {"types", "errors", "precision", "batch_axis", "progress", "sealed_lines"}
GAMES = {"losses", "views", "games", "dynamics"}
MEASURED = {"data", "metrics", "sampling", "evaluation", "reporting"}

# The rooms that each room may use, besides itself.
ALLOWED = {
    "errors": set(),
    "versions": set(),
    "precision": {"errors"},
    "progress": set(),
    "sealed_lines": set(),
    "types": {"errors"},
    "batch_axis": {"types"},
    "networks": BASE,
    "losses": BASE,
    "views": BASE,
    "optimizers": BASE,
    "penalties": {"losses"},
    "games": BASE | {"networks", "losses", "views"},
    "dynamics": BASE | {"networks", "losses", "views", "games"},
    "algorithms": BASE | GAMES,
    "data": BASE,
    "metrics": BASE | {"data", "networks"},
    "theory": BASE | {"games"},
    "reporting": BASE,
    "sampling": BASE | {"games", "data"},
    "evaluation": BASE | {"versions", "data", "metrics", "sampling"},
    "training": BASE | GAMES | MEASURED | {"versions", "algorithms"},
    "cli": BASE | GAMES | MEASURED | {"versions", "training"},
    "names": BASE | GAMES | {"networks", "data", "algorithms"},
    "__main__": {"cli"},
}
ALLOWED["__init__"] = {*ALLOWED} - {"cli", "__main__"}


def imported(path):
    """Every module that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rooms_used(path):
    names = (name.split(".") for name in imported(path))
    return {parts[1] for parts in names if parts[0] == "jaxgan" and len(parts) > 1}


@pytest.mark.parametrize("name", FILES)
def test_imports_run_one_way(name):
    room = name.split(".")[0]
    assert rooms_used(FILES[name]) <= ALLOWED[room] | {room}


def test_the_rules_are_about_rooms_that_exist():
    rooms = {name.split(".")[0] for name in FILES}
    assert rooms == {*ALLOWED}
    assert rooms_used(FILES["games.gan"]) >= {"types", "errors", "games"}


@pytest.mark.parametrize(
    ("library", "homes"), [("flax", ("networks",)), ("orbax", ("training.checkpoint",))]
)
def test_a_library_is_known_in_one_place(library, homes):
    users = {
        next((home for home in homes if f"{name}.".startswith(f"{home}.")), name)
        for name, path in FILES.items()
        if any(module.split(".")[0] == library for module in imported(path))
    }
    assert users == set(homes)


HEAVY = ["sklearn", "matplotlib", "scipy", "flax.nnx", "grain"]
HEAVY += ["tensorflow_datasets", "tensorboardX"]


@pytest.mark.parametrize(
    ("modules", "heavy"),
    [
        ("jaxgan", ["jax", "numpy"]),
        (
            "jaxgan.names, jaxgan.reporting.figures, jaxgan.sampling.outputs",
            [*HEAVY, "orbax"],
        ),
        ("jaxgan.cli.main, jaxgan.data.readers.digits", HEAVY),
    ],
)
def test_importing_loads_no_heavy_library(modules, heavy):
    code = (
        f"import sys, {modules}; "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"


def texts(path):
    """Every text of a file as it is written, but for docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inner = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr | ast.JoinedStr)
        for child in ast.iter_child_nodes(node)
    }
    for node in ast.walk(tree):
        text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if (text or isinstance(node, ast.JoinedStr)) and id(node) not in inner:
            yield ast.unparse(node)


OF_THE_LIBRARY = [
    name for name in FILES if not name.startswith(("cli.", "training.sw"))
]


@pytest.mark.parametrize("name", OF_THE_LIBRARY)
def test_the_library_speaks_of_arguments_not_of_options(name):
    found = [text for text in texts(FILES[name]) if re.search(r"--[a-z]", text)]
    assert [text for text in found if "jaxgan data" not in text] == []


def test_options_would_be_found():
    assert any("--seed" in text for text in texts(FILES["cli.sample"]))
