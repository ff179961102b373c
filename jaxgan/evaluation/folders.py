"""Features of image files, each in its own size."""

import hashlib

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from jaxgan.data.readers.decode import read_image
from jaxgan.data.readers.image_files import Files
from jaxgan.errors import InputError
from jaxgan.evaluation.evaluator import Seen
from jaxgan.metrics.features.extractor import CHUNK, Extractor, joined


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


def choose_files(files: Files, limit: int | None, seed: int) -> Files:
    """All images of a folder, or some of them, drawn by a seed.

    Raises:
        InputError: if there are fewer.
    """
    if limit is None:
        return files
    total = len(files.names)
    if limit > total:
        raise InputError(f"--samples: {files.root} holds {total} images, not {limit}.")
    return files.select([files.names[i] for i in sample_indices(total, limit, seed)])


def sample_indices(total: int, count: int, seed: int) -> NDArray[np.int64]:
    """Which examples are taken where not all are, in their order."""
    return np.sort(np.random.default_rng(seed).permutation(total)[:count])
