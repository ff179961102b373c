"""`jaxgan evaluate`: the scores of a run's samples, or of anyone's images."""

import dataclasses
import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from jaxgan.cli.commands import RUNS, Evaluate
from jaxgan.data.readers.decode import read_image
from jaxgan.data.readers.image_files import Files
from jaxgan.errors import InputError, check_positive_int, check_seed
from jaxgan.evaluation.evaluator import (
    OF_SAMPLES,
    Evaluation,
    Reference,
    Seen,
    check_rows,
    score,
    seen_split,
)
from jaxgan.evaluation.evaluator import evaluate as evaluate_output
from jaxgan.evaluation.suite import ALL_METRICS, FEATURE_METRICS
from jaxgan.metrics.features.extractor import CHUNK, Extractor, joined, pixels
from jaxgan.metrics.features.inception import inception
from jaxgan.metrics.features.resize import pil_bicubic, tf1_bilinear
from jaxgan.metrics.inception_score import inception_score_metric
from jaxgan.metrics.metric import Metric, check_count, check_features
from jaxgan.metrics.protocol import Score, write_scores
from jaxgan.reporting.tables import with_error
from jaxgan.sampling.outputs import Maker, choose, draw_latents, maker, output_name
from jaxgan.training.run import EVALUATIONS, Run, open_run
from jaxgan.training.snapshots import restored_networks, run_reference
from jaxgan.types import NetworkName, Variables

SAMPLES = 10_000
"""Where neither the command nor the experiment says how many."""


class Report(NamedTuple):
    """What `jaxgan evaluate` found, and where it is kept.

    floor: the scores of reals that were measured like samples, if there are such.
    """

    scores: list[Score]
    floor: list[Score]
    kept: Path


def evaluate(command: Evaluate) -> Report:
    """Score what the command names.

    Raises:
        InputError: if the options do not fit together, a folder has no images or one
            that cannot be read, the split is unknown, or there are too few images.
    """
    _check(command)
    if command.run is not None:
        return _of_run(command, open_run(command.run))
    assert command.fake is not None and command.real is not None  # checked
    metrics = _metrics(command, None)
    reals = Files.of(command.real)
    fakes = _chosen(Files.of(command.fake), command.samples, command.seed)
    check_count(metrics, len(fakes.names))
    extractor = _extractor(command, None)
    real = seen_files(reals, extractor)
    check_features(metrics, real.features, len(fakes.names))
    fake = seen_files(fakes, extractor)
    scores = score(real, fake, extractor, metrics, seed=command.seed)
    out = command.out or RUNS / EVALUATIONS
    out.parent.mkdir(parents=True, exist_ok=True)
    write_scores(out, scores)
    return Report(scores, [], out)


def told(report: Report) -> str:
    """By what protocol, then the scores with their errors, as Markdown."""
    how = report.scores[0].protocol
    output = "images" if how.output == OF_SAMPLES else how.output
    weights = f", weights {how.weights[:12]}" if how.weights else ""
    lines = [
        f"{how.fakes:,} {output} of {how.images} against {how.reals:,} of "
        f"{how.reference}, by {how.extractor} (resizing: {how.resizer}{weights})",
    ]
    floors = {each.name: each for each in report.floor}
    reals = ""
    if report.floor:
        protocol = report.floor[0].protocol
        reals = f" {protocol.fakes:,} other reals |"
    lines += [f"| score | value |{reals}", "|---|---|" + "---|" * bool(reals)]
    for each in report.scores:
        row = f"| {each.name} | {with_error(each.value, each.error)} |"
        if reals:
            floor = floors.get(each.name)
            row += f" {with_error(floor.value, floor.error) if floor else '—'} |"
        lines.append(row)
    if report.floor and report.floor[0].protocol.fakes != how.fakes:
        lines.append("note: there are no more other reals; most scores depend on that.")
    return "\n".join([*lines, f"kept in {report.kept}"])


def _of_run(command: Evaluate, run: Run) -> Report:
    experiment = run.experiment
    folder = _reference_folder(command, experiment.evaluation)
    metrics = _metrics(command, experiment.evaluation)
    evaluation = experiment.evaluation or Evaluation(run.name)
    wanted = dataclasses.replace(
        evaluation,
        samples=command.samples or evaluation.samples,
        metrics=tuple(metrics),
        output=command.output or evaluation.output,
    )
    output_name(experiment.game, wanted.output)
    check_count(metrics, wanted.samples)
    check_rows(wanted, run.data.examples)
    step, variables = restored_networks(run, command.best)
    if not metrics:
        raise InputError(
            f"{run.directory} declares no evaluation: say --extractor inception or "
            "--extractor pixels, and which --metrics."
        )
    make = maker(experiment.game, wanted.output)
    against = _reference(command, run, wanted, folder, make, variables)
    if against.real is not None:
        check_features(metrics, against.real.features, wanted.samples)
    scores = evaluate_output(
        *(wanted, against, experiment.game, make, variables),
        step=step,
        seed=command.seed,
    )
    write_scores(run.evaluations, scores)
    floor = _floor(command, wanted, against) if command.against is None else []
    write_scores(run.evaluations, floor)
    return Report(scores, floor, run.evaluations)


