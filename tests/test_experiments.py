"""Every experiment file keeps its form and runs two tiny steps."""

import dataclasses
from pathlib import Path
from typing import get_args, get_type_hints

import jax
import numpy as np
import pytest
from PIL import Image

from jaxgan import InputError
from jaxgan.metrics.features.extractor import Extractor, Features
from jaxgan.metrics.modes import stacked_label
from jaxgan.reporting.log import read_rows
from jaxgan.training.experiment import load_file
from jaxgan.training.loop import train
from jaxgan.training.run import create_run
from jaxgan.training.schedule import Schedule
from tests.builders import tiered
from tests.tiny_set import prepare_mnist

pytestmark = pytest.mark.usefixtures("optimized")

ROOT = Path(__file__).parent.parent
EXPERIMENTS = sorted((ROOT / "experiments").glob("*.py"))
SMALL = {
    "width": 16,
    "generator_channels": 4,
    "critic_channels": 4,
    "channels": 4,
    "hidden": 8,
    "seen": 8,
}
"""Fields of a Config that make networks small, where it has them."""
OF_CRITICS = {"stacked_mnist", "wgan_gp"}
"""In which the critic moves several times for each move of the generator."""
WITH_TFDS = {
    "adversarial_autoencoder",
    "autoencoder",
    "conditional_mnist",
    "dcgan",
    "mnist",
    "stacked_mnist",
    "vae",
    "vae_gan",
    "wgan_gp",
}
OF_FOLDERS = {
    "faces": {"channels": 1},
    "flowers": {"channels": 3, "classes": 3},
    "folder": {"channels": 3},
}
"""Which read a folder of images, with what they need besides."""
FIRST = {"ring"}
"""Which are played in the first tier."""


@pytest.fixture
def settings(path, tmp_path):
    """Options that an experiment's Config needs besides those of a small run."""
    if path.stem in WITH_TFDS:
        return {"data_dir": prepare_mnist(tmp_path / "tfds")}
    if path.stem in OF_FOLDERS:
        noise = np.random.default_rng(0).integers(0, 256, (9, 40, 50, 3), np.uint8)
        for number, pixels in enumerate(noise):
            place = tmp_path / "photos" / str(number % 3)
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(place / f"{number}.png")
        settings = {"path": tmp_path / "photos", "mirror": True, "size": 8}
        return settings | OF_FOLDERS[path.stem]
    return {}


def test_there_are_experiments():
    assert {"digits", "ring"} <= {path.stem for path in EXPERIMENTS}


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_the_docstring_says_paper_command_cost_and_what_to_expect(path):
    doc = load_file(path).doc
    for heading in ("Paper:", "Command:", "Cost:", "Expect:"):
        assert f"\n{heading} " in doc
    assert f"jaxgan train {path.stem}" in doc


@pytest.mark.parametrize(
    "path",
    tiered(EXPERIMENTS, [path for path in EXPERIMENTS if path.stem in FIRST]),
    ids=lambda path: path.stem,
)
def test_two_tiny_steps_leave_a_measured_picture(path, tmp_path, settings):
    train_for_two_steps(path, tmp_path, settings, SMALL | {"critic_moves": 1})


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    [path for path in EXPERIMENTS if path.stem in OF_CRITICS],
    ids=lambda path: path.stem,
)
def test_so_do_those_in_which_the_critic_moves_more(path, tmp_path, settings):
    train_for_two_steps(path, tmp_path, settings, SMALL)


WAYS = [
    (path, way)
    for path in EXPERIMENTS
    if path.stem in ("conditional", "conditional_mnist")
    for way in get_args(get_type_hints(load_file(path).config)["way"])
]


@pytest.mark.slow
@pytest.mark.parametrize(("path", "way"), WAYS, ids=lambda of: getattr(of, "stem", of))
def test_every_way_of_conditioning_makes_a_step(path, way, settings):
    file = load_file(path)
    small = {"channels": 4, "hidden": 8, "width": 8, "seen": 8}
    fields = {field.name for field in dataclasses.fields(file.config)}
    small = {name: value for name, value in small.items() if name in fields}
    config = file.config(batch_size=8, way=way, **(small | settings))
    made = file.experiment(config)
    batches = made.source()(0, 0)
    algorithm = made.dynamics(made.game, batches[0])
    state = algorithm.init(jax.random.key(0))
    _, info = jax.jit(algorithm.step)(state, batches)
    assert all(np.isfinite(norm) and norm > 0 for norm in info.gradient_norms.values())
    told = {name for terms in info.losses.values() for name in terms}
    assert (way in told) == (way in CLASSIFIERS)


