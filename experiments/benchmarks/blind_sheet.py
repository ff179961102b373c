"""Draw a sheet of samples and real images, which somebody judges without the key.

    python experiments/benchmarks/blind_sheet.py runs/mnist
    python experiments/benchmarks/blind_sheet.py runs/mnist --broken 3 17 40

The first command draws RUN/blind_sheet.png: as many samples as test images, numbered,
in an order that a seed shuffles. Somebody who has not seen the order lists the broken
ones. The second command makes the order again, and counts how many of those are samples
and how many reals. What `mnist.py` tells of broken digits was counted so.
"""

import sys
from pathlib import Path

import jax
import numpy as np
import tyro
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from jaxgan import load_run
from jaxgan.reporting import image_grid
from jaxgan.sampling import draw_examples, draw_latents, maker
from jaxgan.training import Run, restored_networks

COLUMNS = 8
ZOOM = 3
LABEL = 18
"""Pixels above an image, in which its number stands."""


def main(
    run: Path, /, broken: tuple[int, ...] = (), count: int = 32, seed: int = 0
) -> None:
    """Draw the sheet of a run, or count what was marked on it.

    Args:
        run: a run whose first output is images.
        broken: numbers of the images that somebody has called broken.
        count: of samples, and of reals.
        seed: of samples, reals and their order.
    """
    if count < 1:
        sys.exit(f"count must be at least 1, got {count}.")
    if outside := {number for number in broken if not 1 <= number <= 2 * count}:
        sys.exit(f"broken: images are numbered 1 to {2 * count}, got {outside}.")
    order = np.random.default_rng(seed).permutation(2 * count)
    if broken:
        samples = sum(order[number - 1] < count for number in {*broken})
        reals = len({*broken}) - samples
        print(f"broken: {samples} of {count} samples, {reals} of {count} reals")
        return
    images = np.concatenate(drawn(load_run(run), count, seed))
    path = run / "blind_sheet.png"
    sheet(images[order]).save(path)
    print(f"{path}: {count} samples and {count} reals")


def drawn(run: Run, count: int, seed: int) -> tuple[NDArray, NDArray]:
    """Samples, made under the conditions of test images, and other test images."""
    examples = draw_examples(run.experiment.examples, 2 * count, seed)
    given, other = (
        jax.tree.map(lambda x, part=part: x[part], examples)
        for part in (slice(count), slice(count, None))
    )
    _, variables = restored_networks(run)
    game = run.experiment.game
    latents = draw_latents(game, count, seed, given.condition)
    made = maker(game)(variables, latents, given)
    return np.asarray(made), np.asarray(other.real)


def sheet(images: NDArray) -> Image.Image:
    """Arrange enlarged images in rows, each under its number."""
    tiles = [image_grid(each[None]) for each in images]
    width, height = (ZOOM * side for side in tiles[0].size)
    rows = -(-len(tiles) // COLUMNS)
    page = Image.new("RGB", (COLUMNS * width, rows * (height + LABEL)), "white")
    draw = ImageDraw.Draw(page)
    for i, tile in enumerate(tiles):
        left, top = i % COLUMNS * width, i // COLUMNS * (height + LABEL)
        draw.text((left + 4, top), str(i + 1), "black", ImageFont.load_default(14))
        page.paste(tile.resize((width, height)), (left, top + LABEL))
    return page


if __name__ == "__main__":
    tyro.cli(main)
