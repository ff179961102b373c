"""Extract features of folders of images, which may differ in size."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from jaxgan.data.readers.decode import read_image
from jaxgan.data.readers.files import Files, printable
from jaxgan.data.readers.image_files import look_for_dark
from jaxgan.errors import InputError
from jaxgan.evaluation.evaluator import FeatureSet
from jaxgan.metrics.features.extractor import CHUNK, Extractor, joined
from jaxgan.progress import progress_bar


def extract_files(files: Files, extractor: Extractor, channels: int = 3) -> FeatureSet:
    """Extract features of image files, each in its own size.

    The name of the result includes a hash of the pixels, because folders of the same
    name can differ.

    Args:
        files: the files of a folder.
        extractor: the feature extractor.
        channels: 1 for gray, or 3 for RGB.

    Raises:
        InputError: if a file cannot be read, or their sizes differ and the extractor
            does not resize.
    """
    look_for_dark(files)
    directory, names, _ = files
    parts, shapes, content = [], set(), hashlib.sha256()
    starts = range(0, len(names), CHUNK)
    for start in progress_bar(
        starts, f"reading {directory}", unit=f"×{CHUNK}", delay=2
    ):
        images = [
            read_image(directory / name, channels) for name in names[start:][:CHUNK]
        ]
        shapes |= {"×".join(map(str, image.shape)) for image in images}
        if len(shapes) > 1 and extractor.resizer == "none":
            raise InputError(
                f"{directory} holds images of several sizes ({', '.join(shapes)}) and "
                f"{extractor.name} does not resize; make all images the same size."
            )
        for image in images:
            content.update(image.tobytes())
        parts.append(extractor.part(images))
    name = f"{printable(directory.resolve().name)} {content.hexdigest()[:12]}"
    shape = shapes.pop() if len(shapes) == 1 else "several"
    return FeatureSet(name, shape, joined(parts))


def choose_files(files: Files, limit: int | None, seed: int) -> Files:
    """Choose a random subset of a folder's images, or all of them without a limit.

    Raises:
        InputError: if there are fewer images than the limit.
    """
    if limit is None:
        return files
    total = len(files.names)
    if limit > total:
        raise InputError(f"samples: {files.root} holds {total} images, not {limit}.")
    return files.select([files.names[i] for i in sample_indices(total, limit, seed)])


def sample_indices(total: int, count: int, seed: int) -> NDArray[np.int64]:
    """Draw the indices of a random subset, in ascending order."""
    return np.sort(np.random.default_rng(seed).permutation(total)[:count])
