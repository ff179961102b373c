"""Evaluations: scores with their protocols, of samples and while a run trains."""

import dataclasses

import jax
import numpy as np
import pytest

from jaxgan.checkpoint import restore_networks, steps
from jaxgan.errors import InputError, Interrupted
from jaxgan.evaluation import (
    FRECHET,
    INCEPTION_SCORE,
    KID,
    OF_CLASSES,
    PRECISION_RECALL,
    check_evaluation,
    evaluator,
    is_best,
    score,
    seen,
    seen_split,
)
from jaxgan.experiment import build, load_file
from jaxgan.metrics.extractors import pixels
from jaxgan.metrics.frechet import frechet_distance
from jaxgan.metrics.protocol import read_scores
from jaxgan.reporting import read_rows
from jaxgan.sampling import draw_latents, sampler
from jaxgan.training import Schedule, like_state, train
from jaxgan.versions import versions
from tests.test_training import ONE_DEVICE, TINY, assert_same_bits, make_run
from tests.tiny_evaluation import HALVES, reals
from tests.tiny_evaluation import TINY as EVALUATION

OFTEN = Schedule(log_every=1, save_every=2, evaluate_every=2)


def noise(count=60, seed=5):
    return np.random.default_rng(seed).uniform(-1, 1, (count, 8, 8, 1))


def test_scores_are_the_metrics_of_rounded_samples_and_say_how_they_were_taken():
    scores = evaluator(EVALUATION, seed=3)(noise(), 7)
    assert [s.name for s in scores] == ["frechet", "kid", "share_of_0", "share_of_1"]
    rounded = np.floor(noise() * 127.5 + 128).clip(0, 255).astype(np.uint8)
    real = HALVES(reals("test").arrays.real).features
    expected = frechet_distance(real, HALVES(rounded).features)
    first = scores[0]
    assert (first.value, first.error) == (expected.value, expected.error)
    assert (first.step, first.seed, first.versions) == (7, 3, versions())
    assert dataclasses.asdict(first.protocol) == {
        "metric": "frechet (ddof 1)",
        "extractor": "halves",
        "weights": "abc",
        "resizer": "none",
        "images": "8×8×1",
        "reference": "noise, test",
        "reals": 60,
        "fakes": 60,
        "quantised": True,
    }
    assert scores[2].value + scores[3].value == 1


def test_bytes_and_floats_score_alike():
    bytes_ = np.random.default_rng(0).integers(0, 256, (60, 8, 8, 1), np.uint8)
    floats = (bytes_.astype(np.float32) - 127.5) / 127.5
    evaluate = evaluator(EVALUATION)
    assert evaluate(bytes_, 0) == evaluate(floats, 0)


def test_a_set_against_itself():
    real = seen_split(EVALUATION, "test", HALVES)
    found = {s.name: s.value for s in score(real, real, HALVES, OF_CLASSES)}
    assert abs(found["frechet"]) < 1e-9
    assert found["precision"] == found["recall"] == found["coverage"] == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"samples": 0}, "evaluation: samples must be an integer of at least 1"),
        ({"samples": 3}, "samples: precision_recall needs at least 4 images, got 3"),
        ({"metrics": ()}, "evaluation: metrics must be some, each once"),
        ({"metrics": (KID, KID)}, r"each once, got \['kid', 'kid'\]"),
    ],
)
def test_an_evaluation_that_cannot_be_taken_is_refused(change, message):
    wrong = dataclasses.replace(
        EVALUATION, **{"metrics": (FRECHET, PRECISION_RECALL), **change}
    )
    with pytest.raises(InputError, match=message):
        check_evaluation(wrong)


def test_an_experiment_with_such_an_evaluation_is_not_built():
    file = load_file(TINY)
    wrong = dataclasses.replace(EVALUATION, samples=1)
    made = file.experiment(file.config())._replace(evaluation=wrong)
    with pytest.raises(InputError, match="frechet needs at least 2 images, got 1"):
        build(file._replace(experiment=lambda config: made), file.config())


def test_images_of_another_size_are_refused_where_nothing_resizes_them():
    real = seen_split(EVALUATION, "test", HALVES)
    fake = seen("samples", np.zeros((60, 16, 16, 1), np.uint8), HALVES)
    with pytest.raises(InputError, match="samples are 16×16×1 and those of noise"):
        score(real, fake, HALVES, [FRECHET])
    resizing = HALVES._replace(resizer="halves take any size")
    assert len(score(real, fake, resizing, [FRECHET])) == 1


