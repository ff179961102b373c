"""Random changes of one example: `(key, example) -> example`, in JAX.

`random_transform(source, change)` draws a change anew each time; `draw_once(data,
change, seed)` draws it once for each example, so that dynamically and statically
binarized digits, or endless and fixed clips, are the same function.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import NDArray

from jaxgan.data.datasets import Dataset, as_dataset, classes_after
from jaxgan.data.sources import Change, as_floats
from jaxgan.errors import InputError, check_positive, check_positive_int, check_seed
from jaxgan.types import Batch


def draw_once(data: Dataset | Batch, change: Change, seed: int = 0) -> Dataset:
    """A change drawn once for each example, from (seed, its number).

    Images held as uint8 come as float32 in [-1, 1] to the change, as they do in a
    source.

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

    @jax.jit
    def changed(numbers: Array, batch: Batch) -> Batch:
        keys = jax.vmap(partial(jax.random.fold_in, jax.random.key(seed)))(numbers)
        return jax.vmap(change)(keys, batch)

    def gather(indices: NDArray[np.int64]) -> Batch:
        count = len(indices)
        # Few sizes are compiled: powers of two.
        numbers = np.resize(indices, 1 << (count - 1).bit_length())
        batch = changed(numbers.astype(np.int32), as_floats(data.gather(numbers)))
        return jax.tree.map(lambda x: np.asarray(x)[:count], batch)

    one = as_floats(data.gather(np.zeros(1, np.int64)))
    made = jax.eval_shape(changed, np.zeros(1, np.int32), one)
    classes = classes_after(data.classes, one, made)
    return Dataset(len(data), gather, classes=classes)


def random_flip(key: Array, example: Batch) -> Batch:
    """Left and right exchanged, for every second example.

    All images of an example are, those of its condition too: whatever has the axes
    (…, h, w, c).

    Raises:
        InputError: if real is no image.
    """
    flipped = jax.random.bernoulli(key)
    if any(x.ndim < 3 for x in jax.tree.leaves(example.real)):
        raise InputError("random_flip: real must be images, (b, h, w, c).")

    def turned(x: Array) -> Array:
        return x if x.ndim < 3 else jnp.where(flipped, jnp.flip(x, -2), x)

    return jax.tree.map(turned, example)


def bernoulli_binarize(key: Array, example: Batch) -> Batch:
    """Every pixel 1 with probability (x + 1) / 2, else -1; images of one by themselves.

    Reference: Salakhutdinov and Murray 2008, "On the quantitative analysis of deep
    belief networks", ICML.
    """

    def drawn(own: Array, image: Array) -> Array:
        ink = jax.random.bernoulli(own, (image + 1) / 2)
        return jnp.where(ink, 1.0, -1.0).astype(image.dtype)

    return _each_changed(key, example, drawn)


def random_hue(key: Array, example: Batch) -> Batch:
    """A gray image in one color of uniform hue: black stays black, white becomes it.

    Images of one example have colors of their own.

    Raises:
        InputError: if the image has more than one channel.
    """

    def inked(own: Array, image: Float[Array, "h w c"]) -> Float[Array, "h w 3"]:
        if image.shape[-1] != 1:
            raise InputError(
                f"random_hue: the images must be gray, (b, h, w, 1); these have "
                f"{image.shape[-1]} channels."
            )
        # Of full saturation and value: each primary rises and falls along the hue.
        hue = 6 * jax.random.uniform(own)
        red, green, blue = jnp.abs(hue - jnp.array([3.0, 2.0, 4.0]))
        color = jnp.clip(jnp.stack([red - 1, 2 - green, 2 - blue]), 0, 1)
        return (image + 1) * color.reshape(1, 1, 3) - 1

    return _each_changed(key, example, inked)


