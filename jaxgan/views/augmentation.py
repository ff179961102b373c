"""Differentiable augmentation: the discriminator never sees the same image twice.

With few images a discriminator learns them by heart, and the generator with it. If it
sees reals and fakes through the same random changes, it cannot; and because gradients
pass through the changes, the generator learns to make images as they are without them.
The changes are drawn anew for each image and each use, penalties included.

Reference: Zhao et al. 2020, arXiv:2006.10738 (DiffAugment).
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxgan.errors import InputError, check_function, check_non_negative, check_share
from jaxgan.types import Tree, View

Augmentation = Callable[
    [Key[Array, ""], Float[Array, "b h w c"]], Float[Array, "b h w c"]
]
"""`(key, images) -> images`, differentiable in the images."""


def diff_augment(*changes: Augmentation) -> View:
    """Show every image through these changes, one after the other.

    Args:
        changes: `translation(…)`, `cutout(…)`, `brightness(…)`, or your own function.

    Raises:
        InputError: if a change is not a function, or, when the game is built, if the
            data are not images (b, h, w, c).

        >>> from jaxgan import gan, mlp, non_saturating, priors
        >>> from jaxgan.views.augmentation import diff_augment, cutout, translation
        >>> view = diff_augment(translation(), cutout())
        >>> game = gan(mlp((8, 8, 1)), mlp(()), non_saturating(), priors.normal(4),
        ...     view=view)
    """
    for change in changes:
        check_function("changes", change, "shifted()")

    def show(state: Tree, key: Array, images: Tree, step: Array) -> Tree:
        if not isinstance(images, jax.Array) or images.ndim != 4:
            shapes = jax.tree.map(jnp.shape, images)
            raise InputError(
                f"diff_augment: the data must be images (b, h, w, c), got {shapes}."
            )
        for i, change in enumerate(changes):
            images = change(jax.random.fold_in(key, i), images)
        return images

    return View(show=show)


def translation(share: float = 1 / 8) -> Augmentation:
    """Move each image by up to this share of its sides, to any whole pixel.

    What comes in from outside is 0, the gray between -1 and 1.

    Raises:
        InputError: if `share` is not from 0 to 1.
    """
    check_share("translation: share", share)

    def shift(
        key: Key[Array, ""], images: Float[Array, "b h w c"]
    ) -> Float[Array, "b h w c"]:
        # By products with matrices of 0 and 1: for a GPU's and a CPU's fast paths, and
        # for those of both derivatives.
        count, height, width, _ = images.shape
        down, right = jax.random.split(key)
        rows = _moves(down, count, height, share).astype(images.dtype)
        columns = _moves(right, count, width, share).astype(images.dtype)
        return jnp.einsum("bij,bkl,bjlc->bikc", rows, columns, images)

    return shift


def cutout(share: float = 1 / 2) -> Augmentation:
    """Blank a rectangle in each image, its sides this share of the image's.

    Its center is anywhere in the image, so it may stick out.

    Raises:
        InputError: if `share` is not from 0 to 1.
    """
    check_share("cutout: share", share)

    def cut(
        key: Key[Array, ""], images: Float[Array, "b h w c"]
    ) -> Float[Array, "b h w c"]:
        count, height, width, _ = images.shape
        down, right = jax.random.split(key)
        rows = _stretch(down, count, height, share)
        columns = _stretch(right, count, width, share)
        hole = rows[:, :, None, None] & columns[:, None, :, None]
        return jnp.where(hole, 0, images)

    return cut


def brightness(reach: float = 0.5) -> Augmentation:
    """Add to each image one number, uniform from -reach to reach.

    Raises:
        InputError: if `reach` is negative or not finite.
    """
    check_non_negative("brightness: reach", reach)

    def brighten(
        key: Key[Array, ""], images: Float[Array, "b h w c"]
    ) -> Float[Array, "b h w c"]:
        shape = (len(images), 1, 1, 1)
        return images + jax.random.uniform(key, shape, images.dtype, -reach, reach)

    return brighten


def _moves(key: Array, count: int, side: int, share: float) -> Array:
    """For each image a matrix that moves its pixels along a side."""
    reach = int(side * share)
    by = jax.random.randint(key, (count, 1, 1), -reach, reach + 1)
    place = jnp.arange(side)
    return place[None, :, None] == place[None, None, :] + by


def _stretch(key: Array, count: int, side: int, share: float) -> Array:
    """For each image which pixels of a side are in a stretch about a random center."""
    length = int(side * share)
    start = jax.random.randint(key, (count, 1), 0, side) - length // 2
    place = jnp.arange(side)
    return (place[None] >= start) & (place[None] < start + length)
