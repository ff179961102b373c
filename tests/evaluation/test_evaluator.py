"""Evaluations: scores with their protocols, of samples and while a run trains."""

import dataclasses
import hashlib
import math
import shutil

import jax
import numpy as np
import pytest

from jaxgan.data.datasets import as_dataset
from jaxgan.errors import InputError, Interrupted
from jaxgan.evaluation.evaluator import (
    check_evaluation,
    evaluate,
    extract,
    extract_split,
    is_best,
    reference,
    score,
)
from jaxgan.evaluation.suite import CLASS_METRICS
from jaxgan.metrics.features.extractor import pixels
from jaxgan.metrics.frechet import frechet_distance, frechet_metric
from jaxgan.metrics.inception_score import inception_score_metric
from jaxgan.metrics.kid import kid_metric
from jaxgan.metrics.modes import conditional_accuracy_metric
from jaxgan.metrics.neighbors import neighbors_metric
from jaxgan.metrics.pairs import restoration_metric
from jaxgan.metrics.protocol import read_scores
from jaxgan.reporting.log import read_rows, rewind
from jaxgan.sampling.outputs import NOTHING, maker
from jaxgan.training.checkpoint import restore_networks, steps
from jaxgan.training.experiment import build, load_file, open_data
from jaxgan.training.loop import train
from jaxgan.training.run import load_run
from jaxgan.training.schedule import Schedule
from jaxgan.training.snapshots import keep_best, like_state
from jaxgan.types import Batch
from jaxgan.versions import versions
from tests.builders import small_game, unchecked
from tests.runs import ONE_DEVICE, PICTURE, assert_same_bits, make_run
from tests.tiny_evaluation import HALVES, reals
from tests.tiny_evaluation import TINY as EVALUATION

NAMES = ["frechet", "frechet_bias", "kid", "share_of_0", "share_of_1"]
OFTEN = Schedule(log_every=1, save_every=2, evaluate_every=2)


def noise(count=60, seed=5):
    return np.random.default_rng(seed).uniform(-1, 1, (count, 8, 8, 1))


NUMBERED = small_game()._replace(prior=lambda key, n, condition: np.arange(n))


def scores_of(images, step=0, seed=0):
    """The scores of these images, as if each were made of its number."""
    evaluation = dataclasses.replace(EVALUATION, samples=len(images))

    def make(variables, numbers, batch):
        return images[numbers]

    against = reference(evaluation, NOTHING)
    return evaluate(evaluation, against, NUMBERED, make, {}, step=step, seed=seed)


def scores_of_run(run, networks, step):
    game = run.experiment.game
    against = reference(EVALUATION, NOTHING)
    of = (EVALUATION, against, game, maker(game), networks)
    return evaluate(*of, step=step, seed=0)


def test_scores_are_the_metrics_of_rounded_samples_and_say_how_they_were_taken():
    scores = scores_of(noise(), 7, seed=3)
    assert [s.name for s in scores] == NAMES
    rounded = np.floor(noise() * 127.5 + 128).clip(0, 255).astype(np.uint8)
    real = HALVES(reals("test").arrays.real).features
    expected = frechet_distance(real, HALVES(rounded).features)
    first = scores[0]
    assert (first.value, first.error) == (expected.value, expected.error)
    made_by = (first.of, first.step, first.seed, first.versions)
    assert made_by == ("samples", 7, 3, versions())
    content = hashlib.sha256(reals("test").arrays.real).hexdigest()
    assert dataclasses.asdict(first.protocol) == {
        "metric": "frechet",
        "extractor": "halves",
        "weights": "abc",
        "resizer": "none",
        "images": "8×8×1",
        "reference": f"noise, test {content[:12]}",
        "reals": 60,
        "fakes": 60,
        "quantized": True,
        "output": "samples",
        "examples": "",
    }
    assert scores[1].value == expected.bias
    assert scores[-2].value + scores[-1].value == 1


def test_samples_that_are_not_finite_are_refused():
    with pytest.raises(InputError, match="images: some pixels are not finite"):
        scores_of(np.full((60, 8, 8, 1), np.nan))


