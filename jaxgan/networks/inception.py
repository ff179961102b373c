"""TensorFlow's Inception-v3 of 2015, the network of FID and the inception score.

It differs from the networks that libraries call Inception-v3 today. Its graph of
2015-12-05 has 1008 outputs, a thousand of them ImageNet classes, and

* its 3×3 average pooling excludes the padding: in a corner it divides by 4, not by 9;
* its last block uses max pooling, all others average pooling;
* BatchNorm adds 0.001 to the variance.

With other weights, or without these three properties, a score is not comparable with
published ones. Modules have the names of PyTorch's ports of the network: `Mixed_5b`,
`branch3x3dbl_2`, `conv`, `bn`. The eleven blocks are written as data.

Reference: Szegedy et al. 2015, arXiv:1512.00567.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import DictKey
from jaxtyping import Array, Float
from numpy.typing import NDArray

from jaxgan.errors import InputError
from jaxgan.networks.linen import from_linen
from jaxgan.types import Network, Variables

SIZE = 299
"""Width and height of the images that the network was trained on."""

MIN_SIZE = 75
"""The smallest image width and height for which the last feature map is not empty."""

CLASSES = 1008
NAME = "TensorFlow's Inception-v3 of 2015"

TO_TORCH = {1: (0,), 2: (1, 0), 4: (3, 2, 0, 1)}
FROM_TORCH = {1: (0,), 2: (1, 0), 4: (2, 3, 1, 0)}
"""Permutations of an array's axes to and from PyTorch's layout, by number of axes."""

# By default a GPU may round the factors of a product to ten bits (TF32).
PRECISION = jax.lax.Precision.HIGHEST


class Conv(NamedTuple):
    """A convolution, followed by BatchNorm and ReLU."""

    name: str
    features: int
    window: tuple[int, int] = (1, 1)
    stride: int = 1
    padding: str = "SAME"


Layer = Conv | tuple[Conv, ...] | Callable[[Array], Array]
"""A convolution, several parallel ones, or a function of a feature map."""

Branches = tuple[tuple[Layer, ...], ...]
"""Parallel chains of layers, whose outputs are concatenated."""


class Inception(NamedTuple):
    """The network's output for b images.

    pool:   the global average of the last feature map: the features of FID.
    logits: of the classes, without the bias, as the inception score uses them.
    blocks: the feature map after each mixed block, by its name.
    """

    pool: Float[Array, "b 2048"]
    logits: Float[Array, "b 1008"]
    blocks: dict[str, Float[Array, "b h w c"]]


def inception_v3() -> Network:
    """Make the network from images (b, h, w, 3) in [-1, 1] to an `Inception`.

    It is meant for pretrained weights: BatchNorm always uses its running statistics,
    and there is no auxiliary head and no dropout.

    Raises:
        InputError: when it is applied, if the images do not have three color channels
            or are smaller than 75×75.

        >>> import jax
        >>> from jaxgan.networks.inception import inception_v3
        >>> network = inception_v3()
        >>> x = jax.numpy.ones((2, 75, 75, 3))
        >>> variables = jax.eval_shape(network.init, jax.random.key(0), x)
        >>> output, _ = jax.eval_shape(network.apply, variables, x)
        >>> output.pool.shape, output.blocks["Mixed_6e"].shape
        ((2, 2048), (2, 3, 3, 768))
    """
    return from_linen(_InceptionV3())


def inception_variables(state: Mapping[str, NDArray]) -> Variables:
    """Convert a state dict of PyTorch's ports of the network to its variables.

    Modules have the same names. PyTorch's `weight`, `running_mean` and `running_var`
    are Flax's `kernel` or `scale`, `mean` and `var`. The bias of `fc` and the batch
    counts are not used.

    Args:
        state: arrays by name, in PyTorch's layout.

    Raises:
        InputError: if an array is missing, has another shape, is not finite, or is not
            part of the network.

        >>> from jaxgan.networks.inception import inception_variables
        >>> inception_variables({})  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        jaxgan.errors.InputError: weights: Conv2d_1a_3x3.bn.bias must be of shape ...
    """
    image = jax.ShapeDtypeStruct((1, MIN_SIZE, MIN_SIZE, 3), jnp.float32)
    shapes = jax.eval_shape(inception_v3().init, jax.random.key(0), image)
    leaves, structure = jax.tree_util.tree_flatten_with_path(shapes)
    wanted = {_name_in_torch(path): leaf.shape for path, leaf in leaves}
    arrays = [_convert_array(state, name, shape) for name, shape in wanted.items()]
    for name in state:
        if name not in wanted and not name.endswith(("fc.bias", "num_batches_tracked")):
            raise InputError(
                f"weights: the file has {name}, which is not part of {NAME}."
            )
    return jax.tree.unflatten(structure, arrays)


def _convert_array(
    state: Mapping[str, NDArray], name: str, shape: tuple[int, ...]
) -> Array:
    """Convert an array from PyTorch's layout to Flax's."""
    expected = tuple(shape[axis] for axis in TO_TORCH[len(shape)])
    found = state[name].shape if name in state else "none"
    if found != expected:
        raise InputError(
            f"weights: {name} must be of shape {expected} in {NAME}, "
            f"but the file has {found}."
        )
    if not np.isfinite(state[name]).all():
        raise InputError(f"weights: {name} holds numbers that are not finite.")
    return jnp.asarray(state[name].transpose(FROM_TORCH[len(shape)]), jnp.float32)


def _name_in_torch(path: tuple) -> str:
    """Convert a path in the Flax variables to the name in PyTorch's state dict."""
    *modules, last = (key.key for key in path if isinstance(key, DictKey))
    name = {"mean": "running_mean", "var": "running_var", "bias": "bias"}
    scope = [module for module in modules if module != "batch_stats"]
    return ".".join([*scope, name.get(last, "weight")])


