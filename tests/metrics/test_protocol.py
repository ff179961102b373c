"""Scores keep their protocol, and only those that were taken alike are compared."""

import dataclasses
import math

import pytest

from jaxgan.errors import InputError
from jaxgan.metrics.protocol import (
    Measurement,
    Protocol,
    check_alike,
    difference,
    read_scores,
    write_scores,
)

PROTOCOL = Protocol(
    metric="frechet",
    extractor="pixels",
    weights="",
    resizer="none",
    images="8×8×1",
    reference="digits, test",
    reals=100,
    fakes=50,
    quantized=True,
)
SCORE = Measurement(
    "frechet", 8.5, 0.3, PROTOCOL, "samples", 1000, 0, {"jaxgan": "0.1.0"}
)

OTHERS = {
    "metric": "frechet (ddof 0)",
    "extractor": "inception-v3-2015",
    "weights": "abc",
    "resizer": "tf1_bilinear",
    "images": "16×16×1",
    "reference": "digits, train",
    "reals": 99,
    "fakes": 51,
    "quantized": False,
    "output": "reconstructions",
    "examples": "0123456789ab",
}


def test_every_field_of_a_protocol_is_tried_here():
    assert set(OTHERS) == {field.name for field in dataclasses.fields(Protocol)}


@pytest.mark.parametrize("field", OTHERS)
def test_scores_that_differ_in_one_field_are_not_compared(field):
    unlike = dataclasses.replace(PROTOCOL, **{field: OTHERS[field]})
    other = dataclasses.replace(SCORE, protocol=unlike)
    message = f"frechet: scores with different protocols cannot be compared; {field} is"
    with pytest.raises(InputError, match=message) as refusal:
        difference(SCORE, other)
    assert repr(OTHERS[field]) in str(refusal.value)
    with pytest.raises(InputError, match=field):
        check_alike({"a": SCORE, "b": SCORE, "c": other})


def test_what_is_not_of_the_protocol_may_differ():
    other = dataclasses.replace(
        SCORE, value=7.5, error=0.4, of="reals", seed=3, step=9, versions={}
    )
    found = difference(SCORE, other)
    assert found.value == 1.0
    assert math.isclose(found.error, 0.5)


@pytest.mark.parametrize("value", [8.5, 1e-300, math.inf, -math.inf])
def test_scores_are_read_as_they_were_written(value, tmp_path):
    path = tmp_path / "scores.jsonl"
    scores = [SCORE, dataclasses.replace(SCORE, name="kid", value=value, step=2000)]
    write_scores(path, scores[:1])
    write_scores(path, scores[1:])
    assert read_scores(path) == scores


def test_an_unknown_error_stays_unknown(tmp_path):
    path = tmp_path / "scores.jsonl"
    write_scores(path, [dataclasses.replace(SCORE, error=math.nan)])
    [score] = read_scores(path)
    assert math.isnan(score.error)


def test_a_torn_line_is_left_out_and_told(tmp_path, caplog):
    path = tmp_path / "scores.jsonl"
    write_scores(path, [SCORE, SCORE])
    path.write_bytes(path.read_bytes()[:-20] + b"\nnot JSON\n[1]\n")
    assert read_scores(path) == [SCORE]
    assert f"{path}: skipped lines that are no scores, or damaged: 3" in caplog.text


def test_a_score_that_was_damaged_is_skipped(tmp_path, caplog):
    path = tmp_path / "scores.jsonl"
    score = Measurement("fd", 8.25, 0.5, PROTOCOL, "samples", 100, 0, {})
    write_scores(path, [score])
    assert read_scores(path) == [score]
    path.write_bytes(path.read_bytes().replace(b"8.25", b"0.25"))
    assert read_scores(path) == []
    assert "or damaged: 1" in caplog.text
    assert read_scores(tmp_path / "none.jsonl") == []
