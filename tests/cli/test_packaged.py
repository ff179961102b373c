"""Packaged experiments by name: to train, to list and to copy."""

from pathlib import Path

import pytest

from jaxgan.training.experiment import load_file
from jaxgan.training.packaged import packaged_experiments, summarize_experiment
from tests.command_line import run

pytestmark = pytest.mark.usefixtures("optimized")


@pytest.mark.slow
def test_a_packaged_experiment_is_trained_by_its_name(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run("train", "ring", "--steps", 2, "--devices", 1) == 0
    assert "finished: runs/ring/samples/strip.png" in capsys.readouterr().out
    assert (tmp_path / "runs" / "ring" / "checkpoints" / "2").is_dir()
    assert run("train", "ring", "--steps", 2, "--devices", 1) == 0
    assert "runs/ring is already finished, with 2 steps" in capsys.readouterr().out


def test_an_unknown_name_offers_the_nearest(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run("train", "digts") == 2
    assert "did you mean digits?" in capsys.readouterr().err
    assert run("new", "x.py", "--like", "minst") == 2
    assert "did you mean mnist" in capsys.readouterr().err
    assert not [*tmp_path.iterdir()]


def test_every_experiment_is_listed_with_paper_cost_and_numbers(capsys):
    assert run("experiments") == 0
    said = capsys.readouterr().out
    for name, path in packaged_experiments().items():
        about = summarize_experiment(path)
        assert f"{name}: {about.title}" in said
        assert about.paper and about.cost and about.expect, name
        assert not about.expect.endswith(":"), name


def test_new_copies_and_never_overwrites(tmp_path, capsys):
    mine = tmp_path / "mine.py"
    assert run("new", mine, "--like", "grid") == 0
    assert mine.read_text() == packaged_experiments()["grid"].read_text()
    assert run("new", mine, "--like", "ring") == 2
    assert "exists already" in capsys.readouterr().err
    assert run("new", tmp_path / "mine.txt", "--like", "ring") == 2
    assert "must end in .py" in capsys.readouterr().err


def test_a_dry_run_says_what_would_be_trained_and_leaves_nothing(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert run("train", "digits", "--dry-run", "--channels", 8, "--devices", 2) == 0
    said = capsys.readouterr().out
    for words in ("channels                 8", "2 × cpu", "steps: 10,000, seed: 0"):
        assert words in said
    assert "parameters" in said and "float32 (64, 8, 8, 1)" in said
    (tmp_path / "broken.py").write_text("import nothing_of_this_name")
    assert run("train", "broken.py", "--dry-run") == 2
    assert "broken.py cannot be run: ModuleNotFoundError" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["broken.py"]


@pytest.mark.parametrize(
    ("word", "meant"), [("trian", "train"), ("evaluat", "evaluate"), ("lst", "list")]
)
def test_a_command_with_a_typo_offers_the_nearest(word, meant, capsys):
    assert run(word) == 2
    assert f"{word!r} is not a command; did you mean {meant}" in capsys.readouterr().err


def test_a_copy_has_beside_it_what_it_imports(tmp_path, capsys):
    mine = tmp_path / "mine.py"
    assert run("new", mine, "--like", "faces") == 0
    assert "beside it what it imports" in capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} == {"mine.py", "folder.py"}
    assert load_file(mine).config.__name__ == "Config"
    assert run("new", tmp_path / "other.py", "--like", "flowers") == 0
    (tmp_path / "folder.py").write_text("mine = True\n")
    for name in ("third.py", "folder.py"):
        assert run("new", tmp_path / name, "--like", "faces") == 2
    assert run("new", tmp_path / "empty" / "folder.py", "--like", "faces") == 2
    assert "faces imports folder.py, and" in capsys.readouterr().err
    assert (tmp_path / "folder.py").read_text() == "mine = True\n"
    assert not (tmp_path / "third.py").exists()


def test_a_copy_of_ones_own_file_has_its_packages(tmp_path):
    mine = tmp_path / "mine.py"
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "__init__.py").write_text("")
    (tmp_path / "parts" / "one.py").write_text("ONE = 1\n")
    mine.write_text("from parts.one import ONE\n")
    assert run("new", tmp_path / "away" / "other.py", "--like", mine) == 0
    made = {p.relative_to(tmp_path / "away") for p in (tmp_path / "away").rglob("*.py")}
    assert made == {Path("other.py"), Path("parts/__init__.py"), Path("parts/one.py")}
