"""The dynamics side by side, by experiments/theory and experiments/benchmarks."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from jaxgan.theory.games import bilinear

ROOT = Path(__file__).parent.parent / "experiments"
STUDY = runpy.run_path(str(ROOT / "theory" / "games_compared.py"))
TABLE = runpy.run_path(str(ROOT / "benchmarks" / "ring_table.py"))

CONVERGING = {
    "negative\nmomentum",
    "lookahead",
    "optimistic",
    "extragradient",
    "past\nextragradient",
    "consensus",
    "symplectic\nadjustment",
    "unrolled",
    "proximal\npoint",
}


@pytest.mark.parametrize("name", STUDY["WAYS"])
def test_who_converges_on_the_bilinear_game(name):
    points = STUDY["course"](STUDY["WAYS"][name], bilinear(), 0.3, 100)
    assert points.shape == (101, 2)
    np.testing.assert_allclose(points[0], [1, 1])
    distance = np.linalg.norm(points[-1])
    if name in CONVERGING:
        assert distance < 0.5
    elif name == "alternating":  # between the axes of the ellipse it stays on
        assert 1 < distance < 2
    else:
        assert distance == pytest.approx(np.sqrt(2) * 1.09**50, rel=1e-3)


@pytest.mark.slow
def test_the_radius_is_that_of_the_step():
    radius = STUDY["radius"](STUDY["WAYS"]["extragradient"], 0.3)
    assert radius == pytest.approx(0.958175, abs=1e-5)
    five = np.linalg.matrix_power(np.array([[1 - 0.09, -0.3], [0.3, 1]]), 5)
    called_back = max(abs(np.linalg.eigvals((np.eye(2) + five) / 2))) ** (1 / 5)
    radius = STUDY["radius"](STUDY["WAYS"]["lookahead"], 0.3)
    assert radius == pytest.approx(called_back, abs=1e-5)


@pytest.mark.slow
def test_a_short_course_of_the_ring_gives_points():
    points = STUDY["samples_of"](STUDY["WAYS"]["optimistic"], steps=2)
    assert points.shape == (2500, 2)
    assert np.isfinite(points).all()


def test_the_table_has_every_loss_penalty_and_dynamics():
    rows = TABLE["ROWS"]
    assert len(rows) == len(set(rows)) == 6 * 3 + 9 * 2
    assert {row.dynamics for row in rows} == set(TABLE["DYNAMICS"])
    assert {(row.loss, row.penalty) for row in rows[:18]} == {
        (loss, penalty) for loss in TABLE["LOSSES"] for penalty in TABLE["PENALTIES"]
    }


@pytest.mark.slow
def test_a_row_is_measured_for_each_seed(tmp_path):
    row = TABLE["Row"]("hinge", "GP", "alternating")
    found = TABLE["measure"](row, 2, 3)
    assert len(found) == 2
    assert all({"captured", "high_quality", "reverse_kl"} <= {*each} for each in found)


def test_a_row_is_measured_once_and_then_read(tmp_path, monkeypatch):
    row = TABLE["Row"]("hinge", "GP", "alternating")
    kept, measured = TABLE["kept"], [{"captured": 8.0}, None]
    monkeypatch.setitem(kept.__globals__, "measure", lambda *given: measured)
    first = kept(row, 2, 3, tmp_path)
    assert first == measured
    [file] = tmp_path.iterdir()
    written = file.stat().st_mtime_ns
    monkeypatch.delitem(kept.__globals__, "measure")
    assert kept(row, 2, 3, tmp_path) == first
    assert file.stat().st_mtime_ns == written


def test_a_line_has_means_and_standard_errors():
    row = TABLE["Row"]("hinge", "R1", "alternating")
    names = ("captured", "high_quality", "reverse_kl")
    sound = [dict(zip(names, v, strict=True)) for v in [(8, 0.9, 0.01), (6, 0.7, 0.03)]]
    found = [*sound, None]
    expected = "| hinge | R1 | alternating | 7.0 ± 1.0 | 80 ± 10 | 0.020 ± 0.010 | 1 |"
    assert TABLE["line"](row, found) == expected
