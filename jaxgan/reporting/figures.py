"""Draw grids and strips of images, scatter plots and curves."""

import io
import math
from collections.abc import Mapping, Sequence
from numbers import Real as RealNumber
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt8
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from jaxgan.errors import InputError, as_finite, as_path, check_positive_int

GAP = 5
"""Space between the images of a grid, in pixels."""

MOST_PIXELS = 2**14
"""Largest height of a picture."""


def image_grid(
    images: Float[np.ndarray, "n h w c"] | UInt8[np.ndarray, "n h w c"],
    columns: int | None = None,
) -> Image.Image:
    """Arrange images in a grid, with white space around each.

    Images smaller than 32 pixels are enlarged by an integer factor, so that their
    pixels are visible.

    Args:
        images: images in [-1, 1] or uint8, with 1 or 3 channels.
        columns: number of columns; by default about the number of rows.

    Raises:
        InputError: if the images are not of shape (n, h, w, 1) or (n, h, w, 3).
    """
    images = as_finite("images", images)
    if columns is not None:
        check_positive_int("columns", columns)
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or not len(images):
        raise InputError(
            "images must be of shape (n, h, w, 1) or (n, h, w, 3) with n ≥ 1, "
            f"got {images.shape}."
        )
    count, height, width, channels = images.shape
    columns = min(columns, count) if columns else math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    zoom = max(1, math.ceil(32 / max(height, width)))
    if images.dtype == np.uint8:
        pixels = images
    else:
        pixels = np.clip((images + 1) * 127.5 + 0.5, 0, 255).astype(np.uint8)
    pixels = pixels.repeat(zoom, axis=1).repeat(zoom, axis=2)
    tall, wide = height * zoom + GAP, width * zoom + GAP
    sheet = np.full((rows * tall + GAP, columns * wide + GAP, channels), 255, np.uint8)
    for i, image in enumerate(pixels):
        top, left = i // columns * tall + GAP, i % columns * wide + GAP
        sheet[top : top + tall - GAP, left : left + wide - GAP] = image
    return Image.fromarray(sheet.squeeze(-1) if channels == 1 else sheet)


def check_picture(name: str, path: Path) -> None:
    """Check that a path has the extension of an image format that can be written.

    Raises:
        InputError: if it does not.
    """
    if Image.registered_extensions().get(path.suffix.lower()) not in Image.SAVE:
        raise InputError(f"{name}: {path} must end as a picture does, such as in .png.")


def contact_strip(pictures: Sequence[Path], height: int = 320) -> Image.Image:
    """Place saved pictures side by side, each under the step in its file name."""
    check_positive_int("height", height, MOST_PIXELS)
    if not isinstance(pictures, Sequence) or isinstance(pictures, str) or not pictures:
        raise InputError(f"pictures must be paths, at least one, got {pictures!r}.")
    paths = [as_path("pictures: each", path) for path in pictures]
    caption = 24
    panels = []
    for path in paths:
        with _opened(path) as picture:
            scale = height / picture.height
            size = (max(1, round(picture.width * scale)), height)
            panels.append(picture.convert("RGB").resize(size))
    strip = Image.new(
        "RGB", (sum(p.width + 8 for p in panels) - 8, height + caption), "white"
    )
    draw = ImageDraw.Draw(strip)
    left = 0
    for path, panel in zip(paths, panels, strict=True):
        label = f"step {int(path.stem):,}"
        draw.text((left + 4, 4), label, "black", ImageFont.load_default(14))
        strip.paste(panel, (left, caption))
        left += panel.width + 8
    return strip


def _opened(path: Path) -> Image.Image:
    """Open a picture that is named by its step.

    Raises:
        InputError: if it is none.
    """
    try:
        int(path.stem)
        return Image.open(path)
    except (OSError, ValueError) as error:
        raise InputError(
            f"pictures: {path} must be a picture named by its step, as 100.png: {error}"
        ) from error


