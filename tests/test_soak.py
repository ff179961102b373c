"""Three of everything that `python -m tests.soak` does many times."""

import subprocess
import sys

import pytest

from tests.soak import SUBJECTS

pytestmark = pytest.mark.usefixtures("optimized")


@pytest.mark.slow
@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.__name__)
def test_three_at_random_moments_lose_nothing(subject, pytestconfig):
    counts = [f"--{each.__name__}={3 if each is subject else 0}" for each in SUBJECTS]
    done = subprocess.run(
        [sys.executable, "-m", "tests.soak", *counts],
        cwd=pytestconfig.rootpath,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
