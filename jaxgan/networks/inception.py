"""Inception-v3 as TensorFlow published it in 2015: what FID and IS are measured with.

The network is not the one that libraries call Inception-v3 today. Its graph of
2015-12-05 has 1008 outputs, of which a thousand are classes of ImageNet, and

* its 3×3 averages leave out the padding: in a corner they divide by 4, not by 9;
* the last block pools by the maximum where all others pool by the mean;
* BatchNorm adds 0.001 to the variance.

With other weights or without these three a score is not comparable with any published
one. Modules bear the names that PyTorch's copies of the network have given them:
`Mixed_5b`, `branch3x3dbl_2`, `conv`, `bn`. The eleven blocks are written as data.

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
"""The side of the images that the network was trained on."""

LEAST = 75
"""The side of the smallest images that leave something of the last map."""

CLASSES = 1008
NAME = "TensorFlow's Inception-v3 of 2015"

TO_TORCH = {1: (0,), 2: (1, 0), 4: (3, 2, 0, 1)}
FROM_TORCH = {1: (0,), 2: (1, 0), 4: (2, 3, 1, 0)}
"""The order of sides, by their number."""

# By default a GPU may round the factors of a product to ten bits.
PRECISION = jax.lax.Precision.HIGHEST


class Conv(NamedTuple):
    """A convolution, with the normalization and the ReLU that follow each."""

    name: str
    features: int
    window: tuple[int, int] = (1, 1)
    stride: int = 1
    padding: str = "SAME"


Layer = Conv | tuple[Conv, ...] | Callable[[Array], Array]
"""A convolution, several side by side, or a function of a map."""

Branches = tuple[tuple[Layer, ...], ...]
"""Chains of layers, side by side."""


class Inception(NamedTuple):
    """What the network makes of b images.

    pool:   the mean of the last map: the features of FID.
    logits: of the classes, without the bias, which the inception score leaves out.
    blocks: the map after each mixed block, by its name.
    """

    pool: Float[Array, "b 2048"]
    logits: Float[Array, "b 1008"]
    blocks: dict[str, Float[Array, "b h w c"]]


def inception_v3() -> Network:
    """Images (b, h, w, 3) in [-1, 1] to an `Inception`.

    It is there to be used with weights from elsewhere: BatchNorm always takes its
    running statistics, and there is no auxiliary head and no dropout.

    Raises:
        InputError: when it is applied, if the images have not three colors or are
            smaller than 75×75.

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
    """The network's variables from a state dict of PyTorch's copies of the network.

    Modules have the same names; what PyTorch calls `weight`, `running_mean` and
    `running_var`, Flax calls `kernel` or `scale`, `mean` and `var`. The bias of `fc`
    and counts of batches are not used.

    Args:
        state: arrays by name, with sides in PyTorch's order.

    Raises:
        InputError: if an array is missing, has another shape, is not finite, or does
            not belong here.

        >>> from jaxgan.networks.inception import inception_variables
        >>> inception_variables({})  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        jaxgan.errors.InputError: weights: Conv2d_1a_3x3.bn.bias must be of shape ...
    """
    image = jax.ShapeDtypeStruct((1, LEAST, LEAST, 3), jnp.float32)
    shapes = jax.eval_shape(inception_v3().init, jax.random.key(0), image)
    leaves, structure = jax.tree_util.tree_flatten_with_path(shapes)
    wanted = {_name_in_torch(path): leaf.shape for path, leaf in leaves}
    arrays = [_turned(state, name, shape) for name, shape in wanted.items()]
    for name in state:
        if name not in wanted and not name.endswith(("fc.bias", "num_batches_tracked")):
            raise InputError(f"weights: {NAME} has no {name}, and the file does.")
    return jax.tree.unflatten(structure, arrays)


def _turned(state: Mapping[str, NDArray], name: str, shape: tuple[int, ...]) -> Array:
    """An array of PyTorch as Flax wants it."""
    theirs = tuple(shape[side] for side in TO_TORCH[len(shape)])
    found = state[name].shape if name in state else "none"
    if found != theirs:
        raise InputError(
            f"weights: {name} must be of shape {theirs} in {NAME}, "
            f"and the file has {found}."
        )
    if not np.isfinite(state[name]).all():
        raise InputError(f"weights: {name} holds numbers that are not finite.")
    return jnp.asarray(state[name].transpose(FROM_TORCH[len(shape)]), jnp.float32)


