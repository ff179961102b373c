"""The settings under which every test and every doctest runs."""

import os
from pathlib import Path

os.environ["JAX_PLATFORMS"] = "cpu"
# of the processes that tests start too
os.environ["JAX_NUMPY_RANK_PROMOTION"] = "raise"
os.environ["JAX_NUMPY_DTYPE_PROMOTION"] = "strict"
os.environ["COLUMNS"] = "120"  # of the terminal, whatever it is

import jax
import pytest

jax.config.update("jax_num_cpu_devices", 8)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")


def pytest_configure(config):
    """Let tests, which are nearly all compilation, compile with least effort.

    LLVM's expensive passes and MLIR's code generator are left out, XLA's own passes
    run. `optimized` is for tests of what users run, and `pytest -m ""` compiles all as
    users do.
    """
    if config.getoption("markexpr"):
        jax.config.update("jax_disable_most_optimizations", True)
        os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"  # of processes tests start
        flags = ["--xla_cpu_parallel_codegen_split_count=1"]
        if jax.__version_info__ < (0, 11):  # which stops at the unknown flag
            flags.append("--xla_cpu_use_fusion_emitters=false")
        os.environ["XLA_FLAGS"] = " ".join([os.environ.get("XLA_FLAGS", ""), *flags])


@pytest.fixture(scope="module")
def optimized(request):
    """Optimize programs as users do, in the second tier and in processes it starts."""
    if request.config.getoption("markexpr") != "slow":
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("JAX_DISABLE_MOST_OPTIMIZATIONS")
        jax.config.update("jax_disable_most_optimizations", False)
        yield
    jax.config.update("jax_disable_most_optimizations", True)


@pytest.fixture
def real_data():
    """The folder of real data sets, $JAXGAN_TEST_DATA."""
    folder = os.environ.get("JAXGAN_TEST_DATA")
    if folder is None:
        pytest.skip("JAXGAN_TEST_DATA does not say where real data sets are")
    return Path(folder)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """No test writes to the user's cache."""
    os.environ["JAXGAN_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session", autouse=True)
def compiled_once(tmp_path_factory):
    """Compile what takes long once for all processes of a test run."""
    folder = tmp_path_factory.getbasetemp()
    folder = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    settings = {
        "jax_compilation_cache_dir": str(folder / "compiled"),
        "jax_persistent_cache_min_compile_time_secs": 0.3,
    }
    for name, value in settings.items():
        jax.config.update(name, value)
        os.environ[name.upper()] = str(value)  # of the processes that tests start
