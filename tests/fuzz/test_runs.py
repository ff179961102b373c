"""Training, sampling, evaluation and reports refuse bad input."""

import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxgan import Batch, View, losses
from jaxgan.data.datasets import as_dataset
from jaxgan.evaluation import reference
from jaxgan.games import priors
from jaxgan.sampling import lerp, maker, slerp
from jaxgan.training import Schedule, load_file
from tests.builders import algorithm_of, small_game
from tests.fuzz.kinds import (
    COUNT,
    FLAG,
    FUNCTION,
    GAME,
    INF,
    NAME,
    NAMES,
    NAN,
    NO_ARRAY,
    NO_COUNT,
    OPTIONAL_COUNT,
    PATH,
    SEED,
    Kind,
    faults,
    public,
)
from tests.nested_experiment import Config, experiment
from tests.picture_experiment import Config as PictureConfig
from tests.picture_experiment import experiment as pictures
from tests.runs import make_run
from tests.tiny_evaluation import TINY

ROOMS = ("training", "sampling", "evaluation", "reporting", "jaxgan")
PYTREE = "a pytree, which JAX makes again of anything"
BUT = {
    "training.Interrupted": "an error",
    "training.RunError": "an error",
    "training.Run": "made by create_run and load_run",
    "training.Samples": "made by sample",
    "training.tune_malloc": "takes nothing",
    "jaxgan.InputError": "an error",
    "jaxgan.Algorithm": PYTREE,
    "jaxgan.Batch": PYTREE,
    "jaxgan.Info": PYTREE,
    "jaxgan.Network": PYTREE,
    "jaxgan.Record": PYTREE,
    "jaxgan.Round": PYTREE,
    "jaxgan.Score": PYTREE,
    "jaxgan.State": PYTREE,
    "jaxgan.Variables": PYTREE,
    "jaxgan.View": PYTREE,
}
FUNCTIONS = public(*ROOMS, but=BUT)

POINTS = np.random.default_rng(0).normal(size=(8, 2)).astype("f4")
NO_POINTS = [
    *NO_ARRAY,
    np.ones(8),
    POINTS[:0],
    np.ones((8, 3)),
    POINTS + NAN,
    POINTS * INF,
]
IMAGES = np.zeros((6, 8, 8, 1), np.uint8)
PICTURES = Kind(
    [IMAGES, IMAGES / 255],
    [*NO_ARRAY, IMAGES[:0], IMAGES[..., 0], np.zeros((6, 8, 8, 2)), IMAGES + NAN],
)
NO_LATENTS = [
    None,
    "latents",
    1.0,
    (),
    object(),
    POINTS[:3],
    POINTS[:0],
    np.array(["a"]),
]
EVALUATION = dataclasses.replace(TINY, samples=8, metrics=TINY.metrics[:1])
ALGORITHM = algorithm_of(small_game())
STATE = ALGORITHM.init(jax.random.key(0))
VARIABLES = {**STATE.variables}
SPLIT = Kind(["test"], [None, 1.0, "", (), object()])
NAMED = Kind([None, "samples"], [1.0, "", "absent", (), [], object()])
AT = FUNCTION
NUMBER = Kind([1.0, 2, NAN, INF, np.float32(1)], [None, "x", (), object(), POINTS])
OPTIONAL_FUNCTION = Kind([None, *FUNCTION.valid], FUNCTION.invalid[1:])
EVERY = Kind([1, 100, np.int64(3)], COUNT.invalid)
GAME_OF = small_game()
NAMED_GAME = GAME_OF._replace(prior=priors.together(z=priors.normal(3)))