def test_many_samples_are_scored_some_at_a_time():
    many = noise(600)
    reals = extract_split(EVALUATION, "test", HALVES)
    at_once = score(reals, extract("x", many, HALVES), HALVES, EVALUATION.metrics)
    assert [s.value for s in scores_of(many)] == [s.value for s in at_once]


def test_bytes_and_floats_score_alike():
    bytes_ = np.random.default_rng(0).integers(0, 256, (60, 8, 8, 1), np.uint8)
    floats = (bytes_.astype(np.float32) - 127.5) / 127.5
    assert repr(scores_of(bytes_)) == repr(scores_of(floats))


def test_a_set_against_itself():
    real = extract_split(EVALUATION, "test", HALVES)
    found = {s.name: s.value for s in score(real, real, HALVES, CLASS_METRICS)}
    assert abs(found["frechet"]) < 1e-9
    assert found["precision"] == found["recall"] == found["coverage"] == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"samples": 0}, "evaluation: samples must be an integer of at least 1"),
        (
            {"samples": 3},
            "samples: precision, recall, density, coverage need at least 6 fakes",
        ),
        (
            {"metrics": (neighbors_metric(),)},
            "neighbors does not rank networks; put",
        ),
        (
            {"held_out": "test"},
            "held_out must be a different split .* reference's, 'test'",
        ),
        ({"metrics": ()}, "evaluation: metrics must be at least one, each once"),
        ({"metrics": (kid_metric(), kid_metric())}, r"each once, got \['kid', 'kid'\]"),
    ],
)
def test_an_evaluation_that_cannot_be_taken_is_refused(change, message):
    changes = {"metrics": (frechet_metric(), neighbors_metric()), **change}
    with pytest.raises(InputError, match=message):
        check_evaluation(dataclasses.replace(EVALUATION, **changes))


def test_an_experiment_with_such_an_evaluation_is_not_built():
    file = load_file(PICTURE)
    wrong = dataclasses.replace(EVALUATION, samples=1)
    made = file.experiment(file.config())._replace(evaluation=wrong)
    with pytest.raises(InputError, match="frechet needs at least 2 fakes, got 1"):
        build(file._replace(experiment=lambda config: made), file.config())


def test_images_of_another_size_are_refused_where_nothing_resizes_them():
    real = extract_split(EVALUATION, "test", HALVES)
    fake = extract("samples", np.zeros((60, 16, 16, 1), np.uint8), HALVES)
    with pytest.raises(InputError, match="samples are 16×16×1 and those of noise"):
        score(real, fake, HALVES, [frechet_metric()])
    resizing = dataclasses.replace(HALVES, resizer="halves take any size")
    assert len(score(real, fake, resizing, [frechet_metric()])) == 2


def test_a_metric_of_classes_wants_an_extractor_that_knows_them():
    real = extract_split(EVALUATION, "test", pixels())
    with pytest.raises(InputError, match="inception_score needs an extractor that"):
        score(real, real, pixels(), [inception_score_metric()])


def test_reals_that_serve_no_metric_are_refused_before_any_fakes_are_made():
    def made_by(count, bright):
        images = np.full((count, 8, 8, 1), bright, np.uint8)
        return lambda split: as_dataset(Batch(images))

    several = dataclasses.replace(
        EVALUATION, metrics=(frechet_metric(), neighbors_metric())
    )
    few = dataclasses.replace(several, reals=made_by(4, 7))
    with pytest.raises(
        InputError,
        match="real: precision, recall, density, coverage need at least 6 reals, got",
    ):
        reference(few, NOTHING)
    same = dataclasses.replace(several, reals=made_by(60, 7))
    with pytest.raises(InputError, match="real: all 60 rows of features are the same"):
        reference(same, NOTHING)


def test_of_some_metrics_the_most_is_the_best():
    first = scores_of(noise())[0]
    more = dataclasses.replace(first, value=first.value + 1)
    quality = dataclasses.replace(EVALUATION, metrics=(restoration_metric(),))
    check_evaluation(quality)
    assert is_best(quality, [more], [first]) and not is_best(quality, [first], [more])


