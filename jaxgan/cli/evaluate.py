"""`jaxgan evaluate`."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import jax
import numpy as np
from tyro.conf import arg

from jaxgan.cli.options import Names, RunDirectory, load_for_outputs
from jaxgan.cli.scores import (
    ExtractorName,
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
from jaxgan.evaluation.evaluator import (
    Evaluation,
    Reference,
    check_rows,
    evaluate,
    extract_split,
    score,
)
from jaxgan.evaluation.folders import extract_files, sample_indices
from jaxgan.metrics.features.extractor import Extractor
from jaxgan.metrics.metric import Metric, check_features, with_enough
from jaxgan.metrics.protocol import Measurement, write_scores
from jaxgan.sampling.outputs import Maker, choose, draw_latents, maker, output_name
from jaxgan.training.run import Run
from jaxgan.training.snapshots import restored_networks, run_reference
from jaxgan.types import NetworkName, Variables


@dataclasses.dataclass(frozen=True)
class Evaluate(InceptionOptions):
    """Score a run's samples, or another of its outputs.

    Example: jaxgan evaluate runs/mnist --best

    Prints every score with its standard error and, where the experiment has some, what
    other real images score. The scores are kept in RUN/evaluations.jsonl with all that
    they depend on: extractor, weights, resizing, reference, numbers of images, seed,
    versions.

    RUN/experiment.py and its modules are run: take only runs that you trust.
    """

    run: RunDirectory
    """A run directory."""

    metrics: Names = ()
    """Metrics to compute, by default the experiment's: frechet, frechet_infinity, kid,
    precision, recall, density, coverage, sliced_wasserstein, authenticity,
    inception_score, class_shares, conditional_accuracy, intra_class_frechet, or others
    that the experiment declares.
    Authenticity needs the training set as reference: --against train."""

    output: Annotated[str | None, arg(metavar="NAME")] = None
    """Output of the game; the evaluation's by default."""

    samples: Annotated[int | None, arg(metavar="INT")] = None
    """Number of fakes; the experiment's by default, else 10,000."""

    against: Annotated[str | None, arg(metavar="SPLIT|DIR")] = None
    """Reference: a split of the experiment's data, or a folder, named with a /."""

    extractor: ExtractorName = "own"
    """Feature extractor: the experiment's, Inception-v3, or the pixels themselves."""

    seed: int = 0
    """Random seed of the latents and of the choice of examples."""

    best: bool = False
    """Use the checkpoint with the best score instead of the latest."""

    def execute(self) -> None:
        """Print the scores, and keep them in the run."""
        check_options(self.extractor, self, self.samples, self.seed)
        print(as_markdown(self._report(load_for_outputs(self.run))))

    def _report(self, run: Run) -> Report:
        experiment = run.experiment
        folder = _reference_folder(self, experiment.evaluation)
        metrics = _metrics(self, experiment.evaluation)
        evaluation = experiment.evaluation or Evaluation(run.name)
        wanted = dataclasses.replace(
            evaluation,
            samples=self.samples or evaluation.samples,
            metrics=tuple(metrics),
            output=self.output or evaluation.output,
        )
        output_name(experiment.game, wanted.output)
        able, left_out = with_enough(metrics, wanted.samples)
        check_rows(wanted, run.data.examples)
        step, variables = restored_networks(run, self.best)
        if not metrics:
            raise InputError(
                f"{run.directory} declares no evaluation: say --extractor inception or "
                "--extractor pixels, and which --metrics."
            )
        make = maker(experiment.game, wanted.output)
        against = _reference(self, run, wanted, folder, make, variables)
        if against.real is not None:
            own = against.real.features
            size = own.features.shape[1], len(own.features)
            able, left_out = with_enough(metrics, wanted.samples, *size)
            check_features(able, own, wanted.samples)
        wanted = dataclasses.replace(wanted, metrics=tuple(able))
        scores = evaluate(
            wanted,
            against,
            experiment.game,
            make,
            variables,
            step=step,
            seed=self.seed,
        )
        write_scores(run.evaluations, scores)
        floor = _score_held_out(self, wanted, against) if self.against is None else []
        write_scores(run.evaluations, floor)
        return Report(scores, floor, run.evaluations, left_out)


