"""Words of the command line: their meanings, and those that are refused."""

import dataclasses
import io
import sys
from pathlib import Path

import jax
import pytest

from jaxgan.cli import main as command_line
from jaxgan.errors import InputError
from jaxgan.training.experiment import load_file
from jaxgan.training.run import create_run, delete_on_rejection, load_run
from tests.builders import tiered
from tests.command_line import run
from tests.runs import make_run

NESTED = Path(__file__).parent.parent / "nested_experiment.py"
COMMANDS = {
    "train": "EXPERIMENT",
    "sweep": "EXPERIMENT",
    "sample": "RUN",
    "interpolate": "RUN",
    "evaluate": "RUN",
    "evaluate-folders": "REAL FAKE",
    "compare": "RUN ...",
    "record": "RUN ...",
    "list": "DIR",
    "data": "SPEC",
    "experiments": "",
    "new": "FILE",
}


@pytest.fixture(scope="module")
def ring(tmp_path_factory):
    """A run in a folder of runs."""
    place = tmp_path_factory.mktemp("place")
    directory = place / "runs" / "ring"
    assert run("train", NESTED, "--run", directory, "--devices", 1) == 0
    return directory


@pytest.fixture
def here(ring, monkeypatch):
    """Be in the folder that holds the folder of runs."""
    monkeypatch.chdir(ring.parent.parent)


@pytest.mark.parametrize(("command", "positionals"), COMMANDS.items())
def test_each_help_names_its_arguments_and_has_an_example(
    command, positionals, capsys, monkeypatch
):
    monkeypatch.setenv("COLUMNS", "200")
    assert run(command, "--help") == 0
    page = capsys.readouterr().out
    usage = page.partition("\n")[0]
    assert f"[-h] {positionals}" in usage or usage.endswith(positionals)
    assert f"Example: jaxgan {command}" in page
    for unclear in ("PATH}", "{None}", "STR"):
        assert unclear not in page


@pytest.mark.parametrize(
    "command", ["train", "sample", "interpolate", "evaluate", "record"]
)
def test_commands_that_run_a_runs_files_say_so(command, capsys):
    assert run(command, "--help") == 0
    assert "only runs that you trust" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("command", ["train", "sweep"])
def test_an_experiments_help_is_in_order(command, capsys):
    assert run(command, NESTED, "--help") == 0
    page = capsys.readouterr().out
    places = [
        page.index(part)
        for part in (
            f"usage: jaxgan {command} [-h]",
            "A GAN of points whose Config",
            f"Example: jaxgan {command} {NESTED}",
            "An experiment's Python file",
            "--rate FLOAT",
            "--generator.widths",
            "--discriminator.widths",
            f" {command} options ",
            "--log-every INT",
        )
    ]
    assert places == sorted(places)


def test_fields_of_nested_dataclasses_are_options_with_a_prefix(tmp_path):
    options = ("--generator.widths", 3, 5, "--discriminator.widths", 2)
    assert run("train", NESTED, *options, "--run", tmp_path / "run", "--dry-run") == 0


