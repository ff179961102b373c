"""Data sets, readers of files, transforms and sources of batches."""

from jaxgan.data.datasets import Dataset, in_memory
from jaxgan.data.fingerprints import fingerprint
from jaxgan.data.processes import multiprocess
from jaxgan.data.readers import synthetic
from jaxgan.data.readers.array_files import array_file
from jaxgan.data.readers.decode import Filter, Resize, Shape
from jaxgan.data.readers.digits import DIGIT_LEVELS, digits
from jaxgan.data.readers.folder import folder, paired_folders
from jaxgan.data.readers.labels import Labels, by_folder, by_table
from jaxgan.data.readers.tfds import tfds
from jaxgan.data.readers.trajectories import (
    Scenes,
    crowds,
    displacements,
    from_displacements,
    pedestrians,
    trajectories,
)
from jaxgan.data.sources import (
    Source,
    prefetch,
    random_transform,
    shuffled,
    zip_sources,
)
from jaxgan.data.transforms.combine import (
    concatenate,
    map,
    paired,
    sample_tuples,
    split,
    take,
)
from jaxgan.data.transforms.images import downscaled, edge_map, grayscale, pad_to
from jaxgan.data.transforms.random import (
    bernoulli_binarize,
    draw_once,
    moving_clip,
    random_flip,
    random_hue,
    stack_channels,
)

__all__ = [
    "DIGIT_LEVELS",
    "Dataset",
    "Filter",
    "Labels",
    "Resize",
    "Scenes",
    "Shape",
    "Source",
    "array_file",
    "bernoulli_binarize",
    "by_folder",
    "by_table",
    "concatenate",
    "crowds",
    "digits",
    "displacements",
    "downscaled",
    "draw_once",
    "edge_map",
    "fingerprint",
    "folder",
    "from_displacements",
    "grayscale",
    "in_memory",
    "map",
    "moving_clip",
    "multiprocess",
    "pad_to",
    "paired",
    "paired_folders",
    "pedestrians",
    "prefetch",
    "random_flip",
    "random_hue",
    "random_transform",
    "sample_tuples",
    "shuffled",
    "split",
    "stack_channels",
    "synthetic",
    "take",
    "tfds",
    "trajectories",
    "zip_sources",
]