def test_labels_and_truths_must_be_there():
    file = load_file(PICTURE)
    for metric, message in (
        (
            conditional_accuracy_metric(),
            "conditional_accuracy needs a label in each example that",
        ),
        (
            restoration_metric(),
            "restoration needs a truth to compare with in each example",
        ),
    ):
        wrong = dataclasses.replace(EVALUATION, metrics=(frechet_metric(), metric))
        made = file.experiment(file.config())._replace(evaluation=wrong)
        with pytest.raises(InputError, match=message):
            open_data(file.path, made)


def test_too_few_images_are_refused():
    real = extract_split(EVALUATION, "test", HALVES)
    fake = extract("samples", noise(1), HALVES)
    with pytest.raises(InputError, match="frechet needs at least 2 fakes, got 1"):
        score(real, fake, HALVES, [frechet_metric()])


def test_the_best_is_the_least_of_one_protocol():
    first = scores_of(noise())[0]
    better = dataclasses.replace(first, value=first.value - 1)
    unlike = dataclasses.replace(
        better, protocol=dataclasses.replace(first.protocol, fakes=9)
    )
    assert is_best(EVALUATION, [first], [])
    assert not is_best(EVALUATION, [first], [first])
    assert not is_best(EVALUATION, [first], [better])
    assert is_best(EVALUATION, [better], [first])
    assert is_best(EVALUATION, [first], [unlike])


def test_a_score_that_is_no_number_is_never_the_best_and_hides_none():
    first = scores_of(noise())[0]
    unknown = dataclasses.replace(first, value=math.nan)
    assert not is_best(EVALUATION, [unknown], [first])
    assert is_best(EVALUATION, [first], [unknown])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    run = make_run(tmp_path_factory.mktemp("runs") / "run", PICTURE, evaluated=True)
    return run, train(run, schedule=OFTEN, devices=ONE_DEVICE)


def test_a_run_is_scored_at_intervals_and_at_its_end(trained):
    run, _ = trained
    scores = read_scores(run.scores)
    assert [s.step for s in scores if s.name == "kid"] == [2, 4, 6]
    assert len({s.value for s in scores if s.name == "frechet"}) == 3
    rows = {row["step"]: row for row in read_rows(run.metrics)}
    for each in scores:
        assert rows[each.step][each.name] == each.value
    assert {s.name for s in scores} == {*NAMES}
    assert "kid" not in rows[3]
    assert scores[0].protocol.fakes == EVALUATION.samples


def test_the_average_is_scored(trained):
    run, state = trained
    expected = scores_of_run(run, state.ema, 6)
    found = read_scores(run.scores)[-len(expected) :]
    assert repr(found) == repr(expected)
    assert found[0].value != scores_of_run(run, state.variables, 6)[0].value


def test_the_best_checkpoint_is_kept(trained):
    run, _ = trained
    frechet = {s.step: s.value for s in read_scores(run.scores) if s.name == "frechet"}
    *_, kept = steps(run.best)
    assert kept == min(frechet, key=frechet.get)
    step, networks = restore_networks(run.best, like_state(run))
    assert scores_of_run(run, networks, step)[0].value == frechet[kept]


@pytest.mark.slow
def test_a_stopped_run_scores_as_a_whole_one(trained, tmp_path, monkeypatch):
    whole, state = trained
    run = make_run(tmp_path / "run", PICTURE, evaluated=True)
    monkeypatch.setenv("JAXGAN_TEST_STOP_AT", "3")
    with pytest.raises(Interrupted):
        train(run, schedule=OFTEN, devices=ONE_DEVICE)
    monkeypatch.delenv("JAXGAN_TEST_STOP_AT")
    assert_same_bits(train(run, schedule=OFTEN, devices=ONE_DEVICE), state)
    assert repr(read_scores(run.scores)) == repr(read_scores(whole.scores))
    assert steps(run.best) == steps(whole.best)


