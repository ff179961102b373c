import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxgan.checkpoint import restore, steps
from jaxgan.errors import InputError, Interrupted, RunError
from jaxgan.experiment import load_file
from jaxgan.keeping import like_state
from jaxgan.reporting import read_rows
from jaxgan.run import create_run
from jaxgan.training import Schedule, is_milestone, train

TINY = Path(__file__).parent / "tiny_experiment.py"
OFTEN = Schedule(log_every=1, save_every=2)
ONE_DEVICE = jax.devices()[:1]


def make_run(directory, **config):
    file = load_file(TINY)
    return create_run(directory, file, file.config(**config))


def leaves(state):
    """Every bit of a state, keys included."""
    state = state._replace(key=jax.random.key_data(state.key))
    return [np.asarray(leaf) for leaf in jax.tree.leaves(state)]


def assert_same_bits(one, other):
    for a, b in zip(leaves(one), leaves(other), strict=True):
        assert a.dtype == b.dtype
        assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize("moves", [1, 2])
def test_a_stopped_run_resumes_to_the_same_bits(tmp_path, monkeypatch, moves):
    whole = train(
        make_run(tmp_path / "whole", discriminator_moves=moves), OFTEN, ONE_DEVICE
    )
    monkeypatch.setenv("JAXGAN_TEST_STOP_AT", "3")
    run = make_run(tmp_path / "parts", discriminator_moves=moves)
    with pytest.raises(Interrupted, match=r"SIGTERM at step 3, saved in .*/3;"):
        train(run, OFTEN, ONE_DEVICE)
    assert steps(run.checkpoints)[-1] == 3
    monkeypatch.delenv("JAXGAN_TEST_STOP_AT")
    resumed = train(
        make_run(tmp_path / "parts", discriminator_moves=moves), OFTEN, ONE_DEVICE
    )
    assert_same_bits(whole, resumed)
    assert read_rows(run.metrics) == read_rows(tmp_path / "whole" / "metrics.jsonl")


