"""What a run leaves to be read: `metrics.jsonl`, grids of samples and their series."""

import contextlib
import io
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFont

from jaxgan.errors import InputError
from jaxgan.types import Info

Row = dict[str, float]

Log = Callable[[int, Row], None]
"""`(step, row)`, writes a row somewhere."""

GAP = 5
"""Pixels between the images of a grid."""


def flatten(info: Info) -> Row:
    """Everything a step reports, by name: `discriminator/r1`, `generator/gradient`."""
    row: Row = {}
    for player, parts in info.losses.items():
        row |= {f"{player}/{part}": float(value) for part, value in parts.items()}
        row[f"{player}/gradient"] = float(info.gradient_norms[player])
        told = info.diagnostics[player]
        row |= {f"{player}/{name}": float(value) for name, value in told.items()}
    return row


def write_row(path: Path, step: int, row: Mapping[str, float]) -> None:
    """Append a line to `metrics.jsonl`; values that are not finite become null."""
    numbers = {name: float(value) for name, value in row.items()}
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"step": step, **finite_or_none(numbers)}) + "\n")


def finite_or_none(row: Row) -> dict[str, float | None]:
    """A row as JSON can hold it, which knows no infinity."""
    return {k: v if math.isfinite(v) else None for k, v in row.items()}


def read_rows(path: Path) -> list[dict[str, Any]]:
    """All whole lines of `metrics.jsonl`; a torn or damaged line is left out."""
    rows = []
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    for line in text.splitlines():
        with contextlib.suppress(json.JSONDecodeError):
            row = json.loads(line)
            if isinstance(row, dict) and isinstance(row.get("step"), int):
                rows.append(row)
    return rows


def rewind(path: Path, step: int) -> None:
    """Forget the lines after a step, which a resumed run will write again."""
    kept = [row for row in read_rows(path) if row["step"] <= step]
    if path.exists():
        fresh = path.with_suffix(".tmp")
        fresh.write_text("".join(json.dumps(row) + "\n" for row in kept), "utf-8")
        fresh.replace(path)


@contextlib.contextmanager
def event_file(directory: Path, step: int) -> Iterator[Log]:
    """TensorBoard's log, a scalar for each name; what it had after `step` is forgotten.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from jaxgan.reporting import event_file
    >>> with tempfile.TemporaryDirectory() as name:
    ...     with event_file(Path(name), step=0) as log:
    ...         log(100, {"generator/loss": 0.7})
    ...     len([*Path(name).glob("events.out.tfevents.*")])
    1
    """
    from tensorboardX import SummaryWriter

    with SummaryWriter(str(directory), purge_step=step + 1) as writer:

        def log(step: int, row: Row) -> None:
            for name, value in row.items():
                writer.add_scalar(name, value, step)

        yield log


def mean_and_error(values: Sequence[float] | Sequence[int]) -> str:
    """Mean ± standard error; one number has no error, and none is a dash.

    >>> from jaxgan.reporting import mean_and_error
    >>> mean_and_error([93.0, 95.5, 91.7]), mean_and_error([8.0, 8.0])
    ('93.4 ± 1.1', '8 ± 0')
    """
    if not values:
        return "—"
    mean = float(np.mean(values))
    if len(values) == 1 or not math.isfinite(mean):
        return f"{mean:.4g}"
    return with_error(mean, float(np.std(values, ddof=1)) / math.sqrt(len(values)))


def with_error(value: float, error: float) -> str:
    """A number to two digits of its standard error; four digits if that is unknown.

    Before the point no digit of the number is left out.

    >>> from jaxgan.reporting import with_error
    >>> with_error(0.97318, 0.0016), with_error(8.475, float("nan"))
    ('0.9732 ± 0.0016', '8.475')
    """
    if not math.isfinite(error) or not math.isfinite(value):
        return f"{value:.4g}"
    if error == 0:
        return f"{value:.4g} ± 0"
    error = float(f"{error:.1e}")  # 0.0996 is 0.10
    decimals = max(0, 1 - math.floor(math.log10(error)))
    return f"{value:.{decimals}f} ± {error:.{decimals}f}"


def image_grid(
    images: Float[np.ndarray, "n h w c"] | UInt8[np.ndarray, "n h w c"],
    columns: int | None = None,
) -> Image.Image:
    """Lay images out in rows, with white space around each.

    Images smaller than 32 pixels are enlarged by a whole factor, so that their pixels
    can be seen.

    Args:
        images: in [-1, 1] or uint8, of 1 or 3 channels.
        columns: by default about as many as rows.

    Raises:
        InputError: if the images are not of that shape.
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
    """Refuse a file that no picture can be saved in.

    Raises:
        InputError: if its ending is not that of a picture.
    """
    if Image.registered_extensions().get(path.suffix.lower()) not in Image.SAVE:
        raise InputError(f"{name}: {path} must end as a picture does, in .png for one.")


def contact_strip(pictures: Sequence[Path], height: int = 320) -> Image.Image:
    """Saved pictures side by side, each under its file's number: the steps it shows."""
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
    """Points of the plane as dots, over crosses at some marks, such as modes."""
    from matplotlib.figure import Figure  # half a second to import

    figure = Figure(figsize=(3.2, 3.2), dpi=100, layout="constrained")
    axes = figure.add_subplot(aspect="equal")
    reach = 1.3 * np.abs(marks).max()
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach))
    axes.plot(*marks.T, "x", color="tab:red", markersize=8)
    axes.plot(*points.T, ".", color="black", markersize=2, alpha=0.4)
    return _rendered(figure)


def curves(
    lines: Mapping[str, Sequence[Mapping[int, Mapping[str, float]]]],
) -> Image.Image:
    """What runs measured over their steps: the mean, in a band of its standard error.

    Args:
        lines: for each line, by its label, `{step: {name: number}}` of some runs; every
            name has a panel.
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
    return _rendered(figure)


def _rendered(figure: Any) -> Image.Image:
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return Image.open(file).convert("RGB")