def no_mapping(*values):
    """List what is no mapping, and mappings of names to what does not belong there."""
    return [None, "one", 1.0, ("one",), object(), *({"one": value} for value in values)]


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    """The values by argument, with a run that is trained."""
    place = tmp_path_factory.mktemp("runs")
    nested = experiment(Config())
    run = make_run(place / "run", NESTED)
    FUNCTIONS["training.train"](run, devices=jax.devices()[:1])
    file = load_file(NESTED)
    picture = place / "100.png"
    Image.new("RGB", (8, 8)).save(picture)
    rows = place / "metrics.jsonl"
    rows.write_text('{"step": 1, "a": 2.0}\n')
    directory = Kind([run.directory, str(run.directory)], [*PATH, picture])
    return {
        "directory": Kind([run.directory], [*PATH[:5], picture]),
        "load_run directory": directory,
        "train directory": Kind([None], [*PATH[1:5], picture, run.directory]),
        # An experiment cannot be kept in a run while its functions' types are checked.
        "train experiment": Kind([run], [None, 1.0, "", (), object(), file, Config()]),
        "run": Kind([run, run.directory, str(run.directory)], [*PATH, picture]),
        "load_file path": Kind([NESTED, str(NESTED)], [*PATH, picture, place]),
        "read_rows path": Kind(
            [rows, place / "absent"], [None, 1.0, "", (), object(), place]
        ),
        "file": Kind([file], [None, 1.0, "", (), object(), NESTED]),
        "config": Kind([file.config()], [None, 1.0, "", (), object(), file.config]),
        "create_run start": Kind([None], [1.0, "", (), object(), run.directory]),
        "experiment": Kind([nested], [None, 1.0, "", (), object(), file, Config()]),
        "schedule": Kind([Schedule()], [None, 1.0, "often", (), object(), Schedule]),
        "devices": Kind(
            [None, jax.devices()[:1]],
            ["cpu", 1.0, (), [], (None,), ("cpu",), jax.devices()[0], object()],
        ),
        "tensorboard": FLAG,
        "shard_state": FLAG,
        "steps_per_call": OPTIONAL_COUNT,
        "best": Kind([False], FLAG.invalid),
        "output": NAMED,
        "count": Kind([1, 2], COUNT.invalid),
        "sample count": Kind([None, 1], NO_COUNT),
        "seed": SEED,
        "sample inputs": Kind(
            [{}, {"start": ["1", "2"]}],
            no_mapping("1")
            + [{"start": v} for v in (None, "1", [], [None], ["x"], [1.0])],
        ),
        "inputs": Kind(
            [{}, nested.inputs],
            [*no_mapping(None, "word", abs), {1: nested.inputs["start"]}],
        ),
        "log_every": EVERY,
        "save_every": EVERY,
        "evaluate_every": Kind(
            [0, 1, 100], [x for x in COUNT.invalid if x != 0] + [True]
        ),
        "keep": EVERY,
        "game": Kind([GAME_OF], GAME.invalid),
        "steps": COUNT,
        "dynamics": FUNCTION,
        "source": FUNCTION,
        "examples": OPTIONAL_FUNCTION,
        "draw_examples examples": Kind(
            [None, lambda: Batch(POINTS), lambda: as_dataset(Batch(POINTS))],
            [*FUNCTION.invalid[1:], lambda: None],
        ),
        "reference examples": Kind(
            [Batch(()), Batch(POINTS)], [None, "x", 1.0, (), POINTS]
        ),
        "plot": FUNCTION,
        "summarize": FUNCTION,
        "objective": OPTIONAL_FUNCTION,
        "evaluation": Kind([EVALUATION], [None, "noise", 1.0, (), object()]),
        "Experiment evaluation": Kind([None, EVALUATION], ["noise", 1.0, (), object()]),
        "n_summarized": COUNT,
        "n_plotted": COUNT,
        # sampling
        "state": Kind([STATE], [None, "state", 1.0, (), VARIABLES]),
        "at": AT,
        "read": FUNCTION,
        "help": Kind(["", "Of points."], [None, 1.0, (), object()]),
        "any_size": FLAG,
        "counts": FLAG,
        "encode": FUNCTION,
        "classes": Kind(
            [("cat", "dog"), range(3), ["ä"]],
            [None, "cat", 1.0, (), ("a", "a"), object()],
        ),
        "condition": Kind([()], [None, "x", 1.0, POINTS, ("x",), object()]),
        "latents": Kind([POINTS, jnp.asarray(POINTS)], NO_LATENTS),
        "traverse latents": Kind(
            [{"z": np.ones((4, 3), "f4")}],
            [x for x in NO_LATENTS if x is not NO_LATENTS[5]],
        ),
        "traverse game": Kind([NAMED_GAME], GAME.invalid),
        "traverse name": Kind(["z"], [None, 1.0, "absent", "", (), object()]),
        "path": Kind([lerp, slerp], FUNCTION.invalid),
        "start": Kind([POINTS], [None, "x", object(), np.array(["a"])]),
        "end": Kind([POINTS], [None, "x", object(), np.array(["a"])]),
        "t": Kind([0.5, 0, jnp.float32(0.5)], [None, "x", object(), np.array(["a"])]),
        # evaluation
        "data": NAME,
        "reals": Kind([EVALUATION.reals], FUNCTION.invalid),
        "Evaluation reals": Kind([EVALUATION.reals, None], FUNCTION.invalid[1:]),
        "extractor": Kind([EVALUATION.extractor, None], FUNCTION.invalid[1:]),
        "split": SPLIT,
        "held_out": Kind([None, "train"], SPLIT.invalid[1:]),
        "samples": COUNT,
        "metrics": Kind(
            [EVALUATION.metrics],
            [None, "frechet", 1.0, EVALUATION.metrics[0], (None,), ("kid",)],
        ),
        "Evaluation output": Kind([None, "samples"], [1.0, "", (), object()]),
        "labels": FUNCTION,
        "truth": FUNCTION,
        "against": Kind(
            [reference(EVALUATION, Batch(()))], [None, "test", 1.0, (), EVALUATION]
        ),
        "evaluate game": Kind([PICTURED.game], GAME.invalid),
        "make": Kind([maker(PICTURED.game)], [*FUNCTION.invalid, lambda *given: None]),
        "variables": Kind([PICTURED_STATE.variables], [None, "x", 1.0, ()]),
        "step": Kind([0, 1], ["many", None, NAN, -1, 1.5, True]),
        # reporting
        "pictures": Kind(
            [[picture], [picture, picture]],
            [None, "x", 1.0, (), [None], [place / "1.png"], [rows], picture],
        ),
        "height": Kind([320, 1], COUNT.invalid),
        "lines": Kind(
            [{"one": [{1: {"a": NAN}}]}, {"one": [{1: {"a": 2.0}}, {1: {"a": 1.0}}]}],
            [
                *no_mapping(None, 1.0, [], [None], [{}], [{1: {}}], [{1: {"a": None}}]),
                {},
                {"one": [{1: {"a": 1.0}}], "two": [{1: {"b": 1.0}}]},
                {"one": [{"x": {"a": 1.0}}]},
            ],
        ),
        "images": PICTURES,
        "columns": OPTIONAL_COUNT,
        "values": Kind(
            [[1.0, 2.0], (), [1], [NAN, 1.0]], [None, "x", 1.0, ["a"], [None], object()]
        ),
        "points": Kind([POINTS], NO_POINTS),
        "marks": Kind([None, POINTS], [x for x in NO_POINTS if x is not None]),
        "scatter labels": Kind(
            [None, np.zeros(len(POINTS), int)],
            ["x", 1.0, object(), np.zeros(len(POINTS)), np.zeros(1, int) - 1],
        ),
        "value": NUMBER,
        "error": NUMBER,
        # the types
        "networks": Kind(
            [GAME_OF.networks], [*no_mapping(None, abs), {1: GAME_OF.networks}]
        ),
        "players": Kind([GAME_OF.players], [*no_mapping(None, "generator", (1,)), {}]),
        "prior": FUNCTION,
        "play": FUNCTION,
        "loss": Kind([losses.minimax()], [None, "hinge", 1.0, losses.hinge, ()]),
        "outputs": Kind([{}, GAME_OF.outputs], no_mapping(None, "x")),
        "frozen": Kind([(), ["generator"]], [None, "generator", 1.0, (None,), ("",)]),
        "diagnostics": FUNCTION,
        "views": Kind([{}, {"one": View()}], no_mapping(None, abs)),
        "microbatches": COUNT,
        "terms": Kind([losses.hinge().terms, {}], [*no_mapping(None, abs), {1: TERM}]),
        "init": FUNCTION,
        "Term evaluate": FUNCTION,
        "state_owner": Kind([None, "generator"], NAME.invalid[1:]),
        "interval": COUNT,
        "mentions": NAMES,
    }


TERM = next(iter(losses.hinge().terms.values()))
NESTED = Path(__file__).parent.parent / "nested_experiment.py"
PICTURED = pictures(PictureConfig())
PICTURED_STATE = PICTURED.dynamics(PICTURED.game, PICTURED.source()(0, 0)[0]).init(
    jax.random.key(0)
)


@pytest.mark.slow
@pytest.mark.parametrize("name", FUNCTIONS)
def test_invalid_arguments_are_refused_by_name(name, kinds):
    found, _ = faults(name.rpartition(".")[2], FUNCTIONS[name], kinds)
    assert not found, "\n".join(found)
