"""`jaxgan evaluate` and `jaxgan compare`, as a user would type them."""

import dataclasses
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxgan.data.datasets import in_memory
from jaxgan.data.readers.files import Files
from jaxgan.evaluation.evaluator import extract, score
from jaxgan.evaluation.folders import choose_files, extract_files
from jaxgan.metrics.features.extractor import as_uint8, pixels
from jaxgan.metrics.frechet import frechet_metric
from jaxgan.metrics.protocol import read_scores, write_scores
from jaxgan.reporting.tables import with_error
from jaxgan.sampling.outputs import NOTHING, draw_latents, maker
from jaxgan.training.about import read_about, write_about
from jaxgan.training.experiment import load_file
from jaxgan.training.run import create_run, load_run
from jaxgan.training.snapshots import restored_networks
from tests.command_line import run
from tests.metrics import by_hand
from tests.runs import PICTURE
from tests.tiny_evaluation import EVALUATED, HALVES, reals


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    directory = tmp_path_factory.mktemp("runs") / "pictures"
    options = ["--run", directory, "--steps", 4, "--devices", 1, "--evaluated"]
    assert run("train", PICTURE, *options, "--evaluate-every", 2) == 0
    return directory


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A run without an evaluation."""
    directory = tmp_path_factory.mktemp("runs") / "plain"
    assert run("train", PICTURE, "--run", directory, "--steps", 1, "--devices", 1) == 0
    return directory


def unbegun(**settings):
    """The experiment of pictures and a Config, to make a run that has no checkpoint."""
    file = load_file(Path(PICTURE))
    return file, file.config(**settings)


def evaluated(directory, of="samples", count=5):
    """The last scores that were asked for."""
    scores = read_scores(directory / "evaluations.jsonl")
    return [score for score in scores if score.of == of][-count:]


def another(directory, tmp_path, seed):
    """A copy of a run, as if it were of that seed."""
    other = tmp_path / "other"
    shutil.copytree(directory, other)
    about = read_about(other)
    about.config["seed"] = seed
    write_about(other, about)
    return other


@pytest.fixture
def folders(tmp_path):
    """Real and fake images of 8×8 pixels, in files."""
    made = []
    for name, seed in (("real", 0), ("fake", 1)):
        folder = tmp_path / name
        folder.mkdir()
        rng = np.random.default_rng(seed)
        for i, image in enumerate(rng.integers(0, 256, (12, 8, 8, 3), np.uint8)):
            Image.fromarray(image).save(folder / f"{i:02}.png")
        made.append(folder)
    return made


def test_a_run_is_scored_and_the_scores_are_kept(trained, capsys):
    assert run("evaluate", trained, "--seed", 5, "--samples", 40) == 0
    told = capsys.readouterr().out
    pattern = "40 images of 8×8×1 against 60 of noise, test [0-9a-f]{12}, by halves"
    assert re.search(pattern, told)
    new, floor = evaluated(trained), evaluated(trained, "noise, train")
    assert {s.name for s in new} >= {"frechet", "kid", "share_of_0", "share_of_1"}
    assert [s.name for s in floor] == [s.name for s in new]
    assert [s.protocol for s in floor] == [s.protocol for s in new]
    assert {(s.step, s.seed, s.protocol.fakes) for s in new} == {(4, 5, 40)}
    for each in new:
        assert f"| {each.name} | {with_error(each.value, each.error)} |" in told


def test_training_scores_what_evaluate_does(trained):
    assert run("evaluate", trained) == 0
    last = [s for s in read_scores(trained / "scores.jsonl") if s.step == 4]
    assert repr(evaluated(trained)) == repr(last)
    assert run("evaluate", trained, "--seed", 1) == 0
    assert evaluated(trained)[0].value != last[0].value


def test_reals_are_scored_like_samples_beside_them(trained, capsys):
    assert run("evaluate", trained, "--metrics", "frechet") == 0
    told = capsys.readouterr().out
    assert "| score | value | 50 other reals |" in told
    [row] = [r for r in told.splitlines() if "| frechet |" in r]
    value, floor = (float(cell.split()[0]) for cell in row.strip("| ").split("|")[1:])
    assert 0 < floor < value


def test_another_split_or_folder_is_another_reference(trained, folders, capsys):
    assert run("evaluate", trained, "--against", "train", "--metrics", "kid") == 0
    assert "against 60 of noise, train" in capsys.readouterr().out
    real, _ = folders
    assert run("evaluate", trained, "--against", real, "--metrics", "kid") == 0
    told = capsys.readouterr().out
    assert "against 12 of real " in told
    [row] = [r for r in told.splitlines() if r.startswith("| kid")]
    assert row.count("|") == 3
    reference = read_scores(trained / "evaluations.jsonl")[-1].protocol.reference
    assert re.fullmatch("real [0-9a-f]{12}", reference)
    (real / "00.png").unlink()
    assert run("evaluate", trained, "--against", real, "--metrics", "kid") == 0
    assert (
        read_scores(trained / "evaluations.jsonl")[-1].protocol.reference != reference
    )


@pytest.mark.parametrize(
    ("command", "made"),
    [("sample", "sample-0-best.npz"), ("interpolate", "interpolate-best-slerp.png")],
)
def test_the_best_checkpoint_can_be_drawn(command, made, trained, capsys, tmp_path):
    other = another(trained, tmp_path, 0)
    [best] = (other / "best").iterdir()
    best.rename(best.with_name("3"))  # between the two that were scored
    assert run(command, other, "--best") == 0
    assert "of step 3: " in capsys.readouterr().out
    assert (other / "samples" / made).exists()


def test_the_best_checkpoint_can_be_scored(trained, capsys):
    assert run("evaluate", trained, "--best") == 0
    last = evaluated(trained)[-1]
    assert str(last.step) in {path.name for path in (trained / "best").iterdir()}
    capsys.readouterr()


def test_two_folders_are_scored(folders, capsys, tmp_path):
    real, fake = folders
    options = ("--extractor", "pixels", "--metrics", "frechet", "neighbors")
    out = tmp_path / "scores.jsonl"
    options += ("recall", "--out", out)  # of the neighbors, which are taken once
    words = ("evaluate-folders", real, fake, *options)
    assert run(*words) == 0
    told = capsys.readouterr().out
    assert "12 images of 8×8×3 against 12 of real " in told
    assert ", by pixels (resizing: none)" in told
    names = [s.name for s in read_scores(out)]
    assert names[:2] == ["frechet", "frechet_bias"]
    assert names[2:] == ["precision", "recall", "density", "coverage"]
    arrays = [
        np.stack([np.asarray(Image.open(p)) for p in sorted(f.iterdir())])
        for f in folders
    ]
    extractor = pixels()
    a, b = (extract(str(i), x, extractor) for i, x in enumerate(arrays))
    for found, array in zip(folders, (a, b), strict=True):
        features = extract_files(Files.of(found), extractor).features.features
        np.testing.assert_array_equal(features, array.features.features)
    expected, _ = score(a, b, extractor, [frechet_metric()])
    assert f"| frechet | {with_error(expected.value, expected.error)} |" in told


def test_some_images_of_a_folder_are_chosen_by_the_seed(folders):
    files = Files.of(folders[0])
    some = [choose_files(files, 5, seed).names for seed in (0, 0, 1)]
    assert some[0] == some[1] != some[2]
    assert some[2] == sorted({*some[2]})
    assert some[2] != files.names[:5]
    assert choose_files(files, None, 0) == files
    whole, part = (
        extract_files(each, pixels()) for each in (files, files.select(some[2]))
    )
    assert whole.name != part.name
    rows = [files.names.index(name) for name in some[2]]
    np.testing.assert_array_equal(part.features.features, whole.features.features[rows])


def test_files_of_other_kinds_are_left_out_and_that_is_said_once(
    folders, caplog, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    real, fake = folders
    (fake / "inside").mkdir()
    for name in ("x.csv", "y.mp4", "inside/z.csv"):
        (fake / name).write_text("no image")
    options = ("--extractor", "pixels", "--metrics", "frechet")
    assert run("evaluate-folders", real, fake, *options) == 0
    [said] = caplog.messages
    assert said == (
        f"{fake}: left out 3 files whose endings are of no image, such as inside/z.csv."
    )


def test_of_few_images_what_can_be_had_is_given(folders, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    real, fake = folders
    for path in sorted(fake.iterdir())[2:]:
        path.unlink()
    for one, other, lack in ((real, fake, "fakes"), (fake, real, "reals")):
        assert run("evaluate-folders", one, other, "--extractor", "pixels") == 0
        told = capsys.readouterr().out
        assert "| frechet |" in told and "| kid |" in told and "| recall |" not in told
        assert (
            f"left out: precision, recall, density, coverage need at least 6 {lack}, "
            "got 2.\n"
        ) in told


def test_of_one_sample_of_a_run_what_can_be_had_is_given(trained, capsys):
    assert run("evaluate", trained, "--samples", 1) == 0
    told = capsys.readouterr().out
    assert "| share_of_0 |" in told and "| frechet |" not in told
    assert "left out: frechet needs at least 2 fakes, got 1.\n" in told


def test_any_metric_can_be_asked_for_by_its_name(trained, capsys):
    names = ("sliced_wasserstein", "authenticity")
    assert run("evaluate", trained, "--against", "train", "--metrics", *names) == 0
    found = {s.name: s for s in evaluated(trained, count=2)}
    assert {*found} == {*names}
    opened = load_run(trained)
    game, (_, variables) = opened.experiment.game, restored_networks(opened)
    fakes = maker(game)(variables, draw_latents(game, EVALUATED, 0), NOTHING)
    images = in_memory(reals("train")).gather(np.arange(60)).real
    real, fake = (HALVES(x).features for x in (images, as_uint8(fakes)))
    expected = by_hand.authenticity(real, fake)
    assert 0 < expected < 1
    assert found["authenticity"].value == expected
    expected = by_hand.sliced_wasserstein(real, fake, 500)
    np.testing.assert_allclose(found["sliced_wasserstein"].value, expected, rtol=1e-9)


def test_fewer_other_reals_than_samples_are_told(trained, capsys):
    assert run("evaluate", trained, "--samples", 70, "--metrics", "frechet") == 0
    told = capsys.readouterr().out
    assert "| 60 other reals |" in told
    assert "note: there are no more other reals; most scores depend on that." in told


def test_a_folder_against_itself_has_no_distance(
    folders, capsys, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    real, _ = folders
    options = ("--extractor", "pixels", "--metrics", "frechet")
    assert run("evaluate-folders", real, real, *options) == 0
    [row] = [r for r in capsys.readouterr().out.splitlines() if "| frechet |" in r]
    assert abs(float(row.split("|")[2].split()[0])) < 1e-5


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["evaluate", "RUN", "--samples", "1", "--metrics", "frechet"],
            "frechet needs at least 2 fakes",
        ),
        (["evaluate", "RUN", "--samples", "0"], "--samples must be an integer of at"),
        (["evaluate", "RUN", "--seed", "-1"], "--seed must be an integer from 0"),
        (["evaluate", "RUN", "--against", "nowhere"], "split: there is no 'nowhere'"),
        (["evaluate", "RUN", "--against", "./empty"], "holds no images"),
        (["evaluate", "RUN", "--weights", "x.pth"], "--weights: it is Inception's"),
        (["evaluate", "RUN", "--sha256", "ab"], "--sha256: it is Inception's"),
        (["evaluate", "RUN", "--resizer", "clean"], "--resizer: it is Inception's"),
        (["evaluate", "RUN", "--against", "big"], "A folder is named with a /: ./big."),
        (["evaluate", "PLAIN", "--against", "./big", "--best"], "so none of its check"),
        (["sample", "PLAIN", "--best"], "was not scored while it trained"),
        (
            ["evaluate", "RUN", "--metrics", "frechet_infinity", "--samples", "7"],
            "frechet_infinity needs at least 8 fakes, got 7",
        ),
        (
            ["evaluate", "RUN", "--metrics", "fid"],
            "--metrics: there is no 'fid'",
        ),
        (
            ["evaluate", "PLAIN", "--extractor", "pixels", "--against", "x"],
            "plain declares no evaluation, so name a folder",
        ),
        (
            ["evaluate-folders", "REAL", "REAL", "P", "--samples", "99"],
            "holds 12 images, not 99",
        ),
        (["evaluate", "PLAIN"], "plain declares no evaluation, so name a folder"),
        (["evaluate", "PLAIN", "--against", "./big"], "declares no evaluation: say --"),
        (["evaluate", "UNBEGUN", "--metrics", "fid"], "--metrics: there is no 'fid'"),
        (["evaluate", "EMPTY"], "is not a run directory: it has no run.json"),
        (
            ["evaluate", "RUN", "--extractor", "pixels", "--metrics", "class_shares"],
            "class_shares needs an extractor that knows classes",
        ),
        (
            ["evaluate", "RUN", "--extractor", "inception", "--weights", "none.pth"],
            "none.pth",
        ),
        (["evaluate-folders", "REAL", "EMPTY", "P"], "holds no images"),
        (["evaluate-folders", "REAL", "none", "P"], "is not a folder"),
        (
            ["evaluate-folders", "REAL", "BAD", "P"],
            "bad.png cannot be read",
        ),
        (["evaluate-folders", "REAL", "MIXED", "P"], "of several sizes"),
        (["evaluate-folders", "REAL", "BIG", "P"], "does not resize"),
        (["evaluate-folders", "REAL", "ONE", "P"], "at least 2 fakes"),
        (
            ["evaluate-folders", "ONE", "REAL", "P"],
            "needs at least 2 reals, got 1",
        ),
        (
            [
                *("evaluate-folders", "REAL", "REAL", "--metrics", "frechet"),
                *("--weights", "none.pth"),
            ],
            "none.pth",
        ),
        (["compare"], "name at least one run"),
        (["compare", "PLAIN"], "has no scores; an experiment with an evaluation"),
        (["compare", "PLAIN", "--evaluations"], "plain was not evaluated yet: `jaxgan"),
        (
            ["evaluate-folders", "EMPTY", "REAL", "P", "--samples", "9"],
            "holds no images",
        ),
        (["compare", "EMPTY"], "is not a run directory"),
        (["compare", "RUN", "--metrics", "fid"], "not every run has a score 'fid'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_scored_is_told_in_a_sentence(
    words, message, trained, plain, folders, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    real, _ = folders
    for name in ("empty", "bad", "mixed", "big", "one"):
        (tmp_path / name).mkdir()
    for name, size in (("mixed/a", 8), ("mixed/b", 9), ("big/a", 9), ("one/a", 8)):
        Image.new("RGB", (size, size)).save(tmp_path / f"{name}.png")
    Image.new("RGB", (9, 9), "red").save(tmp_path / "big" / "b.png")
    for name in ("bad", "worse"):
        (tmp_path / "bad" / f"{name}.png").write_text("no image")
    places = {"RUN": trained, "REAL": real, "PLAIN": plain, "EMPTY": "empty"}
    if "UNBEGUN" in words:
        create_run(tmp_path / "unbegun", *unbegun(evaluated=True))
    places |= {
        "UNBEGUN": "unbegun",
        "BAD": "bad",
        "MIXED": "mixed",
        "BIG": "big",
        "ONE": "one",
    }
    given = [places.get(word, word) for word in words if word != "P"]
    given += ["--extractor", "pixels", "--metrics", "frechet"] if "P" in words else []
    capsys.readouterr()
    assert run(*given) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.startswith("jaxgan: ")
    assert told.count("\n") == 1


@pytest.mark.slow
def test_runs_are_compared_where_they_were_scored_alike(trained, tmp_path, capsys):
    other = tmp_path / "other"
    options = ["--run", other, "--steps", 4, "--devices", 1, "--evaluated"]
    assert run("train", PICTURE, *options, "--evaluate-every", 2, "--seed", 1) == 0
    capsys.readouterr()
    out = tmp_path / "curves.png"
    assert run("compare", trained, other, "--out", out) == 0
    told = capsys.readouterr().out
    names = ["run", "step", "frechet", "frechet_bias", "kid"]
    assert told.splitlines()[0] == "| " + " | ".join(names) + " |"
    assert "| picture_experiment: 2 seeds | 4 | " in told
    for ending in (".jpg", ".webp"):
        other_out = out.with_suffix(ending)
        assert run("compare", trained, other, "--out", other_out) == 0
        with Image.open(other_out) as picture, Image.open(out) as expected:
            assert picture.size == expected.size
    last = read_scores(other / "scores.jsonl")
    [first] = [s for s in last if s.step == 4 and s.name == "frechet"]
    protocol = dataclasses.replace(first.protocol, fakes=49)
    for step in (1, 4):  # an earlier one is in the picture
        unlike = dataclasses.replace(first, protocol=protocol, step=step)
        write_scores(other / "scores.jsonl", [unlike])
        assert run("compare", trained, other, "--out", out) == 2
        told = capsys.readouterr().err
        assert f"fakes is 50 for {trained} at step 2 and 49 for {other}" in told


@pytest.mark.parametrize(
    ("seed", "step", "code", "mean"),
    [
        (1, 4, "", True),
        (0, 4, "", False),  # it is no other seed
        (1, 9, "", False),
        (1, 4, "\n", False),
    ],
)
def test_a_mean_is_over_seeds_of_one_experiment_and_step(
    trained, tmp_path, capsys, seed, step, code, mean
):
    other = another(trained, tmp_path, seed)
    with (other / "experiment.py").open("a") as file:
        file.write(code)
    scores = [s for s in read_scores(other / "scores.jsonl") if s.step == 4]
    (other / "scores.jsonl").unlink()
    later = [dataclasses.replace(score, step=step) for score in scores]
    write_scores(other / "scores.jsonl", later)
    assert run("compare", trained, other, "--out", tmp_path / "curves.png") == 0
    assert (": 2 seeds" in capsys.readouterr().out) is mean


@pytest.mark.slow
def test_what_evaluate_found_last_can_be_compared(trained, tmp_path, capsys):
    other = another(trained, tmp_path, 1)
    for words in (("--samples", 20), ("--metrics", "frechet"), ("--metrics", "kid")):
        for directory in (trained, other):
            assert run("evaluate", directory, "--seed", 7, *words) == 0
    capsys.readouterr()
    words = (trained, other, "--evaluations")
    assert run("compare", *words, "--out", tmp_path / "curves.png") == 0
    told = capsys.readouterr().out
    assert told.startswith("| run | step | frechet | frechet_bias | kid |")
    assert "| picture_experiment: 2 seeds | 4 |" in told
    for directory in (trained, other):
        row = [with_error(s.value, s.error) for s in evaluated(directory, count=3)]
        assert f"| {directory} | 4 | {' | '.join(row)} |" in told


def test_runs_by_other_versions_are_compared_with_a_note(trained, tmp_path, capsys):
    other = tmp_path / "other"
    shutil.copytree(trained, other)
    scores = read_scores(other / "scores.jsonl")
    (other / "scores.jsonl").unlink()
    older = {**scores[0].versions, "pillow": "1.0", "abacus": "2"}
    write_scores(
        other / "scores.jsonl", [dataclasses.replace(s, versions=older) for s in scores]
    )
    for runs in ((trained, other), (other, trained)):
        assert run("compare", *runs, "--out", tmp_path / "curves.png") == 0
        told = capsys.readouterr().out
        assert "note: these scores were taken with pillow 1.0 and " in told
        assert "note: these scores were taken with abacus 2 and none" in told
        assert told.count("note:") == 2
