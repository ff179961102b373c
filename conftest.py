"""The settings under which every test and every doctest runs."""

import filecmp
import os
from pathlib import Path

os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import pytest

jax.config.update("jax_num_cpu_devices", 8)
jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture
def real_data(pytestconfig):
    """The folder of real data sets: $JAXGAN_TEST_DATA, or shared/data beside this."""
    beside = pytestconfig.rootpath.parent / "shared" / "data"
    folder = Path(os.environ.get("JAXGAN_TEST_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"there are no real data in {folder}; set JAXGAN_TEST_DATA")
    return folder


@pytest.fixture
def real_set(real_data):
    """`(name) -> folder` where TFDS has a set; some have MNIST under both names."""

    def folder(name):
        found = real_data / "tfds"
        if name == "fashion_mnist":
            one, other = (
                found / f"{n}/3.0.1/{n}-train.array_record-00000-of-00001"
                for n in ("mnist", name)
            )
            if filecmp.cmp(one, other, shallow=False):
                pytest.skip(f"{other} is no Fashion-MNIST, but a copy of {one}")
        return found

    return folder


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """No test writes to the user's cache."""
    os.environ["JAXGAN_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session", autouse=True)
def compiled_once(tmp_path_factory):
    """What takes long to compile is compiled once for all processes of a test run."""
    folder = tmp_path_factory.getbasetemp()
    folder = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    settings = {
        "jax_compilation_cache_dir": str(folder / "compiled"),
        "jax_persistent_cache_min_compile_time_secs": 0.3,
    }
    for name, value in settings.items():
        jax.config.update(name, value)
        os.environ[name.upper()] = str(value)  # of the processes that tests start
