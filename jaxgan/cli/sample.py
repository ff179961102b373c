"""`jaxgan sample`."""

import dataclasses
from typing import Annotated

import jax
import numpy as np
from numpy.typing import NDArray
from tyro.conf import arg

from jaxgan.cli.options import MOST_ROWS, RunDirectory, file_prefix, given_inputs
from jaxgan.errors import check_positive_int, check_seed
from jaxgan.sampling.inputs import put_inputs, read_inputs
from jaxgan.sampling.interpolation import leaf_names
from jaxgan.sampling.outputs import choose, draw_latents, maker
from jaxgan.training.run import load_run
from jaxgan.training.snapshots import restored_networks
from jaxgan.types import Tree


@dataclasses.dataclass(frozen=True)
class Sample:
    """Make an output of a run's networks: a picture and an .npz of the same arrays.

    Example: jaxgan sample runs/digits --count 64

    Outputs are made of latents and, in games that read some, of held-out examples that
    the run has kept. What the experiment declares as inputs, such as --label or
    --image, takes the place of the examples'; `jaxgan sample RUN --help` lists them.

    RUN/experiment.py and its modules are run: take only runs that you trust.
    """

    run: RunDirectory
    """A run directory."""

    output: Annotated[str | None, arg(metavar="NAME")] = None
    """Output of the game: samples, reconstructions, …; the first by default."""

    count: Annotated[int | None, arg(metavar="INT")] = None
    """Number of rows; by default 64, or the number of images given."""

    seed: int = 0
    """Random seed of the latents and of the choice of examples."""

    best: bool = False
    """Use the checkpoint with the best score instead of the latest."""

    out: Annotated[str | None, arg(metavar="PATH")] = None
    """Path of the two files, without their suffixes, or their directory; by default
    RUN/samples/sample-SEED, with the output's name in place of `sample` if one is
    given, and -best if so."""

    def execute(self) -> None:
        """Make the output, and write its picture and its arrays."""
        run = load_run(self.run)
        check_seed("--seed", self.seed)
        best = "-best" if self.best else ""
        name = f"{self.output or 'sample'}-{self.seed}{best}"
        out = file_prefix(self.out, run.samples / name)
        game, inputs = run.experiment.game, run.experiment.inputs
        make = maker(game, self.output)
        given = read_inputs(inputs, given_inputs(self, run))
        count = self.count
        if count is None:
            counted = [len(rows) for name, rows in given.items() if inputs[name].counts]
            count = max(counted, default=64)
        check_positive_int("--count", count, MOST_ROWS)
        batch = put_inputs(inputs, given, choose(run.data.examples, count, self.seed))
        latents = draw_latents(game, count, self.seed, batch.condition)
        step, variables = restored_networks(run, self.best)
        made = make(variables, latents, batch)
        out.parent.mkdir(parents=True, exist_ok=True)
        arrays = {"samples": made, "latents": latents, "examples": batch._asdict()}
        arrays = _arrays(arrays) | {"step": np.asarray(step)}
        np.savez(f"{out}.npz", **arrays)
        run.experiment.plot(made, batch, None).save(f"{out}.png")
        what = self.output or "samples"
        print(f"{count} {what} of step {step:,}: {out}.png and {out}.npz")


def _arrays(tree: Tree) -> dict[str, NDArray]:
    """Name every leaf of a tree, for an .npz file."""
    leaves = map(np.asarray, jax.tree.leaves(tree))
    return dict(zip(leaf_names(tree), leaves, strict=True))
