"""The command line, in this process, as a user would type it."""

import io
import logging
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.builders import tiered
from tests.command_line import run
from tests.runs import PICTURE, PLANE, TINY


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    directory = tmp_path_factory.mktemp("runs") / "pictures"
    assert run("train", PICTURE, "--run", directory, "--steps", 3, "--devices", 1) == 0
    return directory


def test_train_takes_fields_that_only_sweep_reserves(tmp_path, capsys):
    file = tmp_path / "exp.py"
    text = Path(PICTURE).read_text(encoding="utf-8")
    file.write_text(text.replace("seed: int = 0", "seed: int = 0\n    grid: int = 0"))
    assert run("train", file, "--grid", 3, "--batch-size", 99) == 2
    assert "batch_size is 99" in capsys.readouterr().err
    assert run("sweep", file) == 2
    assert "Config may not have fields named ['grid']" in capsys.readouterr().err


def test_sample_leaves_a_picture_and_the_same_arrays(trained, capsys):
    assert run("sample", trained, "--count", 5, "--seed", 3) == 0
    arrays = np.load(trained / "samples" / "sample-3.npz")
    assert arrays["samples"].shape == (5, 8, 8, 1)
    assert arrays["latents"].shape == (5, 4)
    assert arrays["step"] == 3
    with Image.open(trained / "samples" / "sample-3.png") as picture:
        pixel = np.asarray(picture)[5, 5]
    expected = np.clip((arrays["samples"][0, 0, 0, 0] + 1) * 127.5 + 0.5, 0, 255)
    assert pixel == int(expected)
    assert "5 samples of step 3" in capsys.readouterr().out


