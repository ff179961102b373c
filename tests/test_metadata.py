"""The long description that a package index shows."""

import re
import shutil
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest
from hatchling.build import build_wheel

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
ADDRESS = "https://example.org/somebody/jaxgan"
LINK = re.compile(r"(!?)\[[^]]*\]\(([^)\s]+)\)")


@pytest.fixture
def metadata(tmp_path, monkeypatch):
    """Builds a wheel under an address of the repository, and reads its metadata."""

    def build(repository, readme=README):
        project = tmp_path / "project"
        (project / "jaxgan").mkdir(parents=True)
        (project / "jaxgan" / "__init__.py").touch()
        for name in ("pyproject.toml", "hatch_build.py", "LICENSE"):
            shutil.copyfile(ROOT / name, project / name)
        (project / "README.md").write_text(readme, encoding="utf-8")
        settings = project / "pyproject.toml"
        text, found = re.subn(
            'Repository = ".*?"', f'Repository = "{repository}"', settings.read_text()
        )
        assert found == 1
        settings.write_text(text)
        monkeypatch.chdir(project)
        with zipfile.ZipFile(tmp_path / build_wheel(str(tmp_path))) as wheel:
            [name] = [n for n in wheel.namelist() if n.endswith("/METADATA")]
            return message_from_bytes(wheel.read(name))

    return build


def description(metadata):
    return metadata.get_payload(decode=True).decode()


def test_without_an_address_the_description_is_the_readme(metadata):
    built = metadata("")
    assert description(built) == README
    assert built["Description-Content-Type"] == "text/markdown"
    assert "Project-URL" not in built


@pytest.mark.parametrize("address", [ADDRESS, f"{ADDRESS}/"])
def test_with_an_address_every_link_leads_to_a_file_of_the_repository(
    metadata, address
):
    built = metadata(address)
    assert built.get_all("Project-URL") == [f"Repository, {address}"]
    before, after = LINK.findall(README), LINK.findall(description(built))
    changed = 0
    for (image, old), (_, new) in zip(before, after, strict=True):
        if re.match("https?:|#", old):
            assert new == old
            continue
        changed += 1
        assert new == f"{ADDRESS}/{'raw' if image else 'blob'}/main/{old}"
        assert (ROOT / old.partition("#")[0]).is_file(), old
    assert changed > 20
    assert LINK.sub("", description(built)) == LINK.sub("", README)


def test_links_within_the_text_absolute_ones_and_code_stay(metadata):
    kept = (
        "[a](#a) [b](https://b.org/c.md) <d.md> `f[x](y)`\n```\nx = f[i](y.md)\n```\n"
    )
    readme = f"{kept}[more\nwords](docs/a.md#b) ![p](p.png)\n"
    changed = (
        f"[more\nwords]({ADDRESS}/blob/main/docs/a.md#b) ![p]({ADDRESS}/raw/main/p.png)"
    )
    assert description(metadata(ADDRESS, readme)) == f"{kept}{changed}\n"
