"""Several processes train one run: the same numbers, and one end for all."""

import json
import signal
import time

import jax
import numpy as np
import pytest

from jaxgan.training.checkpoint import restore, steps
from jaxgan.training.run import load_run
from jaxgan.training.snapshots import like_state
from tests.runs import PLANE, wait_until
from tests.several import end, free_port, start
from tests.soak import EXPERIMENT

pytestmark = pytest.mark.slow

STEPS = 150
TRAIN = ["train", PLANE, f"--steps={STEPS}", "--log-every=25", "--save-every=25"]
RUN = "runs/plane_experiment"


def saved(place):
    return steps(place / RUN / "checkpoints")


def reached(place):
    """The last step that is logged or saved."""
    return max([*saved(place), *(row[0] for row in numbers(place))], default=0)


def assert_same(place, other):
    """Two runs have one log, and the same parameters to 1e-6."""
    for row, expected in zip(numbers(place), numbers(other), strict=True):
        np.testing.assert_allclose(row, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(parameters(place), parameters(other), atol=1e-6)


def parameters(place):
    """All parameters of the last checkpoint of a run, and of the average."""
    run = load_run(place / RUN)
    state = restore(run.checkpoints, like_state(run))
    return np.concatenate(
        [np.ravel(x) for x in jax.tree.leaves((state.variables, state.ema))]
    )


def numbers(place, run=RUN):
    """The log, as one row of numbers for each line."""
    path = place / run / "metrics.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [list(json.loads(line).values()) for line in lines]


def trained(place, count, *words, **options):
    """The log of a run that some processes have trained to its end."""
    place.mkdir(exist_ok=True)
    ended = end(start(count, place, *words, **options))
    assert [each.status for each in ended] == [0] * count, ended
    return ended


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The run of one process."""
    place = tmp_path_factory.mktemp("whole")
    trained(place, 1, *TRAIN)
    return place


@pytest.mark.parametrize(
    "count, devices, words", [(2, 2, ()), (4, 1, ()), (2, 1, ("--shard-state",))]
)
def test_they_train_as_one_does_and_one_of_them_speaks(
    tmp_path, whole, count, devices, words
):
    first, *others = trained(tmp_path, count, *TRAIN, *words, devices=devices)
    assert_same(tmp_path, whole)
    assert "finished: " in first.out and f"{STEPS}/{STEPS}" in first.err
    for other in others:
        lines = other.out.splitlines()
        assert all(line.startswith("[Gloo]") for line in lines)  # which is not ours
        assert "steps" not in other.err


JOB = 7531  # of which JAX makes the coordinator's port


def slurm(rank):
    """Variables that srun sets for one of two tasks on this machine."""
    return {
        "SLURM_JOB_ID": f"{JOB}",
        "SLURM_STEP_NODELIST": "localhost",
        "SLURM_STEP_NUM_NODES": "1",
        "SLURM_NTASKS": "2",
        "SLURM_PROCID": f"{rank}",
        "SLURM_LOCALID": f"{rank}",
    }


def open_mpi(rank):
    """Variables that mpirun sets for them."""
    return {
        "OMPI_MCA_orte_hnp_uri": f"{(JOB + 1) * 2**12}.0;tcp://127.0.0.1:34911",
        "OMPI_COMM_WORLD_SIZE": "2",
        "OMPI_COMM_WORLD_RANK": f"{rank}",
        "OMPI_COMM_WORLD_LOCAL_RANK": f"{rank}",
    }


@pytest.mark.parametrize("told", [slurm, open_mpi])
def test_the_environment_connects_them(tmp_path, whole, told):
    words = [*TRAIN, "--steps=50", "--coordinator=auto"]
    ended = end(
        [
            process
            for rank in range(2)
            for process in start(1, tmp_path, *words, own={0: ((), told(rank))})
        ]
    )
    assert [each.status for each in ended] == [0, 0], ended
    assert "finished: " in ended[0].out and not ended[1].said
    np.testing.assert_allclose(numbers(tmp_path)[0], numbers(whole)[0], rtol=1e-5)


def test_they_score_and_keep_the_best(tmp_path):
    words = ["train", EXPERIMENT, "--steps=12", "--log-every=6", "--evaluate-every=6"]
    alone, together = tmp_path / "alone", tmp_path / "together"
    trained(alone, 1, *words)
    trained(together, 2, *words)
    run = "runs/soak_experiment"
    for one, other in zip(numbers(alone, run), numbers(together, run), strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-3, atol=1e-4)
    scores = [(each / run / "scores.jsonl").read_text() for each in (alone, together)]
    assert len(scores[0].splitlines()) == len(scores[1].splitlines())
    best = [steps(each / run / "best") for each in (alone, together)]
    assert best[0] == best[1] and best[0]


# SIGSTOP stands for a machine that falls silent and breaks no connection.
@pytest.mark.parametrize(
    ("count", "lost", "how"),
    [
        (2, 0, signal.SIGKILL),
        (2, 1, signal.SIGKILL),
        (4, 2, signal.SIGKILL),
        (2, 1, signal.SIGSTOP),
    ],
)
def test_a_lost_process_ends_all_and_the_same_command_goes_on(
    tmp_path, whole, count, lost, how
):
    processes = start(count, tmp_path, *TRAIN)
    wait_until(lambda: saved(tmp_path), processes[0])
    processes[lost].send_signal(how)
    gone = time.monotonic()
    others = [each for i, each in enumerate(processes) if i != lost]
    survivors = end(others, 60)
    assert time.monotonic() - gone < 60
    processes[lost].kill()
    end(processes[lost : lost + 1])
    # An abort is JAX's own, with its own sentence, where it was the first to notice.
    assert all(each.status > 0 or each.status == -signal.SIGABRT for each in survivors)
    said = "\n".join(each.err for each in survivors)
    sentences = "another process is gone", "another task died", "heartbeat"
    assert any(each in said for each in sentences), said
    assert 0 < max(saved(tmp_path)) < STEPS
    trained(tmp_path, 2, *TRAIN)
    assert_same(tmp_path, whole)


STAGES = [  # processes, devices of each, signal, words
    (2, 1, signal.SIGTERM, ()),
    (4, 2, signal.SIGINT, ("--shard-state",)),
    (2, 2, signal.SIGTERM, ("--shard-state", "--steps-per-call=5")),
]


def test_a_signal_to_one_stops_all_and_others_go_on(tmp_path, whole):
    """On 2, 8, 4 devices of several processes and at last on one of one."""
    for count, devices, asked, words in STAGES:
        before = max(saved(tmp_path), default=0)
        processes = start(count, tmp_path, *TRAIN, *words, devices=devices)
        wait_until(lambda b=before: reached(tmp_path) > b, processes[0])
        processes[1].send_signal(asked)
        ended = end(processes)
        statuses = {each.status for each in ended}
        assert statuses <= {128 + asked, 128 + signal.SIGTERM}, ended
        last = max(saved(tmp_path))
        assert before < last < STEPS
        [line] = [line for each in ended for line in each.said]
        assert f"at step {last:,}, saved in" in line
    trained(tmp_path, 1, *TRAIN)
    assert_same(tmp_path, whole)


def test_an_error_of_the_leader_is_told_to_all(tmp_path):
    """All save what the first process could not draw; the others say nothing."""
    ended = end(start(2, tmp_path, *TRAIN, "--fails", "--seed=1"))
    assert [each.status for each in ended] == [1, 1]
    [line] = ended[0].said
    assert "is saved, but cannot be drawn, measured or scored" in line
    assert not ended[1].said and max(saved(tmp_path)) == 100


@pytest.mark.parametrize("failing", [0, 1])
def test_a_source_that_fails_in_one_process_ends_all(tmp_path, whole, failing):
    lost = {failing: ((), {"JAXGAN_TEST_LOST_AT": "60"})}
    ended = end(start(2, tmp_path, *TRAIN, own=lost), 60)
    assert all(each.status > 0 or each.status == -signal.SIGABRT for each in ended)
    assert "data.npy: Input/output error" in ended[failing].said[0], ended
    assert saved(tmp_path) == [25, 50]
    trained(tmp_path, 2, *TRAIN)
    assert_same(tmp_path, whole)


def refused(place, *words, count=2, **options):
    """The sentences of processes that must not train, and end at once."""
    began = time.monotonic()
    ended = end(start(count, place, *TRAIN, *words, **options), 60)
    assert time.monotonic() - began < 60
    assert [each.status for each in ended] == [2] * count, ended
    return [line for each in ended for line in each.said]


def test_processes_that_would_train_different_runs_are_refused(tmp_path):
    said = refused(tmp_path, own={1: (("--gamma=0.3",), {})})
    assert any("was made with another config: gamma" in line for line in said)
    assert not (tmp_path / RUN).exists()


def test_processes_that_would_train_it_otherwise_are_refused(tmp_path):
    said = refused(tmp_path, own={1: (("--save-every=7",), {})})
    assert any("process 1 has another schedule than process 0" in line for line in said)


def test_processes_with_other_code_are_refused(tmp_path):
    port, processes = free_port(), []
    for number, comment in enumerate(("", "# not as the other\n")):
        place = tmp_path / f"{number}"
        place.mkdir()
        (place / PLANE.name).write_text(PLANE.read_text() + comment)
        joining = ["--coordinator", f"127.0.0.1:{port}", "--processes=2"]
        words = ["train", PLANE.name, "--run", tmp_path / "run", *joining]
        processes += start(1, place, *words, f"--process={number}")
    ended = end(processes, 60)
    assert [each.status for each in ended] == [2, 2], ended
    said = [line for each in ended for line in each.said]
    assert all(f"{PLANE.name} has changed since" in line for line in said), said
    assert said and not (tmp_path / "run").exists()


def test_processes_with_other_data_are_refused(tmp_path):
    said = refused(tmp_path, own={1: ((), {"JAXGAN_TEST_SHIFT": "0.5"})})
    assert any("process 1 has another data than process 0" in line for line in said)


def test_batches_that_they_do_not_divide_are_refused(tmp_path):
    [line] = {line for line in refused(tmp_path, count=3)}
    assert "batch_size of 8 does not split evenly over 3 processes" in line
