"""Of two trainers that begin at once on a new directory one trains."""

import json
import subprocess
import sys

import pytest

from jaxgan.training.checkpoint import steps


@pytest.mark.slow
@pytest.mark.parametrize("rounds", [12])
def test_one_trains_and_the_other_says_that_it_cannot(tmp_path, rounds):
    command = [sys.executable, "-m", "tests.training.race_worker"]
    rest = [str(tmp_path), str(rounds)]
    processes = [
        subprocess.Popen([*command, *names, *rest], stdout=subprocess.PIPE, text=True)
        for names in ("01", "10")
    ]
    both = [
        map(json.loads, p.communicate(timeout=500)[0].splitlines()) for p in processes
    ]
    for number, ends in enumerate(zip(*both, strict=True)):
        (won, _), (status, said) = sorted(ends)
        directory = tmp_path / str(number)
        assert won == 0, ends
        assert steps(directory / "checkpoints") == [1]
        if status == 1:
            assert said == f"jaxgan: another process is training in {directory}.\n"
        else:
            assert status == 2 and number % 4 > 1, ends
            refused = f"jaxgan: {directory} was made with another config: seed"
            assert said.startswith(refused) and said.count("\n") == 1
    assert number == rounds - 1
    left = {path.name.split("-")[0] for path in tmp_path.iterdir()}
    assert left == {*map(str, range(rounds)), "begun", "put", "ended"}
