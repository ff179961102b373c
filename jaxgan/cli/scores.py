"""Options and the report of `jaxgan evaluate` and `jaxgan evaluate-folders`."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from tyro.conf import arg

from jaxgan.errors import InputError, check_positive_int, check_seed
from jaxgan.evaluation.evaluator import OF_SAMPLES
from jaxgan.evaluation.suite import ALL_METRICS, FEATURE_METRICS
from jaxgan.metrics.features.extractor import Extractor, pixels
from jaxgan.metrics.features.inception import inception
from jaxgan.metrics.features.resize import pil_bicubic, tf1_bilinear
from jaxgan.metrics.inception_score import inception_score_metric
from jaxgan.metrics.metric import Metric
from jaxgan.metrics.protocol import Measurement
from jaxgan.reporting.tables import with_error

MOST_SAMPLES = 10_000_000
"""Most samples that are scored."""

ExtractorName = Literal["own", "inception", "pixels"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class InceptionOptions:
    """Options of Inception: its weights and the resizing of images."""

    weights: Annotated[str | None, arg(metavar="FILE|URL")] = None
    """File or URL of Inception's weights; the public ones by default."""

    sha256: Annotated[str | None, arg(metavar="HEX")] = None
    """SHA-256 of the weights' file, or its beginning."""

    resizer: Literal["tf1", "clean"] = "tf1"
    """Resizing for Inception: TensorFlow 1's bilinear, as published, or clean-fid's."""


def check_options(
    name: ExtractorName, inception: InceptionOptions, samples: int | None, seed: int
) -> None:
    """Check that the options belong together, before anything is read.

    Raises:
        InputError: if they do not.
    """
    if name != "inception":
        for field in dataclasses.fields(InceptionOptions):
            if getattr(inception, field.name) != field.default:
                raise InputError(
                    f"--{field.name}: it is Inception's; say --extractor inception."
                )
    check_seed("--seed", seed)
    if samples is not None:
        check_positive_int("--samples", samples, MOST_SAMPLES)


def make_extractor(
    name: Literal["inception", "pixels"], options: InceptionOptions
) -> Extractor:
    """Make Inception-v3 with the weights of the options, or the pixel extractor."""
    if name == "pixels":
        return pixels()
    resizer = pil_bicubic if options.resizer == "clean" else tf1_bilinear
    return inception(options.weights, resizer, options.sha256)


def default_metrics(name: ExtractorName) -> tuple[Metric, ...]:
    """Return the metrics that Inception or pixels serve."""
    if name == "inception":
        return (*FEATURE_METRICS, inception_score_metric())
    return FEATURE_METRICS


def choose_metrics(names: Sequence[str], own: Sequence[Metric] = ()) -> list[Metric]:
    """Find metrics by their names or those of their scores.

    Args:
        names: what is asked for.
        own: metrics of an experiment, beside all others.

    Raises:
        InputError: if there is none of a name.
    """
    known = {
        name: metric
        for metric in (*ALL_METRICS, *own)
        for name in (metric.name, *metric.scores)
    }
    for name in names:
        if name not in known:
            raise InputError(f"--metrics: there is no {name!r}; there are {[*known]}.")
    wanted = {known[name].name: known[name] for name in names}
    return list(wanted.values())


class Report(NamedTuple):
    """Scores, and where they are kept.

    held_out: the scores of reals that were measured like samples, if there are such.
    left_out: why metrics could not be computed, for each one.
    """

    scores: list[Measurement]
    held_out: list[Measurement]
    kept: Path
    left_out: Sequence[str] = ()


def as_markdown(report: Report) -> str:
    """Format the protocol and the scores with their standard errors as Markdown."""
    how = report.scores[0].protocol
    output = "images" if how.output == OF_SAMPLES else how.output
    weights = f", weights {how.weights[:12]}" if how.weights else ""
    lines = [
        f"{how.fakes:,} {output} of {how.images} against {how.reals:,} of "
        f"{how.reference}, by {how.extractor} (resizing: {how.resizer}{weights})",
    ]
    held_out = {each.name: each for each in report.held_out}
    reals = ""
    if report.held_out:
        protocol = report.held_out[0].protocol
        reals = f" {protocol.fakes:,} other reals |"
    lines += [f"| score | value |{reals}", "|---|---|" + "---|" * bool(reals)]
    for each in report.scores:
        row = f"| {each.name} | {with_error(each.value, each.error)} |"
        if reals:
            floor = held_out.get(each.name)
            row += f" {with_error(floor.value, floor.error) if floor else '—'} |"
        lines.append(row)
    if report.held_out and report.held_out[0].protocol.fakes != how.fakes:
        lines.append("note: there are no more other reals; most scores depend on that.")
    lines += [f"left out: {reason}." for reason in report.left_out]
    return "\n".join([*lines, f"kept in {report.kept}"])
