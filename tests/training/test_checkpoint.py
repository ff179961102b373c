"""Damage done to checkpoints from outside, with the real Orbax."""

import resource
import shutil
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental import multihost_utils
from orbax.checkpoint import v1 as ocp

from jaxgan.algorithms.data_parallel import replicated
from jaxgan.errors import RunError
from jaxgan.training import checkpoint
from jaxgan.training.checkpoint import (
    Checkpoints,
    restore,
    restore_networks,
    shapes,
    steps,
)
from jaxgan.types import State, Variables


def make_state(step, average=True):
    variables = {"generator": Variables({"w": jnp.full((50, 50), float(step))}, {})}
    mean = {"generator": Variables({"w": jnp.full((50, 50), -float(step))}, {})}
    return State(
        step=jnp.int32(step),
        variables=variables,
        opt_states={"generator": (jnp.ones(3, jnp.bfloat16),)},
        loss_states={"r1": ()},
        view_states={},
        ema=mean if average else {},
        frozen={},
        key=jax.random.key(7),
    )


def like(average=True):
    return shapes(lambda: make_state(0, average), replicated(jax.devices()[:1]))


@pytest.fixture(scope="module")
def undamaged(tmp_path_factory):
    path = tmp_path_factory.mktemp("undamaged") / "checkpoints"
    with Checkpoints(path, keep=3) as saved:
        for step in (1, 2, 3, 4):
            saved.save(make_state(step))
    assert steps(path) == [2, 3, 4]
    return path


@pytest.fixture
def directory(undamaged, tmp_path):
    """A copy that a test may damage."""
    return shutil.copytree(undamaged, tmp_path / "checkpoints")


def data_files(step):
    return [p for p in step.rglob("*") if p.is_file() and p.parent.name == "d"]


def truncate(step):
    for path in data_files(step):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty_files(step):
    for path in data_files(step):
        path.write_bytes(b"")


def empty_directory(step):
    shutil.rmtree(step)
    step.mkdir()


def without_data(step):
    shutil.rmtree(step / "training")


def test_a_state_comes_back_bit_for_bit_with_its_types(directory):
    state = restore(directory, like())
    for a, b in zip(
        jax.tree.leaves(state), jax.tree.leaves(make_state(4)), strict=True
    ):
        assert a.dtype == b.dtype
        assert (a == b).all()
    assert jax.tree.structure(state) == jax.tree.structure(make_state(4))


@pytest.mark.parametrize(
    "damage", [truncate, empty_files, empty_directory, without_data]
)
def test_a_damaged_newest_checkpoint_is_passed_over(directory, damage, caplog):
    damage(directory / "4")
    state = restore(directory, like())
    assert int(state.step) == 3
    assert "checkpoints/4 cannot be read" in caplog.text
    assert steps(directory) == [2, 3], "the damaged one would count as the newest"
    assert (directory.parent / "unreadable" / "4").is_dir()


def test_ctrl_c_while_a_checkpoint_is_read_is_no_damage(directory, monkeypatch):
    def interrupted(path, like):
        raise RuntimeError("reading failed") from KeyboardInterrupt()

    monkeypatch.setattr(ocp, "load_checkpointables", interrupted)
    with pytest.raises(KeyboardInterrupt):
        restore(directory, like())
    assert steps(directory) == [2, 3, 4]


@pytest.mark.parametrize(
    ("file", "error", "is_passed_on"),
    [
        ("site-packages/orbax/reader.py", ValueError("damaged"), False),
        ("site-packages/orbax/reader.py", KeyboardInterrupt(), True),
        ("mine.py", RuntimeError("Event loop is closed"), False),
        ("mine.py", ValueError("damaged"), True),
    ],
)
def test_nothing_is_said_of_what_orbax_abandons(file, error, is_passed_on):
    seen = []
    with pytest.raises(type(error)) as caught:
        exec(compile("raise error", file, "exec"), {"error": error})
    thrown = SimpleNamespace(
        exc_type=caught.type, exc_value=caught.value, exc_traceback=caught.tb
    )
    checkpoint._unless_orbax(seen.append, thrown)
    assert seen == [thrown] * is_passed_on


def test_sampling_passes_over_damage_and_touches_nothing(directory):
    empty_directory(directory / "4")
    step, networks = restore_networks(directory, like())
    assert step == 3
    assert (networks["generator"].params["w"] == -3).all(), "the average is preferred"
    assert steps(directory) == [2, 3, 4]


def test_damage_to_every_checkpoint_is_an_error_not_a_fresh_start(directory):
    for step in (2, 3, 4):
        empty_directory(directory / str(step))
    with pytest.raises(RunError, match=r"no checkpoint in .* can be read"):
        restore(directory, like())


def test_saving_asks_jax_for_no_preemption(tmp_path, monkeypatch):
    """The service counts calls, for signals, so that steps must not count there too."""
    asked = []
    monkeypatch.setattr(multihost_utils, "reached_preemption_sync_point", asked.append)
    with Checkpoints(tmp_path / "c", keep=1) as saved:
        saved.save(make_state(5))
    assert steps(tmp_path / "c") == [5] and not asked


def test_no_checkpoint_is_none(tmp_path):
    assert restore(tmp_path, like()) is None
    with pytest.raises(RunError, match="holds no checkpoint"):
        restore_networks(tmp_path, like())


def test_a_state_without_average_is_saved_and_sampled(tmp_path):
    with Checkpoints(tmp_path / "c", keep=1) as saved:
        saved.save(make_state(5, average=False))
    _, networks = restore_networks(tmp_path / "c", like(average=False))
    assert (networks["generator"].params["w"] == 5).all()
    assert restore(tmp_path / "c", like(average=False)).ema == {}


def test_what_is_saved_is_the_state_at_the_call_though_it_is_donated(tmp_path):
    grow = jax.jit(lambda s: jax.tree.map(lambda x: x + 1, s), donate_argnums=0)
    with Checkpoints(tmp_path / "c", keep=1) as saved:
        state = make_state(5)
        saved.save(state)
        arrays = grow(state.variables)
    restored = restore(tmp_path / "c", like())
    assert (restored.variables["generator"].params["w"] == 5).all()
    assert (arrays["generator"].params["w"] == 6).all()


@pytest.fixture
def limits_of_files():
    """Those that a test sets to the size of files, in bytes, end with it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_save_that_cannot_be_written_says_so_and_keeps_the_last(
    tmp_path, capfd, limits_of_files
):
    path = tmp_path / "checkpoints"
    state = make_state(2)
    noise = {"w": jax.random.normal(jax.random.key(0), (300, 300))}
    variables = {"generator": state.variables["generator"]._replace(params=noise)}
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with pytest.raises(RunError) as refused, Checkpoints(path, keep=3) as saved:
        saved.save(make_state(1))
        saved.wait()
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
        saved.save(state._replace(variables=variables))
        saved.wait()
    assert "saving into" in str(refused.value)
    assert f"the last good checkpoint is {path / '1'}" in str(refused.value)
    assert "Traceback" not in capfd.readouterr().err
    assert int(restore(path, like()).step) == 1
    assert np.isfinite(restore(path, like()).variables["generator"].params["w"]).all()
