"""The README, CONTRIBUTING and the tools agree with the project."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.mark.slow
def test_the_examples_run_and_are_short(capsys):
    """The second goes on from the first."""
    known = {"__name__": "readme"}
    for example in blocks("python"):
        assert len(example.strip().splitlines()) <= 20
        exec(compile(example, "README.md", "exec"), known)
    assert "non_saturating" in capsys.readouterr().out
    assert known["info"].losses["discriminator"]["r1"].shape == (9,)


def test_two_commands_do_all_the_setting_up():
    assert blocks("sh")[0].strip().splitlines() == [
        "pip install -e . && jaxgan train digits",
        "python -m pip install -U pip && "
        "pip install -c constraints.txt -e . --group test && pytest",
    ]


SECOND_TIER = "pytest -m slow --dist worksteal"


def test_continuous_integration_runs_the_command_of_the_readme():
    tests = blocks("sh")[0].strip().splitlines()[1]
    script = (ROOT / ".ci" / "run").read_text().splitlines()
    assert f"{tests} || exit 1" in script
    checks = [script.index(line) for line in ("make lint types", SECOND_TIER)]
    assert checks[0] < script.index(f"{tests} || exit 1") < checks[1]


def test_the_commands_of_contributing_are_those_of_the_makefile():
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text()
    named = set(re.findall(r"`make (\w+)`", contributing)) | {"setup"}
    there = set(re.findall(r"^(\w+):", makefile, re.MULTILINE))
    assert named == there
    for command in re.findall(r"`((?:ruff|mypy|pytest)[^`]*)`", contributing):
        assert f"\t{command}\n" in makefile, command


def test_every_benchmark_stands_in_the_table_of_benchmarks():
    folder = ROOT / "experiments" / "benchmarks"
    table = (folder / "README.md").read_text(encoding="utf-8")
    helpers = {"data_speed_torch.py", "metrics_speed_reference.py", "torch_side.py"}
    helpers |= {"step_speed_torch.py"}
    named = set(re.findall(r"^\| `(\w+\.py)", table, re.MULTILINE))
    assert named == {path.name for path in folder.glob("*.py")} - helpers


def test_constraints_hold_every_dependency_and_name_no_index():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {line.split("==")[0] for line in lines if "==" in line}
    assert not [line for line in lines if "://" in line or line.startswith("-")]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = list(project["project"]["dependencies"])
    for group in project["dependency-groups"].values():
        wanted += [entry for entry in group if isinstance(entry, str)]
    names = {re.split(r"[^\w-]", line)[0].lower().replace("_", "-") for line in wanted}
    assert names <= pinned, names - pinned


def test_files_that_the_readme_names_exist():
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        if not link.startswith("http"):
            assert (ROOT / link).exists(), link
