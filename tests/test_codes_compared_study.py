"""The comparison of games of codes, by experiments/theory."""

import runpy
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from PIL import Image

from jaxgan.evaluation import Evaluation
from jaxgan.reporting.log import read_rows
from jaxgan.sampling import draw_examples
from jaxgan.training.experiment import load_file
from jaxgan.training.loop import train
from jaxgan.training.run import create_run
from jaxgan.training.schedule import Schedule
from tests.builders import assert_close
from tests.tiny_set import prepare_mnist

ROOT = Path(__file__).parent.parent / "experiments"
STUDY = runpy.run_path(str(ROOT / "theory" / "codes_compared.py"))


def wave(tall, wide):
    rows, columns = np.mgrid[:32, :32]
    return np.cos(2 * np.pi * (tall * rows + wide * columns) / 32)[None, ..., None]


@pytest.mark.parametrize(
    ("image", "is_detail"),
    [
        (wave(12, 0), True),
        (wave(0, 12), True),
        (wave(9, 0), True),
        (wave(0, 9), True),
        (wave(16, 0), True),
        (wave(0, 16), True),
        (wave(3, 9), True),
        (wave(8, 0), False),
        (wave(0, 8), False),
        (wave(7, 7), False),
        (wave(4, 0), False),
    ],
)
def test_detail_is_the_energy_of_waves_shorter_than_four_pixels(image, is_detail):
    """By Parseval: all energy of a wave is at its frequency, and at its opposite."""
    total = (np.abs(np.fft.fft2(image[0, ..., 0])) ** 2).sum() / (32 * 17)
    assert_close(STUDY["detail"](image), is_detail * total, atol=1e-8)
    both = image + 0.5 * wave(11, 0)
    assert_close(
        STUDY["detail"](both) - STUDY["detail"](0.5 * wave(11, 0)),
        STUDY["detail"](image),
        atol=1e-8,
    )


def test_samples_are_measured_against_the_reals():
    draws = np.random.default_rng(0)
    real = draws.uniform(-1, 1, (400, 32, 32, 1))
    narrow = 0.05 * real
    narrow[:, 5, 4] += 0.7  # one of six features is moved
    cells = STUDY["measure"](real, STUDY["Made"](narrow, None), few_pixels)
    variance = 1 / 3
    wanted = 0.7**2 + 6 * variance * (1 - 0.05) ** 2
    assert float(cells["Fréchet"]) == pytest.approx(wanted, rel=0.1)
    assert float(cells["precision"]) > 0.9 and float(cells["recall"]) < 0.1
    blurred = (real + np.roll(real, 1, 1) + np.roll(real, 1, 2)) / 3
    cells = STUDY["measure"](real, STUDY["Made"](blurred, None), few_pixels)
    power = [(np.abs(np.fft.fft2(x[..., 0])) ** 2).sum(axis=0) for x in (real, blurred)]
    frequency = np.abs(np.fft.fftfreq(32))
    short = np.maximum.outer(frequency, frequency) > 0.25
    wanted = power[1][short].sum() / power[0][short].sum()
    assert wanted < 0.9
    assert float(cells["sharpness"]) == pytest.approx(wanted, abs=1e-3)
    assert {"pixel error", "feature error"}.isdisjoint(cells)


def test_reconstructions_are_measured_against_their_originals():
    real = np.random.default_rng(0).uniform(-1, 1, (400, 32, 32, 1))
    half = np.pad(0.5 * real[:, 2:-2, 2:-2], ((0, 0), (2, 2), (2, 2), (0, 0)))
    cells = STUDY["measure"](real, STUDY["Made"](real, half), few_pixels)
    inner = real[:, 2:-2, 2:-2]
    assert float(cells["pixel error"]) == pytest.approx(
        np.mean(inner**2) / 16, abs=1e-5
    )
    # Of two draws the squared difference is twice the variance; of a draw and its half,
    # a quarter.
    assert float(cells["feature error"]) == pytest.approx(0.25 / 2, rel=0.1)


def few_pixels(images):
    return images[:, 4:6, 3:6].reshape(len(images), -1).astype(np.float64)


@pytest.mark.slow
def test_runs_are_compared_and_drawn(tmp_path, capsys):
    data_dir = prepare_mnist(tmp_path / "tfds")
    runs = []
    for name, more in (
        ("autoencoder", {}),
        ("vae", {}),
        ("conditional_mnist", {"way": "none"}),
    ):
        file = load_file(ROOT / f"{name}.py")
        small = {"steps": 2, "batch_size": 8, "channels": 4, "hidden": 8}
        config = file.config(**small, data_dir=data_dir, **more)
        run = create_run(tmp_path / name, file, config)
        train(run, schedule=Schedule(evaluate_every=0), devices=jax.devices()[:1])
        runs.append(run)
    reals = runs[0].experiment.evaluation.reals
    test = draw_examples(lambda: reals("test"), 20, seed=0)
    STUDY["compare"](runs, test.real, few_pixels, tmp_path / "codes.png")
    table = capsys.readouterr().out.splitlines()
    cells = [line.split() for line in table[-4:-1]]
    assert [row[0] for row in cells] == ["autoencoder", "vae", "conditional_mnist"]
    # Name, four of samples, minutes; two of reconstructions; a bound.
    assert [len(row) for row in cells] == [8, 9, 6]
    [measured] = read_rows(runs[0].metrics)  # of the same pairs
    assert float(cells[0][5]) == pytest.approx(measured["error"], rel=1e-3)
    with Image.open(tmp_path / "codes.png") as picture:
        assert picture.size == (10 * 37 + 5, 6 * 37 + 5)


def test_runs_that_are_not_scored_alike_are_refused():
    def run(data):
        evaluation = None if data is None else Evaluation(data, lambda split: None)
        return SimpleNamespace(experiment=SimpleNamespace(evaluation=evaluation))

    assert STUDY["common_evaluation"]([run("digits")] * 2).data == "digits"
    for runs in ([], [run(None)], [run("digits"), run("clothes")]):
        with pytest.raises(SystemExit, match="runs must be at least one, all scored"):
            STUDY["common_evaluation"](runs)