def test_a_metric_of_classes_wants_an_extractor_that_knows_them():
    real = seen_split(EVALUATION, "test", pixels())
    with pytest.raises(InputError, match="inception_score needs an extractor that"):
        score(real, real, pixels(), [INCEPTION_SCORE])


def test_too_few_images_are_refused():
    real = seen_split(EVALUATION, "test", HALVES)
    fake = seen("samples", noise(1), HALVES)
    with pytest.raises(InputError, match="frechet needs at least 2 images, got 1"):
        score(real, fake, HALVES, [FRECHET])


def test_the_best_is_the_least_of_one_protocol():
    [first, *_] = evaluator(EVALUATION)(noise(), 0)
    better = dataclasses.replace(first, value=first.value - 1)
    unlike = dataclasses.replace(
        better, protocol=dataclasses.replace(first.protocol, fakes=9)
    )
    assert is_best([first], [])
    assert not is_best([first], [first])
    assert not is_best([first], [better])
    assert is_best([better], [first])
    assert is_best([first], [unlike])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    run = make_run(tmp_path_factory.mktemp("runs") / "run", evaluated=True)
    return run, train(run, OFTEN, ONE_DEVICE)


def test_a_run_is_scored_at_intervals_and_at_its_end(trained):
    run, _ = trained
    scores = read_scores(run.scores)
    assert [s.step for s in scores if s.name == "kid"] == [2, 4, 6]
    rows = {row["step"]: row for row in read_rows(run.metrics)}
    for each in scores:
        assert rows[each.step][each.name] == each.value
    assert "kid" not in rows[3]
    assert scores[0].protocol.fakes == EVALUATION.samples


def test_the_average_is_scored(trained):
    run, state = trained
    latents = draw_latents(run.experiment.game, EVALUATION.samples, 0)
    samples = sampler(run.experiment.game)(state.average, latents)
    expected = evaluator(EVALUATION)(samples, 6)
    assert read_scores(run.scores)[-len(expected) :] == expected


def test_the_best_checkpoint_is_kept(trained):
    run, _ = trained
    frechet = {s.step: s.value for s in read_scores(run.scores) if s.name == "frechet"}
    [kept] = steps(run.best)
    assert kept == min(frechet, key=frechet.get)
    step, networks = restore_networks(run.best, like_state(run))
    latents = draw_latents(run.experiment.game, EVALUATION.samples, 0)
    samples = sampler(run.experiment.game)(networks, latents)
    [first, *_] = evaluator(EVALUATION)(samples, step)
    assert first.value == frechet[kept]


def test_a_stopped_run_scores_as_a_whole_one(trained, tmp_path, monkeypatch):
    whole, state = trained
    monkeypatch.setenv("JAXGAN_TEST_STOP_AT", "3")
    run = make_run(tmp_path / "run", evaluated=True)
    with pytest.raises(Interrupted):
        train(run, OFTEN, ONE_DEVICE)
    monkeypatch.delenv("JAXGAN_TEST_STOP_AT")
    assert_same_bits(train(run, OFTEN, ONE_DEVICE), state)
    assert read_scores(run.scores) == read_scores(whole.scores)
    assert steps(run.best) == steps(whole.best)


def test_nothing_is_scored_where_that_is_not_wanted(tmp_path):
    run = make_run(tmp_path / "run", evaluated=True)
    train(run, OFTEN._replace(evaluate_every=0), ONE_DEVICE)
    assert not run.scores.exists()
    assert not run.best.exists()


@pytest.mark.parametrize("every", [-1, 1.5, True])
def test_an_interval_is_a_count(every, tmp_path):
    with pytest.raises(InputError, match="evaluate_every must be an integer"):
        train(make_run(tmp_path / "run"), OFTEN._replace(evaluate_every=every))


def test_the_log_for_tensorboard_has_every_number(tmp_path):
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.record_writer import masked_crc32c  # noqa: F401

    run = make_run(tmp_path / "run", evaluated=True)
    train(run, OFTEN, jax.devices()[:1], tensorboard=True)
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
