"""Sweeps, as a user would type them."""

import json
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxgan.cli.sweep import parse_grid, sweep
from jaxgan.metrics.protocol import read_scores
from jaxgan.reporting.log import read_rows
from jaxgan.training.checkpoint import restore_networks
from jaxgan.training.experiment import load_file
from jaxgan.training.loop import train
from jaxgan.training.run import create_run, load_run
from jaxgan.training.schedule import Schedule
from jaxgan.training.snapshots import like_state
from tests.builders import assert_close, tiered
from tests.command_line import run
from tests.runs import PICTURE, PLANE


@pytest.fixture(autouse=True)
def a_wide_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    out = tmp_path_factory.mktemp("sweeps") / "plane"
    words = ("--grid", "gamma=0.1,10", "learning_rate=0.01,3e38", "--log-every", 2)
    assert run("sweep", PLANE, "--seeds", 2, "--seed", 5, *words, "--out", out) == 0
    return out


def test_a_sweep_leaves_a_table_curves_and_every_member(swept):
    lines = (swept / "table.md").read_text(encoding="utf-8").splitlines()
    header = "| gamma | learning_rate | seeds | spread | mean | diverged |"
    assert lines[0] == header
    assert len(lines) == 2 + 4
    assert [line.split(" | ")[2] for line in lines[2:]] == ["2 of 2", "0 of 2"] * 2
    told = json.loads((swept / "sweep.json").read_text(encoding="utf-8"))
    assert told["experiment"] == "plane_experiment"
    seeds = [(m["gamma"], m["learning_rate"], m["seed"]) for m in told["members"]]
    assert sorted(seeds) == [
        (g, rate, seed) for g in (0.1, 10) for rate in (0.01, 3e38) for seed in (5, 6)
    ]
    with Image.open(swept / "curves.png") as picture:
        assert np.asarray(picture).std() > 0


def test_the_table_is_the_mean_and_its_standard_error(swept):
    told = json.loads((swept / "sweep.json").read_text(encoding="utf-8"))
    cell = [
        m["measured"]["spread"]
        for m in told["members"]
        if m["gamma"] == 10 and m["learning_rate"] == 0.01
    ]
    error = abs(cell[0] - cell[1]) / 2  # of two: their half distance
    line = (swept / "table.md").read_text(encoding="utf-8").splitlines()[4]
    found = [float(number) for number in line.split(" | ")[3].split(" ± ")]
    assert found == pytest.approx([np.mean(cell), error], abs=0.06 * error)


def test_diverged_members_are_named_and_never_the_best(swept):
    lines = (swept / "table.md").read_text(encoding="utf-8").splitlines()
    assert lines[2].endswith("|  |")
    assert "| — | — | seed 5 by step 2, seed 6 by step 2 |" in lines[3]
    assert load_run(swept / "best").config.learning_rate == 0.01


@pytest.mark.parametrize("seeds", tiered([2, 3], [2]))
def test_members_are_scored_and_without_a_rank_the_least_first_score_is_kept(
    tmp_path, monkeypatch, seeds
):
    monkeypatch.setattr("jaxgan.training.schedule.is_milestone", lambda step: step == 2)
    file = load_file(Path(PICTURE))

    def unmeasured(config):
        made = file.experiment(config)
        return made._replace(objective=None, summarize=lambda samples, batch: {})

    config = file.config(steps=3, evaluated=True)
    out = tmp_path / "sweep"
    members = sweep(out, file._replace(experiment=unmeasured), config, seeds, {})
    found = {each.seed: each.scores[0].value for each in members}
    assert len({*found.values()}) == seeds
    told = json.loads((out / "sweep.json").read_text(encoding="utf-8"))
    assert [m["measured"]["frechet"] for m in told["members"]] == [*found.values()]
    assert "| frechet | " in (out / "table.md").read_text(encoding="utf-8")
    best = load_run(out / "best")
    assert best.config.seed == min(found, key=found.get)
    [kept, *_] = read_scores(best.scores)
    assert (kept.seed, kept.value) == (best.config.seed, min(found.values()))
    assert run("evaluate", best.directory, "--seed", best.config.seed) == 0
    again = read_scores(best.evaluations)[0]
    assert again.value == pytest.approx(kept.value, rel=1e-6)
    assert again.protocol == kept.protocol


def test_the_best_is_the_run_that_it_would_have_been_alone(swept, tmp_path):
    best = load_run(swept / "best")
    told = json.loads((swept / "sweep.json").read_text(encoding="utf-8"))
    sound = [m for m in told["members"] if not m["diverged"]]
    least = min(sound, key=lambda m: m["measured"]["spread"])
    assert (best.config.gamma, best.config.seed) == (least["gamma"], least["seed"])

    alone = create_run(tmp_path / "alone", load_file(Path(PLANE)), best.config)
    train(alone, schedule=Schedule(log_every=2))
    step, networks = restore_networks(best.checkpoints, like_state(best))
    _, expected = restore_networks(alone.checkpoints, like_state(alone))
    assert step == 4
    assert_close(networks, expected, atol=1e-5)
    rows, expected_rows = read_rows(best.metrics), read_rows(alone.metrics)
    assert [row["step"] for row in rows] == [2, 4]
    for row, wanted in zip(rows, expected_rows, strict=True):
        assert list(row) == list(wanted)
        for name, value in wanted.items():
            assert row[name] == pytest.approx(value, rel=1e-4, abs=1e-5), name