@pytest.mark.parametrize(
    "words",
    tiered(
        [
            ("--run", "x.py", NESTED),
            ("--run=x.py", NESTED),
            ("--steps", 1, "--run", "x.py", NESTED),
            (NESTED, "--run", "x.py"),
        ],
        [("--steps", 1, "--run", "x.py", NESTED)],
    ),
)
def test_the_value_of_an_option_is_not_taken_for_the_experiment(
    words, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert run("train", *words, "--dry-run") == 0
    assert "rate                     0.001" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("train", "runs/rin"), "runs/ring"),
        (("train", "rign"), "ring or grid or runs/ring"),
        (("sample", "runs/rin"), "runs/ring"),
        (("sample", "rin"), "runs/ring"),
        (("interpolate", "--seed", 3, "rin"), "runs/ring"),
        (("evaluate", "runs/rng"), "runs/ring"),
        (("compare", "runs/rings"), "runs/ring"),
    ],
)
def test_the_nearest_run_is_offered(words, offered, here, capsys):
    assert run(*words) == 2
    assert f"did you mean {offered}?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (("sample", "RUN", "--start"), "--start"),
        (("sample", "RUN", "--start", "--seed", 1), "--start"),
        (("evaluate", "RUN", "--metrics"), "--metrics"),
        (("compare", "RUN", "--metrics", "--evaluations"), "--metrics"),
        (("sweep", NESTED, "--grid"), "--grid"),
        (("data", "x", "--condition"), "--condition"),
    ],
)
def test_an_option_of_several_values_needs_one(words, option, ring, capsys):
    assert run(*[ring if word == "RUN" else word for word in words]) == 2
    told = capsys.readouterr().err
    assert told == f"jaxgan: {option}: give it at least one value, or leave it out.\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("sample", "RUN", "--count", 10**12), "--count must be at most 1,000,000"),
        (("interpolate", "RUN", "--pairs", 10**6), "--pairs must be at most 1,000"),
        (("interpolate", "RUN", "--steps", 10**6), "--steps must be at most 1,000"),
        (("evaluate", "RUN", "--samples", 10**12), "--samples must be at most"),
        (("sweep", NESTED, "--seeds", 10**6), "--seeds must be at most 10,000"),
        (
            ("sweep", NESTED, "--grid", "rate=1,2", "--seeds", 5001),
            "--seeds must be at most 5,000",
        ),
        (("train", NESTED, "--steps", 10**20), "steps must be at most 2,147,483,647"),
        (
            ("train", NESTED, "--width", 10**20),
            "hidden: each number must be at most 2,147,483,647",
        ),
        (
            ("train", NESTED, "--width", 10**9, "--discriminator.widths", 10**9),
            "the network 'discriminator' would take",
        ),
        (("train", NESTED, "--keep", 10**20), "keep must be at most 2,147,483,647"),
        (
            ("sample", "RUN", "--out", "a.jpg"),
            "a.jpg: pictures are made as .png",
        ),
        (("compare", "RUN", "--out", "a/"), "--out: a must end as a picture does"),
        (
            ("evaluate-folders", "FOLDER", "FOLDER", "--out", "a/"),
            "--out: a must end in .jsonl",
        ),
    ],
)
def test_what_no_machine_can_do_is_one_sentence(
    words, message, ring, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    places = {"RUN": ring, "FOLDER": tmp_path}
    assert run(*[places.get(word, word) for word in words]) == 2
    told = capsys.readouterr().err
    assert message in told and told.count("\n") == 1
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("out", "made"),
    [
        ("a", ["a.npz", "a.png"]),
        ("a.png", ["a.npz", "a.png"]),
        ("a.npz", ["a.npz", "a.png"]),
        ("v1.5", ["v1.5.npz", "v1.5.png"]),
        ("out/", ["out/sample-0.npz", "out/sample-0.png"]),
        (".", ["sample-0.npz", "sample-0.png"]),
    ],
)
def test_out_is_a_prefix_a_file_or_a_directory(out, made, ring, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("sample", ring, "--out", out, "--count", 2, "--no-best") == 0
    found = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert sorted(str(p.relative_to(tmp_path)) for p in found) == made


def test_out_of_interpolate_may_be_a_directory(ring, tmp_path):
    assert run("interpolate", ring, "--pairs", 1, "--out", f"{tmp_path}/out/") == 0
    assert (tmp_path / "out" / "interpolate-lerp.png").is_file()


def test_a_run_is_made_in_an_empty_place_and_taken_back(tmp_path, monkeypatch):
    """Through a link, and where the user is."""
    target, link, where = tmp_path / "target", tmp_path / "link", tmp_path / "where"
    target.mkdir()
    where.mkdir()
    link.symlink_to(target)
    monkeypatch.chdir(where)
    for directory, place in ((link, target), (Path(), where)):
        made = make_run(directory, NESTED)
        assert (place / "run.json").is_file() and load_run(directory).config.steps == 1
        with pytest.raises(InputError), delete_on_rejection(made):
            raise InputError("refused when it was begun")
        assert not [*place.iterdir()]
    assert link.is_symlink()


def test_an_equal_config_is_the_same_run(tmp_path):
    file = load_file(NESTED)
    net = type(file.config().generator)
    one = file.config(rate=1, generator=net((4, 4)))
    other = file.config(rate=1.0, generator=net([4, 4]))
    create_run(tmp_path / "run", file, one)
    before = (tmp_path / "run" / "run.json").read_bytes()
    resumed = create_run(tmp_path / "run", file, other)
    assert dataclasses.asdict(resumed.config) == dataclasses.asdict(one)
    create_run(tmp_path / "other", file, other)
    assert (tmp_path / "other" / "run.json").read_bytes() == before
    with pytest.raises(InputError, match=r"another config: rate \(there 1.0, now 2.0"):
        create_run(tmp_path / "run", file, file.config(rate=2, generator=one.generator))
    with pytest.raises(InputError, match="Config: rate is wrong: Input should be a"):
        create_run(tmp_path / "wrong", file, file.config(seed=0, rate="quick"))


def test_a_platform_that_is_not_there_is_named(ring, monkeypatch, capsys):
    def missing(**options):
        raise AssertionError  # as where CUDA is missing

    monkeypatch.setattr(jax, "devices", missing)
    monkeypatch.setattr(jax, "local_devices", missing)
    monkeypatch.setenv("JAX_PLATFORMS", "cuda")
    message = "JAX_PLATFORMS is 'cuda', but JAX finds no such device here"
    assert run("train", NESTED, "--devices", 1, "--run", "x") == 2
    assert message in capsys.readouterr().err


def test_too_little_memory_is_one_sentence(monkeypatch, capsys):
    def fail(self):
        raise MemoryError

    monkeypatch.setattr(command_line.Experiments, "execute", fail)
    assert run("experiments") == 1
    assert capsys.readouterr().err == "jaxgan: there is not enough memory for this.\n"


def test_any_letter_can_be_printed(monkeypatch):
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", out)
    assert run("sweep", "--help") == 0
    out.flush()
    assert rb"\xb1 standard error" in out.buffer.getvalue()
