"""Longer training of a run, and runs that begin with the networks of another."""

import json
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxgan.errors import InputError
from jaxgan.reporting.log import read_rows
from jaxgan.training.extend import extend_run
from jaxgan.training.loop import train
from jaxgan.training.run import load_run
from jaxgan.training.snapshots import restored_networks
from tests.command_line import run as command
from tests.runs import OFTEN, ONE_DEVICE, PLANE, assert_same_bits, make_run

ROOT = Path(__file__).parent.parent


def trained(directory, **config):
    run = make_run(directory, PLANE, **config)
    return run, train(run, schedule=OFTEN, devices=ONE_DEVICE)


def losses(run):
    rows = read_rows(run.metrics)
    return [{k: v for k, v in row.items() if k == "step" or "/" in k} for row in rows]


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("short") / "run", steps=3)[0]


@pytest.fixture
def copied(tmp_path, short):
    """The short run, in a directory of the test's own."""
    return load_run(shutil.copytree(short.directory, tmp_path / "run"))


def test_a_longer_run_has_the_bits_of_one_that_was_as_long(tmp_path, copied):
    longer = extend_run(copied, 7)
    state = train(longer, schedule=OFTEN, devices=ONE_DEVICE)
    whole, expected = trained(tmp_path / "whole", steps=7)
    assert_same_bits(state, expected)
    assert losses(copied) == losses(whole)  # the short one was measured at its end too
    assert load_run(tmp_path / "run").config.steps == 7


@pytest.mark.slow
def test_the_command_line_trains_on(copied, capsys):
    directory = copied.directory
    assert command("train", directory, "--steps", 4) == 0
    assert "resuming" in (out := capsys.readouterr().out)
    assert "from step 3" in out
    assert command("train", directory, "--steps", 3) == 2
    assert "has already made 4 steps; give more" in capsys.readouterr().err
    assert command("train", directory, "--steps", 0) == 2
    assert "steps must be an integer of at least 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("constant", "scheduled"),
    [
        (
            "optax.adam(config.learning_rate)",
            "optax.adam(optax.cosine_decay_schedule("
            "config.learning_rate, config.steps))",
        ),
        (
            "optax.adam(config.learning_rate)",
            "optax.adam(jax.jit(lambda count: jax.numpy.asarray("
            "np.linspace(1e-3, 1e-3 / config.steps, 9))[count % 9]))",
        ),
        (
            "source=lambda: source,",
            "source=lambda: lambda seed, step: jax.tree.map("
            "lambda x: x * (2 * step < config.steps), source(seed, step)),",
        ),
        (
            "source=lambda: source,",
            "source=lambda: lambda seed, step: jax.tree.map("
            "lambda x: x * step / config.steps, source(seed, step)),",
        ),
    ],
    ids=["rate", "constants of a jitted rate", "later batches", "batches"],
)
def test_steps_that_depend_on_their_number_are_refused(tmp_path, constant, scheduled):
    path = tmp_path / "scheduled.py"
    text = PLANE.read_text()
    assert constant in text
    path.write_text("import jax\n" + text.replace(constant, scheduled))
    run = make_run(tmp_path / "run", path, steps=300)
    with pytest.raises(InputError, match="rate over 300; train the experiment anew"):
        extend_run(run, 500)
    assert extend_run(run, 300).experiment.steps == 300


@pytest.fixture(scope="module")
def begun(tmp_path_factory, short):
    """The directory of a run of one step that began with the networks of the other."""
    directory = tmp_path_factory.mktemp("begun") / "run"
    words = ("--run", directory, "--steps", 1, "--init", short.directory)
    assert command("train", PLANE, *words) == 0
    return directory


def test_a_run_begins_with_the_networks_of_another(short, begun):
    directory, begun = begun, load_run(begun)
    algorithm = begun.experiment.dynamics(begun.experiment.game, begun.data.batches[0])
    state = algorithm.init(jax.random.key(5))
    _, expected = restored_networks(short)
    for name, variables in expected.items():
        assert_same_bits_of(state.variables[name], variables)
    about = json.loads((directory / "run.json").read_text())["start"]
    assert about == {"run": str(short.directory), "step": 3, "frozen": []}


def assert_same_bits_of(one, other):
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("--init", "RUN", "--width", 9),
            "'generator' to begin with has",
        ),
        (("--init", "none"), "none is not a run directory"),
        (("--freeze", "generator"), "--freeze: networks are frozen as --init"),
        (("--init", "RUN", "--freeze", "x"), "frozen: 'x' is not among the net"),
        (
            ("--init", "RUN", "--freeze", "generator"),
            "is all that the player 'generator' owns",
        ),
        (
            ("--init", "RUN", "--freeze", "discriminator"),
            "is all that the player 'discriminator' owns",
        ),
    ],
)
def test_networks_that_do_not_fit_are_refused(tmp_path, short, capsys, words, message):
    words = [short.directory if word == "RUN" else word for word in words]
    assert command("train", PLANE, "--run", tmp_path / "run", *words) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_network_is_frozen_by_name(tmp_path):
    (tmp_path / "data").write_text("0")
    zoo = (ROOT / "zoo_experiment.py", "--data", tmp_path / "data", "--steps", 2)
    first, second = tmp_path / "first", tmp_path / "second"
    assert command("train", *zoo, "--run", first) == 0
    words = ("--run", second, "--seed", 1, "--init", first, "--freeze", "encoder")
    assert command("train", *zoo, *words) == 0
    _, before = restored_networks(load_run(first))
    _, after = restored_networks(load_run(second))
    same = {
        name: all(
            np.array_equal(a, b)
            for a, b in zip(
                jax.tree.leaves(before[name].params),
                jax.tree.leaves(after[name].params),
                strict=True,
            )
        )
        for name in before
    }
    assert same == {"encoder": True, "decoder": False}


@pytest.mark.slow
def test_the_same_command_resumes_where_the_other_run_is_gone_or_went_on(
    tmp_path, short, capsys, caplog
):
    other = tmp_path / "other"
    shutil.copytree(short.directory, other)
    words = ("train", PLANE, "--run", tmp_path / "run", "--steps", 2, "--init", other)
    assert command(*words) == 0
    assert command("train", other, "--steps", 5) == 0
    caplog.clear()
    assert command(*words) == 0
    assert "has other networks by now, of step 5; this run goes on" in caplog.text
    shutil.rmtree(other)
    assert command(*words) == 0
    assert "already finished" in capsys.readouterr().out


def test_a_run_goes_on_with_its_own_networks(short, capsys):
    assert command("train", short.directory, "--init", short.directory) == 2
    assert "a run goes on with its own networks" in capsys.readouterr().err


@pytest.mark.slow
def test_a_run_that_began_with_other_networks_is_trained_on(tmp_path, begun):
    longer = extend_run(load_run(shutil.copytree(begun, tmp_path / "run")), 2)
    assert int(train(longer, schedule=OFTEN, devices=ONE_DEVICE).step) == 2
