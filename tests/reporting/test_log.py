import json
import math
import time

import pytest

from jaxgan.reporting import log
from jaxgan.reporting.log import last_rows, read_rows, rewind, write_row
from tests.command_line import run


@pytest.fixture
def path(tmp_path):
    return tmp_path / "metrics.jsonl"


def test_rows_are_read_as_they_were_written(path):
    assert read_rows(path) == []
    write_row(path, 10, {"a": 1.25, "b": -3})
    write_row(path, 20, {"a": math.nan, "b": math.inf, "c": -math.inf, "d": 0.0})
    assert read_rows(path) == [
        {"step": 10, "a": 1.25, "b": -3},
        {"step": 20, "a": None, "b": None, "c": None, "d": 0.0},
    ]
    for line in path.read_text().splitlines():
        json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))


def test_a_torn_line_is_left_out(path):
    write_row(path, 1, {"a": 1.0})
    with path.open("a") as file:
        file.write('{"step": 2, "a": 2.')
    assert read_rows(path) == [{"step": 1, "a": 1.0}]


def test_rewinding_forgets_later_steps_and_torn_lines(path):
    rewind(path, 5)
    assert not path.exists()
    for step in (1, 2, 3, 4):
        write_row(path, step, {"a": step / 2})
    with path.open("a") as file:
        file.write('{"step": 5')
    rewind(path, 2)
    write_row(path, 3, {"a": 9.0})
    assert read_rows(path) == [
        {"step": 1, "a": 0.5},
        {"step": 2, "a": 1.0},
        {"step": 3, "a": 9.0},
    ]
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_the_last_rows_come_first_over_any_number_of_blocks(path, monkeypatch):
    monkeypatch.setattr(log, "BLOCK", 7)
    for step in range(1, 30):
        write_row(path, step, {"a": step / 3})
    with path.open("a") as file:
        file.write('\n{"step": 30, "a"')
    assert list(last_rows(path)) == read_rows(path)[::-1]
    rewind(path, 17)
    assert [row["step"] for row in read_rows(path)] == list(range(1, 18))
    rewind(path, 0)
    assert path.read_bytes() == b""
    assert list(last_rows(path.with_name("none"))) == []


@pytest.mark.slow
def test_a_log_of_a_million_lines_is_listed_and_resumed_at_once(tmp_path):
    path = tmp_path / "run" / "metrics.jsonl"
    path.parent.mkdir()
    (path.parent / "run.json").touch()
    line = '"generator/non_saturating": 0.6931471, "discriminator/r1": 0.0123456'
    with path.open("w") as file:
        for step in range(1, 1_000_001):
            file.write(f'{{"step": {step}, {line}}}\n')
    assert run("list", tmp_path / "run") == 0  # imports the command, finds no run
    start = time.process_time()
    assert run("list", tmp_path) == 0
    listed = time.process_time() - start
    start = time.process_time()
    rewind(path, 999_000)
    resumed = time.process_time() - start
    assert next(last_rows(path))["step"] == 999_000
    assert listed < 2 and resumed < 1
