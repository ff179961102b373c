"""Several processes train one run: the same numbers, and one end for all."""

import json
import signal
import time

import numpy as np
import pytest

from jaxgan.training.checkpoint import steps
from tests.runs import PLANE, wait_until
from tests.several import end, start
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


def assert_close(log, other):
    for row, expected in zip(log, other, strict=True):
        np.testing.assert_allclose(row, expected, rtol=1e-5, atol=1e-6)


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
    """The log of one process."""
    place = tmp_path_factory.mktemp("whole")
    trained(place, 1, *TRAIN)
    return numbers(place)


@pytest.mark.parametrize(
    "count, devices, words", [(2, 2, ()), (4, 1, ()), (2, 1, ("--shard-state",))]
)
def test_they_train_as_one_does_and_one_of_them_speaks(
    tmp_path, whole, count, devices, words
):
    first, *others = trained(tmp_path, count, *TRAIN, *words, devices=devices)
    assert_close(numbers(tmp_path), whole)
    assert "finished: " in first.out and f"{STEPS}/{STEPS}" in first.err
    for other in others:
        lines = other.out.splitlines()
        assert all(line.startswith("[Gloo]") for line in lines)  # which is not ours
        assert "steps" not in other.err


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
    assert best[0] == best[1] and len(best[0]) == 1


@pytest.mark.parametrize("lost", [0, 1])
def test_a_lost_process_ends_all_and_the_same_command_goes_on(tmp_path, whole, lost):
    processes = start(2, tmp_path, *TRAIN)
    wait_until(lambda: saved(tmp_path), processes[0])
    processes[lost].kill()
    killed = time.monotonic()
    survivor = end(processes, 60)[1 - lost]
    assert time.monotonic() - killed < 60
    assert survivor.status > 0 or survivor.status == -signal.SIGABRT
    # The latter is JAX's own sentence, where it was the first to notice.
    gone = "another process is gone", "another task died"
    assert any(each in survivor.err for each in gone), survivor.err
    assert 0 < max(saved(tmp_path)) < STEPS
    trained(tmp_path, 2, *TRAIN)
    assert_close(numbers(tmp_path), whole)


def test_a_signal_to_one_stops_all_and_others_go_on(tmp_path, whole):
    """On 2 × 1, 4 × 2 and 1 × 4 processes and devices."""
    for count, devices, asked in [(2, 1, signal.SIGTERM), (4, 2, signal.SIGINT)]:
        before = max(saved(tmp_path), default=0)
        processes = start(count, tmp_path, *TRAIN, devices=devices)
        wait_until(lambda b=before: reached(tmp_path) > b, processes[0])
        processes[1].send_signal(asked)
        ended = end(processes)
        statuses = {each.status for each in ended}
        assert statuses <= {128 + asked, 128 + signal.SIGTERM}, ended
        last = max(saved(tmp_path))
        assert before < last < STEPS
        [line] = [line for each in ended for line in each.said]
        assert f"at step {last:,}, saved in" in line
    trained(tmp_path, 1, *TRAIN, devices=4)
    assert_close(numbers(tmp_path), whole)


def test_an_error_of_the_leader_is_told_to_all(tmp_path):
    """All save what the first process could not draw; the others say nothing."""
    ended = end(start(2, tmp_path, *TRAIN, "--fails", "--seed=1"))
    assert [each.status for each in ended] == [1, 1]
    [line] = ended[0].said
    assert "is saved, but cannot be drawn, measured or scored" in line
    assert not ended[1].said and max(saved(tmp_path)) == 100


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


def test_batches_that_they_do_not_divide_are_refused(tmp_path):
    [line] = {line for line in refused(tmp_path, count=3)}
    assert "batch_size of 8 does not split evenly over 3 processes" in line
