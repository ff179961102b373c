"""`jaxgan record`: files of results, and the pages that are made of them."""

import itertools
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxgan.cli.main import main
from jaxgan.errors import InputError
from jaxgan.metrics import read_scores
from jaxgan.reporting import read_rows
from jaxgan.reporting.small_picture import small_png
from jaxgan.training import load_run, train
from jaxgan.training import record as recording
from jaxgan.training.about import (
    Change,
    Start,
    note_changes,
    read_about,
    write_about,
)
from jaxgan.training.results import Results, read_results, results_file
from jaxgan.versions import versions
from tests.command_line import run
from tests.runs import OFTEN, ONE_DEVICE, PICTURE, make_run


def trained(directory, experiment=PICTURE, **config):
    run = make_run(directory, experiment, **config)
    train(run, schedule=OFTEN, devices=ONE_DEVICE)
    return directory


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs with scores that differ in seed."""
    place = tmp_path_factory.mktemp("place") / "runs"
    made = [
        trained(place / f"seed-{seed}", evaluated=True, steps=2, seed=seed)
        for seed in (0, 1)
    ]
    assert run("evaluate", made[0], "--seed", 5) == 0
    return made


@pytest.fixture
def place(runs, tmp_path, monkeypatch):
    """Be in a folder with copies of the runs."""
    shutil.copytree(runs[0].parent, tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    return tmp_path


FILES = ["picture_experiment.json", "picture_experiment.png"]


def contents(directory):
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir())}


def test_a_file_holds_what_the_runs_scored_and_measured(place, capsys):
    assert run("record", "runs/seed-1", "runs/seed-0") == 0
    said = capsys.readouterr().out
    assert said == "docs/results/picture_experiment.json: 2 recorded, 2 in all\n"
    results = read_results(place / "docs" / "results" / FILES[0])
    assert [each.seed for each in results.runs] == [0, 1]
    for entry in results.runs:
        directory = Path(f"runs/seed-{entry.seed}")
        about = json.loads((directory / "run.json").read_text())
        assert entry.config == about["config"]
        assert entry.versions == about["provenance"]["versions"] == versions()
        assert entry.devices == "1 × cpu"
        assert entry.steps == 2
        last = [s for s in read_scores(directory / "scores.jsonl") if s.step == 2]
        own = entry.scores[0]
        assert {n: v.value for n, v in own.values.items()} == {
            each.name: each.value for each in last
        }
        assert own.protocol.reference == last[0].protocol.reference
        assert {n: v.metric for n, v in own.values.items()} == {
            each.name: each.protocol.metric for each in last
        }
        logged = read_rows(directory / "metrics.jsonl")[-1]
        assert entry.measured == {"mean": logged["mean"]}
        seconds = read_rows(directory / "seconds.jsonl")
        assert entry.seconds == seconds[-1]["seconds"]
    assert [each.of for each in results.runs[0].scores[1:]] == [
        "samples",
        "noise, train",
    ]
    assert [bool(each.picture) for each in results.runs] == [False, True]
    recorded = np.asarray(Image.open(f"docs/results/{FILES[1]}"))
    assert (recorded == np.asarray(Image.open("runs/seed-1/samples/000002.png"))).all()


@pytest.mark.slow
def test_recording_again_writes_the_same_bytes_wherever_the_runs_are(place):
    assert run("record", "runs/seed-0", "runs/seed-1", "--results", "one") == 0
    before = contents(place / "one")
    assert [*before] == FILES
    assert str(place).encode() not in before[FILES[0]]
    assert run("record", "runs/seed-1", "--results", "one") == 0
    assert run("record", "runs/seed-0", "--results", "one") == 0
    assert contents(place / "one") == before
    (place / "runs").rename(place / "moved")
    assert run("record", "moved/seed-0", "--results", "other") == 0
    assert run("record", "moved/seed-1", "--results", "other") == 0
    assert contents(place / "other") == before


@pytest.mark.slow
def test_the_entry_of_a_run_is_replaced_and_others_are_kept(place):
    assert run("record", "runs/seed-0", "runs/seed-1") == 0
    path = place / "docs" / "results" / FILES[0]
    before = read_results(path)
    log = place / "runs" / "seed-1" / "metrics.jsonl"
    [*rows, last] = log.read_text().splitlines()
    last = json.dumps({**json.loads(last), "mean": 7.5})
    log.write_text("\n".join([*rows, last, ""]))
    assert run("record", "runs/seed-1") == 0
    after = read_results(path)
    assert after.runs[0] == before.runs[0]
    assert after.runs[1].measured == {"mean": 7.5}
    assert len(after.runs) == 2


@pytest.mark.slow
def test_entries_of_other_versions_and_configs_are_added(place):
    assert run("record", "runs/seed-0") == 0
    directory = place / "runs" / "seed-0"
    about = read_about(directory)
    about.provenance.versions["jax"] = "0.0.1"
    write_about(directory, about)
    assert run("record", "runs/seed-0") == 0
    found = read_results(place / "docs" / "results" / FILES[0])
    assert {each.versions["jax"] for each in found.runs} == {"0.0.1", versions()["jax"]}
    assert sum(each.picture is not None for each in found.runs) == 1


@pytest.mark.slow
def test_paths_lose_their_folders_and_options_make_the_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = (
        "import dataclasses, pathlib\n"
        f"exec(pathlib.Path({str(PICTURE)!r}).read_text())\n"
        "make = experiment\n"
        "@dataclasses.dataclass(frozen=True)\n"
        "class Config(Config):\n"
        "    photos: pathlib.Path = pathlib.Path('photos')\n"
        "    texts: str = ''\n"
        "def experiment(config):\n"
        "    return make(config)\n"
    )
    Path("mine.py").write_text(made)
    config = {"photos": tmp_path / "faces", "texts": "/home/who/texts", "steps": 2}
    trained(tmp_path / "run", tmp_path / "mine.py", **config)
    assert run("record", "run", "--name", "faces") == 0
    [entry] = read_results(results_file(Path("docs/results"), "faces")).runs
    assert entry.config["photos"] == "faces" and entry.config["texts"] == "texts"
    assert (
        entry.command == "jaxgan train mine.py --steps 2 --photos faces --texts texts"
    )
    assert b"/home" not in Path("docs/results/faces.json").read_bytes()


REFUSED = {
    "runs/seed-9": ["runs/seed-9 is not a run directory", "did you mean runs/seed-"],
    "runs/unfinished": [
        "runs/unfinished has not finished its 4 steps; finish it by "
        "`jaxgan train runs/unfinished`."
    ],
    "runs/mute": ["runs/mute has neither scores nor measurements; give its experiment"],
    "sweep/seed=0": ["sweep/seed=0 belongs to a sweep; record runs of `jaxgan train`"],
    "sweep": ["sweep belongs to a sweep; record runs of `jaxgan train`"],
    "runs/blind": ["runs/blind/samples/000002.png is missing or damaged"],
    "runs/seed-0 --name a/b": ["name: 'a/b' cannot be that of a file in docs/results"],
    "runs/seed-0 --name ..": ["name: '..' cannot be that of a file in docs/results"],
    "runs/seed-0 --name damaged": ["docs/results/damaged.json is damaged: Expecting"],
    "runs/seed-0 --name list": ["docs/results/list.json is damaged: Input should be"],
    "runs/seed-0 --name later": ["later.json is damaged: format: Input should be"],
    "runs/seed-0 --name another": [
        "docs/results/another.json holds results of the experiment 'digits', and "
        "runs/seed-0 is one of 'picture_experiment'; choose another name."
    ],
}


@pytest.fixture(scope="module")
def refused(runs, tmp_path_factory):
    """A folder with all that cannot be recorded."""
    folder = tmp_path_factory.mktemp("refused")
    shutil.copytree(runs[0].parent, folder / "runs")
    make_run(folder / "runs" / "unfinished", PICTURE, steps=4)
    mute = folder / "runs" / "mute"
    shutil.copytree(folder / "runs" / "seed-0", mute)
    for name in ("scores.jsonl", "evaluations.jsonl"):
        (mute / name).unlink()
    (mute / "metrics.jsonl").write_text('{"step": 2, "generator/loss": 1.0}\n')
    shutil.copytree(folder / "runs" / "seed-0", folder / "sweep" / "seed=0")
    (folder / "sweep" / "sweep.json").write_text("{}")
    shutil.copytree(folder / "runs" / "seed-0", folder / "runs" / "blind")
    (folder / "runs" / "blind" / "samples" / "000002.png").unlink()
    results = folder / "docs" / "results"
    results.mkdir(parents=True)
    (results / "damaged.json").write_text('{"format"')
    (results / "list.json").write_text("[]")
    (results / "later.json").write_text('{"format": "2", "experiment": "digits"}')
    (results / "another.json").write_text(
        Results(experiment="digits").model_dump_json()
    )
    return folder


@pytest.mark.parametrize("words", REFUSED)
def test_what_cannot_be_recorded_is_refused_in_a_sentence(
    words, refused, monkeypatch, capsys
):
    monkeypatch.chdir(refused)
    before = contents(refused / "docs" / "results")
    assert run("record", *words.split()) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    for part in REFUSED[words]:
        assert part in said
    assert contents(refused / "docs" / "results") == before


@pytest.mark.slow
def test_a_run_without_its_picture_is_recorded_beside_one_that_has_it(refused):
    directory = refused / "beside"
    lines = recording.record([refused / "runs" / "seed-1"], directory)
    lines += recording.record([refused / "runs" / "blind"], directory)
    assert lines[-1].endswith("1 recorded, 2 in all")


def test_no_run_at_all_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["record"])
    assert "name at least one run directory" in capsys.readouterr().err


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_picture_is_made_small_enough_and_no_smaller(mode, tmp_path):
    size = (150, 200, 3) if mode == "RGB" else (150, 200)
    noise = np.random.default_rng(0).integers(0, 256, size, np.uint8)
    picture = Image.fromarray(noise)
    path = tmp_path / "small.png"
    path.write_bytes(small_png(picture, 15_000))
    assert 11_000 < path.stat().st_size <= 15_000
    with Image.open(path) as found:
        assert found.width / found.height == pytest.approx(4 / 3, rel=0.02)
    whole = small_png(picture, 1_000_000)
    path.write_bytes(whole)
    assert (np.asarray(Image.open(path)) == noise).all()


@pytest.mark.slow
def test_a_resumed_run_goes_on_counting_its_seconds(tmp_path, monkeypatch):
    ticks = itertools.count(0, 7)  # the clock is looked at every seven seconds
    monkeypatch.setattr("jaxgan.training.clock.monotonic", lambda: float(next(ticks)))
    run = make_run(tmp_path / "run", PICTURE, steps=4)
    monkeypatch.setenv("JAXGAN_TEST_STOP_AT", "3")
    with pytest.raises(RuntimeError, match="stopped by SIGTERM"):
        train(run, schedule=OFTEN, devices=ONE_DEVICE)
    monkeypatch.delenv("JAXGAN_TEST_STOP_AT")
    stopped = read_rows(run.seconds)
    train(run, schedule=OFTEN, devices=ONE_DEVICE)
    rows = read_rows(run.seconds)
    assert rows[: len(stopped)] == stopped and rows[-1]["step"] == 4
    assert stopped[-1]["seconds"] == 7 * len(stopped)
    assert rows[-1]["seconds"] == 7 * len(rows)


def test_the_command_names_the_networks_that_a_run_began_with(place):
    run = load_run("runs/seed-0")
    start = Start(run="seed-1", step=2, frozen=("generator",))
    command = recording._command(run, run.config, start)
    assert "--init seed-1 --freeze generator" in command
    assert "--init" not in recording._command(run, run.config, None)


def test_what_changed_at_a_resumption_is_recorded_with_the_results(place):
    run = load_run(place / "runs/seed-1")
    assert recording.entry_of(run).changes == []
    said = ["this run was started with jax 0.0.1."]
    note_changes(run.directory, 1, said)
    assert recording.entry_of(run).changes == [Change(step=1, said=said)]


def test_seconds_are_unknown_where_they_were_not_counted_from_the_start(place):
    (place / "runs" / "seed-0" / "seconds.jsonl").unlink()
    assert recording.entry_of(load_run("runs/seed-0")).seconds is None


def test_results_refuse_fields_of_other_names():
    with pytest.raises(ValueError, match="Extra inputs"):
        Results(experiment="digits", run=[])


def test_a_name_of_a_file_in_the_directory_is_taken(tmp_path):
    assert results_file(tmp_path, "mine").name == "mine.json"
    with pytest.raises(InputError, match="use letters"):
        results_file(tmp_path, ".hidden")


@pytest.mark.parametrize(
    ("value", "recorded"),
    [
        ("/home/me/photos", "photos"),
        ("~/photos", "photos"),
        ("file:///home/me/photos", "photos"),
        (Path("photos/cats"), Path("cats")),
        ("photos/cats", "photos/cats"),
        ("mnist", "mnist"),
        (3, 3),
    ],
)
def test_a_value_keeps_no_folder_of_this_machine(value, recorded):
    assert recording._without_folder(value) == recorded