class _InceptionV3(nn.Module):
    @nn.compact
    def __call__(self, image: Float[Array, "b h w c"]) -> Inception:
        if image.shape[-1] != 3 or min(image.shape[1:3]) < MIN_SIZE:
            raise InputError(
                "inception_v3: images must be of shape (b, h, w, 3), "
                f"{MIN_SIZE}×{MIN_SIZE} or larger, got {image.shape}."
            )
        x = _apply_layers(STEM, image)
        blocks = {}
        for name, branches in BLOCKS.items():
            x = blocks[name] = _Mixed(branches, name=name)(x)
        pool = x.mean(axis=(1, 2))
        classifier = nn.Dense(CLASSES, use_bias=False, precision=PRECISION, name="fc")
        return Inception(pool, classifier(pool), blocks)


class _Mixed(nn.Module):
    branches: Branches

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h2 w2 c2"]:
        return jnp.concatenate(
            [_apply_layers(branch, x) for branch in self.branches], -1
        )


class _Normalized(nn.Module):
    layer: Conv

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h2 w2 c2"]:
        _, features, window, stride, padding = self.layer
        x = nn.Conv(
            features,
            window,
            stride,
            padding,
            use_bias=False,
            precision=PRECISION,
            name="conv",
        )(x)
        x = nn.BatchNorm(use_running_average=True, epsilon=1e-3, name="bn")(x)
        return nn.relu(x)


def _apply_layers(layers: tuple[Layer, ...], x: Array) -> Array:
    """Apply layers in sequence, as submodules of the calling module."""
    for layer in layers:
        if isinstance(layer, Conv):
            x = _Normalized(layer, name=layer.name)(x)
        elif callable(layer):
            x = layer(x)
        else:
            x = jnp.concatenate([_apply_layers((part,), x) for part in layer], -1)
    return x