def _name_in_torch(path: tuple) -> str:
    *modules, last = (key.key for key in path if isinstance(key, DictKey))
    name = {"mean": "running_mean", "var": "running_var", "bias": "bias"}
    scope = [module for module in modules if module != "batch_stats"]
    return ".".join([*scope, name.get(last, "weight")])


class _InceptionV3(nn.Module):
    @nn.compact
    def __call__(self, image: Float[Array, "b h w c"]) -> Inception:
        if image.shape[-1] != 3 or min(image.shape[1:3]) < LEAST:
            raise InputError(
                f"inception_v3: images must be of shape (b, h, w, 3), {LEAST}×{LEAST} "
                f"or larger, got {image.shape}."
            )
        x = _along(STEM, image)
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
        return jnp.concatenate([_along(branch, x) for branch in self.branches], -1)


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


def _along(layers: tuple[Layer, ...], x: Array) -> Array:
    """Through one layer after another, as modules of the one that calls."""
    for layer in layers:
        if isinstance(layer, Conv):
            x = _Normalized(layer, name=layer.name)(x)
        elif callable(layer):
            x = layer(x)
        else:
            x = jnp.concatenate([_along((part,), x) for part in layer], -1)
    return x


_mean = partial(
    nn.avg_pool,
    window_shape=(3, 3),
    strides=(1, 1),
    padding="SAME",
    count_include_pad=False,
)
_max = partial(nn.max_pool, window_shape=(3, 3), strides=(1, 1), padding="SAME")
_smaller = partial(nn.max_pool, window_shape=(3, 3), strides=(2, 2))

STEM = (
    Conv("Conv2d_1a_3x3", 32, (3, 3), 2, "VALID"),
    Conv("Conv2d_2a_3x3", 32, (3, 3), 1, "VALID"),
    Conv("Conv2d_2b_3x3", 64, (3, 3)),
    _smaller,
    Conv("Conv2d_3b_1x1", 80),
    Conv("Conv2d_4a_3x3", 192, (3, 3), 1, "VALID"),
    _smaller,
)


def _chain(name: str, *convolutions: tuple) -> tuple[Conv, ...]:
    """Numbered convolutions, each given as what follows the name in `Conv`."""
    return tuple(Conv(f"{name}_{i}", *c) for i, c in enumerate(convolutions, start=1))


def _five(pooled: int) -> Branches:
    return (
        (Conv("branch1x1", 64),),
        _chain("branch5x5", (48,), (64, (5, 5))),
        _chain("branch3x3dbl", (64,), (96, (3, 3)), (96, (3, 3))),
        (_mean, Conv("branch_pool", pooled)),
    )


def _five_to_six() -> Branches:
    last = (96, (3, 3), 2, "VALID")
    return (
        (Conv("branch3x3", 384, (3, 3), 2, "VALID"),),
        _chain("branch3x3dbl", (64,), (96, (3, 3)), last),
        (_smaller,),
    )


def _six(width: int) -> Branches:
    row, column = (width, (1, 7)), (width, (7, 1))
    return (
        (Conv("branch1x1", 192),),
        _chain("branch7x7", (width,), row, (192, (7, 1))),
        _chain("branch7x7dbl", (width,), column, row, column, (192, (1, 7))),
        (_mean, Conv("branch_pool", 192)),
    )


def _six_to_seven() -> Branches:
    row, column = (192, (1, 7)), (192, (7, 1))
    return (
        _chain("branch3x3", (192,), (320, (3, 3), 2, "VALID")),
        _chain("branch7x7x3", (192,), row, column, (192, (3, 3), 2, "VALID")),
        (_smaller,),
    )


def _seven(pool: Callable[[Array], Array]) -> Branches:
    def cross(name: str) -> tuple[Conv, ...]:
        return Conv(f"{name}a", 384, (1, 3)), Conv(f"{name}b", 384, (3, 1))

    return (
        (Conv("branch1x1", 320),),
        (*_chain("branch3x3", (384,)), cross("branch3x3_2")),
        (*_chain("branch3x3dbl", (448,), (384, (3, 3))), cross("branch3x3dbl_3")),
        (pool, Conv("branch_pool", 192)),
    )


BLOCKS: dict[str, Branches] = {
    "Mixed_5b": _five(32),
    "Mixed_5c": _five(64),
    "Mixed_5d": _five(64),
    "Mixed_6a": _five_to_six(),
    "Mixed_6b": _six(128),
    "Mixed_6c": _six(160),
    "Mixed_6d": _six(160),
    "Mixed_6e": _six(192),
    "Mixed_7a": _six_to_seven(),
    "Mixed_7b": _seven(_mean),
    "Mixed_7c": _seven(_max),
}