def scatter(
    points: Float[np.ndarray, "n 2"],
    marks: Float[np.ndarray, "k 2"] | None = None,
    *,
    labels: Int[np.ndarray, " n"] | None = None,
) -> Image.Image:
    """Plot points as dots, over crosses at marks such as modes.

    Args:
        points: to draw.
        marks: to draw beneath; none by default.
        labels: class of each point, from 0, for its color among ten; all are black by
            default.

    Raises:
        InputError: if points or marks are not finite numbers of shape (n, 2), or labels
            are not as many integers of at least 0.
    """
    from matplotlib.figure import Figure  # half a second to import

    points = _as_points("points", points)
    figure = Figure(figsize=(3.2, 3.2), dpi=100, layout="constrained")
    axes = figure.add_subplot(aspect="equal")
    if marks is not None:
        marks = _as_points("marks", marks)
        reach = 1.3 * np.abs(marks).max()
        axes.set(xlim=(-reach, reach), ylim=(-reach, reach))
        axes.plot(*marks.T, "x", color="tab:red", markersize=8)
    dots: dict[str, Any] = {"markersize": 2, "alpha": 0.4}
    if labels is None:
        axes.plot(*points.T, ".", color="black", **dots)
        return _render(figure)
    labels = _as_labels(labels, len(points))
    for label in np.unique(labels):
        own = points[labels == label].T
        axes.plot(*own, ".", color=f"C{label % 10}", label=label, **dots)
    axes.legend(fontsize=7, markerscale=4, ncols=2)
    return _render(figure)


def _as_points(name: str, values: Any) -> NDArray:
    values = as_finite(name, values, 2)
    if values.shape[1] != 2:
        raise InputError(f"{name} must be of shape (n, 2), got {values.shape}.")
    return values


def _as_labels(labels: Any, count: int) -> NDArray[np.integer]:
    labels = np.asarray(labels)
    integers = np.issubdtype(labels.dtype, np.integer)
    if labels.shape != (count,) or not integers or labels.min(initial=0) < 0:
        raise InputError(
            f"labels must be {count} integers of at least 0, one for each point, got "
            f"shape {labels.shape}, {labels.dtype}"
            + (f", the least {labels.min()}." if integers and labels.size else ".")
        )
    return labels


def curves(
    lines: Mapping[str, Sequence[Mapping[int, Mapping[str, float]]]],
) -> Image.Image:
    """Plot the mean of several runs over steps, with a band of one standard error.

    Args:
        lines: for each line, by label, a `{step: {name: number}}` for every run; each
            name gets a panel.
    """
    from matplotlib.figure import Figure

    names = _names_of(lines)
    figure = Figure(figsize=(3.2 * len(names), 3), dpi=100, layout="constrained")
    panels = figure.subplots(1, len(names), squeeze=False)[0]
    for axes, name in zip(panels, names, strict=True):
        axes.set(title=name, xlabel="step", xscale="log")  # even if nothing is drawn
        for label, runs in lines.items():
            steps = sorted(set.intersection(*map(set, runs)))
            values = np.array([[run[step][name] for step in steps] for run in runs])
            mean = values.mean(axis=0)
            axes.plot(steps, mean, marker=".", label=label)
            if len(runs) > 1:
                with np.errstate(invalid="ignore"):  # an infinite KL has no error
                    error = values.std(axis=0, ddof=1) / math.sqrt(len(runs))
                    axes.fill_between(steps, mean - error, mean + error, alpha=0.3)
    axes.legend(fontsize=7)
    return _render(figure)


def _names_of(lines: Mapping[str, Sequence[Mapping]]) -> list[str]:
    """Return the names of the numbers of curves, which all runs share.

    Raises:
        InputError: if there is no line, run, step or name, a name is missing
            somewhere, or what it has is no number.
    """
    try:
        rows = [row for runs in lines.values() for run in runs for row in run.values()]
        names = [*rows[0]]
        complete = all(set(names) <= {*row} for row in rows) and all(lines.values())
        numeric = all(isinstance(row[n], RealNumber) for row in rows for n in names)
        steps = [step for runs in lines.values() for run in runs for step in run]
    except (AttributeError, IndexError, KeyError, TypeError):
        names, steps = [], []
    stepped = names and all(isinstance(step, int) for step in steps)
    if not (stepped and complete and numeric):
        raise InputError(
            'lines must be as {"label": [{100: {"name": 1.5}}]}: for each label its '
            "runs, with the same names at every step."
        )
    return names


def _render(figure: Any) -> Image.Image:
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return Image.open(file).convert("RGB")
