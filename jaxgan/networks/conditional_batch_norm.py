"""BatchNorm with a scale and a bias for each class, and as generators use it."""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgan.batch_axis import batch_axis
from jaxgan.errors import InputError, check_decay, check_positive, check_positive_int
from jaxgan.networks.wrappers.labels import look_up, one_hot


class ConditionalBatchNorm(nn.Module):
    """Normalize over the batch, with a learned scale and bias for each class.

        y = (1 + γ[label]) · (x - mean) / √(variance + ε) + β[label]

    Mean and variance are those of all rows of the batch, of all classes together. γ and
    β are zero at first. It is a Flax layer, for modules in `from_linen`.

    Args:
        classes: number of classes.
        momentum: share of the running statistics that is kept.
        epsilon: ε.

    Raises:
        InputError: if an argument is invalid, or, when dynamics are built on the game,
            if the example's labels are not integers (b,) from 0 to classes - 1. Inside
            `jit`, where values are not known, γ and β of a label outside the classes
            are 0.

    Reference: Dumoulin et al. 2017, arXiv:1610.07629; de Vries et al. 2017,
    arXiv:1707.00683.

        >>> import flax.linen as nn
        >>> from jaxgan import from_linen
        >>> from jaxgan.networks import ConditionalBatchNorm
        >>> class Generator(nn.Module):
        ...     @nn.compact
        ...     def __call__(self, latent, label, train=True):
        ...         x = nn.Dense(32)(latent)
        ...         x = nn.relu(ConditionalBatchNorm(10)(x, label, train))
        ...         return nn.Dense(2)(x)
        >>> generator = from_linen(Generator())
    """

    classes: int
    momentum: float = 0.9
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        check_positive_int("ConditionalBatchNorm: classes", self.classes)
        check_decay("ConditionalBatchNorm: momentum", self.momentum)
        check_positive("ConditionalBatchNorm: epsilon", self.epsilon)
        super().__post_init__()

    @nn.compact
    def __call__(
        self, x: Float[Array, "b ... c"], label: Int[Array, " b"], train: bool = True
    ) -> Float[Array, "b ... c"]:
        """Normalize features; `train` is True for the statistics of this batch."""
        normalized = nn.BatchNorm(
            use_running_average=not train,
            momentum=self.momentum,
            epsilon=self.epsilon,
            axis_name=batch_axis(),
            use_scale=False,
            use_bias=False,
        )(x)
        chosen = one_hot(
            "ConditionalBatchNorm: labels", label, self.classes, like=normalized
        )

        def of_class(name: str) -> Array:
            shape = (self.classes, x.shape[-1])
            row = look_up(self.param(name, nn.initializers.zeros, shape), chosen)
            return jnp.expand_dims(row, tuple(range(1, x.ndim - 1)))

        return (1 + of_class("scale")) * normalized + of_class("bias")


def normalize(
    x: Float[Array, "b ... c"],
    train: bool,
    classes: int | None = None,
    label: Int[Array, " b"] | None = None,
    *,
    scale_init: nn.initializers.Initializer = nn.initializers.ones,
) -> Float[Array, "b ... c"]:
    """Apply BatchNorm, conditional if there are classes.

    Args:
        x: features.
        train: True for the statistics of this batch.
        classes: their number; None for a scale and a bias that all examples share.
        label: of each example, if there are classes.
        scale_init: of the shared scale.
    """
    if classes is not None and label is not None:
        return ConditionalBatchNorm(classes)(x, label, train)
    return nn.BatchNorm(
        use_running_average=not train,
        momentum=0.9,
        axis_name=batch_axis(),
        scale_init=scale_init,
    )(x)


def check_label(name: str, label: Int[Array, " b"] | None, classes: int | None) -> None:
    """Check that a generator gets labels if and only if it has classes.

    Raises:
        InputError: if it does not.
    """
    if (label is None) != (classes is None):
        raise InputError(
            f"{name} takes integer labels beside the latents if and only if it is "
            "made with classes=…; vectors are concatenated to the latents by "
            "concatenated(…)."
        )
