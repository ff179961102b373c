import errno
import os
from pathlib import Path

import jax
import pytest
from PIL import Image

from jaxgan.errors import InputError
from jaxgan.training.about import note_changes, read_about, write_about
from jaxgan.training.experiment import load_file
from jaxgan.training.loop import train
from jaxgan.training.run import (
    changes_since,
    create_run,
    load_run,
    surroundings_since,
)

PICTURE = Path(__file__).parent.parent / "picture_experiment.py"
FOLDER = Path(__file__).parent.parent.parent / "experiments" / "folder.py"


@pytest.fixture
def file():
    return load_file(PICTURE)


def test_a_run_is_rebuilt_from_its_directory_alone(tmp_path, file):
    made = create_run(tmp_path / "run", file, file.config(steps=17, batch_size=4))
    opened = load_run(tmp_path / "run")
    assert opened.config == type(opened.config)(steps=17, batch_size=4)
    assert opened.experiment.steps == made.experiment.steps == 17
    assert opened.name == "picture_experiment"


@pytest.mark.parametrize("method", ["write_bytes", "replace"])
def test_a_full_disk_names_the_run_and_not_where_it_is_made(
    tmp_path, file, monkeypatch, method
):
    def full(*given, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, method, full)
    with pytest.raises(OSError, match="No space left") as caught:
        create_run(tmp_path / "run", file, file.config())
    assert caught.value.filename == str(tmp_path / "run")
    assert caught.value.filename2 is None
    assert [*tmp_path.iterdir()] == []


def test_a_config_of_many_types_survives_json(tmp_path):
    path = tmp_path / "typed.py"
    path.write_text(
        "import dataclasses, pathlib, typing\n"
        "@dataclasses.dataclass(frozen=True)\n"
        "class Optimizer:\n"
        "    rate: float = 1e-3\n"
        "class Pair(typing.NamedTuple):\n"
        "    one: pathlib.Path\n"
        "    number: int\n"
        "@dataclasses.dataclass(frozen=True)\n"
        "class Config:\n"
        "    order: tuple[str, ...] = ('d', 'g')\n"
        "    kind: typing.Literal['a', 'b'] = 'a'\n"
        "    data: pathlib.Path = pathlib.Path('x')\n"
        "    optimizer: Optimizer = Optimizer()\n"
        "    pair: Pair = Pair(pathlib.Path('y'), 3)\n"
        "    named: dict[str, pathlib.Path] = dataclasses.field(default_factory=dict)\n"
        f"import sys\nsys.path.insert(0, {str(PICTURE.parent)!r})\n"
        "import picture_experiment\n"
        "def experiment(config):\n"
        "    return picture_experiment.experiment(picture_experiment.Config())\n"
    )
    file = load_file(path)
    named = {"z": Path("z")}
    config = file.config(order=("d", "d", "g"), kind="b", named=named)
    create_run(tmp_path / "run", file, config)
    opened = load_run(tmp_path / "run").config
    assert opened.order == ("d", "d", "g")
    assert (opened.kind, opened.optimizer.rate) == ("b", 1e-3)
    assert opened.data == Path("x").absolute()  # to be used from any folder
    assert opened.pair == (Path("y").absolute(), 3)
    assert opened.named == {"z": Path("z").absolute()}


def test_a_run_of_a_path_that_is_not_utf8_is_opened_again(tmp_path):
    path = tmp_path / "typed.py"
    path.write_text(
        "import dataclasses, pathlib, sys\n"
        "@dataclasses.dataclass(frozen=True)\n"
        "class Config:\n"
        "    path: pathlib.Path = pathlib.Path('x')\n"
        f"sys.path.insert(0, {str(PICTURE.parent)!r})\n"
        "import picture_experiment\n"
        "def experiment(config):\n"
        "    return picture_experiment.experiment(picture_experiment.Config())\n"
    )
    file, data = load_file(path), Path(os.fsdecode(b"caf\xe9"))
    create_run(tmp_path / "run", file, file.config(path=data))
    assert load_run(tmp_path / "run").config.path == data.absolute()