def test_a_run_killed_at_once_resumes_to_the_same_bits(tmp_path):
    whole = train(make_run(tmp_path / "whole", steps=40), OFTEN, ONE_DEVICE)
    directory = tmp_path / "killed"
    command = [sys.executable, "-m", "jaxgan.cli", "train", str(TINY), "--run"]
    command += [str(directory), "--steps", "40", "--save-every", "2", "--log-every=1"]
    command += ["--devices", "1"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    wait_until(lambda: len(steps(directory / "checkpoints")) > 1, process)
    process.kill()
    process.wait()
    reached = steps(directory / "checkpoints")[-1]
    assert reached < 40, "the process was too fast to be killed"
    resumed = train(make_run(directory, steps=40), OFTEN, ONE_DEVICE)
    assert_same_bits(whole, resumed)
    rows = read_rows(directory / "metrics.jsonl")
    assert rows == read_rows(tmp_path / "whole" / "metrics.jsonl")


def test_training_over_a_damaged_checkpoint_reaches_the_same_bits(tmp_path):
    whole = train(make_run(tmp_path / "whole"), OFTEN, ONE_DEVICE)
    run = make_run(tmp_path / "damaged")
    train(run, OFTEN, ONE_DEVICE)
    for path in (run.checkpoints / "6").rglob("d/*"):
        path.write_bytes(b"")
    again = train(make_run(tmp_path / "damaged"), OFTEN, ONE_DEVICE)
    assert_same_bits(whole, again)
    assert steps(run.checkpoints) == [2, 4, 6]
    assert_same_bits(whole, restore(run.checkpoints, like_state(run)))


def test_a_measure_that_fails_loses_no_step(tmp_path):
    def fail(samples):
        raise ZeroDivisionError("a user's own mistake")

    run = make_run(tmp_path / "run", steps=5)
    run = run._replace(experiment=run.experiment._replace(measure=fail))
    with pytest.raises(ZeroDivisionError):
        train(run, Schedule(save_every=100), ONE_DEVICE)
    assert steps(run.checkpoints) == [5]
    assert not run.metrics.exists()
    mended = run._replace(
        experiment=run.experiment._replace(measure=lambda _: {"a": 2})
    )
    train(mended, Schedule(), ONE_DEVICE)
    assert read_rows(run.metrics) == [{"step": 5, "a": 2}]
    train(mended, Schedule(), ONE_DEVICE)  # finished: not measured again
    assert len(read_rows(run.metrics)) == 1


def test_a_lazy_penalty_is_logged_as_the_mean_of_what_was_paid(tmp_path):
    run = make_run(tmp_path / "run", steps=4)
    train(run, Schedule(log_every=1, save_every=4), ONE_DEVICE)
    each = [row["discriminator/r1"] for row in read_rows(run.metrics)]
    assert [value > 0 for value in each] == [True, False, True, False]
    run = make_run(tmp_path / "mean", steps=4)
    train(run, Schedule(log_every=4, save_every=4), ONE_DEVICE)
    [row] = read_rows(run.metrics)
    np.testing.assert_allclose(row["discriminator/r1"], np.mean(each), rtol=1e-6)


def test_numpy_numbers_are_measures_too(tmp_path):
    run = make_run(tmp_path / "run", steps=1)
    measured = {"a": np.float32(0.5), "b": np.int64(2), "c": float("inf")}
    run = run._replace(experiment=run.experiment._replace(measure=lambda _: measured))
    train(run, OFTEN, ONE_DEVICE)
    [row] = read_rows(run.metrics)
    assert (row["a"], row["b"], row["c"]) == (0.5, 2, None)


SAVER = """
import sys
from pathlib import Path
import jax, jax.numpy as jnp
from jaxgan.checkpoint import Checkpoints
from jaxgan.types import State, Variables

start = int(sys.argv[2])
with Checkpoints(Path(sys.argv[1]), keep=3) as saved:
    for step in range(start, start + 1000):
        weights = jnp.full((1000, 1000), float(step))
        saved.save(State(jnp.int32(step), {"g": Variables(weights)}, {}, {}, (), {},
                         jax.random.key(step)))
"""


def test_ten_kills_in_the_middle_of_a_save_lose_nothing(tmp_path):
    directory = tmp_path / "checkpoints"
    directory.mkdir()
    reached = 0
    torn = 0
    for _ in range(10):
        process = subprocess.Popen(
            [sys.executable, "-c", SAVER, str(directory), str(reached + 1)],
            stderr=subprocess.DEVNULL,
        )
        before = reached
        wait_until(lambda b=before: (steps(directory) or [0])[-1] > b, process)
        wait_until(lambda: saving(directory), process)
        process.kill()
        process.wait()
        torn += saving(directory)
        newest = steps(directory)[-1]
        like = like_saved()
        state = restore(directory, like)
        assert state is not None
        assert int(state.step) == newest > before
        assert (np.asarray(state.variables["g"].params) == newest).all()
        reached = newest
    assert torn > 0, "no kill came in the middle of a save"


def saving(directory):
    return any("tmp" in path.name for path in directory.iterdir())


def like_saved():
    import jax.numpy as jnp

    from jaxgan.checkpoint import shapes
    from jaxgan.parallel import replicated
    from jaxgan.types import State, Variables

    def make():
        weights = jnp.zeros((1000, 1000))
        return State(
            jnp.int32(0), {"g": Variables(weights)}, {}, {}, (), {}, jax.random.key(0)
        )

    return shapes(make, replicated(ONE_DEVICE))


def wait_until(condition, process, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, "the process ended by itself"
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.0005)


def test_loss_that_is_not_finite_stops_the_run_with_the_last_good_step(tmp_path):
    run = make_run(tmp_path / "run", steps=20, bomb=8)
    with pytest.raises(RunError, match=r"step 8: generator/x is nan; .*checkpoints/5"):
        train(run, Schedule(log_every=10, save_every=5), ONE_DEVICE)
    state = restore(run.checkpoints, like_state(run))
    assert int(state.step) == 5
    assert all(np.isfinite(leaf).all() for leaf in leaves(state)[:-1])


def test_a_run_leaves_everything_that_it_promises(tmp_path):
    run = make_run(tmp_path / "run", steps=101)
    train(run, Schedule(log_every=50, save_every=50, keep=2), ONE_DEVICE)
    assert steps(run.checkpoints) == [100, 101]
    assert [row["step"] for row in read_rows(run.metrics)] == [50, 100, 101]
    assert {p.name for p in run.samples.iterdir()} == {
        "000100.png",
        "000101.png",
        "strip.png",
    }
    assert (run.directory / "experiment.py").read_bytes() == TINY.read_bytes()
    about = json.loads((run.directory / "run.json").read_text())
    assert about["config"]["steps"] == 101
    assert about["versions"]["jax"] == jax.__version__


def test_training_on_eight_devices_is_training_on_one(tmp_path):
    one = train(make_run(tmp_path / "one", steps=2), OFTEN, jax.devices()[:1])
    eight = train(make_run(tmp_path / "eight", steps=2), OFTEN, jax.devices()[:8])
    for a, b in zip(leaves(one), leaves(eight), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-4)  # Adam enlarges rounding


def test_a_run_moves_to_another_number_of_devices(tmp_path, monkeypatch):
    monkeypatch.setenv("JAXGAN_TEST_STOP_AT", "3")
    with pytest.raises(Interrupted):
        train(make_run(tmp_path / "run"), OFTEN, jax.devices()[:4])
    monkeypatch.delenv("JAXGAN_TEST_STOP_AT")
    state = train(make_run(tmp_path / "run"), OFTEN, jax.devices()[:2])
    assert int(state.step) == 6


def test_a_finished_run_is_left_as_it_is(tmp_path):
    first = train(make_run(tmp_path / "run", steps=2), OFTEN, ONE_DEVICE)
    again = train(make_run(tmp_path / "run", steps=2), OFTEN, ONE_DEVICE)
    assert_same_bits(first, again)


def test_milestones():
    found = [step for step in range(1, 40_000) if is_milestone(step)]
    assert found == [100, 300, 1000, 3000, 10_000, 30_000]


@pytest.mark.parametrize("field", ["log_every", "save_every", "keep"])
def test_a_schedule_of_zero_is_refused(tmp_path, field):
    with pytest.raises(InputError, match=field):
        train(make_run(tmp_path / "run"), Schedule(**{field: 0}))


def test_a_run_with_no_steps_is_refused(tmp_path):
    with pytest.raises(InputError, match="steps must be an integer of at least 1"):
        train(make_run(tmp_path / "run", steps=0))


def test_the_signals_own_handlers_come_back(tmp_path):
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    train(make_run(tmp_path / "run", steps=1), OFTEN, ONE_DEVICE)
    assert before == (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT))


def test_two_processes_do_not_train_in_one_directory(tmp_path):
    from jaxgan.run import locked

    run = make_run(tmp_path / "run", steps=1)
    with locked(run), pytest.raises(RunError, match="another process is training"):
        train(run, OFTEN, ONE_DEVICE)
    assert not steps(run.checkpoints)
    assert not run.metrics.exists()
