"""Sample a run, as `jaxgan sample` and notebooks do."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from jaxgan.errors import (
    as_path,
    check_flag,
    check_mapping,
    check_positive_int,
    check_seed,
)
from jaxgan.sampling.inputs import put_inputs, read_inputs
from jaxgan.sampling.outputs import choose, draw_latents, maker
from jaxgan.training.run import Run, load_run
from jaxgan.training.snapshots import restored_networks
from jaxgan.types import Batch, Tree


class Samples(NamedTuple):
    """An output of a run's networks, row by row, and what it was made of."""

    made: Tree  # NumPy arrays, (count, …)
    latents: Tree
    examples: Batch
    step: int  # of the checkpoint
    picture: Image.Image


def sample(
    run: Run | Path | str,
    output: str | None = None,
    *,
    count: int | None = None,
    seed: int = 0,
    best: bool = False,
    inputs: Mapping[str, Sequence[str]] = {},
) -> Samples:
    """Make an output of a run's networks from latents and held-out examples.

    Args:
        run: a run, or its directory.
        output: name of the game's output; by default the first.
        count: number of rows; by default 64, or the number of images given.
        seed: of the latents and of the choice of examples.
        best: use the checkpoint with the best score instead of the latest.
        inputs: words in place of the examples', by the names that the experiment
            declares: `{"label": ["3", "7"]}`.

    Raises:
        InputError: if there is no such output, input or checkpoint.
        RunError: if the run cannot be read.

    Example: `jg.sample("runs/digits", count=16).picture`
    """
    run = run if isinstance(run, Run) else load_run(as_path("run", run))
    check_seed("seed", seed)
    check_flag("best", best)
    check_mapping("inputs", inputs, '{"label": ["3"]}')
    game, declared = run.experiment.game, run.experiment.inputs
    make = maker(game, output)
    given = read_inputs(declared, inputs)
    if count is None:
        counted = [len(rows) for name, rows in given.items() if declared[name].counts]
        count = max(counted, default=64)
    check_positive_int("count", count)
    examples = put_inputs(declared, given, choose(run.data.examples, count, seed))
    latents = draw_latents(game, count, seed, examples.condition)
    step, variables = restored_networks(run, best)
    made = make(variables, latents, examples)
    picture = run.experiment.plot(made, examples, None)
    return Samples(made, latents, examples, step, picture)
