"""The README and the docs agree with the project."""

import re
import tomllib
from pathlib import Path

import jax
import jax.numpy as jnp
import optax

import jaxgan
import jaxgan.data

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


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


def test_continuous_integration_runs_the_command_of_the_readme():
    tests = blocks("sh")[0].strip().splitlines()[1]
    script = (ROOT / ".ci" / "run").read_text().splitlines()
    assert f"{tests} || exit 1" in script
    checks = [script.index(line) for line in ("make lint types", "pytest -m slow")]
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


def test_the_example_of_the_data_page_runs():
    page = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    [example] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    known = {"__name__": "page"}
    exec(compile(example, "docs/data.md", "exec"), known)
    assert known["discriminators"].real.shape == (16, 32, 32, 1)


def test_the_example_of_the_networks_page_runs(capsys):
    page = (ROOT / "docs" / "networks.md").read_text(encoding="utf-8")
    [example] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(compile(example, "docs/networks.md", "exec"), {"__name__": "page"})
    assert "Game(players=" in capsys.readouterr().out
    listed = re.findall(r"^\| `(\w+)", page, re.MULTILINE)
    assert {*listed} <= {*jaxgan.networks.__all__}


def test_what_the_data_page_names_is_there():
    page = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    rows = [row for row in page.splitlines() if row.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`(?:data\.)?(\w+)", row)}
    there = {*jaxgan.data.__all__, "Batch", "data", "trajectories", "key", "set"}
    there |= {"source", "jg", "data", "readers"}
    assert len(named) > 25
    assert named <= there, named - there


def test_the_game_of_the_games_page_trains():
    page = (ROOT / "docs" / "games.md").read_text(encoding="utf-8")
    [example, _] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    known = {"__name__": "page"}
    exec(compile(example, "docs/games.md", "exec"), known)
    jg = jaxgan
    game = known["game"]
    batch = jg.Batch(jnp.ones((8, 3)))
    algorithm = jg.alternating(game, {"coder": optax.adam(1e-2)}, batch)
    state, step = algorithm.init(jax.random.key(0)), jax.jit(algorithm.step)
    paid = []
    for _ in range(30):
        state, info = step(state, (batch,))
        paid.append(float(info.losses["coder"]["elbo"]))
    assert paid[-1] < 0.7 * paid[0]


def test_the_example_of_the_metrics_page_runs(capsys):
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    for example in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(compile(example, "docs/metrics.md", "exec"), {"__name__": "page"})
    assert "PrecisionRecall(precision=Estimate(" in capsys.readouterr().out


def test_what_the_metrics_page_names_is_there():
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    rows = [row for row in page.splitlines() if row.startswith("| `")]
    columns = [row.split("|")[1] for row in rows]
    named = {name for column in columns for name in re.findall(r"`(\w+)", column)}
    public = {*jaxgan.metrics.__all__}
    assert named <= public, named - public
    records = {"Estimate", "Extractor", "Features", "Measurement", "Metric", "Protocol"}
    records |= {"difference", "read_scores"}
    metrics = {name for name in public - records if not name.endswith("_metric")}
    assert metrics <= named, metrics - named
