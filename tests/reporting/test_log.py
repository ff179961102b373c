import json
import math

import jax.numpy as jnp
import pytest

from jaxgan import Info
from jaxgan.reporting.log import flatten, read_rows, rewind, write_row


def test_a_report_is_flat():
    one, two = jnp.float32(1.5), jnp.float32(2.5)
    info = Info(
        losses={
            "discriminator": {"non_saturating": one, "r1": two},
            "generator": {"non_saturating": two},
        },
        gradient_norms={"discriminator": one, "generator": two},
        diagnostics={"discriminator": {"accuracy": one}, "generator": {}},
    )
    row = flatten(info)
    assert row == {
        "discriminator/non_saturating": 1.5,
        "discriminator/r1": 2.5,
        "discriminator/gradient": 1.5,
        "discriminator/accuracy": 1.5,
        "generator/non_saturating": 2.5,
        "generator/gradient": 2.5,
    }
    assert all(type(value) is float for value in row.values())


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
