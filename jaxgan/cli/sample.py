"""`jaxgan sample`."""

import dataclasses
from typing import Annotated, Any

import jax
import numpy as np
from numpy.typing import NDArray
from tyro.conf import arg

from jaxgan.cli.options import (
    MOST_ROWS,
    RunDirectory,
    file_prefix,
    given_inputs,
    load_for_outputs,
)
from jaxgan.errors import check_positive_int, check_seed, naming
from jaxgan.sampling.interpolation import leaf_names
from jaxgan.training.sample import sample
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
        run = load_for_outputs(self.run)
        if self.count is not None:
            check_positive_int("--count", self.count, MOST_ROWS)
        check_seed("--seed", self.seed)
        samples = sample(
            run,
            self.output,
            count=self.count,
            seed=self.seed,
            best=self.best,
            inputs=given_inputs(self, run),
        )
        best = "-best" if self.best else ""
        name = f"{self.output or 'sample'}-{self.seed}{best}"
        out = file_prefix(self.out, run.samples / name)
        out.parent.mkdir(parents=True, exist_ok=True)
        arrays = {
            "samples": samples.made,
            "latents": samples.latents,
            "examples": samples.examples._asdict(),
            "step": np.asarray(samples.step),
        }
        named: dict[str, Any] = _arrays(arrays)
        with naming(out):
            np.savez(f"{out}.npz", **named)
            samples.picture.save(f"{out}.png")
        count = len(jax.tree.leaves(samples.made)[0])
        what = self.output or "samples"
        print(f"{count} {what} of step {samples.step:,}: {out}.png and {out}.npz")


def _arrays(tree: Tree) -> dict[str, NDArray]:
    """Name every leaf of a tree, for an .npz file."""
    leaves = map(np.asarray, jax.tree.leaves(tree))
    return dict(zip(leaf_names(tree), leaves, strict=True))
