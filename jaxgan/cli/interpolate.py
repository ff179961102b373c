"""`jaxgan interpolate`."""

import dataclasses
from typing import Annotated

import jax
import numpy as np
from tyro.conf import arg

from jaxgan.cli.options import RunDirectory, file_prefix, given_inputs, load_for_outputs
from jaxgan.errors import InputError, check_positive_int, check_seed, naming
from jaxgan.sampling.inputs import put_inputs, read_inputs
from jaxgan.sampling.interpolation import interpolate, lerp, slerp, traverse
from jaxgan.sampling.outputs import choose, draw_latents, maker
from jaxgan.training.snapshots import restored_networks

MOST = 1000
"""Most rows, and most columns, of a picture."""


@dataclasses.dataclass(frozen=True)
class Interpolate:
    """Walk between pairs of latents: two pictures, a row for each pair.

    Example: jaxgan interpolate runs/digits --pairs 4

    The straight way (lerp) and the way along the sphere (slerp), which keeps the length
    that normal latents have. Examples stay the same along a row. With --along, one leaf
    of the latents alone moves and all else stays: a traversal. Of a leaf of one-hot
    vectors the columns are its classes.

    RUN/experiment.py and its modules are run: take only runs that you trust.
    """

    run: RunDirectory
    """A run directory."""

    pairs: int = 8
    """Number of pairs, a row each."""

    steps: int = 10
    """Number of samples in a row, both ends included."""

    output: Annotated[str | None, arg(metavar="NAME")] = None
    """Output of the game; the first by default."""

    along: Annotated[str | None, arg(metavar="NAME")] = None
    """Name of the leaf of the latents that changes; all by default."""

    seed: int = 0
    """Random seed of the latents."""

    best: bool = False
    """Use the checkpoint with the best score instead of the latest."""

    out: Annotated[str | None, arg(metavar="PATH")] = None
    """Prefix of the two files' paths, or their directory; by default
    RUN/samples/interpolate, or interpolate-best."""

    def execute(self) -> None:
        """Make the rows, and write a picture of each path."""
        run = load_for_outputs(self.run)
        check_positive_int("--pairs", self.pairs, MOST)
        check_positive_int("--steps", self.steps, MOST)
        check_seed("--seed", self.seed)
        best = "-best" if self.best else ""
        out = file_prefix(self.out, run.samples / f"interpolate{best}")
        game, inputs = run.experiment.game, run.experiment.inputs
        make = maker(game, self.output)
        given = read_inputs(inputs, given_inputs(self, run))
        pairs, seed = self.pairs, self.seed
        batch = put_inputs(inputs, given, choose(run.data.examples, pairs, seed))
        twice = jax.tree.map(lambda x: np.concatenate([x, x]), batch)
        latents = draw_latents(game, 2 * pairs, seed, twice.condition)
        if not jax.tree.leaves(latents):
            raise InputError(f"{self.run}: the game has no latents to move between.")
        if self.along is None:
            ways = {
                path.__name__: (interpolate(latents, path, self.steps), self.steps)
                for path in (lerp, slerp)
            }
        else:
            starts = jax.tree.map(lambda x: x[:pairs], latents)
            of = (self.along, self.steps, batch.condition)
            ways = {self.along: traverse(game, starts, *of)}
        step, variables = restored_networks(run, self.best)
        out.parent.mkdir(parents=True, exist_ok=True)
        for name, (points, columns) in ways.items():
            rows = jax.tree.map(lambda x, n=columns: np.repeat(x, n, axis=0), batch)
            picture = f"{out}-{name}.png"
            made = make(variables, points, rows)
            with naming(picture):
                run.experiment.plot(made, rows, columns).save(picture)
            print(f"{pairs} ways of step {step:,}: {picture}")
