"""Standard output and error that cannot be written stop no command."""

import io
import os
import subprocess
import sys

import pytest

from jaxgan.progress import progress_bar
from jaxgan.reporting.log import read_rows
from jaxgan.training.checkpoint import steps
from tests.builders import tiered
from tests.runs import PLANE, wait_until


class Failing(io.StringIO):
    """A stream that takes so many texts and no more."""

    def __init__(self, error, most):
        super().__init__()
        self.error, self.most = error, most

    def write(self, text):
        self.most -= 1
        if self.most < 0:
            raise self.error
        return super().write(text)


@pytest.mark.parametrize("most", [0, 1, 2, 7])
@pytest.mark.parametrize(
    "error", [BrokenPipeError(32, "Broken pipe"), ValueError("I/O on closed file")]
)
def test_a_bar_that_cannot_be_written_counts_on(error, most, monkeypatch):
    monkeypatch.setattr(sys, "stderr", Failing(error, most))
    with progress_bar(total=20, mininterval=0) as bar:
        for number in range(20):
            bar.update(1)
            bar.set_postfix({"loss": number})
    assert bar.n == 20
    assert list(progress_bar(range(20), "counting", mininterval=0)) == [*range(20)]
    assert sys.stderr.most < 0


def test_a_run_goes_on_when_its_readers_leave(tmp_path):
    command = [sys.executable, "-m", "jaxgan", "train", str(PLANE), "--steps=200"]
    command += [f"--run={tmp_path / 'run'}", "--devices=1"]
    reader, writer = os.pipe()
    process = subprocess.Popen(command, stdout=writer, stderr=writer)
    os.close(writer)
    wait_until(lambda: b"/200 [" in os.read(reader, 2**16), process)  # the bar
    os.close(reader)
    assert process.wait() == 0
    assert steps(tmp_path / "run" / "checkpoints")[-1] == 200


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
