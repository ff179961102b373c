"""The comparison of games of codes, by experiments/theory."""

import runpy
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from jaxgan.sampling import draw_examples
from jaxgan.training.experiment import load_file
from jaxgan.training.loop import train
from jaxgan.training.run import create_run
from jaxgan.training.schedule import Schedule
from tests.builders import assert_close
from tests.tiny_set import prepare_mnist

ROOT = Path(__file__).parent.parent / "experiments"
STUDY = runpy.run_path(str(ROOT / "theory" / "codes_compared.py"))


def test_detail_is_the_energy_of_short_waves():
    """By Parseval, all energy of a wave is at its frequency."""
    place = np.arange(32)
    short, long = (np.cos(2 * np.pi * k * place / 32) for k in (12, 4))
    for wave, wanted in ((short, 1.0), (long, 0.0)):
        for image in (wave[:, None] * np.ones(32), wave[None, :] * np.ones((32, 1))):
            power = STUDY["detail"](image[None, ..., None])
            shorter = STUDY["detail"](2 * image[None, ..., None])
            total = (np.abs(np.fft.fft2(image)) ** 2).sum() / (32 * 17)
            assert_close(power, wanted * total, atol=1e-8)
            assert_close(shorter, 4 * power, atol=1e-8)


def test_a_perfect_reconstruction_has_no_error_and_all_detail():
    images = np.random.default_rng(0).uniform(-1, 1, (50, 8, 8, 1))
    cells = STUDY["measure"](images, STUDY["Made"](images, images), few_pixels)
    assert abs(float(cells["Fréchet"])) < 1e-3
    assert cells["sharpness"] == cells["precision"] == cells["recall"] == "1.000"
    assert float(cells["pixel error"]) == float(cells["feature error"]) == 0
    others = STUDY["Made"](images, np.roll(images, 1, axis=0))
    cells = STUDY["measure"](images, others, few_pixels)
    assert float(cells["feature error"]) == 1


def few_pixels(images):
    return images[:, 4:6, 3:6].reshape(len(images), -1).astype(np.float64)


@pytest.mark.slow
def test_runs_are_compared_and_drawn(tmp_path, capsys):
    data_dir = prepare_mnist(tmp_path / "tfds")
    runs = []
    for name in ("autoencoder", "vae", "mnist"):
        file = load_file(ROOT / f"{name}.py")
        config = file.config(
            steps=2, batch_size=8, channels=4, hidden=8, data_dir=data_dir
        )
        run = create_run(tmp_path / name, file, config)
        train(run, schedule=Schedule(evaluate_every=0), devices=jax.devices()[:1])
        runs.append(run)
    reals = runs[0].experiment.evaluation.reals
    test = draw_examples(lambda: reals("test"), 20, seed=0)
    STUDY["compare"](runs, test.real, few_pixels, tmp_path / "codes.png")
    table = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in table[-4:-1]] == ["autoencoder", "vae", "mnist"]
    with Image.open(tmp_path / "codes.png") as picture:
        assert picture.size == (10 * 37 + 5, 6 * 37 + 5)
