"""`jaxgan evaluate`: the scores of a run's samples, or of anyone's images."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from jaxgan.checkpoint import restore_networks
from jaxgan.commands import Evaluate
from jaxgan.data.image_files import Files
from jaxgan.data.pixels import upright
from jaxgan.errors import InputError, check_positive_int, check_seed
from jaxgan.evaluation import (
    INCEPTION_SCORE,
    OF_CLASSES,
    OF_FEATURES,
    Evaluation,
    Metric,
    Seen,
    check_count,
    score,
    seen,
    seen_split,
)
from jaxgan.metrics.extractors import CHUNK, Extractor, joined, pixels
from jaxgan.metrics.inception import inception
from jaxgan.metrics.protocol import Score, write_scores
from jaxgan.metrics.resizers import pil_bicubic, tf1_bilinear
from jaxgan.reporting import with_error
from jaxgan.run import Run, open_run
from jaxgan.sampling import draw_latents, sampler
from jaxgan.training import like_state

SAMPLES = 10_000
"""Where neither the command nor the experiment says how many."""


class Report(NamedTuple):
    """What `jaxgan evaluate` found."""

    scores: list[Score]
    floor: list[
        Score
    ]  # of reals that are measured like samples; empty if there are none


def evaluate(command: Evaluate) -> Report:
    """Score what the command names.

    Raises:
        InputError: if the options do not fit together, a folder has no images or one
            that cannot be read, the split is unknown, or there are too few images.
    """
    if (command.run is None) == (command.fake is None):
        raise InputError("evaluate: give either a run or --fake DIR and --real DIR.")
    check_seed("--seed", command.seed)
    if command.samples is not None:
        check_positive_int("--samples", command.samples)
    if command.run is None:
        return _of_folders(command)
    return _of_run(command, open_run(command.run))


def table(report: Report) -> str:
    """The scores with their errors, and what reals would score, as Markdown."""
    floors = {each.name: each for each in report.floor}
    lines = ["| score | value | reals |", "|---|---|---|"]
    for each in report.scores:
        floor = floors.get(each.name)
        perfect = "—" if floor is None else with_error(floor.value, floor.error)
        lines.append(
            f"| {each.name} | {with_error(each.value, each.error)} | {perfect} |"
        )
    return "\n".join(lines)


def _of_run(command: Evaluate, run: Run) -> Report:
    evaluation = run.experiment.evaluation
    extractor = _extractor(command, evaluation)
    metrics = _metrics(command, extractor, evaluation)
    samples = command.samples or (evaluation.samples if evaluation else SAMPLES)
    check_count(metrics, samples)
    images, step = _samples(command, run, samples)
    real = _reference(command, evaluation, extractor, images.shape[-1])
    fake = seen("samples", images, extractor)
    scores = score(real, fake, extractor, metrics, step=step, seed=command.seed)
    write_scores(run.scores, scores)
    floor: list[Score] = []
    if evaluation is not None and command.against in (None, evaluation.split):
        reals = evaluation.reals(evaluation.floor)
        chosen = np.random.default_rng(command.seed).permutation(len(reals))[:samples]
        other = seen("reals", reals.gather(np.sort(chosen)).real, extractor)
        floor = score(real, other, extractor, metrics, seed=command.seed)
    return Report(scores, floor)


def _of_folders(command: Evaluate) -> Report:
    if command.fake is None or command.real is None:
        raise InputError("evaluate: give both folders, --fake DIR and --real DIR.")
    if command.against is not None or command.best:
        raise InputError("evaluate: --against and --best are of runs, not of folders.")
    extractor = _extractor(command, None)
    metrics = _metrics(command, extractor, None)
    real = seen_folder(command.real, extractor)
    fake = seen_folder(command.fake, extractor, limit=command.samples)
    return Report(score(real, fake, extractor, metrics, seed=command.seed), [])


def _samples(command: Evaluate, run: Run, count: int) -> tuple[NDArray, int]:
    directory = run.best if command.best else run.checkpoints
    step, variables = restore_networks(directory, like_state(run))
    latents = draw_latents(run.experiment.game, count, command.seed)
    return sampler(run.experiment.game)(variables, latents), step


def _reference(
    command: Evaluate,
    evaluation: Evaluation | None,
    extractor: Extractor,
    channels: int,
) -> Seen:
    if command.against is not None and Path(command.against).is_dir():
        return seen_folder(Path(command.against), extractor, channels)
    if evaluation is None:
        raise InputError(
            f"{command.run} declares no evaluation: say --against DIR, a folder of "
            "real images."
        )
    return seen_split(evaluation, command.against or evaluation.split, extractor)


def _extractor(command: Evaluate, evaluation: Evaluation | None) -> Extractor:
    if command.extractor != "inception" and (command.weights or command.sha256):
        raise InputError("--weights: they are Inception's; say --extractor inception.")
    if command.extractor == "pixels":
        return pixels()
    if command.extractor == "inception":
        clean = command.resizer == "clean"
        resizer = pil_bicubic if clean else tf1_bilinear
        return inception(command.weights, resizer, command.sha256)
    if evaluation is None:
        raise InputError(
            "--extractor: no experiment declares an evaluation here; say inception or "
            "pixels."
        )
    return evaluation.extractor()


def _metrics(
    command: Evaluate, extractor: Extractor, evaluation: Evaluation | None
) -> Sequence[Metric]:
    if command.metrics:
        return [metric for metric in OF_CLASSES if metric.name in command.metrics]
    if evaluation is not None and command.extractor == "own":
        return evaluation.metrics
    return OF_FEATURES if extractor.weights == "" else (*OF_FEATURES, INCEPTION_SCORE)


def seen_folder(
    directory: Path, extractor: Extractor, channels: int = 3, limit: int | None = None
) -> Seen:
    """The images of a folder, each in its own size, as an extractor sees them.

    Raises:
        InputError: if there are no images, or one cannot be read.
    """
    files = Files.of(directory)
    names = files.names[:limit]
    parts, shapes = [], set()
    starts = range(0, len(names), CHUNK)
    for start in tqdm(starts, f"reading {directory}", unit=f"×{CHUNK}", delay=2):
        images = [_read(directory / name, channels) for name in names[start:][:CHUNK]]
        shapes |= {"×".join(map(str, image.shape)) for image in images}
        if len(shapes) > 1 and extractor.resizer == "none":
            raise InputError(
                f"{directory} holds images of several sizes ({', '.join(shapes)}) and "
                f"{extractor.name} does not resize; make them alike."
            )
        parts.append(extractor.part(images))
    shape = shapes.pop() if len(shapes) == 1 else "several"
    return Seen(directory.resolve().name, shape, joined(parts))


def _read(path: Path, channels: int) -> NDArray[np.uint8]:
    try:
        image = np.asarray(upright(path, channels))
    except Exception as error:  # whatever a decoder says of damaged bytes
        raise InputError(
            f"{path} cannot be read as an image; mend or remove it: {error}"
        ) from error
    return image.reshape(*image.shape[:2], channels)