def test_a_directory_made_with_another_config_is_refused(tmp_path, file):
    create_run(tmp_path, file, file.config())
    with pytest.raises(InputError, match=r"another config: steps \(there 6, now 7\)"):
        create_run(tmp_path, file, file.config(steps=7))


def test_a_directory_made_by_another_experiment_is_refused(tmp_path, file):
    create_run(tmp_path / "run", file, file.config())
    other = tmp_path / "other.py"
    other.write_text(PICTURE.read_text())
    with pytest.raises(
        InputError, match="by the experiment 'picture_experiment', not by"
    ):
        create_run(tmp_path / "run", load_file(other), file.config())


def test_a_changed_experiment_file_is_refused(tmp_path, file):
    other = tmp_path / PICTURE.name
    other.write_text(PICTURE.read_text())
    create_run(tmp_path / "run", load_file(other), file.config())
    other.write_text(PICTURE.read_text() + "\n# changed\n")
    with pytest.raises(InputError, match="has changed since"):
        create_run(tmp_path / "run", load_file(other), file.config())


def test_a_directory_that_is_no_run_is_refused(tmp_path, file):
    (tmp_path / "thesis.tex").write_text("…")
    with pytest.raises(InputError, match="not empty and is not a run"):
        create_run(tmp_path, file, file.config())
    with pytest.raises(InputError, match=r"not a run directory: it has no run\.json"):
        load_run(tmp_path)


def test_damaged_descriptions_are_named(tmp_path, file):
    create_run(tmp_path, file, file.config())
    about = read_about(tmp_path)
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(InputError, match=r"run\.json is damaged"):
        load_run(tmp_path)
    about.config["steps"] = "many"
    write_about(tmp_path, about)
    with pytest.raises(InputError, match="does not hold the Config"):
        load_run(tmp_path)


def test_a_changed_digit_of_a_description_is_noticed(tmp_path, file):
    path = create_run(tmp_path, file, file.config()).directory / "run.json"
    text = path.read_text()
    digits = [i for i, letter in enumerate(text) if letter.isdigit()]
    noticed = 0
    for i in digits[:: max(1, len(digits) // 50)]:
        path.write_text(text[:i] + str(9 - int(text[i])) + text[i + 1 :])
        with pytest.raises(InputError, match=r"run\.json is damaged"):
            load_run(tmp_path)
        noticed += 1
    assert noticed >= 40
    path.write_text(text)
    assert load_run(tmp_path).config.seed == file.config().seed


def test_a_refused_config_leaves_no_directory(tmp_path, file):
    with pytest.raises(InputError, match="batch_size"):
        create_run(tmp_path / "run", file, file.config(batch_size=0))
    assert not (tmp_path / "run").exists()


def broken(tmp_path, body):
    path = tmp_path / "broken.py"
    text = PICTURE.read_text().replace(
        "\n    images = ", f"\n    {body}\n    images = ", 1
    )
    path.write_text(text)
    return load_file(path)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return None", "must return an Experiment"),
        ("raise KeyError('x')", r"cannot be run: KeyError: 'x' \(line \d+\)"),
        ("config = dataclasses.replace(config, steps=0)", "steps must be"),
        ("config = dataclasses.replace(config, seed=-1)", "seed must be"),
        ("config = dataclasses.replace(config, seed=2**32)", "seed must be"),
        (
            "config = dataclasses.replace(config, batch_size=41)",
            "the data hold only 40",
        ),
    ],
)
def test_what_is_refused_leaves_nothing_and_the_corrected_file_runs(
    tmp_path, body, message
):
    file = broken(tmp_path, body)
    with pytest.raises(InputError, match=message):
        create_run(tmp_path / "run", file, file.config())
    assert [path.name for path in tmp_path.iterdir() if path.name != "__pycache__"] == [
        "broken.py"
    ]
    corrected = broken(tmp_path, "pass")
    create_run(tmp_path / "run", corrected, corrected.config())
    assert (tmp_path / "run" / "run.json").exists()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("versions", {"jax": "0.0.1"}, "was started with jax 0.0.1; with"),
        ("cores", 999, "was started on 999 cores; on"),
        ("devices", "8 × TPU v5e", "was started on 8 × TPU v5e; on"),
        ("settings", {"JAX_ENABLE_X64": "x"}, "with JAX_ENABLE_X64=x; with 'False' it"),
        ("data", "other", "the data are not those that this run was started with"),
        ("code", "other", "was edited since it began"),
    ],
)
def test_what_a_run_depends_on_and_has_changed_is_said(
    tmp_path, file, name, value, message
):
    run = create_run(tmp_path, file, file.config())
    assert changes_since(run) == surroundings_since(run) == []
    about = read_about(tmp_path)
    if isinstance(value, dict):
        value = getattr(about.provenance, name) | value
    about.provenance = about.provenance.model_copy(update={name: value})
    write_about(tmp_path, about)
    [change] = changes_since(run)
    assert message in change
    assert surroundings_since(run) == ([] if name == "data" else [change])


