"""The API reference shows every public name, with the fields of records."""

import re
from pathlib import Path
from types import ModuleType

import pytest

import jaxgan
from tests.test_namespaces import PUBLIC

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs" / "reference").glob("*.md"))


def test_every_namespace_is_in_the_reference():
    pages = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    shown = {*re.findall(r"^::: (\S+)$", pages, re.MULTILINE)}
    modules = {id(module): path for path, module in PUBLIC.items() if path != "jaxgan"}
    for module in modules.values():
        homes = {path for path in PUBLIC if PUBLIC[path] is PUBLIC[module]}
        assert homes & shown, module


def test_every_page_is_in_the_navigation():
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = (ROOT / "docs").rglob("*.md")
    listed = {*re.findall(r"(\S+\.md)$", text, re.MULTILINE)}
    assert listed == {page.relative_to(ROOT / "docs").as_posix() for page in pages}


@pytest.fixture(scope="module")
def package():
    griffe = pytest.importorskip("griffe")
    extensions = griffe.load_extensions(str(ROOT / "docs" / "griffe_extension.py"))
    loader = griffe.GriffeLoader(extensions=extensions, search_paths=[ROOT])
    found = loader.load("jaxgan")
    loader.resolve_aliases(implicit=True)
    return found


def fields(package, path):
    [section] = [
        section
        for section in package[path].docstring.parse("google", warnings=False)
        if section.kind.value == "attributes"
    ]
    return {each.name: each for each in section.value}


def test_the_reference_shows_whatever_a_namespace_lists(package):
    for path, module in PUBLIC.items():
        for name in module.__all__:
            value = getattr(module, name)
            if path != "jaxgan" and not isinstance(value, ModuleType):
                shown = package[f"{path}.{name}".removeprefix("jaxgan.")]
                assert not shown.is_module, (path, name)
                assert shown.has_docstring, (path, name)


def test_the_reference_shows_fields_from_lists_and_from_comments(package):
    network = fields(package, "types.Network")
    assert [*network] == [*jaxgan.Network._fields]
    assert network["prepare"].description.endswith("before `apply`.")
    batch = fields(package, "types.Batch")
    assert batch["condition"].description.startswith("further network inputs")
    pulled = fields(package, "types.Round")
    assert pulled["real_pullback"].description == pulled["fake_pullback"].description
    assert {*fields(package, "training.Run")} == {*jaxgan.training.Run._fields}


def test_the_reference_keeps_the_shapes_of_arrays(package):
    assert str(package["types.Score"]["logits"].annotation) == (
        "Float[Array, 'b *patch']"
    )
    kid = package["metrics.kid"].parameters
    assert str(kid["real"].annotation) == "Real[np.ndarray, 'n d']"
