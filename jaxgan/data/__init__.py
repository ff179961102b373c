"""Data: sets of examples, and sources that turn them into each step's batches."""

from jaxgan.data.array_files import array_file as array_file
from jaxgan.data.changes import binarized as binarized
from jaxgan.data.changes import coloured as coloured
from jaxgan.data.changes import fixed as fixed
from jaxgan.data.changes import mirrored as mirrored
from jaxgan.data.changes import moving as moving
from jaxgan.data.changes import stacked as stacked
from jaxgan.data.combine import concatenate as concatenate
from jaxgan.data.combine import map as map
from jaxgan.data.combine import paired as paired
from jaxgan.data.combine import split as split
from jaxgan.data.combine import take as take
from jaxgan.data.combine import tuples as tuples
from jaxgan.data.datasets import Dataset as Dataset
from jaxgan.data.datasets import in_memory as in_memory
from jaxgan.data.folder import folder as folder
from jaxgan.data.folder import paired_folders as paired_folders
from jaxgan.data.labels import by_folder as by_folder
from jaxgan.data.labels import by_table as by_table
from jaxgan.data.pictures import downscaled as downscaled
from jaxgan.data.pictures import edges as edges
from jaxgan.data.pictures import framed as framed
from jaxgan.data.pictures import grey as grey
from jaxgan.data.pixels import Fit as Fit
from jaxgan.data.processes import in_processes as in_processes
from jaxgan.data.tfds import tfds as tfds
