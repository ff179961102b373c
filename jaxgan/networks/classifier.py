"""A small convolutional classifier, whose last hidden layer metrics use as features.

Convolutions of 4×4 with stride 2, as in a DCGAN, halve the feature maps until they are
at most 4 pixels wide; then come one hidden layer and the logits. With BatchNorm after
every hidden layer and dropout before the logits, it trains in minutes.
"""

from typing import NamedTuple

import flax.linen as nn
import jax
from jaxtyping import Array, Float

from jaxgan.errors import check_positive_int
from jaxgan.networks.linen import from_linen
from jaxgan.networks.ops.convolution import convolve
from jaxgan.types import Network


class Classified(NamedTuple):
    """A classifier's output: features and logits."""

    features: Float[Array, "b d"]
    logits: Float[Array, "b classes"]


def classifier(classes: int, channels: int = 32, features: int = 128) -> Network:
    """Make a classifier of images (b, h, w, c), with its last hidden layer as features.

    Args:
        classes: number of classes.
        channels: of the first feature map; they double as the maps halve.
        features: width of the last hidden layer.

    Raises:
        InputError: if an argument is not an integer of at least 1.

        >>> import jax
        >>> from jaxgan.networks import classifier
        >>> network = classifier(10, channels=4)
        >>> x = jax.numpy.ones((2, 8, 8, 1))
        >>> variables = jax.jit(network.init)(jax.random.key(0), x)
        >>> output, _ = network.apply(variables, x, train=False)
        >>> output.features.shape, output.logits.shape
        ((2, 128), (2, 10))
    """
    check_positive_int("classifier: classes", classes)
    check_positive_int("classifier: channels", channels)
    check_positive_int("classifier: features", features)
    return from_linen(_Classifier(classes, channels, features))


class _Classifier(nn.Module):
    classes: int
    channels: int
    hidden: int

    @nn.compact
    def __call__(
        self, image: Float[Array, "b h w c"], train: bool = True
    ) -> Classified:
        x, width, level = image, self.channels, 0
        while min(x.shape[1:3]) > 4:
            shape = (4, 4, x.shape[-1], width)
            kernel = self.param(f"kernel_{level}", nn.initializers.he_normal(), shape)
            x = _norm_relu(convolve(x, kernel, stride=2), train)
            width, level = 2 * width, level + 1
        x = nn.Dense(self.hidden, use_bias=False)(x.reshape(len(x), -1))
        features = _norm_relu(x, train)
        x = nn.Dropout(0.5, deterministic=not train)(features)
        return Classified(features, nn.Dense(self.classes)(x))


def _norm_relu(x: Array, train: bool) -> Array:
    return jax.nn.relu(nn.BatchNorm(use_running_average=not train, momentum=0.9)(x))