CLASSIFIERS = {
    "auxiliary_classifier",
    "auxiliary_discriminative_classifier",
    "multi_hinge",
}


@pytest.mark.parametrize("path", [ROOT / "experiments" / "flowers.py"])
def test_a_folder_has_as_many_sub_folders_as_classes(path, settings):
    file = load_file(path)
    made = file.experiment(file.config(**(settings | {"classes": 4})))
    with pytest.raises(InputError, match=r"number of sub-folders of .*, 3, got 4"):
        made.source()


def train_for_two_steps(path, tmp_path, settings, small):
    file = load_file(path)
    fields = {field.name for field in dataclasses.fields(file.config)}
    small = {name: value for name, value in small.items() if name in fields}
    config = file.config(steps=2, batch_size=8, **(small | settings))
    run = create_run(tmp_path / "run", file, config)
    train(run, schedule=Schedule(evaluate_every=0), devices=jax.devices()[:1])
    [row] = read_rows(run.metrics)
    assert row["step"] == 2
    for player in run.experiment.game.players:
        assert np.isfinite(row[f"{player}/gradient"])
        assert row[f"{player}/gradient"] > 0
    pictures = [*run.samples.glob("000002*.png")]
    assert len(pictures) == len(run.experiment.game.outputs)
    for path in pictures:
        with Image.open(path) as picture:
            assert np.asarray(picture).std() > 0


def test_the_channels_of_a_stacked_image_are_the_digits_of_its_mode():
    """A digit's image is as bright as it says; a third of the digits are unsure."""
    module = load_file(ROOT / "experiments" / "stacked_mnist.py").experiment.__globals__

    def by_brightness(images):
        digits = images[:, 0, 0, 0]
        sure = np.where(digits % 3 == 0, 0.6, 1.0)[:, None]
        return Features(
            digits[:, None].astype(float),
            sure * np.eye(10)[digits] + (1 - sure) * 0.1,
        )

    digit = Extractor("digits", "abc", "none", by_brightness)
    extractor = module["channels_apart"](digit)
    digits = np.array([[3, 1, 4], [0, 0, 7], [9, 9, 9], [0, 0, 7]], np.uint8)
    images = np.broadcast_to(digits[:, None, None], (4, 8, 8, 3))
    found = extractor(images)
    np.testing.assert_array_equal(found.classes(), stacked_label(digits))
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_array_equal(found.features, digits)
    assert "of each channel" in extractor.name
    scores = module["MODES"].compute(found, found)
    assert scores["modes"].value == 3
    kl = 2 * 0.25 * np.log(0.25 * 1000) + 0.5 * np.log(0.5 * 1000)
    np.testing.assert_allclose(scores["kl"].value, kl, rtol=1e-12)


@pytest.fixture(scope="module")
def digits():
    """The names of the experiment of digits, its data and their judge."""
    file = load_file(ROOT / "experiments" / "digits.py")
    module = file.experiment.__globals__
    images, labels = module["digits"]()
    return module, images, labels, module["judge"]()


def test_digits_are_judged_by_what_they_are(digits):
    _, images, labels, measure = digits
    real = measure(images)
    assert abs(real["frechet"]) < 1e-8
    shares = np.bincount(labels) / len(labels)
    np.testing.assert_allclose(real["smallest_share"], shares.min(), atol=0.005)
    sevens = measure(np.repeat(images[labels == 7], 10, axis=0)[: len(images)])
    assert sevens["smallest_share"] == 0
    assert sevens["share_of_7"] > 0.97
    assert sevens["frechet"] > 300


def test_the_perfect_score_is_that_of_a_gaussian_sampler(digits):
    """Two sets of n from the Gaussian fitted to the digits, 20 times: another way."""
    module, images, _, measure = digits
    real = module["raw_pixels"](images)
    rng = np.random.default_rng(0)
    mean, covariance = real.mean(axis=0), np.cov(real.T)
    draws = [
        rng.multivariate_normal(mean, covariance, len(real), method="eigh")
        for _ in range(20)
    ]
    pairs = zip(draws[::2], draws[1::2], strict=True)
    simulated = np.mean([module["frechet_distance"](a, b).value for a, b in pairs])
    np.testing.assert_allclose(measure(images)["perfect"], simulated, rtol=0.1)
