"""The public surface: central names at top level, everything else in a namespace."""

import importlib
import subprocess
import sys

import pytest

import jaxgan

NAMESPACES = [
    name
    for name in jaxgan.__all__
    if name.islower() and type(getattr(jaxgan, name)) is type(jaxgan)
]


def test_about_45_names_and_the_namespaces_are_at_top_level():
    names = {*jaxgan.__all__} - {*NAMESPACES, "__version__"}
    assert 40 <= len(names) <= 50
    assert {*NAMESPACES} == {
        *("algorithms", "data", "dynamics", "evaluation", "games", "losses", "metrics"),
        *("networks", "optimizers", "penalties", "priors", "reporting", "sampling"),
        *("theory", "training", "views"),
    }
    assert jaxgan.__version__ and {*dir(jaxgan)} == {*jaxgan.__all__}


@pytest.mark.parametrize("name", sorted({*NAMESPACES} - {"priors", "optimizers"}))
def test_every_namespace_holds_what_it_lists(name):
    namespace = importlib.import_module(f"jaxgan.{name}")
    assert len({*namespace.__all__}) == len(namespace.__all__) > 1
    for public in namespace.__all__:
        assert hasattr(namespace, public), public


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
