"""Lines that notice their own damage."""

import json

import numpy as np

from jaxgan.reporting.log import read_rows
from jaxgan.sealed_lines import is_sound, seal
from jaxgan.training.running_mean import RunningMean


def test_every_flipped_bit_is_noticed_or_changes_no_number():
    line = b'{"step": 12, "loss": 0.25, "other": -1e-3}'
    sealed = seal(line)
    wanted = json.loads(line)
    assert is_sound(sealed) and is_sound(sealed + b"\n") and is_sound(line)
    for place in range(8 * len(sealed)):
        damaged = bytearray(sealed)
        damaged[place // 8] ^= 1 << place % 8
        if not is_sound(bytes(damaged)):
            continue
        try:
            found = json.loads(bytes(damaged))
        except ValueError:
            continue
        assert {name: found.get(name) for name in wanted} == wanted


def test_sums_that_were_damaged_are_told_and_not_added(tmp_path, caplog):
    path = tmp_path / "unlogged.jsonl"
    mean = RunningMean(path)
    mean.add({"loss": np.array([1.0, 2.0])})
    mean.save(4)
    again = RunningMean(path)
    again.load(4)
    assert again.sums["loss"] == 3 and not caplog.text
    path.write_bytes(path.read_bytes().replace(b"3.0", b"9.0"))
    assert read_rows(path) == []
    again = RunningMean(path)
    again.load(4)
    assert not again and f"{path} is damaged" in caplog.text
