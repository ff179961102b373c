"""Runs of experiments that are objects, as in notebooks; run by `test_inline.py`.

In a process of their own, since functions that beartype has wrapped cannot be pickled.
"""

import os
import shutil
import signal
import threading
from functools import partial

import jax
import numpy as np
import optax
import pytest

import jaxgan as jg
from jaxgan.errors import InputError, Interrupted
from jaxgan.reporting.log import read_rows
from jaxgan.training import run_data
from jaxgan.training.about import read_about, write_about
from tests.command_line import run as command
from tests.runs import OFTEN, assert_same_bits

REALS = np.random.default_rng(0).normal(size=(64, 2)).astype(np.float32)


UNKEPT = partial(dict, lock=threading.Lock())


def small(loss=None):
    return jg.gan(
        jg.mlp((2,), (8,)),
        jg.mlp((), (8,)),
        loss or jg.chain(jg.non_saturating(), jg.r1(0.1)),
        jg.priors.normal(3),
    )


def of_rate(rate):
    optimizers = {player: optax.adam(rate) for player in ("generator", "discriminator")}
    return lambda game, example: jg.ema(
        jg.alternating(game, optimizers, example), decay=0.9
    )


GAME, DYNAMICS = small(), of_rate(1e-3)


def experiment(steps=6, **fields):
    fields = {
        "game": GAME,
        "dynamics": DYNAMICS,
        "source": lambda: jg.shuffled(jg.Batch(REALS), 16),
        "plot": lambda samples, batch, columns: jg.reporting.scatter(samples, REALS),
    } | fields
    return jg.Experiment(steps=steps, **fields)


def stopping_source(at):
    """A source that sends the process a signal at a step, the first time.

    The first time but one: the step is drawn for the run's fingerprint too.
    """
    drawn: list[int] = []

    def source():
        batches = jg.shuffled(jg.Batch(REALS), 16)

        def draw(seed, step):
            if step == at - 1:
                drawn.append(step)
                if len(drawn) == 2:
                    os.kill(os.getpid(), signal.SIGINT)
            return batches(seed, step)

        return draw

    return source


def train(made, directory):
    return jg.train(made, directory, schedule=OFTEN)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    directory = tmp_path_factory.mktemp("whole") / "run"
    return directory, train(experiment(), directory)


@pytest.fixture
def done(tmp_path, whole):
    """A finished run of 6 steps of one's own."""
    shutil.copytree(whole[0], tmp_path / "done")
    return tmp_path / "done"


def test_an_interrupted_run_goes_on_to_the_same_bits(tmp_path, whole):
    made = experiment(source=stopping_source(3))
    with pytest.raises(Interrupted, match="SIGINT at step 3"):
        train(made, tmp_path / "run")
    assert_same_bits(train(made, tmp_path / "run"), whole[1])
    rows = [read_rows(each / "metrics.jsonl") for each in (tmp_path / "run", whole[0])]
    assert rows[0] == rows[1] and len(rows[0]) == 6


def test_more_steps_continue_a_run_to_the_bits_of_a_long_one(tmp_path, whole):
    train(experiment(steps=3), tmp_path / "run")
    assert_same_bits(train(experiment(), tmp_path / "run"), whole[1])
    assert jg.load_run(tmp_path / "run").experiment.steps == 6


def test_going_on_compiles_nothing_again(tmp_path):
    compiled: list[str] = []

    def note(event, duration, **about):
        if event.endswith("backend_compile_duration"):
            compiled.append(event)

    train(experiment(steps=101), tmp_path / "run")
    train(experiment(steps=102), tmp_path / "run")
    jg.sample(tmp_path / "run", count=64)
    jax.monitoring.register_event_duration_secs_listener(note)
    try:
        train(experiment(steps=103), tmp_path / "run")
        assert compiled == []
        jax.jit(lambda x: x + 41)(1)  # the listener hears compilations
        assert compiled
    finally:
        jax.monitoring.unregister_event_duration_listener(note)


def of_other_versions(directory):
    about = read_about(directory)
    about.provenance.versions["jax"] = "0.0.1"
    write_about(directory, about)


def test_that_a_program_of_other_versions_cannot_be_compared_is_said(
    tmp_path, whole, caplog
):
    train(experiment(steps=3), tmp_path / "run")
    assert not caplog.text
    of_other_versions(tmp_path / "run")
    assert_same_bits(train(experiment(), tmp_path / "run"), whole[1])
    assert "with jax 0.0.1 instead of" in caplog.text
    assert "goes on with that one for sure" in caplog.text
    [change] = read_about(tmp_path / "run").changes
    assert change.step == 3 and "was started with jax 0.0.1" in change.said[0]


def test_the_command_line_understands_the_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    train(experiment(steps=2), "runs/x")
    assert command("sample", "runs/x", "--count", 5) == 0
    saved = np.load("runs/x/samples/sample-0.npz")
    made = jg.sample("runs/x", count=5)
    assert saved["samples"].tobytes() == made.made.tobytes()
    assert command("train", "runs/x") == 0
    assert "already finished, with 2 steps" in capsys.readouterr().out
    assert command("train", "runs/x", "--dry-run") == 0
    assert "steps: 2, seed: 0" in capsys.readouterr().out
    assert command("list") == 0
    assert "runs/x" in capsys.readouterr().out
    assert command("compare", "runs/x") == 2  # which was not scored


def test_data_that_are_too_large_are_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(run_data, "LIMIT", 1000)
    train(experiment(steps=2), tmp_path / "run")
    run = jg.load_run(tmp_path / "run")
    assert jg.sample(run, count=3).made.shape == (3, 2)
    with pytest.raises(InputError, match="holds no data, since they cannot be kept"):
        jg.train(run)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 1}, "was made with seed 0, not 1; choose another directory"),
        ({"steps": 1}, "steps: .* has already made 6, more than 1; choose"),
        ({"game": small(jg.non_saturating())}, "another program: of another network"),
        ({"dynamics": of_rate(1e-2)}, "another program: of another network"),
        (
            {"dynamics": of_rate(optax.linear_schedule(1e-3, 0.0, 9)), "steps": 9},
            r"\(or a schedule that depends on the steps, 9 instead of 6\)",
        ),
        ({"source": lambda: jg.shuffled(jg.Batch(REALS), 8)}, "or batch size"),
        ({"steps": 0}, "steps must be an integer of at least 1"),
        ({"n_plotted": 0}, "n_plotted must be an integer of at least 1"),
        ({"source": lambda: 1 / 0}, "the experiment cannot be run: ZeroDivisionError"),
        ({"summarize": threading.Lock()}, "summarize must be a function, .*lock"),
        ({"summarize": UNKEPT}, "cannot be kept in the run: .*lock"),
    ],
)
def test_another_experiment_is_refused_and_the_run_stays(done, whole, change, message):
    with pytest.raises(InputError, match=message):
        train(experiment(**change), done)
    assert_same_bits(train(experiment(), done), whole[1])


def test_a_refused_experiment_leaves_no_directory(tmp_path):
    with pytest.raises(InputError, match="cannot be kept in the run"):
        train(experiment(summarize=UNKEPT), tmp_path / "run")
    assert [*tmp_path.iterdir()] == []


def test_a_directory_belongs_to_an_experiment_alone(done, tmp_path):
    with pytest.raises(InputError, match="give the run one, such as"):
        jg.train(experiment())
    with pytest.raises(InputError, match="a run is trained where it is"):
        jg.train(jg.load_run(done), tmp_path / "other")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(InputError, match="is not empty and is not a run"):
        train(experiment(), tmp_path / "full")