@pytest.fixture
def of_images(tmp_path):
    """A run of a folder of images."""
    (tmp_path / "images").mkdir()
    for number in range(40):
        Image.new("RGB", (8, 8), (number, 9, 200)).save(
            tmp_path / f"images/{number}.png"
        )
    file = load_file(FOLDER)
    config = file.config(
        path=tmp_path / "images", size=8, steps=4, batch_size=8, width=4
    )
    return create_run(tmp_path / "run", file, config)


def test_replaced_images_are_noticed(tmp_path, of_images):
    assert changes_since(of_images) == []
    Image.new("RGB", (8, 8), "red").save(tmp_path / "images/7.png")
    [change] = changes_since(load_run(tmp_path / "run"))
    assert "the data are not those that this run was started with" in change


@pytest.mark.slow
def test_replaced_images_are_noticed_at_resume(tmp_path, caplog, of_images):
    train(of_images._replace(experiment=of_images.experiment._replace(steps=2)))
    assert read_about(tmp_path / "run").changes == []
    Image.new("RGB", (8, 8), "red").save(tmp_path / "images/7.png")
    train(load_run(tmp_path / "run"))
    assert "the data are not those that this run was started with" in caplog.text
    [change] = read_about(tmp_path / "run").changes
    assert change.step == 2
    assert "the data are not those that this run was started with" in change.said[0]


@pytest.mark.slow
def test_a_run_begins_with_the_images_that_are_there_when_it_trains(
    tmp_path, caplog, of_images
):
    """Not with those that were there when it was made."""
    for number in range(40):
        Image.new("RGB", (8, 8), "red").save(tmp_path / f"images/{number}.png")
    train(load_run(tmp_path / "run"))
    assert "it begins with the changed ones" in caplog.text
    run = load_run(tmp_path / "run")
    assert changes_since(run, jax.devices()) == []
    assert read_about(tmp_path / "run").changes == []


def test_changes_are_kept_where_a_run_is_resumed(tmp_path, file):
    create_run(tmp_path, file, file.config())
    note_changes(tmp_path, 2, [])
    note_changes(tmp_path, 2, ["a."])
    note_changes(tmp_path, 5, ["b.", "c."])
    note_changes(tmp_path, 4, ["d."])  # from an earlier checkpoint
    kept = [(each.step, each.said) for each in read_about(tmp_path).changes]
    assert kept == [(2, ["a."]), (4, ["d."])]
    note_changes(tmp_path, 2, [])
    assert read_about(tmp_path).changes == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("x = 1\n", "no dataclass named Config"),
        ("class Config: pass\n", "no dataclass named Config"),
        (
            "import dataclasses\n@dataclasses.dataclass\nclass Config: pass\n",
            "no function named experiment",
        ),
        ("x = 1\ny = z\n", r"cannot be run: NameError: .*\(line 2\)"),
        ("def f(:\n", "cannot be run: SyntaxError"),
    ],
)
def test_experiment_files_that_are_none_are_refused(tmp_path, text, message):
    path = tmp_path / "file.py"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        load_file(path)


def test_a_missing_experiment_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="is not a file"):
        load_file(tmp_path / "nowhere.py")


def test_a_file_that_is_not_python_is_refused(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("hello")
    with pytest.raises(InputError, match=r"must end in \.py"):
        load_file(path)