@pytest.mark.slow
def test_members_are_measured_by_their_own_networks(tmp_path):
    out = tmp_path / "s"
    assert run("sweep", PLANE, "--grid", "gain=1,10", "--seeds", 2, "--out", out) == 0
    told = json.loads((out / "sweep.json").read_text(encoding="utf-8"))
    for each in told["members"]:
        file = load_file(Path(PLANE))
        config = file.config(gain=each["gain"], seed=each["seed"])
        alone = create_run(tmp_path / f"{config.gain:g}-{config.seed}", file, config)
        train(alone, schedule=Schedule(log_every=2))
        expected = read_rows(alone.metrics)[-1]["spread"]
        assert each["measured"]["spread"] == pytest.approx(expected, rel=1e-4)


def test_the_best_is_an_ordinary_run(swept, capsys):
    assert run("sample", swept / "best", "--count", 3) == 0
    assert run("train", swept / "best") == 0
    assert run("list", swept) == 0
    assert "4" in capsys.readouterr().out


def test_one_seed_alone_and_members_in_sequence(tmp_path, capsys):
    options = ("--seeds", 1, "--sequential", "--out", tmp_path / "s")
    assert run("sweep", PLANE, *options) == 0
    table = (tmp_path / "s" / "table.md").read_text(encoding="utf-8")
    assert table.splitlines()[0] == "| seeds | spread | mean | diverged |"
    assert "±" not in table
    assert table.strip() in capsys.readouterr().out


def test_without_a_rank_no_run_is_kept(tmp_path):
    options = ("--seeds", 1, "--sequential", "--no-ranks", "--out", tmp_path / "s")
    assert run("sweep", PLANE, *options) == 0
    assert not (tmp_path / "s" / "best").exists()
    assert (tmp_path / "s" / "table.md").exists()


def test_a_signal_keeps_what_was_measured(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("JAXGAN_TEST_STOP_AT", "101")
    out = tmp_path / "s"
    options = ("--seeds", 1, "--sequential", "--steps", 300, "--out", out)
    assert run("sweep", PLANE, *options) == 128 + signal.SIGTERM
    said = capsys.readouterr().err
    assert f"SIGTERM at step 101; what was measured until then is in {out}" in said
    assert "no run was kept" in said
    told = json.loads((out / "sweep.json").read_text(encoding="utf-8"))
    assert told["members"][0]["measured"]["spread"] > 0  # at step 100
    assert not (out / "best").exists()


def test_what_a_failing_measure_leaves(tmp_path):
    """The second seed's first measurement fails: the first one's is kept."""
    out = tmp_path / "s"
    options = ("--seeds", 2, "--grid", "learning_rate=0.01", "--out", out)
    with pytest.raises(ZeroDivisionError):
        run("sweep", PLANE, "--steps", 2, "--fails", *options)
    told = json.loads((out / "sweep.json").read_text(encoding="utf-8"))
    assert [list(m["measured"]) for m in told["members"]] == [["spread", "mean"], []]
    assert (out / "curves.png").exists()


def test_if_all_diverge_that_is_said(tmp_path, capsys):
    out = tmp_path / "s"
    options = ("--seeds", 2, "--grid", "learning_rate=3e38", "--out", out)
    assert run("sweep", PLANE, *options) == 1
    assert f"every member diverged; {out / 'table.md'}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--grid", "gama=1,2"), "has no field 'gama'; it has ['fails', 'gain', 'gam"),
        (("--grid", "gamma"), "'gamma' must be NAME=VALUE,VALUE"),
        (("--grid", "gamma="), "gamma has no values; give at least one"),
        (("--grid", "gamma=1,1.0"), "gamma has a value twice; give each once"),
        (("--grid", "gamma=a"), "the values of gamma must be numbers, got 'a'"),
        (("--grid", "gamma=1,nan"), "the values of gamma must be finite, got '1,nan'"),
        (("--grid", "word=1,2"), "holds no number; make a sweep for each of its val"),
        (("--grid", "ranks=0,1"), "ranks of "),
        (("--grid", "gamma=1", "gamma=2"), "gamma cannot be given here; give it once"),
        (("--grid", "seed=1,2"), "seed cannot be given here; use --seeds"),
        (("--grid", "gamma=1,-1"), "r1: gamma must be at least 0, got -1"),
        (("--grid", "width=4,8"), "hypers['width'] cannot be traced, so it cannot di"),
        (("--grid", "steps=4,8"), "steps must not change the data or the number of st"),
        (("--grid", "shift=0,1"), "shift must not change the data or the number of st"),
        (("--seeds", "0"), "--seeds must be an integer of at least 1, got 0"),
    ],
)
def test_bad_input_is_refused_before_compiling(options, message, tmp_path, capsys):
    out = tmp_path / "s"
    assert run("sweep", PLANE, *options, "--out", out) == 2
    assert message in capsys.readouterr().err
    assert not out.exists()


def test_a_directory_in_use_is_refused(swept, capsys):
    assert run("sweep", PLANE, "--out", swept) == 2
    assert "is not empty; choose another with --out" in capsys.readouterr().err


def test_a_directory_is_no_experiment(swept, capsys):
    assert run("sweep", swept / "best") == 2
    assert "is a directory; give an experiment's file" in capsys.readouterr().err


def test_grids_are_numbers_by_name():
    file = load_file(Path(PLANE))
    found = parse_grid(["gamma=1e-1,2", "learning_rate=3"], file)
    assert found == {"gamma": [0.1, 2.0], "learning_rate": [3.0]}