def _reference(
    command: Evaluate,
    run: Run,
    evaluation: Evaluation,
    folder: Files | None,
    make: Maker,
    variables: Mapping[NetworkName, Variables],
) -> Reference:
    """What the command measures against: what the run has kept, where that serves."""
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
        return Reference(seen_files(folder, extractor, shape[-1]), extractor, examples)
    real = seen_split(evaluation, command.against or evaluation.split, extractor)
    return Reference(real, extractor, examples)


def _floor(
    command: Evaluate, evaluation: Evaluation, against: Reference
) -> list[Score]:
    """The scores of other reals, if the run has kept some."""
    real, other, extractor = against.real, against.floor, against.extractor
    if real is None or other is None:
        return []
    chosen = _some(len(other.features.features), evaluation.samples, command.seed)
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
    """The images of the reference, or None if it is a split.

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
    """Folders are told from splits by their look, wherever the command is given."""
    return os.sep in against


def _extractor(command: Evaluate, evaluation: Evaluation | None) -> Extractor:
    if command.extractor == "pixels":
        return pixels()
    if command.extractor == "inception":
        resizer = pil_bicubic if command.resizer == "clean" else tf1_bilinear
        return inception(command.weights, resizer, command.sha256)
    if evaluation is None or evaluation.extractor is None:
        raise InputError(
            "--extractor: no experiment declares one here; say inception or pixels."
        )
    return evaluation.extractor()


def _metrics(command: Evaluate, evaluation: Evaluation | None) -> Sequence[Metric]:
    own = evaluation.metrics if evaluation is not None else ()
    if not command.metrics:
        if command.extractor == "own":
            return own
        of_classes = command.extractor == "inception"
        return (
            (*FEATURE_METRICS, inception_score_metric())
            if of_classes
            else FEATURE_METRICS
        )
    known = {
        name: metric
        for metric in (*ALL_METRICS, *own)
        for name in (metric.name, *metric.scores)
    }
    for name in command.metrics:
        if name not in known:
            raise InputError(f"--metrics: there is no {name!r}; there are {[*known]}.")
    wanted = {known[name].name: known[name] for name in command.metrics}
    return list(wanted.values())


def _check(command: Evaluate) -> None:
    """Refuse options that do not belong together, before anything is read."""
    folders = command.fake is not None or command.real is not None
    if (command.run is not None) == folders:
        raise InputError("evaluate: give either a run or --fake DIR and --real DIR.")
    if folders and (command.fake is None or command.real is None):
        raise InputError("evaluate: give both folders, --fake DIR and --real DIR.")
    if command.run is not None and command.out is not None:
        raise InputError("--out: it is of folders; a run keeps its scores itself.")
    if folders and (command.against is not None or command.best):
        raise InputError("evaluate: --against and --best are of runs, not of folders.")
    if command.extractor != "inception":
        for name, default in (("weights", None), ("sha256", None), ("resizer", "tf1")):
            if getattr(command, name) != default:
                raise InputError(
                    f"--{name}: it is Inception's; say --extractor inception."
                )
    check_seed("--seed", command.seed)
    if command.samples is not None:
        check_positive_int("--samples", command.samples)


def seen_files(files: Files, extractor: Extractor, channels: int = 3) -> Seen:
    """Image files, each in its own size, as an extractor sees them.

    The name of what is seen has a hash of the pixels: folders of one name differ.

    Args:
        files: of a folder.
        extractor: of the features.
        channels: 1, gray, or 3, RGB.

    Raises:
        InputError: if one cannot be read, or the extractor does not resize and their
            sizes differ.
    """
    directory, names, _ = files
    parts, shapes, content = [], set(), hashlib.sha256()
    starts = range(0, len(names), CHUNK)
    for start in tqdm(starts, f"reading {directory}", unit=f"×{CHUNK}", delay=2):
        images = [
            read_image(directory / name, channels) for name in names[start:][:CHUNK]
        ]
        shapes |= {"×".join(map(str, image.shape)) for image in images}
        if len(shapes) > 1 and extractor.resizer == "none":
            raise InputError(
                f"{directory} holds images of several sizes ({', '.join(shapes)}) and "
                f"{extractor.name} does not resize; make them alike."
            )
        for image in images:
            content.update(image.tobytes())
        parts.append(extractor.part(images))
    name = f"{directory.resolve().name} {content.hexdigest()[:12]}"
    shape = shapes.pop() if len(shapes) == 1 else "several"
    return Seen(name, shape, joined(parts))


def _chosen(files: Files, limit: int | None, seed: int) -> Files:
    """All images of a folder, or some of them."""
    if limit is None:
        return files
    total = len(files.names)
    if limit > total:
        raise InputError(f"--samples: {files.root} holds {total} images, not {limit}.")
    return files.only([files.names[i] for i in _some(total, limit, seed)])


def _some(total: int, count: int, seed: int) -> NDArray[np.int64]:
    """Which examples are taken where not all are, in their order."""
    return np.sort(np.random.default_rng(seed).permutation(total)[:count])
