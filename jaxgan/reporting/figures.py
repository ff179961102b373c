"""Draw grids and strips of images, scatter plots and curves."""

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFont

from jaxgan.errors import InputError

GAP = 5
"""Space between the images of a grid, in pixels."""


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
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or not len(images):
        raise InputError(
            "images must be of shape (n, h, w, 1) or (n, h, w, 3) with n ≥ 1, "
            f"got {images.shape}."
        )
    count, height, width, channels = images.shape
    columns = columns or math.ceil(math.sqrt(count))
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
    caption = 24
    panels = []
    for path in pictures:
        with Image.open(path) as picture:
            scale = height / picture.height
            size = (max(1, round(picture.width * scale)), height)
            panels.append(picture.convert("RGB").resize(size))
    strip = Image.new(
        "RGB", (sum(p.width + 8 for p in panels) - 8, height + caption), "white"
    )
    draw = ImageDraw.Draw(strip)
    left = 0
    for path, panel in zip(pictures, panels, strict=True):
        label = f"step {int(path.stem):,}"
        draw.text((left + 4, 4), label, "black", ImageFont.load_default(14))
        strip.paste(panel, (left, caption))
        left += panel.width + 8
    return strip


def scatter(
    points: Float[np.ndarray, "n 2"], marks: Float[np.ndarray, "k 2"]
) -> Image.Image:
    """Plot points as dots, over crosses at marks such as modes."""
    from matplotlib.figure import Figure  # half a second to import

    figure = Figure(figsize=(3.2, 3.2), dpi=100, layout="constrained")
    axes = figure.add_subplot(aspect="equal")
    reach = 1.3 * np.abs(marks).max()
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach))
    axes.plot(*marks.T, "x", color="tab:red", markersize=8)
    axes.plot(*points.T, ".", color="black", markersize=2, alpha=0.4)
    return _render(figure)


def curves(
    lines: Mapping[str, Sequence[Mapping[int, Mapping[str, float]]]],
) -> Image.Image:
    """Plot the mean of several runs over steps, with a band of one standard error.

    Args:
        lines: for each line, by label, a `{step: {name: number}}` for every run; each
            name gets a panel.
    """
    from matplotlib.figure import Figure

    first = next(iter(lines.values()))[0]
    names = list(next(iter(first.values())))
    figure = Figure(figsize=(3.2 * len(names), 3), dpi=100, layout="constrained")
    panels = figure.subplots(1, len(names), squeeze=False)[0]
    for axes, name in zip(panels, names, strict=True):
        for label, runs in lines.items():
            steps = sorted(set.intersection(*map(set, runs)))
            values = np.array([[run[step][name] for step in steps] for run in runs])
            mean = values.mean(axis=0)
            axes.plot(steps, mean, marker=".", label=label)
            if len(runs) > 1:
                with np.errstate(invalid="ignore"):  # an infinite KL has no error
                    error = values.std(axis=0, ddof=1) / math.sqrt(len(runs))
                    axes.fill_between(steps, mean - error, mean + error, alpha=0.3)
        axes.set(title=name, xlabel="step", xscale="log")
    axes.legend(fontsize=7)
    return _render(figure)


def _render(figure: Any) -> Image.Image:
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return Image.open(file).convert("RGB")
