import os
import socket
import subprocess
import sys

import jax
import numpy as np
import pytest

from jaxgan import Batch, shuffled
from jaxgan.algorithms import on_devices
from tests.data.shares_worker import (
    DEVICES,
    ROWS,
    SEED,
    SIZE,
    STEPS,
    batches,
    sources,
    trained,
)

pytestmark = pytest.mark.slow

PROCESSES = 2
OWN = ROWS // PROCESSES


@pytest.fixture(scope="module")
def parts(tmp_path_factory, pytestconfig):
    """The rows that each of two processes that train together has found."""
    folder = tmp_path_factory.mktemp("processes")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    outs = [folder / f"{number}.npz" for number in range(PROCESSES)]
    command = [sys.executable, "-m", "tests.data.shares_worker", str(port)]
    workers = [
        subprocess.Popen(
            [*command, str(number), str(PROCESSES), str(out)],
            cwd=pytestconfig.rootpath,
            env=os.environ | {"JAX_PLATFORMS": "cpu"},
        )
        for number, out in enumerate(outs)
    ]
    try:
        assert [worker.wait(120) for worker in workers] == [0] * PROCESSES
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    return [np.load(out) for out in outs]


def under(name, part):
    return {
        path.removeprefix(name): part[path] for path in part if path.startswith(name)
    }


@pytest.mark.parametrize("name", sources([]))
def test_the_rows_of_all_processes_are_the_batches_of_one(parts, name):
    whole = batches(sources([])[name])
    first, second = (under(name, part) for part in parts)
    assert set(first) == set(second) == set(whole)
    for path, leaf in whole.items():
        assert len(first[path]) == len(second[path]) == OWN
        both = np.concatenate([first[path], second[path]])
        assert both.dtype == leaf.dtype
        np.testing.assert_array_equal(both, leaf)


def test_a_process_gathers_its_own_rows_alone(parts):
    order = shuffled(Batch(np.arange(SIZE)), ROWS)
    # Of more steps than are made ahead: the rows of each process.
    made = [batch.real for step in range(2000) for batch in order(SEED, step)]
    rows = np.stack(made).reshape(-1, PROCESSES, OWN)
    for number, part in enumerate(parts):
        asked = {tuple(indices) for indices in part["asked"].tolist()}
        own = [tuple(indices) for indices in rows[:, number].tolist()]
        assert asked >= set(own[: 2 * STEPS])
        assert asked <= set(own)


def test_on_devices_makes_the_global_batches(parts):
    whole = batches(sources([])["memory"])
    for part in parts:
        found = under("on_devices", part)
        assert set(found) == set(whole)
        for path, leaf in whole.items():
            np.testing.assert_array_equal(found[path], leaf)


def test_processes_train_as_one_does(parts):
    devices = jax.devices()[: PROCESSES * DEVICES]
    expected = trained(on_devices(sources([])["memory"], devices), devices)
    first, second = (under("trained", part) for part in parts)
    assert set(first) == set(second) == set(expected)
    for path, leaf in expected.items():
        np.testing.assert_array_equal(first[path], second[path])
        np.testing.assert_allclose(first[path], leaf, rtol=1e-6, atol=1e-6)


def test_a_batch_that_the_processes_cannot_share_is_refused(parts):
    for part in parts:
        assert part["refused"] == (
            "batch_size of 9 does not split evenly over 2 processes; use a multiple of "
            "2."
        )