_average_pool = partial(
    nn.avg_pool,
    window_shape=(3, 3),
    strides=(1, 1),
    padding="SAME",
    count_include_pad=False,
)
_max_pool = partial(nn.max_pool, window_shape=(3, 3), strides=(1, 1), padding="SAME")
_halve = partial(nn.max_pool, window_shape=(3, 3), strides=(2, 2))

STEM = (
    Conv("Conv2d_1a_3x3", 32, (3, 3), 2, "VALID"),
    Conv("Conv2d_2a_3x3", 32, (3, 3), 1, "VALID"),
    Conv("Conv2d_2b_3x3", 64, (3, 3)),
    _halve,
    Conv("Conv2d_3b_1x1", 80),
    Conv("Conv2d_4a_3x3", 192, (3, 3), 1, "VALID"),
    _halve,
)


def _chain(name: str, *convolutions: tuple) -> tuple[Conv, ...]:
    """Make numbered convolutions, each from the fields of `Conv` after the name."""
    return tuple(Conv(f"{name}_{i}", *c) for i, c in enumerate(convolutions, start=1))


def _inception_a(pooled: int) -> Branches:
    """Make a block of the 35×35 maps, Mixed_5b to Mixed_5d."""
    return (
        (Conv("branch1x1", 64),),
        _chain("branch5x5", (48,), (64, (5, 5))),
        _chain("branch3x3dbl", (64,), (96, (3, 3)), (96, (3, 3))),
        (_average_pool, Conv("branch_pool", pooled)),
    )


def _inception_b() -> Branches:
    """Make the block that reduces maps from 35×35 to 17×17, Mixed_6a."""
    last = (96, (3, 3), 2, "VALID")
    return (
        (Conv("branch3x3", 384, (3, 3), 2, "VALID"),),
        _chain("branch3x3dbl", (64,), (96, (3, 3)), last),
        (_halve,),
    )


def _inception_c(width: int) -> Branches:
    """Make a block of the 17×17 maps, Mixed_6b to Mixed_6e."""
    row, column = (width, (1, 7)), (width, (7, 1))
    return (
        (Conv("branch1x1", 192),),
        _chain("branch7x7", (width,), row, (192, (7, 1))),
        _chain("branch7x7dbl", (width,), column, row, column, (192, (1, 7))),
        (_average_pool, Conv("branch_pool", 192)),
    )


def _inception_d() -> Branches:
    """Make the block that reduces maps from 17×17 to 8×8, Mixed_7a."""
    row, column = (192, (1, 7)), (192, (7, 1))
    return (
        _chain("branch3x3", (192,), (320, (3, 3), 2, "VALID")),
        _chain("branch7x7x3", (192,), row, column, (192, (3, 3), 2, "VALID")),
        (_halve,),
    )


def _inception_e(pool: Callable[[Array], Array]) -> Branches:
    """Make a block of the 8×8 maps, Mixed_7b and Mixed_7c."""

    def cross(name: str) -> tuple[Conv, ...]:
        return Conv(f"{name}a", 384, (1, 3)), Conv(f"{name}b", 384, (3, 1))

    return (
        (Conv("branch1x1", 320),),
        (*_chain("branch3x3", (384,)), cross("branch3x3_2")),
        (*_chain("branch3x3dbl", (448,), (384, (3, 3))), cross("branch3x3dbl_3")),
        (pool, Conv("branch_pool", 192)),
    )


BLOCKS: dict[str, Branches] = {
    "Mixed_5b": _inception_a(32),
    "Mixed_5c": _inception_a(64),
    "Mixed_5d": _inception_a(64),
    "Mixed_6a": _inception_b(),
    "Mixed_6b": _inception_c(128),
    "Mixed_6c": _inception_c(160),
    "Mixed_6d": _inception_c(160),
    "Mixed_6e": _inception_c(192),
    "Mixed_7a": _inception_d(),
    "Mixed_7b": _inception_e(_average_pool),
    "Mixed_7c": _inception_e(_max_pool),
}
