"""Sweeps, as a user would type them."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from jaxgan.cli.sweep import parse_grid
from jaxgan.errors import InputError, Interrupted, RunError
from jaxgan.metrics.protocol import read_scores
from jaxgan.reporting.log import read_rows
from jaxgan.training.checkpoint import restore_networks, steps
from jaxgan.training.experiment import load_file
from jaxgan.training.lock import locked
from jaxgan.training.loop import train
from jaxgan.training.recorder import is_finished
from jaxgan.training.run import create_run, load_run
from jaxgan.training.schedule import Schedule
from jaxgan.training.snapshots import like_state
from jaxgan.training.sweep import resume_sweep, sweep
from jaxgan.training.sweep_report import SweepMember, read_sweep, table
from tests.builders import assert_close
from tests.command_line import run
from tests.runs import OFTEN, ONE_DEVICE, PICTURE, PLANE, wait_until


@pytest.fixture(autouse=True)
def a_wide_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")


def best_run(directory):
    return load_run(directory / read_sweep(directory).best)


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
    told = read_sweep(swept)
    assert told.experiment == "plane_experiment"
    assert [(*each.values.values(), each.seed) for each in told.members] == [
        (g, rate, seed) for g in (0.1, 10) for rate in (0.01, 3e38) for seed in (5, 6)
    ]
    for each in told.members:
        config = load_run(swept / each.run).config
        values = {"gamma": config.gamma, "learning_rate": config.learning_rate}
        assert (values, config.seed) == (each.values, each.seed)
    with Image.open(swept / "curves.png") as picture:
        assert np.asarray(picture).std() > 0


def test_the_table_is_the_mean_and_its_standard_error(swept):
    cell = [
        each.measured["spread"]
        for each in read_sweep(swept).members
        if each.values == {"gamma": 10, "learning_rate": 0.01}
    ]
    error = abs(cell[0] - cell[1]) / 2  # of two: their half distance
    line = (swept / "table.md").read_text(encoding="utf-8").splitlines()[4]
    found = [float(number) for number in line.split(" | ")[3].split(" ± ")]
    assert found == pytest.approx([np.mean(cell), error], abs=0.06 * error)


def test_diverged_members_are_named_and_never_the_best(swept):
    lines = (swept / "table.md").read_text(encoding="utf-8").splitlines()
    assert lines[2].endswith("|  |")
    assert "| — | — | seed 5 by step 2, seed 6 by step 2 |" in lines[3]
    assert best_run(swept).config.learning_rate == 0.01
    lost = load_run(swept / "gamma=0.1,learning_rate=3e+38,seed=5")
    assert not lost.metrics.exists()
    assert not lost.checkpoints.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("schedule", "noted", "kept"),
    [
        (OFTEN, 5, 4),
        (Schedule(log_every=12, save_every=1), 12, 4),  # two of them are kept at a time
        (Schedule(log_every=12, save_every=2), 12, 4),
        (Schedule(log_every=12, save_every=3), 12, 3),
    ],
)
def test_members_that_diverge_keep_their_last_sound_networks(
    tmp_path, schedule, noted, kept
):
    """As a run does that trains alone: that of before the loss was not a number."""
    out, file = tmp_path / "s", load_file(Path(PLANE))
    config = file.config(steps=12, nan_at=5)
    with pytest.raises(RunError, match="every member diverged"):
        sweep(out, file, config, 2, {}, schedule=schedule)
    for about in read_sweep(out).members:
        assert about.diverged == noted
        own = load_run(out / about.run)
        alone = create_run(tmp_path / about.run, file, own.config)
        with pytest.raises(RunError, match="the last good checkpoint is"):
            train(alone, schedule=schedule, devices=ONE_DEVICE)
        step, networks = restore_networks(own.checkpoints, like_state(own))
        _, expected = restore_networks(alone.checkpoints, like_state(alone))
        assert step == kept
        assert_close(networks, expected)


@pytest.mark.parametrize("seeds", [2, 3])
@pytest.mark.slow
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
    told = sweep(out, file._replace(experiment=unmeasured), config, seeds, {})
    found = {each.seed: each.measured["frechet"] for each in told.members}
    assert len({*found.values()}) == seeds
    assert told == read_sweep(out)
    assert "| frechet | " in (out / "table.md").read_text(encoding="utf-8")
    best = load_run(out / told.best)
    assert best.config.seed == min(found, key=found.get)
    [kept, *_] = read_scores(best.scores)
    assert (kept.seed, kept.value) == (best.config.seed, min(found.values()))
    assert run("evaluate", best.directory, "--seed", best.config.seed) == 0
    again = read_scores(best.evaluations)[0]
    assert again.value == pytest.approx(kept.value, rel=1e-6)
    assert again.protocol == kept.protocol


@pytest.mark.slow
def test_the_best_is_the_run_that_it_would_have_been_alone(swept, tmp_path):
    best, told = best_run(swept), read_sweep(swept)
    sound = [each for each in told.members if each.diverged is None]
    assert min(sound, key=lambda each: each.measured["spread"]).run == told.best

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
    for each in read_sweep(out).members:
        file = load_file(Path(PLANE))
        config = file.config(gain=each.values["gain"], seed=each.seed)
        alone = create_run(tmp_path / f"{config.gain:g}-{config.seed}", file, config)
        train(alone, schedule=Schedule(log_every=2))
        expected = read_rows(alone.metrics)[-1]["spread"]
        assert each.measured["spread"] == pytest.approx(expected, rel=1e-4)


def test_each_sound_member_is_an_ordinary_run(swept, capsys):
    for each in read_sweep(swept).members[:2]:
        assert run("sample", swept / each.run, "--count", 3) == 0
        assert run("train", swept / each.run) == 0
        assert "is already finished, with 4 steps" in capsys.readouterr().out
        assert (swept / each.run / "samples" / "strip.png").exists()
    assert run("list", swept.parent) == 0
    assert str(best_run(swept).directory) in capsys.readouterr().out
    assert run("train", swept) == 2
    said = capsys.readouterr().err
    assert "it has no run.json; did you mean" in said
    assert str(swept / "gamma=0.1,learning_rate=0.01,seed=5") in said


def test_a_finished_sweep_shows_its_table_again(swept, capsys):
    assert run("sweep", swept) == 0
    table = (swept / "table.md").read_text(encoding="utf-8").strip()
    assert table in capsys.readouterr().out
    words = ("--grid", "gamma=0.1,10", "learning_rate=0.01,3e38", "--out", swept)
    assert run("sweep", PLANE, "--seeds", 2, "--seed", 5, *words) == 0
    assert table in capsys.readouterr().out


@pytest.mark.slow
def test_one_process_trains_one_seed_alone_in_sequence(tmp_path, capsys):
    out = tmp_path / "s"
    options = ("--seeds", 1, "--sequential", "--out", out)
    out.mkdir()
    with locked(out):
        assert run("sweep", PLANE, *options) == 1
    assert f"another process is training in {out}" in capsys.readouterr().err
    assert run("sweep", PLANE, *options) == 0
    table = (out / "table.md").read_text(encoding="utf-8")
    assert table.splitlines()[0] == "| seeds | spread | mean | diverged |"
    assert "±" not in table
    assert table.strip() in capsys.readouterr().out


@pytest.mark.slow
def test_without_a_rank_every_run_is_kept(tmp_path, capsys):
    options = ("--seeds", 2, "--sequential", "--no-ranks", "--out", tmp_path / "s")
    assert run("sweep", PLANE, *options) == 0
    assert "none is best" in capsys.readouterr().out
    for each in read_sweep(tmp_path / "s").members:
        assert is_finished(load_run(tmp_path / "s" / each.run))


@pytest.mark.slow
def test_the_best_few_are_kept(tmp_path):
    out = tmp_path / "s"
    rates = "learning_rate=0.01,3e38"
    options = ("--seeds", 3, "--keep", 2, "--grid", rates, "--out", out)
    assert run("sweep", PLANE, *options) == 0
    told = read_sweep(out)
    sound = [each for each in told.members if each.diverged is None]
    ranked = sorted(sound, key=lambda each: each.measured["spread"])
    assert len(ranked) == 3
    left = {path.parent.name for path in out.glob("*/run.json")}
    assert left == {each.run for each in ranked[:2]}
    assert told.best == ranked[0].run
    assert all(is_finished(load_run(out / name)) for name in left)
    assert run("sweep", PLANE, *options) == 0
    assert run("sweep", out) == 0
    assert {path.parent.name for path in out.glob("*/run.json")} == left


FREQUENT = ("--log-every", 7, "--save-every", 5)
LONG = ("--seeds", 2, "--grid", "learning_rate=0.01", "--steps", 120, *FREQUENT)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    out = tmp_path_factory.mktemp("whole") / "plane"
    assert run("sweep", PLANE, *LONG, "--out", out) == 0
    return out


def contents(directory):
    """Read what a sweep leaves: its table, and the log and networks of each member."""
    told, found = read_sweep(directory), {}
    for each in told.members:
        member = load_run(directory / each.run)
        step, networks = restore_networks(member.checkpoints, like_state(member))
        bits = [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(networks)]
        found[each.run] = (member.metrics.read_text(encoding="utf-8"), step, bits)
    return told, found, (directory / "table.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("words", [(PLANE, *LONG, "--out"), FREQUENT])
@pytest.mark.slow
def test_a_stopped_sweep_goes_on_to_the_same_bits(
    whole, tmp_path, capsys, monkeypatch, words
):
    """By the same command, and from its directory alone."""
    out = tmp_path / "s"
    monkeypatch.setenv("JAXGAN_TEST_STOP_AT", "103")  # between two lines
    assert run("sweep", PLANE, *LONG, "--out", out) == 128 + signal.SIGTERM
    said = capsys.readouterr().err
    assert f"SIGTERM at step 103, saved in {out / 'checkpoints' / '103'}" in said
    assert f"`jaxgan sweep {out}` goes on from there" in said
    assert all(each.measured["spread"] for each in read_sweep(out).members)
    member = out / read_sweep(out).members[0].run
    for more in ((), ("--steps", 130)):
        assert run("train", member, *more) == 2
        said = capsys.readouterr().err
        assert "is a member of a sweep that is not finished; go on" in said
        assert f"by `jaxgan sweep {out}`" in said
    monkeypatch.delenv("JAXGAN_TEST_STOP_AT")
    assert run("sweep", *words, out) == 0
    assert contents(out) == contents(whole)
    assert not (out / "checkpoints").exists()
    assert not (out / "unlogged.jsonl").exists()
    assert run("train", member) == 0  # it is a run like any other now


@pytest.mark.slow
def test_a_killed_sweep_goes_on_to_the_same_bits(tmp_path):
    """At random moments, of its beginning and its end too."""
    rng, out, whole = np.random.default_rng(0), tmp_path / "s", tmp_path / "whole"
    words = map(str, ("sweep", PLANE, *LONG, "--out"))
    command = [sys.executable, "-m", "jaxgan", *words]
    subprocess.run([*command, whole], check=True)

    def reached():
        return max(steps(out / "checkpoints"), default=0)

    for _ in range(5):
        before = reached()
        process = subprocess.Popen([*command, out], stderr=subprocess.DEVNULL)
        wait_until(out.exists, process)
        if rng.random() < 0.7 and before < 110:
            wait_until(lambda before=before: reached() > before, process)
        time.sleep(rng.uniform(0, 0.5))
        process.kill()
        process.wait()
    subprocess.run([*command, out], check=True)
    assert contents(out) == contents(whole)


@pytest.mark.slow
def test_a_sweep_that_was_replaced_is_left_alone(tmp_path, monkeypatch):
    out, file = tmp_path / "s", load_file(Path(PLANE))

    def replaced(*given):
        out.rename(tmp_path / "away")
        out.mkdir()
        (out / "sweep.json").write_text("another's")
        return []

    monkeypatch.setattr("jaxgan.training.sweep_recorder.diverged_members", replaced)
    with pytest.raises(RunError, match="was removed or replaced while it trained"):
        sweep(out, file, file.config(steps=2), 1, {})
    assert [path.read_text() for path in out.iterdir()] == ["another's"]


@pytest.mark.slow
def test_a_sweep_that_began_meanwhile_is_not_mixed_with_another(tmp_path, monkeypatch):
    out, file = tmp_path / "s", load_file(Path(PLANE))
    first = {"grid": {"gamma": [0.1]}, "seeds": 1}

    def meanwhile(directory):
        monkeypatch.undo()
        sweep(out, file, file.config(), **first)
        return locked(directory)

    monkeypatch.setattr("jaxgan.training.sweep.locked", meanwhile)
    with pytest.raises(InputError, match=r"is a sweep of grid .*\[0.1\]\}, no"):
        sweep(out, file, file.config(), 1, {"gamma": [5.0]})
    assert [path.parent.name for path in out.glob("*/run.json")] == ["gamma=0.1,seed=0"]


@pytest.mark.slow
def test_an_objective_without_a_number_ranks_nothing(tmp_path):
    file = load_file(Path(PLANE))

    def unranked(config):
        objective = lambda measured: np.nan if config.seed else measured["spread"]  # noqa: E731
        return file.experiment(config)._replace(objective=objective)

    made = file._replace(experiment=unranked)
    told = sweep(tmp_path / "s", made, file.config(), 3, {}, keep=1)
    assert told.best == "seed=0"
    assert all(each.kept for each in told.members)


@pytest.mark.slow
def test_a_line_that_was_logged_is_not_counted_in_the_next(tmp_path, monkeypatch):
    """Though the interval of the log is another when the sweep goes on."""
    file = load_file(Path(PLANE))
    monkeypatch.setenv("JAXGAN_TEST_STOP_AT", "43")
    often = Schedule(log_every=1, save_every=40)
    with pytest.raises(Interrupted):
        sweep(tmp_path / "s", file, file.config(steps=50), 1, {}, schedule=often)
    monkeypatch.delenv("JAXGAN_TEST_STOP_AT")
    resume_sweep(tmp_path / "s", Schedule(log_every=5))
    sweep(tmp_path / "whole", file, file.config(steps=50), 1, {}, schedule=often)
    found, every = (
        {
            row["step"]: row
            for row in read_rows(tmp_path / name / "seed=0/metrics.jsonl")
        }
        for name in ("s", "whole")
    )
    assert [*found] == [*range(1, 44), 45, 50]
    name = "discriminator/non_saturating"
    assert found[45][name] == np.mean([every[44][name], every[45][name]])


def test_the_table_says_of_how_many_a_mean_is():
    members = [
        SweepMember(run="a", seed=0, values={}, measured={"spread": 1.0}),
        SweepMember(run="b", seed=1, values={}, measured={"spread": 2.0, "fid": 3.0}),
        SweepMember(run="c", seed=2, values={}, diverged=7),
    ]
    header, _, row = table(members).splitlines()
    assert header == "| seeds | spread | fid | diverged |"
    assert row == "| 2 of 3 | 1.50 ± 0.50 | 3 (of 1) | seed 2 by step 7 |"


@pytest.mark.slow
def test_a_measure_that_fails_loses_nothing(tmp_path, caplog):
    """The second seed cannot be measured, nor ranked: both are trained and kept."""
    out = tmp_path / "s"
    options = ("--seeds", 2, "--keep", 1, "--grid", "learning_rate=0.01", "--out", out)
    assert run("sweep", PLANE, "--steps", 2, "--fails", *options) == 0
    member = out / "learning_rate=0.01,seed=1"
    assert f"step 2: {member} cannot be measured (ZeroDivisionError" in caplog.text
    told = read_sweep(out)
    assert [[*each.measured] for each in told.members] == [["spread", "mean"], []]
    assert told.best == told.members[0].run
    assert all(is_finished(load_run(out / each.run)) for each in told.members)
    assert (out / "curves.png").exists()


@pytest.mark.slow
def test_if_all_diverge_that_is_said(tmp_path, capsys):
    out = tmp_path / "s"
    options = ("--seeds", 2, "--grid", "learning_rate=3e38", "--out", out)
    assert run("sweep", PLANE, *options) == 1
    assert f"every member diverged; {out / 'table.md'}" in capsys.readouterr().err
    assert run("sweep", out) == 1
    assert "every member diverged" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--grid", "gama=1,2"), "has no field 'gama'; it has ['fails', 'gain', 'gam"),
        (("--grid", "gamma"), "'gamma' must be NAME=VALUE,VALUE"),
        (("--grid", "gamma="), "gamma has no values; give at least one"),
        (("--grid", "gamma=1,1.0"), "gamma has a value twice; give each once"),
        (("--grid", "gamma=a"), "the values of gamma must be numbers, got 'a'"),
        (("--grid", "gamma=1,nan"), "gamma must be finite in float32, got '1,nan'"),
        (("--grid", "gamma=1e300"), "gamma must be finite in float32, got '1e300'"),
        (("--grid", "word=1,2"), "holds no number; make a sweep for each of its val"),
        (("--grid", "ranks=0,1"), "ranks of "),
        (("--grid", "gamma=1", "gamma=2"), "gamma cannot be given here; give it once"),
        (("--grid", "seed=1,2"), "seed cannot be given here; use --seeds"),
        (("--grid", "gamma=1,-1"), "r1: gamma must be at least 0, got -1"),
        (("--grid", "width=4,8"), "hypers['width'] cannot be traced, so it cannot di"),
        (("--grid", "steps=4,8"), "steps must not change the data or the number of st"),
        pytest.param(
            ("--grid", "shift=0,1"),
            "shift must not change the data or the number of st",
            marks=pytest.mark.slow,
        ),
        (("--seeds", "0"), "--seeds must be an integer of at least 1, got 0"),
        (("--keep", "0"), "keep must be an integer of at least 1, got 0"),
        (("--keep", "1", "--no-ranks"), "keep: plane_experiment has neither an objec"),
        (("--save-every", "0"), "save_every must be an integer of at least 1, got 0"),
    ],
)
def test_bad_input_is_refused_before_compiling(options, message, tmp_path, capsys):
    out = tmp_path / "s"
    assert run("sweep", PLANE, *options, "--out", out) == 2
    assert message in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--seeds", 3), "seeds: {0} is a sweep of seeds 2, not 3; choose another"),
        (("--grid", "gamma=1"), "is a sweep of grid {{'gamma': [0.1, 10.0], 'learni"),
        (("--keep", 1), "keep: {0} is a sweep of keep None, not 1"),
        (("--width", 4), "is a sweep of another config: width (there 8, now 4)"),
        (("--seed", 6), "is a sweep of another config: seed (there 5, now 6)"),
    ],
)
def test_another_sweep_in_its_directory_is_refused(swept, capsys, options, message):
    words = ("--grid", "gamma=0.1,10", "learning_rate=0.01,3e38", "--seed", 5)
    words = ("--seeds", 2, *words, *options, "--out", swept)
    assert run("sweep", PLANE, *words) == 2
    assert message.format(swept) in capsys.readouterr().err


def test_other_files_in_its_directory_are_left_alone(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("mine")
    assert run("sweep", PLANE, "--out", tmp_path) == 2
    said = capsys.readouterr().err
    assert "is not empty and is not a sweep; choose another directory" in said
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_directory_that_is_no_sweep(swept, tmp_path, capsys):
    assert run("sweep", tmp_path) == 2
    said = capsys.readouterr().err
    assert "is not the directory of a sweep: it has no sweep.json" in said
    assert run("sweep", swept, "--seeds", 5) == 2
    assert "a sweep goes on as it was begun; leave them out" in capsys.readouterr().err


def test_a_damaged_sweep_is_told(swept, tmp_path, capsys):
    copy = tmp_path / "s"
    copy.mkdir()
    text = (swept / "sweep.json").read_text(encoding="utf-8")
    (copy / "sweep.json").write_text(text[:100])
    assert run("sweep", copy) == 2
    assert f"{copy / 'sweep.json'} is damaged: " in capsys.readouterr().err


def test_grids_are_numbers_by_name():
    file = load_file(Path(PLANE))
    found = parse_grid(["gamma=1e-1,2", "learning_rate=3"], file)
    assert found == {"gamma": [0.1, 2.0], "learning_rate": [3.0]}