def _reference(
    command: Evaluate,
    run: Run,
    evaluation: Evaluation,
    folder: Files | None,
    make: Maker,
    variables: Mapping[NetworkName, Variables],
) -> Reference:
    """Return the reference: the one kept in the run where that serves."""
    declared = run.experiment.evaluation is not None
    if declared and command.extractor == "own" and command.against is None:
        return run_reference(run)
    examples = run.data.examples
    if not (evaluation.needs("features") or evaluation.needs("classes")):
        return Reference(None, None, examples)
    one = choose(examples, 1, command.seed)
    latents = draw_latents(run.experiment.game, 1, command.seed, one.condition)
    made = make(variables, latents, one)
    shape: tuple[int, ...] = made.shape[1:] if isinstance(made, np.ndarray) else ()
    if len(shape) != 3 or shape[-1] not in (1, 3):
        raise InputError(
            f"{run.directory} makes rows of shape {shape}; only images (h, w, 1) or "
            "(h, w, 3) are evaluated so."
        )
    extractor = _extractor(command, run.experiment.evaluation)
    if folder is not None:
        return Reference(
            extract_files(folder, extractor, shape[-1]), extractor, examples
        )
    real = extract_split(evaluation, command.against or evaluation.split, extractor)
    return Reference(real, extractor, examples)


def _score_held_out(
    command: Evaluate, evaluation: Evaluation, against: Reference
) -> list[Measurement]:
    """Score other reals, if the run has kept some."""
    real, other, extractor = against.real, against.held_out, against.extractor
    if real is None or other is None:
        return []
    chosen = sample_indices(
        len(other.features.features), evaluation.samples, command.seed
    )
    own = jax.tree.map(lambda x: x[chosen], other.features)
    able = [
        metric
        for metric in evaluation.metrics
        if metric.min_fakes(own.features.shape[1]) <= len(chosen)
        and "pairs" not in metric.needs
    ]
    other = other._replace(features=own)
    return score(real, other, extractor, able, seed=command.seed)


def _reference_folder(command: Evaluate, evaluation: Evaluation | None) -> Files | None:
    """List the image files of the reference; None if it is a split.

    One that is not there is refused, before a classifier is trained.
    """
    against = command.against
    if against is not None and _is_folder(against):
        return Files.of(Path(against))
    if evaluation is None:
        raise InputError(
            f"--against: {command.run} declares no evaluation, so name a folder of "
            f"real images, with a {os.sep} in it, as in .{os.sep}photos."
        )
    if against is not None:
        if evaluation.reals is None:
            raise InputError(
                f"--against: the evaluation of {command.run} has no reals, so name a "
                f"folder, with a {os.sep} in it."
            )
        try:
            evaluation.reals(against)
        except InputError as error:
            hint = f" A folder is named with a {os.sep}: .{os.sep}{against}."
            raise InputError(
                f"{error}{hint if Path(against).is_dir() else ''}"
            ) from error
    return None


def _is_folder(against: str) -> bool:
    """Return True if the name has a separator, as folders have and splits do not."""
    return os.sep in against


def _extractor(command: Evaluate, evaluation: Evaluation | None) -> Extractor:
    if command.extractor != "own":
        return make_extractor(command.extractor, command)
    if evaluation is None or evaluation.extractor is None:
        raise InputError(
            "--extractor: no experiment declares one here; say inception or pixels."
        )
    return evaluation.extractor()


def _metrics(command: Evaluate, evaluation: Evaluation | None) -> Sequence[Metric]:
    own = evaluation.metrics if evaluation is not None else ()
    if command.metrics:
        return choose_metrics(command.metrics, own)
    return own if command.extractor == "own" else default_metrics(command.extractor)
