"""Standard output and error that cannot be written stop no command."""

import os
import subprocess
import sys

import pytest

from jaxgan.reporting.log import read_rows
from jaxgan.training.checkpoint import steps
from tests.builders import tiered
from tests.runs import PLANE


@pytest.mark.parametrize("kind", tiered(["full", "pipe", "closed"], ["pipe"]))
@pytest.mark.parametrize("streams", tiered(["stdout", "stderr", "both"], []))
def test_a_run_is_whole_whatever_cannot_be_written(tmp_path, kind, streams):
    command = [sys.executable, "-m", "jaxgan", "train", str(PLANE), "--steps=3"]
    command += [f"--run={tmp_path / 'run'}", "--devices=1", "--log-every=1"]
    names = ["stdout", "stderr"] if streams == "both" else [streams]
    if kind == "closed":
        closed = " ".join({"stdout": "1>&-", "stderr": "2>&-"}[name] for name in names)
        command = ["sh", "-c", f'exec "$@" {closed}', "sh", *command]
        target = None
    elif kind == "full":
        target = os.open("/dev/full", os.O_WRONLY)
    else:
        reader, target = os.pipe()
        os.close(reader)
    try:
        code = subprocess.run(
            command, **(dict.fromkeys(names, target) if target else {})
        ).returncode
    finally:
        if target is not None:
            os.close(target)
    assert code == 0
    assert steps(tmp_path / "run" / "checkpoints")[-1] == 3
    assert len(read_rows(tmp_path / "run" / "metrics.jsonl")) == 3
