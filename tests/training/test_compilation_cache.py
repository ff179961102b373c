"""Compiled programs are kept for the next command."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import pytest
from jax.experimental.compilation_cache import compilation_cache

from jaxgan.training.compilation_cache import keep_compiled, remove_oldest
from tests.runs import PLANE


@pytest.mark.slow
def test_train_keeps_what_it_compiles(tmp_path):
    command = [sys.executable, "-m", "jaxgan", "train", str(PLANE), "--steps=2"]
    environment = {**os.environ, "JAXGAN_CACHE": str(tmp_path / "cache")}
    environment.pop("JAX_COMPILATION_CACHE_DIR")  # of the tests
    made, logs = [], []
    for name, options in {"none": ["--no-cache"], "one": [], "two": []}.items():
        run = [f"--run={tmp_path / name}", *options]
        subprocess.run([*command, *run], env=environment, check=True)
        programs = [*(tmp_path / "cache").glob("compiled/jit_init-*")]
        programs += (tmp_path / "cache").glob("compiled/jit_step-*")
        made.append({path.name for path in programs})
        logs.append((tmp_path / name / "metrics.jsonl").read_bytes())
    assert not made[0]
    assert len(made[1]) == 2
    assert made[2] == made[1]  # the second compiled neither again
    assert logs[2] == logs[1] == logs[0]


@pytest.fixture
def no_setting(monkeypatch):
    """No directory of compiled programs, until the test has ended."""
    names = "compilation_cache_dir", "persistent_cache_min_compile_time_secs"
    before = {f"jax_{name}": jax.config.values[f"jax_{name}"] for name in names}
    jax.config.update("jax_compilation_cache_dir", None)
    compilation_cache.reset_cache()
    yield
    for name, value in before.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()


def test_what_is_compiled_lies_in_the_users_cache(tmp_path, monkeypatch, no_setting):
    monkeypatch.setenv("JAXGAN_CACHE", str(tmp_path))
    monkeypatch.setattr("jaxgan.training.compilation_cache.WORTHWHILE", 0.0)
    keep_compiled()
    jax.jit(lambda x: jnp.sin(x) * 0.8125)(1.0)
    kept = {path.name for path in (tmp_path / "compiled").iterdir()}
    assert any("lambda" in name for name in kept)
    jax.clear_caches()
    jax.jit(lambda x: jnp.sin(x) * 0.8125)(1.0)
    assert {path.name for path in (tmp_path / "compiled").iterdir()} == kept


def test_another_setting_is_left_as_it_is():
    before = jax.config.values["jax_compilation_cache_dir"]
    assert before is not None
    keep_compiled()
    assert jax.config.values["jax_compilation_cache_dir"] == before


def test_the_oldest_go_first(tmp_path):
    for age, name in enumerate("abc"):
        path = tmp_path / name
        path.write_bytes(b"x" * 100)
        os.utime(path, (1000 + age, 1000 + age))
    (tmp_path / "of_xla").mkdir()  # as on GPUs
    os.utime(tmp_path / "of_xla", (999, 999))
    remove_oldest(tmp_path, 300)
    assert len([*tmp_path.iterdir()]) == 4
    remove_oldest(tmp_path, 150)
    assert {path.name for path in tmp_path.iterdir()} == {"c", "of_xla"}
