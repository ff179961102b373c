import functools
import json
import shutil
import signal
import subprocess
import sys

import jax
import numpy as np
import pytest

from jaxgan.errors import InputError, Interrupted, RunError
from jaxgan.reporting.log import read_rows
from jaxgan.training.checkpoint import restore, steps
from jaxgan.training.loop import train
from jaxgan.training.schedule import Schedule, is_milestone
from jaxgan.training.snapshots import like_state
from tests.builders import assert_close, tiered
from tests.runs import (
    OFTEN,
    ONE_DEVICE,
    PLANE,
    TINY,
    assert_same_bits,
    leaves,
    make_run,
    wait_until,
)

pytestmark = pytest.mark.usefixtures("optimized")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of this config, made in one go and only once, and its last state."""

    @functools.cache
    def trained(experiment=TINY, **config):
        directory = tmp_path_factory.mktemp("whole") / "run"
        run = make_run(directory, experiment, **config)
        return run, train(run, schedule=OFTEN, devices=ONE_DEVICE)

    return trained


@pytest.mark.slow
@pytest.mark.parametrize("moves", [1, 2])
def test_a_stopped_run_resumes_to_the_same_bits(tmp_path, monkeypatch, whole, moves):
    whole_run, expected = whole(discriminator_moves=moves)
    run = make_run(tmp_path / "parts", discriminator_moves=moves)
    monkeypatch.setenv("JAXGAN_TEST_STOP_AT", "3")
    with pytest.raises(Interrupted, match=r"SIGTERM at step 3, saved in .*/3;"):
        train(run, schedule=OFTEN, devices=ONE_DEVICE)
    assert steps(run.checkpoints)[-1] == 3
    monkeypatch.delenv("JAXGAN_TEST_STOP_AT")
    resumed = train(
        make_run(tmp_path / "parts", discriminator_moves=moves),
        schedule=OFTEN,
        devices=ONE_DEVICE,
    )
    assert_same_bits(expected, resumed)
    assert read_rows(run.metrics) == read_rows(whole_run.metrics)


@pytest.mark.slow
def test_a_run_killed_at_once_resumes_to_the_same_bits(tmp_path):
    count = 30
    seldom = Schedule(log_every=1)  # saves, which cost most here
    whole = train(
        make_run(tmp_path / "whole", PLANE, steps=count),
        schedule=seldom,
        devices=ONE_DEVICE,
    )
    directory = tmp_path / "killed"
    command = [sys.executable, "-m", "jaxgan", "train", str(PLANE), "--run"]
    command += [str(directory), f"--steps={count}", "--save-every=2", "--log-every=1"]
    command += ["--devices", "1"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    checkpoints = directory / "checkpoints"
    wait_until(lambda: len(steps(checkpoints)) > 1, process, pause=0.01)
    process.kill()
    process.wait()
    reached = steps(checkpoints)[-1]
    assert reached < count, "the process was too fast to be killed"
    resumed = train(
        make_run(directory, PLANE, steps=count), schedule=seldom, devices=ONE_DEVICE
    )
    assert_same_bits(whole, resumed)
    rows = read_rows(directory / "metrics.jsonl")
    assert rows == read_rows(tmp_path / "whole" / "metrics.jsonl")


@pytest.mark.slow
def test_training_over_a_damaged_checkpoint_reaches_the_same_bits(tmp_path, whole):
    whole_run, expected = whole(PLANE, steps=6)
    shutil.copytree(whole_run.directory, tmp_path / "damaged")
    run = make_run(tmp_path / "damaged", PLANE, steps=6)
    for path in (run.checkpoints / "6").rglob("d/*"):
        path.write_bytes(b"")
    again = train(run, schedule=OFTEN, devices=ONE_DEVICE)
    assert_same_bits(expected, again)
    assert steps(run.checkpoints) == [2, 4, 6]
    assert_same_bits(expected, restore(run.checkpoints, like_state(run)))


MANY = Schedule(log_every=7, save_every=9)


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 4])
def test_several_steps_a_call_log_and_save_what_one_by_one_do(
    tmp_path, monkeypatch, count
):
    made, devices = {}, jax.devices()[:count]
    for n in (1, 5):
        run = make_run(tmp_path / str(n), PLANE, steps=23)
        state = train(run, schedule=MANY, devices=devices, steps_per_call=n)
        made[n] = run, state
    (one, expected), (many, found) = made[1], made[5]
    assert steps(many.checkpoints) == steps(one.checkpoints) == [9, 18, 23]
    assert_close(found.variables, expected.variables, atol=1e-5)
    for row, wanted in zip(
        read_rows(many.metrics), read_rows(one.metrics), strict=True
    ):
        assert row == pytest.approx(wanted, rel=1e-4, abs=1e-5)

    stopped = make_run(tmp_path / "stopped", PLANE, steps=23)
    monkeypatch.setenv("JAXGAN_TEST_STOP_AT", "12")  # within a call, from 11 to 14
    with pytest.raises(Interrupted):
        train(stopped, schedule=MANY, devices=devices, steps_per_call=5)
    monkeypatch.delenv("JAXGAN_TEST_STOP_AT")
    resumed = train(stopped, schedule=MANY, devices=devices, steps_per_call=5)
    assert_same_bits(found, resumed)
    assert read_rows(stopped.metrics) == read_rows(many.metrics)


def test_milestones_are_kept_with_several_steps_a_call(tmp_path):
    run = make_run(tmp_path / "run", PLANE, steps=230)
    train(run, schedule=Schedule(log_every=70), devices=ONE_DEVICE, steps_per_call=15)
    rows = read_rows(run.metrics)
    assert [row["step"] for row in rows] == [70, 100, 140, 200, 210, 230]
    drawn = [
        int(path.stem) for path in run.samples.glob("*.png") if path.stem.isdigit()
    ]
    assert sorted(drawn) == [100, 200, 230]
    assert [row["step"] for row in rows if "spread" in row] == sorted(drawn)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            ZeroDivisionError("no more"),
            "step 4 is saved, but the source cannot make",
        ),
        (InputError("images/7.png is damaged."), "images/7.png is damaged"),
    ],
    ids=["of_its_own", "told"],
)
def test_a_source_that_fails_loses_no_step(tmp_path, error, message):
    run = make_run(tmp_path / "run", PLANE, steps=6)
    batches = run.experiment.source()

    def failing(seed, step):
        if step == 4 and run.checkpoints.exists():  # not where it is looked at
            raise error
        return batches(seed, step)

    broken = run.experiment._replace(source=lambda: failing)
    with pytest.raises((InputError, RunError), match=message):
        train(run._replace(experiment=broken), devices=ONE_DEVICE)
    assert steps(run.checkpoints) == [4]
    assert int(train(run, devices=ONE_DEVICE).step) == 6
    assert [row["step"] for row in read_rows(run.metrics)] == [6]


def test_a_step_within_a_call_that_is_not_finite_is_named(tmp_path):
    run = make_run(tmp_path / "run", PLANE, steps=20, nan_at=8)
    with pytest.raises(RunError, match="step 8: generator/x is nan"):
        train(run, schedule=Schedule(log_every=10), steps_per_call=10)


@pytest.mark.slow
def test_a_measure_that_fails_loses_no_step(tmp_path):
    def fail(samples, batch):
        raise ZeroDivisionError("a user's own mistake")

    run = make_run(tmp_path / "run", PLANE, steps=5)
    run = run._replace(experiment=run.experiment._replace(summarize=fail))
    for _ in range(2):  # the same error at every resume
        with pytest.raises(RunError, match=r"step 5 is saved, but .*ZeroDivisionError"):
            train(run, schedule=Schedule(save_every=100), devices=ONE_DEVICE)
        assert steps(run.checkpoints) == [5]
        assert not run.metrics.exists()
    mended = run._replace(
        experiment=run.experiment._replace(summarize=lambda *_: {"a": 2})
    )
    train(mended, schedule=Schedule(), devices=ONE_DEVICE)
    whole = make_run(tmp_path / "whole", PLANE, steps=5)
    whole = whole._replace(experiment=mended.experiment)
    train(whole, schedule=Schedule(), devices=ONE_DEVICE)
    assert read_rows(run.metrics) == read_rows(whole.metrics)
    train(mended, devices=ONE_DEVICE)  # finished: not measured again
    assert len(read_rows(run.metrics)) == 1


@pytest.mark.slow
def test_a_lazy_penalty_is_logged_as_the_mean_of_what_was_paid(tmp_path, whole):
    run, _ = whole()
    each = [row["discriminator/r1"] for row in read_rows(run.metrics)]
    assert [value > 0 for value in each] == [True, False, True, False, True, False]
    run = make_run(tmp_path / "mean", steps=6)
    train(run, schedule=Schedule(log_every=6, save_every=6), devices=ONE_DEVICE)
    [row] = read_rows(run.metrics)
    np.testing.assert_allclose(row["discriminator/r1"], np.mean(each), rtol=1e-6)


@pytest.mark.slow
def test_numpy_numbers_are_measures_too(tmp_path):
    run = make_run(tmp_path / "run", PLANE, steps=1)
    measured = {"a": np.float32(0.5), "b": np.int64(2), "c": float("inf")}
    own = run.experiment._replace(summarize=lambda *_: measured)
    run = run._replace(experiment=own)
    train(run, schedule=OFTEN, devices=ONE_DEVICE)
    [row] = read_rows(run.metrics)
    assert (row["a"], row["b"], row["c"]) == (0.5, 2, None)


def test_loss_that_is_not_finite_stops_the_run_with_the_last_good_step(tmp_path):
    run = make_run(tmp_path / "run", PLANE, steps=20, nan_at=8)
    with pytest.raises(RunError, match=r"step 8: generator/x is nan; .*checkpoints/5"):
        train(run, schedule=Schedule(log_every=10, save_every=5), devices=ONE_DEVICE)
    state = restore(run.checkpoints, like_state(run))
    assert int(state.step) == 5
    assert all(np.isfinite(leaf).all() for leaf in leaves(state)[:-1])


def test_a_run_leaves_everything_that_it_promises(tmp_path):
    run = make_run(tmp_path / "run", PLANE, steps=101)
    train(
        run, schedule=Schedule(log_every=50, save_every=50, keep=2), devices=ONE_DEVICE
    )
    assert steps(run.checkpoints) == [100, 101]
    assert [row["step"] for row in read_rows(run.metrics)] == [50, 100, 101]
    assert {p.name for p in run.samples.iterdir()} == {
        "000100.png",
        "000101.png",
        "strip.png",
    }
    assert (run.directory / "experiment.py").read_bytes() == PLANE.read_bytes()
    about = json.loads((run.directory / "run.json").read_text())
    assert about["config"]["steps"] == 101
    assert about["provenance"]["versions"]["jax"] == jax.__version__


# Of a network to be compiled for several devices the small one is the cheapest form.
of_points_and_of_images = pytest.mark.parametrize(
    "experiment", tiered([PLANE, TINY], [PLANE]), ids=lambda path: path.stem
)


@pytest.mark.slow
@of_points_and_of_images
def test_training_on_eight_devices_is_training_on_one(tmp_path, experiment):
    one, eight = (
        train(
            make_run(tmp_path / str(count), experiment, steps=2),
            schedule=OFTEN,
            devices=jax.devices()[:count],
        )
        for count in (1, 8)
    )
    for a, b in zip(leaves(one), leaves(eight), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-4)  # Adam enlarges rounding


@of_points_and_of_images
@pytest.mark.parametrize("counts", [(1, 8), (4, 2)])
@pytest.mark.slow
def test_a_run_moves_to_another_number_of_devices(
    tmp_path, monkeypatch, experiment, counts
):
    begins, ends = counts
    run = make_run(tmp_path / "run", experiment, steps=6)
    monkeypatch.setenv("JAXGAN_TEST_STOP_AT", "3")
    with pytest.raises(Interrupted):
        train(run, schedule=OFTEN, devices=jax.devices()[:begins])
    monkeypatch.delenv("JAXGAN_TEST_STOP_AT")
    run = make_run(tmp_path / "run", experiment, steps=6)
    state = train(run, schedule=OFTEN, devices=jax.devices()[:ends])
    assert int(state.step) == 6


def test_a_finished_run_is_left_as_it_is(tmp_path):
    first = train(
        make_run(tmp_path / "run", PLANE, steps=2), schedule=OFTEN, devices=ONE_DEVICE
    )
    again = train(
        make_run(tmp_path / "run", PLANE, steps=2), schedule=OFTEN, devices=ONE_DEVICE
    )
    assert_same_bits(first, again)


def test_milestones():
    found = [step for step in range(1, 40_000) if is_milestone(step)]
    assert found == [100, 200, 500, 1000, 2000, 5000, 10_000, 20_000]


@pytest.mark.parametrize("scored", [True, False])
@pytest.mark.parametrize("evaluate_every", [0, 250])
def test_the_next_step_after_which_something_is_due(scored, evaluate_every):
    schedule = Schedule(log_every=70, save_every=330, evaluate_every=evaluate_every)
    scored, last = scored and evaluate_every > 0, 2_345
    busy = [n for n in range(1, last + 1) if any(schedule.due(n, n == last, scored))]
    after = [schedule.next_due(step, last, scored) for step in range(last)]
    assert after == [min(n for n in busy if n > step) for step in range(last)]


@pytest.mark.parametrize("field", ["log_every", "save_every", "keep"])
def test_a_schedule_of_zero_is_refused(tmp_path, field):
    with pytest.raises(InputError, match=field):
        train(make_run(tmp_path / "run", PLANE), schedule=Schedule(**{field: 0}))


def test_a_run_with_no_countis_refused(tmp_path):
    with pytest.raises(InputError, match="steps must be an integer of at least 1"):
        train(make_run(tmp_path / "run", PLANE, steps=0))


def test_the_signals_own_handlers_come_back(tmp_path):
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    train(
        make_run(tmp_path / "run", PLANE, steps=1), schedule=OFTEN, devices=ONE_DEVICE
    )
    assert before == (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT))


def test_two_processes_do_not_train_in_one_directory(tmp_path):
    from jaxgan.training.lock import locked

    run = make_run(tmp_path / "run", PLANE, steps=1)
    refused = pytest.raises(RunError, match="another process is training")
    with locked(run.directory), refused:
        train(run, schedule=OFTEN, devices=ONE_DEVICE)
    assert not steps(run.checkpoints)
    assert not run.metrics.exists()
