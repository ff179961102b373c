"""The pages of results and of scores are made of the files in docs/results alone."""

import dataclasses
import importlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxgan.metrics import Protocol
from jaxgan.training.about import Change
from jaxgan.training.record import LIMIT
from jaxgan.training.results import (
    Entry,
    Mean,
    Results,
    ScoreSet,
    Value,
    read_results,
    write_results,
)

DOCS = Path(__file__).parent.parent / "docs"
FILES = sorted((DOCS / "results").glob("*.json"))


@pytest.fixture
def pages(monkeypatch):
    """The modules that write the pages, by the names of these."""
    monkeypatch.syspath_prepend(str(DOCS))
    return {n: importlib.import_module(f"{n}_page") for n in ("results", "scores")}


@pytest.mark.parametrize("name", ["results", "scores"])
def test_the_page_in_the_docs_is_that_of_the_files(name, pages):
    module = pages[name]
    made = getattr(module, f"{name}_page")(module.read_all())
    page = DOCS / f"{name}.md"
    assert page.read_text(encoding="utf-8") == made, f"run: make docs/{name}.md"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_is_as_it_would_be_written(path, tmp_path):
    results = read_results(path)
    write_results(tmp_path / "again.json", results.with_entries([]))
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()
    pictures = [each.picture for each in results.runs if each.picture]
    assert pictures in ([], [f"{path.stem}.png"])
    for each in pictures:
        assert (path.parent / each).stat().st_size <= LIMIT
        with Image.open(path.parent / each) as picture:
            picture.load()


def test_files_name_no_place_of_a_machine():
    assert FILES
    for path in FILES:
        texts = re.findall(r'"((?:/|~|[A-Z]:)[^"]*)"', path.read_text(encoding="utf-8"))
        assert texts == [], path


def entry(seed, value, **changes):
    values = {"fd": Value(value=value, error=0.25, metric="fd")}
    how = Protocol("", "pixels", "", "none", "8×8×1", "digits, test", 9, 9, True)
    scores = ScoreSet(
        of="samples", step=10, seed=seed, protocol=how, versions=None, values=values
    )
    plain = Entry(
        config={"rate": 0.5, "seed": seed},
        seed=seed,
        command="jaxgan train mine.py",
        steps=10,
        seconds=90.0,
        versions={"jax": "1.0"},
        code=None,
        data=None,
        cores=2,
        devices="1 × cpu",
        scores=[scores],
        measured={"gap": value / 4, "share_of_0": 0.25},
    )
    return plain.model_copy(update=changes)


def made(pages, *entries, **fields):
    results = Results(experiment="mine", **fields).with_entries(entries)
    return pages["results"].results_page({"mine": results})


def test_what_had_changed_where_a_run_was_resumed_is_on_the_page(pages):
    said = ["the data are others.", "so is jax."]
    resumed = entry(1, 2.0, changes=[Change(step=4, said=said)])
    page = made(pages, entry(0, 1.0), resumed)
    [line] = [line for line in page.splitlines() if line.startswith("- Resumed")]
    assert line == (
        "- Resumed: seed 1, from step 4 on: the data are others. so is jax."
    )


def test_means_and_errors_over_seeds_are_those_of_numpy(pages):
    values = [1.25, 2.5, 4.0]
    page = made(pages, *(entry(seed, x) for seed, x in enumerate(values)))
    mean, error = np.mean(values), np.std(values, ddof=1) / np.sqrt(3)
    assert f"| mean | {mean:.2f} ± {error:.2f} |" in page
    assert "| seed 1 | 2.50 ± 0.25 |" in page
    assert "| seed 2 | 25.0 |" in page
    assert "Budget: 10 steps; 1.5 minutes on 1 × cpu, 2 cores" in page
    assert "`jaxgan train mine.py --seed N`, N = 0, 1, 2" in page


