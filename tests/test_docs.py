"""The pages of the docs: their examples run, and what they name is there."""

import contextlib
import io
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import jax
import jax.numpy as jnp
import optax
import pytest

import jaxgan
from jaxgan.cli.main import main
from jaxgan.training import create_run, load_file

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"


def read(page):
    return (DOCS / page).read_text(encoding="utf-8")


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", read(page), re.DOTALL)


PAGES = {path.name: blocks(path.name, "python") for path in sorted(DOCS.glob("*.md"))}
WITH_EXAMPLES = [page for page, examples in PAGES.items() if examples]
OF_A_RUN = {"--label", "--image"}
"""Options that a run's experiment declares."""


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A function that runs a page's first examples once, and returns what they define.

    They run in a folder whose `mine.py` is the experiment of the games page.
    """

    @cache
    def run(page, count=None):
        folder = tmp_path_factory.mktemp(page)
        (folder / "mine.py").write_text(PAGES["games.md"][1], encoding="utf-8")
        known = {"__name__": page}
        with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()) as out:
            for example in PAGES[page][:count]:
                exec(compile(example, page, "exec"), known)
        return known | {"printed": out.getvalue()}

    return run


@pytest.mark.parametrize("page", sorted({*WITH_EXAMPLES} - {"extending.md"}))
def test_the_examples_of_a_page_run(page, ran):
    assert ran(page)


def test_the_example_of_the_data_page_draws_batches(ran):
    assert ran("data.md")["discriminators"].real.shape == (16, 32, 32, 1)


def test_the_example_of_the_networks_page_prints_its_game(ran):
    assert "Game(players=" in ran("networks.md")["printed"]
    listed = re.findall(r"^\| `(\w+)", read("networks.md"), re.MULTILINE)
    assert {*listed} <= {*jaxgan.networks.__all__}


def test_what_the_data_page_names_is_there():
    rows = [row for row in read("data.md").splitlines() if row.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`(?:data\.)?(\w+)", row)}
    there = {*jaxgan.data.__all__, "Batch", "key", "set", "source", "jg"}
    assert len(named) > 25
    assert named <= there, named - there


def test_the_tables_of_the_devices_page_are_what_its_example_prints(ran):
    rows = ran("devices.md")["printed"].splitlines(keepends=True)
    assert len(rows) == 12
    for table in (rows[:9], rows[9:]):
        assert "".join(table) in read("devices.md")


def test_the_game_of_the_games_page_trains():
    """The first example alone; the second names its game so too."""
    known = {"__name__": "page"}
    exec(compile(PAGES["games.md"][0], "games.md", "exec"), known)
    jg = jaxgan
    game = known["game"]
    batch = jg.Batch(jnp.ones((8, 3)))
    algorithm = jg.alternating(game, {"coder": optax.adam(1e-2)}, batch)
    state, step = algorithm.init(jax.random.key(0)), jax.jit(algorithm.step)
    paid = []
    for _ in range(30):
        state, info = step(state, (batch,))
        paid.append(float(info.losses["coder"]["elbo"]))
    assert paid[-1] < 0.7 * paid[0]


def test_the_experiment_of_the_games_page_can_be_trained(tmp_path):
    (tmp_path / "mine.py").write_text(PAGES["games.md"][1], encoding="utf-8")
    file = load_file(tmp_path / "mine.py")
    run = create_run(tmp_path / "run", file, file.config(gamma=0.2))
    assert run.data.examples.real.shape == (64, 8, 8, 1)
    assert {*run.experiment.inputs} == {"label"}


@pytest.mark.slow
def test_the_page_on_extending_trains_and_samples(tmp_path):
    """In a process of its own: functions that beartype has wrapped are not pickled."""
    (tmp_path / "page.py").write_text("\n".join(PAGES["extending.md"]))
    command = [sys.executable, "-W", "error", "page.py"]
    ran = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "(1000, 2)\n(16, 2) of step 100\n"
    assert (tmp_path / "runs" / "mine" / "samples" / "strip.png").exists()


def test_the_view_of_the_page_on_extending_fades(ran):
    show = ran("extending.md", 2)["fading_noise"](10).show
    moved = [
        float(abs(show((), jax.random.key(0), jnp.zeros((4, 2)), jnp.int32(n))).max())
        for n in (0, 5, 10)
    ]
    assert moved[0] == pytest.approx(2 * moved[1]) and moved[2] == 0 < moved[1]


def test_the_examples_of_the_metrics_page_measure_and_evaluate(ran):
    known = ran("metrics.md")
    assert "PrecisionRecall(precision=Estimate(" in known["printed"]
    assert known["evaluation"].metrics[0].name == "frechet"


def test_what_the_metrics_page_names_is_there():
    rows = [row for row in read("metrics.md").splitlines() if row.startswith("| `")]
    columns = [row.split("|")[1] for row in rows]
    named = {name for column in columns for name in re.findall(r"`(\w+)", column)}
    public = {*jaxgan.metrics.__all__}
    assert named <= public, named - public
    records = {"Estimate", "Extractor", "Features", "Measurement", "Metric", "Protocol"}
    records |= {
        "Statistics",
        "difference",
        "read_scores",
        "as_uint8",
        "polynomial",
        "rbf",
    }
    metrics = {name for name in public - records if not name.endswith("_metric")}
    assert metrics <= named, metrics - named


def commands():
    texts = [path.read_text(encoding="utf-8") for path in DOCS.glob("*.md")]
    texts.append((ROOT / "README.md").read_text(encoding="utf-8"))
    shown = [
        line.split()
        for text in texts
        for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
        for line in re.findall(r"^jaxgan (.*)$", block, re.MULTILINE)
    ]
    return sorted({(words[0], *(w for w in words if w[:2] == "--")) for words in shown})


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_commands_have_the_options_that_pages_show(command, capsys):
    name, *options = command
    experiment = {"train": ["folder"], "sweep": ["mnist"]}.get(name, [])
    with pytest.raises(SystemExit) as stop:
        main([name, *experiment, "--help"])
    assert not stop.value.code
    offered = {*re.findall(r"--[\w-]+", capsys.readouterr().out)} | OF_A_RUN
    assert {*options} <= offered, {*options} - offered


@pytest.mark.parametrize("page", PAGES)
def test_links_between_pages_lead_somewhere(page):
    prose = re.sub(r"```.*?```", "", read(page), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)]+)\)", prose):
        path, _, anchor = link.partition("#")
        assert (DOCS / path).exists() or path.startswith("http"), link
        if anchor and path.removeprefix("reference/") == path:
            titles = re.findall(r"^#+ (.*)$", read(path), re.MULTILINE)
            assert anchor in {title.lower().replace(" ", "-") for title in titles}, link
