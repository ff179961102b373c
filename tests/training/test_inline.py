"""Runs of experiments that are objects: the cases pass in a process of their own."""

import subprocess
import sys
from pathlib import Path

import pytest

CASES = Path(__file__).parent / "inline_cases.py"


@pytest.mark.slow
def test_runs_without_an_experiment_file():
    command = [sys.executable, "-m", "pytest", "-q", "-o", "addopts=", str(CASES)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
