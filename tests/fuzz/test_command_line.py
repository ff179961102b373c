"""Every option of every command refuses words that have no meaning, in one sentence."""

import dataclasses
import re
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pytest
from PIL import Image

from jaxgan.cli import main as command_line
from jaxgan.training import train
from tests.command_line import run
from tests.fuzz.kinds import Kind
from tests.runs import OFTEN, ONE_DEVICE, PICTURE, make_run

COMMANDS = {
    command_line._name(value): value
    for value in vars(command_line).values()
    if dataclasses.is_dataclass(value)
}
OPTIONS = [
    (command, field.name)
    for command, value in COMMANDS.items()
    for field in dataclasses.fields(value)
]

NESTED = Path(__file__).parent.parent / "nested_experiment.py"
LONG = "x" * 5000
NO_INT = ["many", "nan", "1.5", "99999999999999999999", ""]
NO_COUNT = [*NO_INT, "-1", "0"]
NO_PATH = ["no/such", "nö/süch", "", LONG]
COUNT = Kind(["1"], NO_COUNT)
SEED = Kind(["3"], [*NO_INT, "-1", "4294967296"])
FLAG = Kind([[]], ["yes", ""])
METRICS = Kind(
    [["kid"], ["frechet", "kid"]], ["", "fréchet", "1", ["kid", "no_such"], []]
)
NAMED = Kind(["samples"], ["", "absent", "1", "sämples"])
WRITTEN = ["", f"{LONG}.png", "/proc/no/such.png"]
"""Paths where nothing can be written."""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a run of points, one of pictures, images, a table and arrays."""
    place = tmp_path_factory.mktemp("place")
    for name, file, config in (
        ("points", NESTED, {}),
        ("pictures", PICTURE, {"evaluated": True, "steps": 2}),
    ):
        trained = make_run(place / "runs" / name, file, **config)
        train(trained, schedule=OFTEN, devices=ONE_DEVICE)
    assert run("evaluate", place / "runs" / "pictures", "--samples", "10") == 0
    rng = np.random.default_rng(0)
    for folder in ("photos", "others"):
        (place / folder).mkdir()
        for i in range(12):
            pixels = rng.integers(0, 255, (8, 8), np.uint8)
            Image.fromarray(pixels).save(place / folder / f"{i}.png")
    rows = "".join(f"{i}.png,{i % 2},text\n" for i in range(12))
    (place / "table.csv").write_text("file,label,caption\n" + rows)
    np.savez(place / "arrays.npz", real=np.zeros((4, 8, 8, 1)), label=np.arange(4))
    return place


PLAIN = {
    "train": [NESTED, "--run", "runs/new", "--dry-run"],
    "sweep": [NESTED, "--out", "runs/sweep", "--seeds", "1"],
    "sample": ["runs/points", "--out", "made"],
    "interpolate": ["runs/points", "--out", "made", "--pairs", "1"],
    "evaluate": ["runs/pictures", "--samples", "10"],
    "evaluate-folders": ["photos", "others", "--extractor", "pixels"],
    "compare": ["runs/pictures"],
    "record": ["runs/pictures"],
    "list": ["runs"],
    "data": ["photos"],
    "experiments": [],
    "new": ["fresh.py", "--like", "ring"],
}
"""A line of each command that works."""

KINDS = {
    "experiment": Kind([NESTED, "ring"], [*NO_PATH, "photos", "table.csv"]),
    "sweep experiment": Kind(
        [NESTED], [*NO_PATH, "photos", "runs/points", "table.csv"]
    ),
    "run": Kind(["runs/points"], [*NO_PATH, "photos", "table.csv", "runs"]),
    "evaluate run": Kind(["runs/pictures"], [*NO_PATH, "photos", "table.csv", "runs"]),
    "train run": Kind(["runs/nëw"], ["", LONG, "photos", "table.csv"]),
    "log_every": COUNT,
    "save_every": COUNT,
    "evaluate_every": Kind(["0", "5"], [*NO_INT, "-1"]),
    "keep": COUNT,
    "steps_per_call": COUNT,
    "no_cache": FLAG,
    "shard_state": FLAG,
    "coordinator": Kind([], ["", "here", ":1", "host:", "host:99999", "1.0"]),
    "processes": Kind([], NO_COUNT),
    "process": Kind([], [*NO_INT, "-1", "2"]),
    "tensorboard": FLAG,
    "dry_run": FLAG,
    "best": FLAG,
    "evaluations": FLAG,
    "sample best": Kind([], FLAG.invalid),
    "interpolate best": Kind([], FLAG.invalid),
    "sweep log_every": Kind([], NO_COUNT),
    "sweep keep": Kind([], NO_COUNT),
    "by_folder": Kind([], FLAG.invalid),
    "sequential": Kind([], FLAG.invalid),
    "devices": Kind(["1"], [*NO_COUNT, "1000"]),
    "init": Kind(["runs/points"], [*NO_PATH, "photos", "table.csv"]),
    "freeze": Kind([], ["", "no_such", []]),
    "seeds": Kind([], [*NO_COUNT, "10001"]),
    "grid": Kind(
        [],
        ["", "rate", "rate=", "rate=x", "rate=nan", "no=1", "seed=1", "rate=1,1", []],
    ),
    "output": NAMED,
    "count": Kind(["1"], [*NO_COUNT, "1000001"]),
    "seed": SEED,
    "out": Kind(["made"], ["", LONG, "a.jpg", "/proc/no/such"]),
    "sweep out": Kind([], ["", LONG, "photos", "table.csv"]),
    "evaluate-folders out": Kind(["scores.jsonl"], ["", "a.png", LONG]),
    "compare out": Kind(["cürves.png"], [*WRITTEN, "curves", "curves.txt", "photos"]),
    "data out": Kind(["sheet.png"], [*WRITTEN, "sheet", "sheet.txt", "photos/a.png"]),
    "pairs": Kind(["1"], [*NO_COUNT, "1001"]),
    "steps": Kind(["2"], [*NO_COUNT, "1001"]),
    "along": Kind([], ["", "absent", "1"]),
    "metrics": METRICS,
    "compare metrics": Kind(["frechet"], ["", "fréchet", "1", []]),
    "samples": Kind(["12"], [*NO_COUNT, "99999999999"]),
    "against": Kind(["./photos", "test"], ["", "no/such", "absent", "nö/süch"]),
    "extractor": Kind(["pixels"], ["", "xception", "1"]),
    "evaluate extractor": Kind(["own"], ["", "xception", "1"]),
    "weights": Kind([], ["", "no/such.pth", "table.csv", "ftp://x/y", LONG]),
    "sha256": Kind([], ["", "xyz", "1"]),
    "resizer": Kind([], ["", "fast", "1"]),
    "real": Kind(["photos"], [*NO_PATH, "runs", "table.csv"]),
    "fake": Kind(["others"], [*NO_PATH, "runs", "table.csv"]),
    "data real": Kind([], ["", "absent"]),
    "runs": Kind([["runs/pictures"]], [*NO_PATH, "photos", []]),
    "name": Kind(["mine", "nöch"], ["", "a/b", "..", ".x", "made/", LONG]),
    "results": Kind(["results", "made"], ["", "table.csv", "/proc/no/such", LONG]),
    "directory": Kind(["runs", "photos"], [*NO_PATH, "table.csv"]),
    "spec": Kind(
        ["photos", "arrays.npz --real real"], [*NO_PATH, "table.csv", "a:b:c"]
    ),
    "split": Kind([], ["", "absent"]),
    "data_dir": Kind([], ["", "photos"]),
    "condition": Kind([], ["", "absent", []]),
    "size": Kind(["8"], [*NO_COUNT, "16385"]),
    "shape": Kind(["crop", "pad"], ["", "fold", "1"]),
    "filter": Kind(["box"], ["", "fold", "1"]),
    "channels": Kind(["1", "3"], [*NO_COUNT, "2", "4"]),
    "background": Kind(["#ff8800"], ["", "colour", "1"]),
    "table": Kind(["table.csv --label label"], [*NO_PATH, "photos", "arrays.npz"]),
    "file": Kind([], ["", "absent"]),
    "label": Kind([], ["", "absent"]),
    "caption": Kind([], ["", "absent"]),
    "on_error": Kind(["skip"], ["", "fold", "1"]),
    "cache": Kind(["cache"], ["", "table.csv", LONG]),
    "new file": Kind(
        ["frësh.py"], ["", "fresh", "table.csv", f"{LONG}.py", "/proc/a/b.py"]
    ),
    "like": Kind(["digits"], ["", "digit", "nö", "runs", LONG]),
}

BESIDE = {
    "coordinator": "--processes 2 --process 0",
    "processes": "--coordinator 127.0.0.1:1 --process 0",
    "process": "--coordinator 127.0.0.1:1 --processes 2",
    "freeze": "--init runs/points",
    "along": "",
    "weights": "--extractor inception",
    "sha256": "--extractor inception --weights table.csv",
    "resizer": "--extractor inception",
    "data real": "arrays.npz",
    "condition": "arrays.npz --real real",
    "split": "tiny_set",
    "data file": "--table table.csv --label label",
    "label": "--table table.csv",
    "caption": "--table table.csv",
}
"""Words without which an option does not apply."""


def kind_of(table, command, option):
    return table.get(f"{command} {option}", table.get(option))


def line(command, option, value):
    """The words of a command with a value of an option."""
    words = [str(word) for word in PLAIN[command]]
    given = value if isinstance(value, list) else str(value).split() or [""]
    beside = (kind_of(BESIDE, command, option) or "").split()
    positionals = positional_names(command)
    if option in positionals:
        at = positionals.index(option)
        words[at : at + 1] = given
    else:
        name = f"--{option.replace('_', '-')}"
        if name in words:
            at = words.index(name)
            del words[at : at + 2]
        words += [name, *given]
    for name in {"--extractor"} & {*beside} & {*words}:
        at = words.index(name)
        del words[at : at + 2]
    if beside and not beside[0].startswith("--"):
        words[0], *beside = beside
    return [command, *words[:1], *beside, *words[1:]] if words else [command]


def positional_names(command):
    hints = get_type_hints(COMMANDS[command], include_extras=True)
    return [
        field.name
        for field in dataclasses.fields(COMMANDS[command])
        if "Positional" in repr(hints[field.name])
    ]


def faults(command, option, capsys):
    """Return what is wrong with the answers, and the number of lines."""
    kind = kind_of(KINDS, command, option)
    assert kind, f"add the words of jaxgan {command}: {option}"
    found, calls = [], 0
    for value, valid in [(v, True) for v in kind.valid] + [
        (v, False) for v in kind.invalid
    ]:
        words = line(command, option, value)
        calls += 1
        try:
            status = run(*words)
        except Exception as error:
            found.append(f"{words}"[:150] + f": {type(error).__name__}: {error}"[:200])
            continue
        said = capsys.readouterr().err
        what = f"{words}"[:150]
        if valid:
            if status:
                found.append(f"{what}: {said}")
        elif status == 0:
            found.append(f"{what} is accepted")
        elif status not in (1, 2) or "Traceback" in said:
            found.append(f"{what}: status {status}: {said}")
        elif not named(said, option, value):
            found.append(f"{what} is not named: {said}")
    return found, calls


def named(said, option, value):
    """Return True if a message names an option or its value, or a folder of that."""
    if not value and "an argument is empty" in said:
        return True
    values = value if isinstance(value, list) else [value]
    folders = [str(path) for each in values for path in Path(each).parents]
    words = [option.replace("_", "-"), *values, *(f for f in folders if len(f) > 1)]
    plain = re.sub(r"[│╭╮╰╯─\s]+", " ", said)
    return any(word and str(word)[:40] in plain for word in words)


@pytest.mark.slow
@pytest.mark.parametrize(("command", "option"), OPTIONS)
def test_words_without_meaning_are_refused(command, option, place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    found, _ = faults(command, option, capsys)
    assert not found, "\n".join(found)