@pytest.mark.slow
@pytest.mark.parametrize("lines", [0, 1])
def test_scores_of_a_step_that_was_not_logged_are_written_once(
    trained, tmp_path, lines
):
    whole, _ = trained
    shutil.copytree(whole.directory, tmp_path / "run")
    run = load_run(tmp_path / "run")
    rewind(run.metrics, 5)  # killed between its scores and its line
    if lines:  # or between two scores
        kept = run.scores.read_bytes().splitlines(keepends=True)
        run.scores.write_bytes(b"".join(kept[:-lines]))
    for _ in range(2):
        train(run, schedule=OFTEN, devices=ONE_DEVICE)
    assert repr(read_scores(run.scores)) == repr(read_scores(whole.scores))
    assert steps(run.best) == steps(whole.best)


@pytest.mark.parametrize(
    ("saved", "made", "kept"),
    [
        ([], [3, 5], [5]),
        ([4], [4, 6, 7], [4, 7]),
        ([4, 8], [2, 4, 6, 7], [4, 7]),
        ([8, 12], [6, 7, 9], [7, 9]),
        ([8], [9], [9]),
        ([8], [], []),
    ],
)
def test_the_best_to_which_a_run_may_go_back_is_kept(tmp_path, saved, made, kept):
    run = make_run(tmp_path / "run", PICTURE, evaluated=True)
    for directory, each in ((run.checkpoints, saved), (run.best, made)):
        for step in each:
            (directory / str(step)).mkdir(parents=True)
    keep_best(run)
    assert steps(run.best) == kept


def test_nothing_is_scored_where_that_is_not_wanted(tmp_path):
    run = make_run(tmp_path / "run", PICTURE, evaluated=True)
    train(
        run, schedule=dataclasses.replace(OFTEN, evaluate_every=0), devices=ONE_DEVICE
    )
    assert not run.scores.exists()
    assert not run.best.exists()


@pytest.mark.parametrize("every", [-1, 1.5, True])
def test_an_interval_is_a_count(every):
    with pytest.raises(InputError, match="evaluate_every must be an"), unchecked():
        dataclasses.replace(OFTEN, evaluate_every=every)


def test_the_log_for_tensorboard_has_every_number(tmp_path):
    from tensorboardX.proto.event_pb2 import Event

    run = make_run(tmp_path / "run", PICTURE, evaluated=True)
    train(run, schedule=OFTEN, devices=jax.devices()[:1], tensorboard=True)
    [file] = (run.directory / "tensorboard").glob("events.out.tfevents.*")
    found = {}
    data = file.read_bytes()
    while data:  # length (8 bytes), its checksum (4), the event, its checksum (4)
        length = int.from_bytes(data[:8], "little")
        event = Event.FromString(data[12 : 12 + length])
        for value in event.summary.value:
            found[event.step, value.tag] = value.simple_value
        data = data[16 + length :]
    expected = {
        (row["step"], name): value
        for row in read_rows(run.metrics)
        for name, value in row.items()
        if name != "step"
    }
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        np.testing.assert_allclose(found[key], value, rtol=1e-6)


@pytest.mark.slow
def test_a_later_best_is_forgotten_when_a_run_goes_back(tmp_path, monkeypatch):
    """Stopped between two scores, after a step that was scored and not saved."""
    run = make_run(tmp_path / "run", PICTURE, evaluated=True)
    monkeypatch.setenv("JAXGAN_TEST_STOP_AT", "3")
    with pytest.raises(Interrupted):
        train(run, schedule=OFTEN, devices=ONE_DEVICE)
    monkeypatch.delenv("JAXGAN_TEST_STOP_AT")
    *_, best = steps(run.best)
    shutil.copytree(run.best / str(best), run.best / "5")
    train(run, schedule=OFTEN, devices=ONE_DEVICE)
    frechet = {s.step: s.value for s in read_scores(run.scores) if s.name == "frechet"}
    assert steps(run.best)[-1] == min(frechet, key=frechet.get)
    assert steps(run.best)[0] == best
