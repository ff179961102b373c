"""A full disk is one sentence that names a file, and room again goes on."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.command_line import run
from tests.runs import PLANE

WORKER = [sys.executable, "-m", "tests.training.test_full_disk"]
TRAIN = ["train", PLANE, "--steps=6", "--save-every=2", "--log-every=1", "--devices=1"]
SMALL = ["unshare", "--user", "--map-root-user", "--mount"]

can_mount = pytest.mark.skipif(
    shutil.which("unshare") is None
    or subprocess.run([*SMALL, "mount", "-t", "tmpfs", "none", "/mnt"]).returncode != 0,
    reason="no file system can be mounted here without rights",
)


@pytest.mark.slow
@can_mount
@pytest.mark.parametrize("sizes", [(4, *range(20, 460, 60))])
def test_a_full_disk_is_one_sentence_and_room_again_goes_on(tmp_path, sizes):
    """Sizes are in KiB; the run has 750."""
    whole, place = tmp_path / "whole", tmp_path / "small"
    place.mkdir()
    assert run(*TRAIN, "--run", whole) == 0
    words = [str(word) for word in (whole, place, *sizes)]
    subprocess.run([*SMALL, *WORKER, *words], check=True)


def fill(whole, place, sizes):
    """Train where there is too little room, and again where there is enough."""
    for size in sizes:
        mount("-t", "tmpfs", "-o", f"size={size}k", "none", place)
        status, said = printed(*TRAIN, "--run", place / "run")
        last = said.splitlines()[-1]
        assert status == 1, (size, said)
        assert "Traceback" not in said, said
        assert last.startswith("jaxgan: ") and last.count(str(place / "run")), last
        assert "o space left on device" in last
        mount("-o", "remount,size=20m", place)
        assert printed(*TRAIN, "--run", place / "run")[0] == 0
        assert [path.name for path in place.iterdir()] == ["run"]
        assert contents(place / "run") == contents(whole)
        subprocess.run(["umount", "--lazy", place], check=True)


def mount(*words):
    subprocess.run(["mount", *words], check=True)


def printed(*words):
    """The status of a command and what it, its threads and its libraries print."""
    with tempfile.TemporaryFile() as file:
        before = [os.dup(1), os.dup(2)]
        for number in (1, 2):
            os.dup2(file.fileno(), number)
        try:
            status = run(*words)
        finally:
            for number, copy in zip((1, 2), before, strict=True):
                os.dup2(copy, number)
                os.close(copy)
        file.seek(0)
        return status, file.read().decode().replace("\r", "\n")


def contents(directory):
    """The log and the pictures of a run."""
    paths = [directory / "metrics.jsonl", *sorted(directory.glob("samples/*.png"))]
    return [path.read_bytes() for path in paths]


if __name__ == "__main__":
    fill(Path(sys.argv[1]), Path(sys.argv[2]), map(int, sys.argv[3:]))
