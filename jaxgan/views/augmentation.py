"""Differentiable augmentation (DiffAugment) for small data sets.

With few images, a discriminator memorizes them. Augmenting reals and fakes prevents
this. The augmentations are differentiable, so the generator is trained through them and
learns to make images without augmentation. They are drawn independently for each image
and each use of the discriminator, penalties included.

Reference: Zhao et al. 2020, arXiv:2006.10738 (DiffAugment).
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxgan.batch_axis import draw_rows
from jaxgan.errors import InputError, check_fraction, check_function, check_non_negative
from jaxgan.types import Tree, View

Augmentation = Callable[
    [Key[Array, ""], Float[Array, "b h w c"]], Float[Array, "b h w c"]
]
"""Random function `(key, images) -> images`, differentiable in the images."""


def diff_augment(*augmentations: Augmentation) -> View:
    """Create a view that applies augmentations, in the given order.

    Without arguments these are the paper's "color, translation, cutout":
    `brightness()`, `saturation()`, `contrast()`, `translation()`, `cutout()`. `View()`
    is the view without augmentation.

    Args:
        augmentations: `brightness(…)`, `saturation(…)`, `contrast(…)`,
            `translation(…)`, `cutout(…)`, or your own functions.

    Raises:
        InputError: if an augmentation is not a function, or, when the game is built, if
            the data are not images (b, h, w, c).

        >>> from jaxgan import gan, mlp, non_saturating, priors
        >>> from jaxgan.views import diff_augment, cutout, translation
        >>> whole, geometric = diff_augment(), diff_augment(translation(), cutout())
        >>> game = gan(mlp((8, 8, 1)), mlp(()), non_saturating(), priors.normal(4),
        ...     view=whole)
    """
    for augmentation in augmentations:
        check_function("diff_augment: every argument", augmentation, "translation()")
    augmentations = augmentations or _policy()

    def show(state: Tree, key: Array, images: Tree, step: Array) -> Tree:
        if not isinstance(images, jax.Array) or images.ndim != 4:
            shapes = jax.tree.map(jnp.shape, images)
            raise InputError(
                f"diff_augment: the data must be images (b, h, w, c), got {shapes}."
            )
        for i, augmentation in enumerate(augmentations):
            images = augmentation(jax.random.fold_in(key, i), images)
        return images

    return View(show=show)


def translation(fraction: float = 1 / 8) -> Augmentation:
    """Create a random translation by whole pixels, with zero padding.

    In images from -1 to 1, zero is gray.

    Args:
        fraction: largest shift, as a fraction of the image's sides, rounded down to
            pixels.

    Raises:
        InputError: if `fraction` is not from 0 to 1.
    """
    check_fraction("translation: fraction", fraction)

    def shift(
        key: Key[Array, ""], images: Float[Array, "b h w c"]
    ) -> Float[Array, "b h w c"]:
        # Products with 0-1 matrices are fast on GPUs and CPUs, and so are their first
        # and second derivatives.
        count, height, width, _ = images.shape
        down, right = jax.random.split(key)
        rows = _shift_matrices(down, count, height, fraction).astype(images.dtype)
        columns = _shift_matrices(right, count, width, fraction).astype(images.dtype)
        return jnp.einsum("bij,bkl,bjlc->bikc", rows, columns, images)

    return shift


def cutout(fraction: float = 1 / 2) -> Augmentation:
    """Create a random cutout, which sets one rectangle of each image to zero.

    The center is uniform over the image, so the rectangle may cross its border.

    Args:
        fraction: sides of the rectangle, as a fraction of the image's sides, rounded
            down to pixels.

    Raises:
        InputError: if `fraction` is not from 0 to 1.
    """
    check_fraction("cutout: fraction", fraction)

    def cut(
        key: Key[Array, ""], images: Float[Array, "b h w c"]
    ) -> Float[Array, "b h w c"]:
        count, height, width, _ = images.shape
        down, right = jax.random.split(key)
        rows = _interval_masks(down, count, height, fraction)
        columns = _interval_masks(right, count, width, fraction)
        hole = rows[:, :, None, None] & columns[:, None, :, None]
        return jnp.where(hole, 0, images)

    return cut


def brightness(reach: float = 0.5) -> Augmentation:
    """Create a random brightness change: one number from U(-reach, reach) per image.

    Raises:
        InputError: if `reach` is negative or not finite.
    """
    check_non_negative("brightness: reach", reach)

    def brighten(
        key: Key[Array, ""], images: Float[Array, "b h w c"]
    ) -> Float[Array, "b h w c"]:
        return images + _uniform(key, images, -reach, reach)

    return brighten


def saturation(reach: float = 1.0) -> Augmentation:
    """Create a random saturation change: one factor U(1 - reach, 1 + reach) per image.

        x ← m + factor · (x - m),  m the mean of each pixel's channels

    At 0 images are gray. Images of one channel stay as they are.

    Raises:
        InputError: if `reach` is not from 0 to 1.
    """
    check_fraction("saturation: reach", reach)
    return partial(_scale, axes=(3,), reach=reach)


def contrast(reach: float = 0.5) -> Augmentation:
    """Create a random contrast change: one factor U(1 - reach, 1 + reach) per image.

        x ← m + factor · (x - m),  m the mean of each image

    Raises:
        InputError: if `reach` is not from 0 to 1.
    """
    check_fraction("contrast: reach", reach)
    return partial(_scale, axes=(1, 2, 3), reach=reach)


def _policy() -> tuple[Augmentation, ...]:
    """Make the paper's augmentations, in the order of its code."""
    return brightness(), saturation(), contrast(), translation(), cutout()


def _scale(
    key: Key[Array, ""],
    images: Float[Array, "b h w c"],
    axes: tuple[int, ...],
    reach: float,
) -> Float[Array, "b h w c"]:
    """Multiply the differences from the mean over some axes by one factor per image."""
    mean = images.mean(axis=axes, keepdims=True)
    return mean + (images - mean) * _uniform(key, images, 1 - reach, 1 + reach)


def _uniform(
    key: Array, images: Float[Array, "b h w c"], low: float, high: float
) -> Float[Array, "b 1 1 1"]:
    """Draw a uniform number for each image."""
    draw = partial(jax.random.uniform, dtype=images.dtype, minval=low, maxval=high)
    return draw_rows(draw, key, (len(images), 1, 1, 1))


def _shift_matrices(key: Array, count: int, side: int, fraction: float) -> Array:
    """Draw for each image a matrix that shifts its pixels along one side."""
    reach = int(side * fraction)
    shifts = partial(jax.random.randint, minval=-reach, maxval=reach + 1)
    by = draw_rows(shifts, key, (count, 1, 1))
    position = jnp.arange(side)
    return position[None, :, None] == position[None, None, :] + by


def _interval_masks(key: Array, count: int, side: int, fraction: float) -> Array:
    """Draw for each image a mask of an interval along one side."""
    length = int(side * fraction)
    centers = partial(jax.random.randint, minval=0, maxval=side)
    start = draw_rows(centers, key, (count, 1)) - length // 2
    position = jnp.arange(side)
    return (position[None] >= start) & (position[None] < start + length)
