"""An experiment in several files: its modules are imported, and kept in its runs."""

import shutil
import sys
from pathlib import Path

import pytest

from jaxgan.errors import InputError
from jaxgan.training.experiment import load_file
from jaxgan.training.local_modules import copy_modules, local_modules, modules_of
from jaxgan.training.run import create_run, load_run
from tests.command_line import run
from tests.runs import PLANE


def experiment_with_modules(folder, number=3, name="beside"):
    """The plane's experiment, whose steps are a number in a module of a package."""
    (folder / "mine").mkdir(parents=True)
    (folder / "mine" / "__init__.py").write_text("")
    (folder / "mine" / "numbers_here.py").write_text(f"STEPS = {number}\n")
    (folder / f"{name}.py").write_text(
        "from mine.numbers_here import STEPS\n\ndef steps():\n    return STEPS\n"
    )
    text = PLANE.read_text(encoding="utf-8")
    assert "steps=config.steps" in text
    text = text.replace("steps=config.steps", "steps=beside.steps()")
    path = folder / "several.py"
    path.write_text(
        text.replace(
            "import dataclasses", f"import dataclasses\nimport {name} as beside"
        )
    )
    return path


def created(path, directory):
    file = load_file(path)
    return create_run(directory, file, file.config())


def test_modules_beside_an_experiment_are_imported_and_kept(tmp_path):
    path = experiment_with_modules(tmp_path / "here")
    made = created(path, tmp_path / "run")
    assert made.experiment.steps == 3
    assert [*local_modules(path.parent)] == ["beside", "mine", "mine.numbers_here"]
    shutil.rmtree(path.parent)
    again = load_run(tmp_path / "run")
    assert again.experiment.steps == 3
    assert Path(sys.modules["beside"].__file__).parent == tmp_path / "run" / "modules"


def test_a_module_may_be_named_as_a_runs_own_file(tmp_path):
    path = experiment_with_modules(tmp_path / "here", name="experiment")
    created(path, tmp_path / "run")
    again = load_run(tmp_path / "run")
    assert again.experiment.steps == 3
    kept = tmp_path / "run" / "experiment.py"
    assert kept.read_text() == path.read_text()


def test_modules_of_one_name_in_two_folders_do_not_mix(tmp_path):
    paths = [experiment_with_modules(tmp_path / str(n), n) for n in (2, 5)]
    runs = [created(path, tmp_path / f"run{i}") for i, path in enumerate(paths)]
    assert [made.experiment.steps for made in runs] == [2, 5]
    assert [load_run(made.directory).experiment.steps for made in runs] == [2, 5]
    assert len([entry for entry in sys.path if str(tmp_path) in entry]) == 1


def test_a_changed_module_is_another_experiment(tmp_path):
    path = experiment_with_modules(tmp_path / "here")
    created(path, tmp_path / "run")
    created(path, tmp_path / "run")
    (path.parent / "beside.py").write_text("def steps():\n    return 7\n")
    with pytest.raises(InputError, match=r"beside\.py has changed since"):
        created(path, tmp_path / "run")


def test_a_module_that_cannot_be_copied_is_named(tmp_path, monkeypatch):
    path = experiment_with_modules(tmp_path / "here")
    load_file(path)
    copy = shutil.copyfile

    def full(source, target):
        if Path(source).name == "beside.py":
            raise OSError(28, "No space left on device")
        return copy(source, target)

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(InputError, match="module 'beside' that the experiment impo"):
        created(path, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_such_a_run_is_sampled_from_anywhere(tmp_path, monkeypatch):
    path = experiment_with_modules(tmp_path / "here")
    monkeypatch.chdir(tmp_path)
    assert run("train", path, "--run", "run", "--devices", 1) == 0
    shutil.rmtree(path.parent)
    assert run("sample", "run", "--count", 4) == 0


def test_a_module_that_is_imported_later_must_be_python(tmp_path):
    path = experiment_with_modules(tmp_path / "here")
    (path.parent / "later.py").write_text("STEPS = =\n")
    path.write_text(path.read_text() + "\n\ndef late():\n    import later\n")
    with pytest.raises(InputError, match=r"later\.py, line 1: invalid syntax"):
        created(path, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_modules_of_links_and_of_later_imports_are_copied(tmp_path):
    home, far = tmp_path / "home", tmp_path / "far"
    home.mkdir()
    far.mkdir()
    (far / "linked.py").write_text("WORD = 'linked'\n")
    (home / "linked.py").symlink_to(far / "linked.py")
    (home / "package").mkdir()
    (home / "package" / "__init__.py").touch()
    (home / "package" / "late.py").write_text(
        "from further import WORD\ndef g():\n    from . import near\n"
        "    from .inner.deep import h\n"
    )
    (home / "package" / "near.py").touch()
    (home / "package" / "inner").mkdir()
    (home / "package" / "inner" / "deep.py").write_text("from ..other import i\n")
    (home / "package" / "other.py").touch()
    (home / "further.py").write_text("WORD = 'late'\n")
    (home / "unused.py").touch()
    code = home / "mine.py"
    code.write_text("import linked\ndef f():\n    from package.late import WORD\n")
    assert {path.as_posix() for path in modules_of(home, code).values()} == {
        "linked.py",
        "package/__init__.py",
        "package/late.py",
        "package/near.py",
        "package/inner/deep.py",
        "package/other.py",
        "further.py",
    }
    copy_modules(home, tmp_path / "run", code)
    assert (tmp_path / "run/modules/linked.py").read_text() == "WORD = 'linked'\n"
    assert not (tmp_path / "run/modules/linked.py").is_symlink()
