"""Every game of the zoo from training to evaluation, at the command line."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxgan.errors import InputError
from jaxgan.metrics.protocol import read_scores
from jaxgan.reporting.log import read_rows
from jaxgan.sampling.outputs import choose, draw_latents, maker
from jaxgan.training.checkpoint import restore_networks, steps
from jaxgan.training.experiment import build, load_file, open_data
from jaxgan.training.loop import train
from jaxgan.training.run import load_run
from jaxgan.training.snapshots import like_state, run_reference
from tests.builders import tiered
from tests.command_line import run
from tests.runs import OFTEN, ONE_DEVICE, assert_same_bits, make_run, wait_until
from tests.zoo import SIDE, ZOO

FILE = Path(__file__).parent / "zoo_experiment.py"
OUTPUTS = {name: list(exhibit.game().outputs) for name, exhibit in ZOO.items()}
FIRST = ["labeled", "vae", "cycle_gan"]
"""Games that are played in the first tier."""
of_games = pytest.mark.parametrize("name", tiered(ZOO, FIRST))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """`(game) -> run directory`, trained once, whose data have been deleted."""
    folder = tmp_path_factory.mktemp("zoo")
    made = {}

    def directory(name, evaluated=False):
        if name not in made:
            data = folder / f"{name}.txt"
            data.write_text("7")
            options = ("--game", name, "--data", data, "--run", folder / name)
            options += ("--evaluated",) if evaluated else ()
            assert run("train", FILE, *options, "--devices", 1) == 0
            data.unlink()
            made[name] = folder / name
        return made[name]

    return directory


@of_games
def test_training_leaves_a_picture_of_every_output(trained, name):
    directory = trained(name, evaluated=name in ("labeled", "vae"))
    _, *others = OUTPUTS[name]
    pictures = {path.name for path in (directory / "samples").iterdir()}
    expected = {"000004.png", "strip.png", *(f"000004-{o}.png" for o in others)}
    assert expected <= pictures
    [*_, row] = read_rows(directory / "metrics.jsonl")
    opened = load_run(directory)
    _, networks = restore_networks(opened.checkpoints, like_state(opened))
    assert set(networks) == set(opened.experiment.game.networks)
    assert np.isfinite(row["mean"])


@pytest.mark.parametrize(
    ("name", "output"),
    [
        pytest.param(n, o, marks=[] if n in FIRST else pytest.mark.slow)
        for n, outputs in OUTPUTS.items()
        for o in outputs
    ],
)
def test_every_output_is_sampled_without_the_data(trained, tmp_path, name, output):
    out = tmp_path / "made"
    options = ("--output", output, "--count", 6, "--out", out)
    assert run("sample", trained(name), *options) == 0
    with np.load(f"{out}.npz") as saved:
        made = [saved[key] for key in saved.files if key.startswith("samples")]
        assert int(saved["step"]) == 4
    assert all(len(each) == 6 for each in made)
    assert Path(f"{out}.png").exists()


@of_games
def test_every_game_with_latents_is_interpolated(trained, tmp_path, capsys, name):
    options = ("--pairs", 2, "--steps", 3, "--out", tmp_path / "way")
    status = run("interpolate", trained(name), *options)
    if "cycle" in name:
        assert status == 2
        assert "the game has no latents to move between" in capsys.readouterr().err
    else:
        assert status == 0
        assert (tmp_path / "way-slerp.png").exists()


def test_a_traversal_moves_one_leaf(trained, tmp_path, capsys):
    options = ("--steps", 3, "--pairs", 2, "--out", tmp_path / "way")
    directory = trained("vae_gan")
    assert run("interpolate", directory, "--along", "code", *options) == 0
    assert (tmp_path / "way-code.png").exists()
    assert run("interpolate", directory, "--along", "odd", *options) == 2
    assert "no leaf 'odd'; they have ['code', 'noise']" in capsys.readouterr().err


# What is asked for


def test_a_label_that_is_asked_for_is_the_one_made(trained, tmp_path):
    directory, out = trained("labeled", evaluated=True), tmp_path / "made"
    options = ("--label", "class 3", "0", "--count", 5, "--out", out)
    assert run("sample", directory, *options) == 0
    with np.load(f"{out}.npz") as saved:
        labels = saved["examples.condition.0"]
        latents, made = saved["latents"], saved["samples"]
    assert labels.tolist() == [3, 0, 3, 0, 3]
    opened = load_run(directory)
    _, networks = restore_networks(opened.checkpoints, like_state(opened))
    batch = opened.data.examples._replace(
        real=np.zeros((5, SIDE, SIDE, 1), np.float32), condition=(labels,)
    )
    expected = maker(opened.experiment.game)(networks, latents, batch)
    np.testing.assert_array_equal(made, expected)


def test_images_that_are_given_are_reconstructed(trained, tmp_path):
    folder, out = tmp_path / "photos", tmp_path / "made"
    folder.mkdir()
    for i in range(3):
        Image.new("L", (SIDE, SIDE), 100 * i).save(folder / f"{i}.png")
    options = ("--output", "reconstructions", "--image", folder, "--out", out)
    assert run("sample", trained("vae", evaluated=True), *options) == 0
    with np.load(f"{out}.npz") as saved:
        assert len(saved["samples"]) == 3  # as many as are given
        assert saved["examples.real"][2].max() == pytest.approx(200 / 127.5 - 1)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("labeled", ("--output", "sample"), "the game makes no 'sample'; it makes ["),
        ("labeled", ("--label", "4"), "--label: there is no class '4'; there are "),
        ("labeled", ("--label", "class 4"), "--label: there is no class 'class 4'"),
        ("labeled", ("--caption", "x"), "--caption: "),
        ("vae", ("--label", "3"), "declares no such input; it declares --image."),
        ("vae_gan", ("--label", "3"), "declares no such input; it declares none."),
        ("vae", ("--image", FILE), "is a file; give the folder that it is in"),
        ("vae", ("--image", "nowhere"), "nowhere is not a folder"),
        ("vae", ("--count", "0"), "--count must be an integer of at least 1"),
    ],
)
def test_what_cannot_be_made_is_one_sentence(trained, capsys, name, options, message):
    directory = trained(name, evaluated=name in ("labeled", "vae"))
    capsys.readouterr()
    assert run("sample", directory, *options) == 2
    error = capsys.readouterr().err
    assert message in error and error.startswith("jaxgan: ")
    assert len(error.strip().splitlines()) == 1


def test_the_help_lists_the_inputs_of_the_run(trained, capsys):
    with pytest.raises(SystemExit):
        run_help = ("sample", trained("labeled", evaluated=True), "--help")
        raise SystemExit(run(*run_help))
    page = " ".join(capsys.readouterr().out.split())
    assert "--label" in page and "class 3" in page


# Evaluation


def test_a_run_is_evaluated_without_the_data(trained, capsys):
    directory = trained("labeled", evaluated=True)
    in_training = {s.name: s for s in read_scores(directory / "scores.jsonl")}
    assert run("evaluate", directory) == 0
    said = capsys.readouterr().out
    assert "60 other reals" in said or "40 other reals" in said
    found = read_scores(directory / "evaluations.jsonl")
    again = {s.name: s for s in found if s.of == "samples"}
    assert {*again} >= {"frechet", "conditional_accuracy", "intra_class_frechet"}
    for name, score in again.items():
        assert score.value == pytest.approx(in_training[name].value, rel=1e-6)
        assert score.protocol == in_training[name].protocol
    protocol = again["conditional_accuracy"].protocol
    assert protocol.output == "samples" and len(protocol.examples) == 12
    assert 0 < again["conditional_accuracy"].value < 1


@pytest.mark.slow
def test_a_large_reference_lies_in_the_cache_or_is_made_again_the_same(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr("jaxgan.training.run_data.LIMIT", 0)
    monkeypatch.setenv("JAXGAN_CACHE", str(tmp_path / "cache"))
    data, directory = tmp_path / "data.txt", tmp_path / "run"
    data.write_text("7")
    options = ("--game", "labeled", "--data", data, "--evaluated", "--run", directory)
    assert run("train", FILE, *options, "--devices", 1) == 0
    trained = [s.value for s in read_scores(directory / "scores.jsonl")[:3]]
    [kept] = (tmp_path / "cache" / "references").iterdir()

    def evaluated():
        (directory / "evaluations.jsonl").unlink(missing_ok=True)
        assert run("evaluate", directory) == 0
        return [s.value for s in read_scores(directory / "evaluations.jsonl")[:3]]

    data.unlink()
    assert evaluated() == pytest.approx(trained, rel=1e-6)
    data.write_text("7")
    for damage in (lambda: kept.write_bytes(b"\0" * 99), kept.unlink):
        damage()
        assert evaluated() == pytest.approx(trained, rel=1e-6)
        assert len(kept.read_bytes()) > 99  # kept again
    kept.unlink()
    data.write_text("8")
    assert run("evaluate", directory) == 2
    assert "its data have changed" in capsys.readouterr().err


def test_what_is_kept_is_checked_when_it_is_read(trained, capsys, tmp_path):
    directory = tmp_path / "run"
    shutil.copytree(trained("labeled", evaluated=True), directory)
    for name in ("reference", "extractor", "examples", "shapes"):
        path = directory / "data" / name
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(bytes(content))
        assert run("evaluate", directory) == 1
        assert f"{name} is damaged" in capsys.readouterr().err
        content[len(content) // 2] ^= 1
        path.write_bytes(bytes(content))
    (directory / "data" / "shapes").unlink()
    assert run("sample", directory) == 1
    assert "shapes is missing" in capsys.readouterr().err


def test_an_output_is_scored_against_the_truth_of_its_row(trained):
    directory = trained("vae", evaluated=True)
    assert run("evaluate", directory) == 0
    [score] = read_scores(directory / "evaluations.jsonl")[-1:]
    opened = load_run(directory)
    game = opened.experiment.game
    _, networks = restore_networks(opened.checkpoints, like_state(opened))
    batch = choose(run_reference(opened).examples, 20, 0)
    latents = draw_latents(game, 20, 0)
    made = maker(game, "reconstructions")(networks, latents, batch)
    assert score.value == pytest.approx(np.square(made - batch.real).mean(), rel=1e-5)
    assert score.protocol.output == "reconstructions"


def test_metrics_that_need_what_is_not_there_are_refused(trained, capsys, tmp_path):
    Image.new("L", (SIDE, SIDE)).save(tmp_path / "one.png")
    options = ("--extractor", "pixels", "--against", f"{tmp_path}/", "--metrics")
    for metric in ("conditional_accuracy", "intra_class_frechet"):
        capsys.readouterr()
        assert run("evaluate", trained("vae_gan"), *options, metric) == 2
        assert f"{metric} needs a label in each example" in capsys.readouterr().err


# Runs


@pytest.mark.slow
@pytest.mark.parametrize("name", ZOO)
def test_a_game_that_is_killed_resumes_to_the_same_bits(tmp_path, name):
    data = tmp_path / "data.txt"
    data.write_text("7")
    config = {"game": name, "data": data, "steps": 30}
    whole = train(
        make_run(tmp_path / "whole", FILE, **config), schedule=OFTEN, devices=ONE_DEVICE
    )
    killed = tmp_path / "killed"
    command = [sys.executable, "-m", "jaxgan", "train", str(FILE), "--run"]
    command += [str(killed), "--game", name, "--data", str(data), "--steps=30"]
    command += ["--save-every=2", "--log-every=1", "--devices", "1"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=-3)
    wait_until(lambda: len(steps(killed / "checkpoints")) > 1, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert steps(killed / "checkpoints")[-1] < 30
    resumed = train(
        make_run(killed, FILE, **config), schedule=OFTEN, devices=ONE_DEVICE
    )
    assert_same_bits(whole, resumed)


# What does not fit together


def refused(tmp_path, name="labeled", **changes):
    data = tmp_path / "data.txt"
    data.write_text("7")
    file = load_file(FILE)
    made = file.experiment(file.config(data=data, game=name))._replace(**changes)
    open_data(file.path, made)


def test_examples_must_be_like_the_batches(tmp_path):
    def without_labels():
        return ZOO["vae"].examples(8, 0)

    def of_another_shape():
        batch = ZOO["labeled"].examples(8, 0)
        return batch._replace(real=batch.real[:, :2])

    with pytest.raises(InputError, match=r"have 0 conditions, .* have 1"):
        refused(tmp_path, examples=without_labels)
    with pytest.raises(InputError, match="batches have conditions, so what is made"):
        refused(tmp_path, examples=None)
    with pytest.raises(InputError, match=r"have 1 conditions, .* have 0"):
        refused(tmp_path, "vae", examples=lambda: ZOO["labeled"].examples(8, 0))
    with pytest.raises(InputError, match=r"examples are of \(\(\(2, 4, 1\), 'float32'"):
        refused(tmp_path, examples=of_another_shape)


def test_a_plot_must_draw_every_output(tmp_path):
    def plot(made, batch, columns):
        raise ValueError("no colors")

    match = r"plot cannot draw the output 'samples', of shapes \(10, .*no colors"
    with pytest.raises(InputError, match=match):
        refused(tmp_path, plot=plot)


def test_inputs_may_not_be_called_like_options(tmp_path):
    data = tmp_path / "data.txt"
    data.write_text("7")
    file = load_file(FILE)
    config = file.config(data=data)
    made = file.experiment(config)
    for name in ("count", "two words"):
        own = made._replace(inputs={name: made.inputs["image"]})
        with pytest.raises(InputError, match=f"inputs: '{name}' cannot be an option"):
            build(file._replace(experiment=lambda _, own=own: own), config)
