"""Comparison of what several processes have, with an exchange that changes one."""

import pytest

from jaxgan import InputError
from jaxgan.training import same_everywhere
from jaxgan.training.same_everywhere import check_same_everywhere
from tests.runs import PLANE, make_run

COMPARED = [
    "run directory",
    "versions",
    "code",
    "config",
    "data",
    "setting of JAX",
    "version of jaxgan's files",
    "schedule",
]


@pytest.fixture
def run(tmp_path):
    return make_run(tmp_path / "run", PLANE)


def exchange(monkeypatch, change):
    monkeypatch.setattr(same_everywhere, "are_several", lambda: True)
    monkeypatch.setattr(same_everywhere, "exchange", lambda own: [own, change(own)])


def test_all_that_is_compared_may_differ_in_nothing(monkeypatch, run):
    exchange(monkeypatch, lambda own: dict(own))
    check_same_everywhere(run, {"schedule": 1})


@pytest.mark.parametrize("what", COMPARED)
def test_a_process_that_differs_is_named(monkeypatch, run, what):
    seen = []

    def change(own):
        seen.append([*own])
        return own | {what: "another"}

    exchange(monkeypatch, change)
    with pytest.raises(InputError, match=f"process 1 has another {what} than process"):
        check_same_everywhere(run, {"schedule": 1})
    assert seen == [COMPARED]