def test_sample_again_is_the_same_and_another_seed_is_not(trained, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert run("sample", trained, "--seed", seed, "--out", tmp_path / name) == 0
    a, b, c = (np.load(tmp_path / f"{name}.npz")["samples"] for name in "abc")
    assert a.tobytes() == b.tobytes()
    assert a.tobytes() != c.tobytes()


def test_interpolate_walks_from_end_to_end(trained, tmp_path):
    out = tmp_path / "way"
    command = ("interpolate", trained, "--pairs", 2, "--steps", 5, "--out", out)
    assert run(*command) == 0
    with Image.open(f"{out}-lerp.png") as one, Image.open(f"{out}-slerp.png") as other:
        lerp, slerp = np.asarray(one), np.asarray(other)
    assert lerp.shape == slerp.shape == (2 * 37 + 5, 5 * 37 + 5)
    np.testing.assert_allclose(lerp[:, :37], slerp[:, :37], atol=1)
    np.testing.assert_allclose(lerp[:, -37:], slerp[:, -37:], atol=1)


def test_list_shows_runs_and_their_steps(trained, capsys):
    assert run("list", trained.parent) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[1:4] == ["3", "3", "mean"]


def test_list_of_nothing_says_so(tmp_path, capsys):
    assert run("list", tmp_path) == 0
    assert f"no runs in {tmp_path}" in capsys.readouterr().out


def test_warnings_are_plain_sentences(tmp_path):
    """Also of a handler that a library has made before, as Orbax does."""
    told = io.StringIO()
    handler = logging.StreamHandler(told)
    handler.setFormatter(logging.Formatter(logging.BASIC_FORMAT))
    logging.getLogger().addHandler(handler)
    try:
        assert run("list", tmp_path) == 0
        logging.getLogger("jaxgan").warning("a line is torn")
    finally:
        logging.getLogger().removeHandler(handler)
    assert told.getvalue() == "a line is torn\n"


def test_train_on_a_run_directory_goes_on_with_it(trained, capsys):
    assert run("train", trained, "--devices", 1) == 0
    assert "is already finished, with 3 steps" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", PICTURE, "--no-such-field", "1"), "no-such-field"),
        (("train", PICTURE, "--batch-size", "many"), "batch-size"),
        (("train", PICTURE, "--batch-size", "0"), "batch_size must be an integer"),
        (("train", PICTURE, "--batch-size", "41"), "the data hold only 40 examples"),
        (("train", PICTURE, "--steps", "0"), "steps must be an integer of at least 1"),
        (
            ("train", PICTURE, "--log-every", "0"),
            "log_every must be an integer of at le",
        ),
        (
            ("train", PICTURE, "--devices", "9"),
            "--devices is 9, but JAX finds 8 here; use",
        ),
        (("train", PICTURE, "--batch-size", "9", "--devices", "2"), "does not split"),
        (("train", "nowhere.py"), "nowhere.py is not a file"),
        (("train", PICTURE, "--seed", "-1"), "seed must be an integer from 0"),
        (("train", "--keep", "2", "nowhere.py"), "nowhere.py is not a file"),
        (("sample", PICTURE), "is not a run directory"),
        (("train",), "EXPERIMENT"),
        (("sample", "nowhere"), "nowhere is not a run directory"),
        (("interpolate", "nowhere"), "nowhere is not a run directory"),
        (("list", "nowhere"), "nowhere is not a directory"),
        (("evaluate",), "RUN"),
        (("evaluate-folders", "here"), "FAKE"),
        (("evaluate", "RUN", "--fake", "here"), "--fake"),
        (("fly",), "fly"),
    ],
)
def test_bad_input_is_one_sentence_and_a_status(
    arguments, message, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert not [*tmp_path.glob("runs/*")]


@pytest.mark.slow
def test_options_may_come_before_the_file(tmp_path):
    command = ("train", "--devices", 1, "--run", tmp_path / "run", PLANE, "--steps", 1)
    assert run(*command) == 0
    assert (tmp_path / "run" / "checkpoints" / "1").is_dir()


def test_a_place_that_cannot_be_written_is_one_sentence(capsys):
    assert run("train", PLANE, "--run", "/dev/null/run") == 1
    error = capsys.readouterr().err
    assert error.startswith("jaxgan: /dev/null")
    assert "Traceback" not in error


def test_a_run_whose_log_is_gone_or_damaged_is_still_listed(trained, capsys, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(trained, copy)
    (copy / "metrics.jsonl").write_bytes(b"\xff\xfe\n[1]\n")
    assert run("train", copy, "--devices", 1) == 0
    assert run("list", tmp_path) == 0
    (copy / "metrics.jsonl").unlink()
    assert run("train", copy, "--devices", 1) == 0
    assert "copy" in capsys.readouterr().out


def test_bad_counts_for_sampling_are_refused(trained, capsys):
    assert run("sample", trained, "--count", 0) == 2
    assert "--count must be an integer of at least 1" in capsys.readouterr().err
    assert run("interpolate", trained, "--steps", 0) == 2
    assert run("interpolate", trained, "--pairs", -1) == 2
    capsys.readouterr()
    for command in ("sample", "interpolate"):
        for seed in (-1, 2**70):
            assert run(command, trained, "--seed", seed) == 2
            assert "--seed must be an integer from 0 to" in capsys.readouterr().err


def test_a_config_field_that_train_already_has_is_refused(tmp_path, capsys):
    path = tmp_path / "clash.py"
    path.write_text(
        "import dataclasses\n"
        "@dataclasses.dataclass\n"
        "class Config:\n"
        "    keep: int = 1\n"
        "def experiment(config): ...\n"
    )
    assert run("train", path) == 2
    assert "may not have fields named ['keep']" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [
        *("train", "sweep", "sample", "interpolate", "evaluate", "evaluate-folders"),
        *("compare", "list", "data", "experiments", "new"),
    ],
)
def test_each_help_is_a_page(command, capsys):
    assert run(command, "--help") == 0
    page = capsys.readouterr().out
    assert f"jaxgan {command}" in page
    assert len(page.splitlines()) > 8


def test_the_help_of_an_experiment_lists_its_fields(capsys):
    assert run("train", TINY, "--help") == 0
    page = capsys.readouterr().out
    for words in (
        "--batch-size",
        "--discriminator-moves",
        "--save-every",
        "for each of the generator's",
    ):
        assert words in page


@pytest.mark.parametrize("number", tiered([signal.SIGINT, signal.SIGTERM], []))
def test_a_signal_saves_says_where_and_ends_without_traceback(tmp_path, number):
    command = [
        sys.executable,
        "-m",
        "jaxgan",
        "train",
        PLANE,
        "--devices",
        "1",
    ]
    process = subprocess.Popen(
        [*command, "--steps", "100000", "--run", tmp_path / "run"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stderr is not None
    seen = ""
    while "generator=" not in seen:  # the progress bar, once steps are being made
        character = process.stderr.read(1)
        assert character, seen
        seen += character
    process.send_signal(number)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert f"stopped by {number.name} at step" in error
    assert "goes on from there" in error
    assert "Traceback" not in error
    [saved] = [p for p in (tmp_path / "run/checkpoints").iterdir() if p.name.isdigit()]
    assert f"saved in {saved}" in error
