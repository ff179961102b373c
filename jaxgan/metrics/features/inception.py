"""Inception-v3 feature extractor, as published FID, KID and Inception Scores use it.

A score is comparable with a published one only if four choices are the same: the
weights, the resizing, the input range of the network, and the conversion of logits to
probabilities. Here

* the weights are those of TensorFlow, 2015-12-05, in any of three file formats;
* images are resized as in TensorFlow 1 or as in clean-fid
  (`jaxgan.metrics.features.resize`);
* the input is (x - 128) / 128, as in TensorFlow's graph, torch-fidelity and clean-fid;
  pytorch-fid uses 2 x / 255 - 1, up to 1/128 more;
* probabilities are the softmax of all 1008 logits without their bias, as in the
  original Inception Score.

The network was checked layer by layer with random weights against torch-fidelity, the
resizing against TensorFlow, torch-fidelity and clean-fid, and the file readers against
files written by PyTorch and TensorFlow. The public weights were not available, so
scores with them have not been checked.
"""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import jax
import numpy as np
from jaxtyping import Array, Float32, UInt8
from numpy.typing import NDArray

from jaxgan.errors import check_function, check_name
from jaxgan.metrics.features.extractor import Extractor, Features
from jaxgan.metrics.features.resize import tf1_bilinear
from jaxgan.metrics.features.weights import load
from jaxgan.networks.inception import (
    BLOCKS,
    SIZE,
    STEM,
    TO_TORCH,
    Conv,
    Layer,
    inception_v3,
    inception_variables,
)
from jaxgan.types import Variables

URL = (
    "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
    "pt_inception-2015-12-05-6726825d.pth"
)
# The file name has eight digits; snap-research/discoscene publishes all of them.
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"

BATCH = 32
"""Number of images in a batch of the network."""

Resizer = Callable[[UInt8[np.ndarray, "n h w c"], int], Float32[np.ndarray, "n s s c"]]


def inception(
    weights: Path | str | None = None,
    resizer: Resizer = tf1_bilinear,
    sha256: str | None = None,
) -> Extractor:
    """Make the Inception-v3 extractor: 2048 pool_3 features, 1008 class probabilities.

    Args:
        weights: path or URL of a file that `jaxgan.metrics.features.weights.load`
            reads; None downloads pytorch-fid's file, 96 MB, once. torch-fidelity's file
            has the same hash, and both were converted from TensorFlow's
            `inception-2015-12-05.tgz`.
        resizer: `tf1_bilinear` for the original FID, `pil_bicubic` for clean-fid, or
            any function `(images, side) -> images`.
        sha256: SHA-256 of the file, or a prefix of it.

    Raises:
        InputError: if the file cannot be found or downloaded, has another hash, cannot
            be read, or belongs to another network.

    Reference: Heusel et al. 2017, arXiv:1706.08500; Salimans et al. 2016,
    arXiv:1606.03498.

        >>> from jaxgan.metrics import inception
        >>> extractor = inception("pt_inception.pth")  # doctest: +SKIP
        >>> extractor(images).features.shape  # doctest: +SKIP
        (10000, 2048)
    """
    check_function("resizer", resizer, "jaxgan.metrics.features.resize.tf1_bilinear")
    if sha256 is not None:
        check_name("sha256", sha256)
    if weights is None:
        weights, sha256 = URL, sha256 or SHA256
    file = load(weights, sha256)
    arrays = file.arrays
    if "softmax/weights" in arrays:
        arrays = _rename_to_torch(arrays)
    variables = inception_variables(arrays)

    def resize(images: UInt8[np.ndarray, "n h w c"]) -> Float32[np.ndarray, "n s s 3"]:
        return np.broadcast_to(resizer(images, SIZE), (len(images), SIZE, SIZE, 3))

    def apply(images: Float32[np.ndarray, "n s s 3"]) -> Features:
        size = min(BATCH, len(images))  # compiles again only for fewer images
        results = []
        for start in range(0, len(images), size):
            batch = images[start : start + size]
            more = [(0, size - len(batch))] + [(0, 0)] * 3
            results.append(_forward(variables, np.pad(batch, more)))
        features, probabilities = (
            np.concatenate(parts)[: len(images)] for parts in zip(*results, strict=True)
        )
        return Features(features, probabilities)

    resizing = f"{resizer.__name__} to {SIZE}x{SIZE}, (x - 128) / 128"
    return Extractor("inception-v3-2015", file.sha256, resizing, apply, resize)


@jax.jit
def _forward(
    variables: Variables, images: Float32[Array, "n h w 3"]
) -> tuple[Float32[Array, "n 2048"], Float32[Array, "n 1008"]]:
    """Compute features and class probabilities of images in 0 .. 255."""
    output, _ = inception_v3().apply(variables, (images - 128) / 128, train=False)
    return output.pool, jax.nn.softmax(output.logits)


def _rename_to_torch(constants: dict[str, NDArray]) -> dict[str, NDArray]:
    """Rename and transpose the weights of a TensorFlow graph as in a state dict."""
    names = {"softmax/weights": "fc.weight"}
    for module, scope in _scopes():
        names[f"{scope}/conv2d_params"] = f"{module}.conv.weight"
        names[f"{scope}/batchnorm/gamma"] = f"{module}.bn.weight"
        names[f"{scope}/batchnorm/beta"] = f"{module}.bn.bias"
        names[f"{scope}/batchnorm/moving_mean"] = f"{module}.bn.running_mean"
        names[f"{scope}/batchnorm/moving_variance"] = f"{module}.bn.running_var"
    return {
        name: constants[theirs].transpose(TO_TORCH[constants[theirs].ndim])
        for theirs, name in names.items()
        if theirs in constants
    }


def _scopes() -> Iterator[tuple[str, str]]:
    """Yield each convolution's PyTorch module and its scope in the graph of 2015.

    The graph numbers repeated names: `conv`, `conv_1`, …. Its blocks are `mixed`, … and
    their branches `tower`, …, except for branches of one convolution or none.
    """
    yield from _scopes_along(STEM, "", "")
    for i, (block, branches) in enumerate(BLOCKS.items()):
        scope, towers = f"{_numbered('mixed', i)}/", count()
        for branch in branches:
            alone = len(branch) == 1
            inside = "" if alone else f"{_numbered('tower', next(towers))}/"
            yield from _scopes_along(branch, f"{block}.", scope + inside)


def _scopes_along(
    layers: tuple[Layer, ...], block: str, scope: str
) -> Iterator[tuple[str, str]]:
    convolutions = (layer for layer in layers if not callable(layer))
    for i, layer in enumerate(convolutions):
        if isinstance(layer, Conv):
            yield block + layer.name, scope + _numbered("conv", i)
        else:
            yield from _scopes_along(layer, block, f"{scope}mixed/")


def _numbered(name: str, i: int) -> str:
    return f"{name}_{i}" if i else name
