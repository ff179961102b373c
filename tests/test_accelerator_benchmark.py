"""experiments/benchmarks/accelerator.py, in tiny sizes on the CPU."""

import json
import runpy
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from jaxgan import InputError
from jaxgan.types import State
from tests.builders import unchecked

FOLDER = Path(__file__).parent.parent / "experiments" / "benchmarks"
STORED = json.loads((FOLDER / "accelerator.json").read_text())


@pytest.fixture(scope="module")
def bench():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FOLDER)  # which files of a script's folder are found in
        yield runpy.run_path(str(FOLDER / "accelerator.py"))


@pytest.mark.slow
def test_the_table_is_finished_and_a_wrong_loss_found(tmp_path):
    wrong = STORED | {"wgan_gp": {k: 1.001 * v for k, v in STORED["wgan_gp"].items()}}
    expected = tmp_path / "expected.json"
    expected.write_text(json.dumps(wrong))
    done = subprocess.run(
        [sys.executable, FOLDER / "accelerator.py", "--tiny", "--expected", expected],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stderr
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith("the losses of wgan_gp are not those of a CPU: ")
    _, *lines = done.stdout.splitlines()
    rows = {line[:42].rstrip(): line[42:].strip() for line in lines}
    assert rows.pop("losses non_saturating").startswith("agree to ")
    assert rows.pop("losses wgan_gp") == "DIFFER by 1e-03"
    assert rows.pop("resume wgan_gp") == "bit-equal"
    games = ("non_saturating", "wgan_gp")
    dtypes = ("float32", "bfloat16")
    rates = {f"steps {game} 8 {dtype}" for game in games for dtype in dtypes}
    rates |= {f"per_call {game} 8 float32, 2 steps" for game in games}
    rates |= {"population ring 2"}
    metrics = ("frechet", "kid", "neighbors", "all pairs")
    metrics = {f"metrics {name} 1000 × 8" for name in metrics}
    assert rows.keys() == rates | metrics
    for name in rates:
        rate, unit, *_, seconds, _ = rows[name].split()
        assert float(rate.replace(",", "")) > 0 and float(seconds) > 0, rows[name]
        assert unit == ("steps/s" if "ring" in name else "images/s")
    assert all(rows[name].endswith(" s") for name in metrics)


@pytest.mark.slow
def test_a_lower_precision_is_no_rounding(bench):
    found = bench["measure_losses"]("non_saturating")
    difference, _ = bench["farthest"](found, STORED["non_saturating"])
    assert difference < 1e-5
    low = bench["measure_losses"]("non_saturating", bench["in_bfloat16"])
    difference, _ = bench["farthest"](low, STORED["non_saturating"])
    assert difference > 10 * bench["TOLERANCE"]


@pytest.mark.parametrize(
    ("found", "difference", "which"),
    [
        ({"a": 2.0, "b": 0.01}, 0.0, ""),
        ({"a": 2.2, "b": 0.01}, 0.1, "a 2.2, expected 2"),
        ({"a": 2.0, "b": 0.03}, 0.2, "b 0.03, expected 0.01"),
        ({"a": float("nan"), "b": 0.01}, float("inf"), "a nan, expected 2"),
        ({"a": 2.0}, float("inf"), r"['a'], expected ['a', 'b']"),
    ],
)
def test_the_farthest_value_is_named(bench, found, difference, which):
    number, text = bench["farthest"](found, {"a": 2.0, "b": 0.01})
    assert number == pytest.approx(difference)
    assert which in text


def test_one_bit_is_a_difference(bench):
    one = State(*[np.zeros(2)] * len(State._fields))
    assert bench["first_difference"](one, one) is None
    other = one._replace(opt_states=-one.opt_states)  # of zeros, equal as numbers
    assert bench["first_difference"](one, other) == ".opt_states"


def test_what_does_not_fit_is_skipped_and_what_fails_is_named(bench, capsys):
    def fail():
        raise RuntimeError("out of memory\nin detail")

    def wait():
        time.sleep(0.4)
        return "1"

    rows = [("a 1", fail), ("b 1", wait), ("b 2", wait), ("a 2", lambda: "2")]
    failures = []
    bench["print_table"](iter(rows), 0.7, failures)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split(maxsplit=2)[2] == "FAILED: out of memory"
    assert [line.split()[2] for line in lines[1:]] == ["1", "skipped:", "2"]
    assert failures == ["a 1 failed"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"minutes": 0}, "minutes must be"),
        ({"expected": Path("none.json")}, "expected must be a file that --write-exp"),
        ({"torch_python": Path("none")}, "torch_python must be a Python that has Py"),
    ],
)
def test_bad_input_is_refused(bench, arguments, message):
    with unchecked(), pytest.raises(InputError, match=message):
        bench["main"](**arguments)
