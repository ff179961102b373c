"""`jaxgan evaluate-folders`."""

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from jaxgan.cli.options import Names
from jaxgan.cli.scores import (
    InceptionOptions,
    Report,
    as_markdown,
    check_options,
    choose_metrics,
    default_metrics,
    make_extractor,
)
from jaxgan.data.readers.files import Files
from jaxgan.errors import InputError
from jaxgan.evaluation.evaluator import score
from jaxgan.evaluation.folders import choose_files, extract_files
from jaxgan.metrics.metric import check_features, with_enough
from jaxgan.metrics.protocol import write_scores
from jaxgan.training.near_runs import RUNS
from jaxgan.training.run import EVALUATIONS


@dataclasses.dataclass(frozen=True)
class EvaluateFolders(InceptionOptions):
    """Score the images of one folder against those of another.

    Example: jaxgan evaluate-folders photos samples

    Prints every score with its standard error. The scores are kept with all that they
    depend on: extractor, weights, resizing, numbers of images, hashes of the pixels.
    """

    real: Annotated[Positional[Path], arg(metavar="REAL")]
    """The folder of real images."""

    fake: Annotated[Positional[Path], arg(metavar="FAKE")]
    """The folder of images to be scored."""

    metrics: Names = ()
    """Metrics to compute: frechet, frechet_infinity, kid, precision, recall, density,
    coverage, sliced_wasserstein, authenticity, inception_score, class_shares; by
    default frechet, kid, precision, recall, density, coverage and, with Inception,
    inception_score."""

    extractor: Literal["inception", "pixels"] = "inception"
    """Feature extractor: Inception-v3, or the pixels themselves."""

    samples: Annotated[int | None, arg(metavar="INT")] = None
    """Number of fakes; all by default."""

    seed: int = 0
    """Random seed of the choice of fakes where not all are taken."""

    out: Annotated[Path, arg(metavar="FILE")] = RUNS / EVALUATIONS
    """File that the scores are appended to, a .jsonl."""

    def execute(self) -> None:
        """Print the scores, and keep them."""
        check_options(self.extractor, self, self.samples, self.seed)
        if self.out.suffix != ".jsonl":
            raise InputError(f"--out: {self.out} must end in .jsonl.")
        metrics = choose_metrics(self.metrics) or default_metrics(self.extractor)
        reals = Files.of(self.real)
        fakes = choose_files(Files.of(self.fake), self.samples, self.seed)
        count = len(fakes.names)
        with_enough(metrics, count)  # refused before anything is extracted
        extractor = make_extractor(self.extractor, self)
        real = extract_files(reals, extractor)
        able, left_out = with_enough(
            metrics, count, real.features.features.shape[1], len(reals.names)
        )
        check_features(able, real.features, count)
        fake = extract_files(fakes, extractor)
        scores = score(real, fake, extractor, able, seed=self.seed)
        self.out.parent.mkdir(parents=True, exist_ok=True)
        write_scores(self.out, scores)
        print(as_markdown(Report(scores, [], self.out, left_out)))