def test_runs_of_other_configs_and_protocols_are_not_averaged(pages):
    other = entry(1, 7.0, config={"rate": 2.0, "seed": 1})
    page = made(pages, entry(0, 1.0), other)
    assert "mean" not in page.partition("## mine")[2]
    assert "| rate 0.5, seed 0 | 1.00 ± 0.25 |" in page
    assert "| rate 2.0, seed 1 | 7.00 ± 0.25 |" in page
    [scores] = entry(1, 7.0).scores
    elsewhere = ScoreSet(
        **{
            **scores.model_dump(),
            "protocol": {**scores.model_dump()["protocol"], "resizer": "pil"},
        }
    )
    page = made(pages, entry(0, 1.0), entry(1, 7.0, scores=[elsewhere], measured={}))
    assert page.count("by pixels (resizing: ") == 2
    assert "mean" not in page.partition("## mine")[2]


def test_runs_that_differ_in_versions_alone_are_told_apart(pages):
    newer = {"versions": {"jax": "2.0"}, "code": "c" * 64}
    page = made(pages, entry(0, 1.0), entry(0, 3.0, **newer), entry(1, 2.0, **newer))
    rows = [line.split(" | ")[0] for line in page.splitlines() if "± 0.25" in line]
    assert rows == [
        "| seed 0, jax 1.0, code not recorded",
        "| seed 0, jax 2.0, code cccccccccccc",
        "| seed 1",
    ]
    assert "| mean, jax 2.0, code cccccccccccc | 2.50 ± 0.50 |" in page


def test_samples_of_another_seed_are_a_row_of_their_own(pages):
    again = entry(0, 3.0).scores[0].model_copy(update={"seed": 7})
    [own] = entry(0, 1.0).scores
    page = made(pages, entry(0, 1.0, scores=[own, again]))
    assert "| seed 0 | 1.00 ± 0.25 |" in page
    assert "| seed 0, sampled with seed 7 | 3.00 ± 0.25 |" in page


def test_reals_stand_beside_the_scores_of_any_output(pages):
    [scores] = entry(0, 1.0).scores
    photos = dataclasses.replace(scores.protocol, output="photos")
    own = scores.model_copy(update={"protocol": photos})
    reals = scores.model_copy(update={"of": "digits, train", "step": 0})
    page = made(pages, entry(0, 1.0, scores=[own, reals]))
    assert "| 9 other reals | 1.00 ± 0.25 |" in page


def test_means_that_were_recorded_before_rounding_are_taken(pages):
    mean = Mean(
        config={"rate": 0.5}, seeds=[0, 1], values={"fd": Value(value=9.5, error=0.5)}
    )
    runs = [entry(seed, x, measured={}) for seed, x in ((0, 9.0), (1, 9.0))]
    assert "| mean | 9.50 ± 0.50 |" in made(pages, *runs, means=[mean])
    assert "| mean | 9 ± 0 |" in made(pages, *runs)
    more = [*runs, entry(2, 9.0, measured={})]
    assert "| mean | 9 ± 0 |" in made(pages, *more, means=[mean])


def test_what_is_not_recorded_is_said(pages):
    old = entry(0, 1.0, versions=None, seconds=None, devices=None, cores=None)
    page = made(pages, old)
    assert "time not recorded on a device not recorded" in page
    assert "Versions: not recorded" in page


def test_entries_are_in_order_and_one_keeps_its_picture():
    runs = [entry(seed, 1.0, picture="mine.png") for seed in (2, 0, 1)]
    one = Results(experiment="mine").with_entries(runs)
    assert [each.seed for each in one.runs] == [0, 1, 2]
    assert [each.picture for each in one.runs] == [None, None, "mine.png"]
    again = one.with_entries([entry(2, 5.0, picture="mine.png")])
    assert [each.picture for each in again.runs] == [None, None, "mine.png"]
    assert again.runs[2].measured["gap"] == 1.25
    assert json.loads(one.model_dump_json())["experiment"] == "mine"
