"""A few of everything that `tests.soak` and `tests.endurance` do many times."""

import subprocess
import sys

import pytest

from tests import endurance, soak

pytestmark = pytest.mark.usefixtures("optimized")

LITTLE = {"checkpoints": 120, "steps": 3_000, "lines": 100_000}
"""Counts that take some ten seconds each."""


def some(module, counts, pytestconfig):
    words = [f"--{name}={count}" for name, count in counts.items()]
    done = subprocess.run(
        [sys.executable, "-m", module, *words],
        cwd=pytestconfig.rootpath,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("subject", soak.SUBJECTS, ids=lambda subject: subject.__name__)
def test_three_at_random_moments_lose_nothing(subject, pytestconfig):
    counts = {each.__name__: 3 if each is subject else 0 for each in soak.SUBJECTS}
    some("tests.soak", counts, pytestconfig)


@pytest.mark.slow
@pytest.mark.parametrize("subject", LITTLE)
def test_long_runs_and_logs_cost_no_more_by_the_step(subject, pytestconfig):
    assert [*LITTLE] == [each.__name__ for each in endurance.SUBJECTS]
    counts = {each: LITTLE[each] if each == subject else 0 for each in LITTLE}
    some("tests.endurance", counts, pytestconfig)