def stack_channels(key: Array, example: Batch) -> Batch:
    """Several images as the channels of one; labels as the digits of one number.

    Without chance, but where tuples come from is not: Stacked MNIST drawn on the fly is
    `random_transform(zip_sources(digits, digits, digits), stack_channels)`, and
    PacGAN's fixed triples are `draw_once(sample_tuples(digits, 3, 128_000),
    stack_channels)` of all 70,000 digits. Labels from 0 to 9 become 0 … 999.

    Raises:
        InputError: if real is not a tuple of images.

    Reference: Metz et al. 2017, arXiv:1611.02163; Lin et al. 2018, arXiv:1712.04086.
    """
    del key
    if not isinstance(example.real, tuple):
        raise InputError(
            "stack_channels: real must be a tuple of images, as `zip_sources` and "
            "`sample_tuples` make."
        )
    if example.condition and len(example.condition) != len(example.real):
        raise InputError(
            f"stack_channels: each of the {len(example.real)} images may have one "
            f"label, got {len(example.condition)} conditions in all."
        )
    condition = example.condition
    if condition:
        places = 10 ** np.arange(len(condition))[::-1]
        digits = [c.astype(np.int32) for c in condition]  # a byte holds no 999
        number = sum(int(p) * c for p, c in zip(places, digits, strict=True))
        condition = (number,)
    return example._replace(
        real=jnp.concatenate(example.real, axis=-1), condition=condition
    )


def moving_clip(frames: int = 20, size: int = 64, speed: float = 0.1) -> Change:
    """Images that move in a square and rebound from its walls: moving MNIST.

    Each starts anywhere, in any direction, and goes `speed` of its free way a frame;
    where images overlap the brighter pixel is seen. A tuple of images (h, w, c) becomes
    a clip (frames, size, size, c), its conditions are kept.
    `random_transform(zip_sources(digits, digits), moving_clip())` is an endless stream
    of clips of two digits, and `draw_once(sample_tuples(digits, 2, 10_000),
    moving_clip())` a set of 10,000.

    Raises:
        InputError: if a count is not an integer of at least 1, or the speed not a
            positive number; if the images are larger than the square.

    Reference: Srivastava et al. 2015, arXiv:1502.04681.
    """
    check_positive_int("moving_clip: frames", frames)
    check_positive_int("moving_clip: size", size)
    check_positive("moving_clip: speed", speed)

    def change(key: Array, example: Batch) -> Batch:
        images = example.real if isinstance(example.real, tuple) else (example.real,)
        keys = jax.random.split(key, len(images))
        clips = [
            _clip(one, image, frames, size, speed)
            for one, image in zip(keys, images, strict=True)
        ]
        return example._replace(real=jnp.stack(clips).max(axis=0))

    return change


def _clip(
    key: Array, image: Float[Array, "h w c"], frames: int, size: int, speed: float
) -> Float[Array, "t size size c"]:
    height, width, channels = image.shape
    if max(height, width) > size:
        raise InputError(
            f"moving_clip: images of {height}×{width} do not fit in a square of {size}."
        )
    where, towards = jax.random.split(key)
    angle = jax.random.uniform(towards, maxval=2 * jnp.pi)
    velocity = speed * jnp.stack([jnp.sin(angle), jnp.cos(angle)]).reshape(1, 2)
    way = velocity * jnp.arange(frames, dtype=velocity.dtype).reshape(-1, 1)
    # Folded into [0, 1], as a ball rebounds.
    place = jnp.mod(jax.random.uniform(where, (2,)).reshape(1, 2) + way, 2)
    free = jnp.array([size - height, size - width], velocity.dtype).reshape(1, 2)
    corners = jnp.round((1 - jnp.abs(place - 1)) * free).astype(jnp.int32)
    empty = jnp.full((size, size, channels), -1, image.dtype)
    return jax.vmap(
        lambda at: jax.lax.dynamic_update_slice(empty, image, (at[0], at[1], 0))
    )(corners)


def _each_changed(
    key: Array, example: Batch, change: Callable[[Array, Array], Array]
) -> Batch:
    """With a key for each of the example's images."""
    images, kind = jax.tree.flatten(example.real)
    made = [change(jax.random.fold_in(key, i), x) for i, x in enumerate(images)]
    return example._replace(real=jax.tree.unflatten(kind, made))
