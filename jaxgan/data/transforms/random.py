"""Random transforms of one example: `(key, example) -> example`, in JAX.

`random_transform(source, transform)` draws new randomness each time an example is used.
`draw_once(data, transform, seed)` draws it once for each example. So one function gives
both dynamically and statically binarized digits, or both endless and fixed clips.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import NDArray

from jaxgan.data.datasets import Dataset, as_dataset, classes_after
from jaxgan.data.sources import Transform, batch_as_float
from jaxgan.errors import (
    InputError,
    check_function,
    check_instance,
    check_key,
    check_positive,
    check_positive_int,
    check_seed,
)
from jaxgan.types import Batch


def draw_once(data: Dataset | Batch, transform: Transform, seed: int = 0) -> Dataset:
    """Apply a random transform drawn once for each example, from (seed, its index).

    The transform sees uint8 images as float32 in [-1, 1], as in a source.

        >>> import numpy as np
        >>> from jaxgan import Batch
        >>> from jaxgan.data import bernoulli_binarize, draw_once
        >>> gray = Batch(np.full((4, 28, 28, 1), 127, np.uint8))
        >>> digits = draw_once(gray, bernoulli_binarize)
        >>> np.unique(digits.gather(np.arange(2)).real).tolist()
        [-1.0, 1.0]
    """
    data = as_dataset(data)
    check_seed("draw_once: seed", seed)
    check_function("draw_once: transform", transform, "data.random_flip")

    @jax.jit
    def apply(indices: Array, batch: Batch) -> Batch:
        keys = jax.vmap(partial(jax.random.fold_in, jax.random.key(seed)))(indices)
        return jax.vmap(transform)(keys, batch)

    def gather(indices: NDArray[np.int64]) -> Batch:
        count = len(indices)
        # Rounded up to a power of two, so that few sizes are compiled.
        repeated = np.resize(indices, 1 << (count - 1).bit_length())
        batch = batch_as_float(data.gather(repeated))
        batch = apply(repeated.astype(np.int32), batch)
        return jax.tree.map(lambda x: np.asarray(x)[:count], batch)

    one = batch_as_float(data.gather(np.zeros(1, np.int64)))
    made = jax.eval_shape(apply, np.zeros(1, np.int32), one)
    check_instance("draw_once: what transform returns", made, Batch, "its example")
    classes = classes_after(data.classes, one, made)
    return Dataset(len(data), gather, classes=classes, reads=(data,))


def random_flip(key: Array, example: Batch) -> Batch:
    """Flip an example horizontally with probability 1/2.

    All arrays with the axes (…, h, w, c) are flipped together, those of the condition
    too.

    Raises:
        InputError: if real is not an image.
    """
    check_key("key", key)
    if any(x.ndim < 3 for x in _arrays_of(example)):
        raise InputError("random_flip: example.real must be images, (b, h, w, c).")
    flipped = jax.random.bernoulli(key)

    def flip(x: Array) -> Array:
        return x if x.ndim < 3 else jnp.where(flipped, jnp.flip(x, -2), x)

    return jax.tree.map(flip, example)


def bernoulli_binarize(key: Array, example: Batch) -> Batch:
    """Binarize pixels: 1 with probability (x + 1) / 2, else -1.

    Several images of one example are drawn independently.

    Reference: Salakhutdinov and Murray 2008, "On the quantitative analysis of deep
    belief networks", ICML.
    """

    def binarize(key: Array, image: Array) -> Array:
        ones = jax.random.bernoulli(key, (image + 1) / 2)
        return jnp.where(ones, 1.0, -1.0).astype(image.dtype)

    return _map_images(key, example, binarize)


def random_hue(key: Array, example: Batch) -> Batch:
    """Colorize a gray image with a uniformly random hue.

    Black stays black, and white becomes the color. Several images of one example are
    colored independently.

    Raises:
        InputError: if the image has more than one channel.
    """

    def colorize(key: Array, image: Float[Array, "h w c"]) -> Float[Array, "h w 3"]:
        if image.shape[-1] != 1:
            raise InputError(
                f"random_hue: the images of example must be gray, (b, h, w, 1); these "
                f"have {image.shape[-1]} channels."
            )
        # From hue to RGB, at full saturation and value.
        hue = 6 * jax.random.uniform(key)
        red, green, blue = jnp.abs(hue - jnp.array([3.0, 2.0, 4.0]))
        color = jnp.clip(jnp.stack([red - 1, 2 - green, 2 - blue]), 0, 1)
        return (image + 1) * color.reshape(1, 1, 3) - 1

    return _map_images(key, example, colorize)


def stack_channels(key: Array, example: Batch) -> Batch:
    """Stack several images as channels of one; labels become the digits of a number.

    The transform itself is deterministic; the tuples are random. Stacked MNIST sampled
    on the fly is `random_transform(zip_sources(digits, digits, digits),
    stack_channels)`. PacGAN's fixed triples are `draw_once(sample_tuples(digits, 3,
    128_000), stack_channels)` of all 70,000 digits. Three labels from 0 to 9 become one
    from 0 to 999.

    Raises:
        InputError: if real is not a tuple of images, or some but not all images have a
            label.

    Reference: Metz et al. 2017, arXiv:1611.02163; Lin et al. 2018, arXiv:1712.04086.
    """
    check_key("key", key)
    _arrays_of(example)
    if not isinstance(example.real, tuple):
        raise InputError(
            "stack_channels: example.real must be a tuple of images, as from "
            "`zip_sources` or `sample_tuples`."
        )
    if example.condition and len(example.condition) != len(example.real):
        raise InputError(
            f"stack_channels: each of the {len(example.real)} images of example may "
            f"have one label, got {len(example.condition)} conditions in total."
        )
    condition = example.condition
    if condition:
        places = 10 ** np.arange(len(condition))[::-1]
        digits = [c.astype(np.int32) for c in condition]  # uint8 cannot hold 999
        number = sum(int(p) * c for p, c in zip(places, digits, strict=True))
        condition = (number,)
    return example._replace(
        real=jnp.concatenate(example.real, axis=-1), condition=condition
    )


def moving_clip(frames: int = 20, size: int = 64, speed: float = 0.1) -> Transform:
    """Make video clips of images that bounce in a square, as in Moving MNIST.

    Each image starts at a uniform position in a uniform direction. In each frame it
    moves by `speed` times the free space, the size of the square minus that of the
    image. Where images overlap, the brighter pixel is visible. A tuple of images
    (h, w, c) becomes a clip (frames, size, size, c); the conditions are kept.
    `random_transform(zip_sources(digits, digits), moving_clip())` is an endless stream
    of clips of two digits. `draw_once(sample_tuples(digits, 2, 10_000),
    moving_clip())` is a fixed set of 10,000 clips.

    Raises:
        InputError: if a count is not an integer of at least 1, or the speed is not a
            positive number. The transform raises it if an image is larger than the
            square.

    Reference: Srivastava et al. 2015, arXiv:1502.04681.
    """
    check_positive_int("moving_clip: frames", frames)
    check_positive_int("moving_clip: size", size)
    check_positive("moving_clip: speed", speed)

    def transform(key: Array, example: Batch) -> Batch:
        images = example.real if isinstance(example.real, tuple) else (example.real,)
        keys = jax.random.split(key, len(images))
        clips = [
            _bounce(own, image, frames, size, speed)
            for own, image in zip(keys, images, strict=True)
        ]
        return example._replace(real=jnp.stack(clips).max(axis=0))

    return transform


def _bounce(
    key: Array, image: Float[Array, "h w c"], frames: int, size: int, speed: float
) -> Float[Array, "t size size c"]:
    """Render a clip of one image that bounces in a square on a background of -1."""
    height, width, channels = image.shape
    if max(height, width) > size:
        raise InputError(
            f"moving_clip: images of {height}×{width} do not fit in a square of {size}."
        )
    position_key, angle_key = jax.random.split(key)
    angle = jax.random.uniform(angle_key, maxval=2 * jnp.pi)
    velocity = speed * jnp.stack([jnp.sin(angle), jnp.cos(angle)]).reshape(1, 2)
    offset = velocity * jnp.arange(frames, dtype=velocity.dtype).reshape(-1, 1)
    # Modulo 2 and folded into [0, 1] below: a reflection at both walls.
    start = jax.random.uniform(position_key, (2,)).reshape(1, 2)
    position = jnp.mod(start + offset, 2)
    free = jnp.array([size - height, size - width], velocity.dtype).reshape(1, 2)
    corners = jnp.round((1 - jnp.abs(position - 1)) * free).astype(jnp.int32)
    empty = jnp.full((size, size, channels), -1, image.dtype)
    return jax.vmap(
        lambda at: jax.lax.dynamic_update_slice(empty, image, (at[0], at[1], 0))
    )(corners)


def _map_images(
    key: Array, example: Batch, transform: Callable[[Array, Array], Array]
) -> Batch:
    """Apply `(key, image) -> image` to each image of an example, with its own key."""
    check_key("key", key)
    _arrays_of(example)
    images, structure = jax.tree.flatten(example.real)
    made = [transform(jax.random.fold_in(key, i), x) for i, x in enumerate(images)]
    return example._replace(real=jax.tree.unflatten(structure, made))


def _arrays_of(example: Batch) -> list[Array | np.ndarray]:
    """Return the arrays of an example's real.

    Raises:
        InputError: if there are none.
    """
    check_instance("example", example, Batch, "Batch(image)")
    leaves = jax.tree.leaves(example.real)
    if not leaves or not all(hasattr(x, "ndim") for x in leaves):
        raise InputError("example.real must hold arrays, such as an image (h, w, c).")
    return leaves
