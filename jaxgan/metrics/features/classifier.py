"""A feature extractor that is a classifier trained on the data set itself.

Inception was trained on photographs, and its features say little about digits, clothes
or emoji. A small classifier trained on the data set itself has features that matter
there. It is trained once, in minutes, and cached with its accuracy and hash, because
scores with other weights are not comparable.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
import optax
from jaxtyping import Array, Float, Shaped, UInt8

from jaxgan.data.datasets import Dataset, as_dataset, in_memory
from jaxgan.data.readers.cache import check_writable, default_cache, make_once
from jaxgan.data.sources import as_float, shuffled
from jaxgan.errors import (
    InputError,
    as_path,
    check_name,
    check_positive_int,
    check_seed,
)
from jaxgan.metrics.features.extractor import CHUNK, Extractor, Features, check_images
from jaxgan.networks.classifier import classifier
from jaxgan.precision import standard_promotion
from jaxgan.progress import progress_bar
from jaxgan.types import Batch, Network, Tree, Variables

BATCH_SIZE = 128
LEARNING_RATE = 2e-3
SMOOTHING = 0.1

FORMAT = 1
"""Version of the network and its training; increase it when either changes."""


class Trained(NamedTuple):
    """A trained classifier as an extractor, with its test accuracy."""

    extractor: Extractor
    accuracy: float  # fraction of the test images classified correctly


def trained_classifier(
    name: str,
    train: Dataset,
    test: Dataset,
    *,
    epochs: int = 8,
    seed: int = 0,
    cache: Path | str | None = None,
) -> Trained:
    """Train a classifier on labeled images, or load it from the cache.

    It is trained with Adam, a cosine schedule from 2·10⁻³, batches of 128, and
    cross-entropy with labels smoothed by 0.1. Rounding differs between machines, and so
    do the weights and their hash. For comparable scores, copy the file in
    `cache/classifiers` to the other machine.

    Args:
        name: name of the data, for the name of the extractor.
        train: uint8 images with an integer label as their first condition.
        test: likewise; the accuracy on them is saved with the weights.
        epochs: number of passes over `train`.
        seed: random seed of the weights, the order and the dropout.
        cache: by default $JAXGAN_CACHE or the user's cache folder.

    Raises:
        InputError: if the images are not uint8, have no integer labels, or are fewer
            than a batch, or the cache cannot be written.
    """
    check_name("name", name)
    check_positive_int("epochs", epochs)
    check_seed("seed", seed)
    cache = default_cache() if cache is None else as_path("cache", cache)
    train_batch, test_batch = _labeled("train", train), _labeled("test", test)
    shapes = [images.real.shape[1:] for images in (train_batch, test_batch)]
    if shapes[0] != shapes[1]:
        raise InputError(
            f"train and test must hold images of the same shape, got {shapes}."
        )
    classes, test_classes = (
        np.unique(batch.condition[0]) for batch in (train_batch, test_batch)
    )
    if len(classes) <= classes[-1]:
        raise InputError(
            f"train: every class from 0 to {classes[-1]} must have examples, but only "
            f"{len(classes)} have."
        )
    if test_classes[-1] > classes[-1]:
        raise InputError(
            f"test: labels must be among those of train, 0 to {classes[-1]}, got "
            f"{test_classes[-1]}."
        )
    recipe = [FORMAT, epochs, seed, BATCH_SIZE, LEARNING_RATE, SMOOTHING]
    leaves = jax.tree.leaves((train_batch, test_batch))
    key = _hash([*map(np.asarray, recipe), *leaves])
    entry = cache / "classifiers" / f"{key[:32]}.npz"
    check_writable(entry.parent, 0)
    network = classifier(len(classes))

    def compute(path: Path) -> None:
        variables = _train(network, train_batch, epochs, seed)
        extractor = _extractor(name, network, variables, shapes[0])
        accuracy = _accuracy(extractor, test_batch)
        leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(variables)]
        with path.open("wb") as file:
            digest = np.str_(_hash(leaves))
            np.savez(file, *leaves, accuracy=np.float64(accuracy), sha256=digest)

    make_once(entry, compute)
    example = as_float(train_batch.real[:1])
    like = jax.eval_shape(network.init, jax.random.key(0), example)
    variables, accuracy = _read(entry, jax.tree.structure(like))
    full_name = f"{name}, {accuracy:.2%} right"
    return Trained(_extractor(full_name, network, variables, shapes[0]), accuracy)


def _read(entry: Path, structure: jax.tree_util.PyTreeDef) -> tuple[Variables, float]:
    """Read the weights and the accuracy from a cache file, and verify their hash."""
    try:
        with entry.open("rb") as file, np.load(file) as saved:
            fields = {key: saved[key][()] for key in ("accuracy", "sha256")}
            leaves = [saved[key] for key in saved.files if key not in fields]
        variables = jax.tree.unflatten(structure, leaves)
        damage = "" if _hash(leaves) == fields["sha256"] else "the weights have changed"
    except Exception as error:  # a damaged archive can fail in any way
        damage = str(error) or type(error).__name__
    if damage:
        raise InputError(
            f"cache: {entry} is damaged; remove it to train it again: {damage}."
        )
    return variables, float(fields["accuracy"])


def _train(network: Network, data: Batch, epochs: int, seed: int) -> Variables:
    source = shuffled(data, BATCH_SIZE, substeps=1)
    steps = epochs * len(data.real) // BATCH_SIZE
    optimizer = optax.adam(optax.cosine_decay_schedule(LEARNING_RATE, steps))

    def cost(params: Tree, stats: Tree, batch: Batch, key: Array) -> tuple:
        variables = Variables(params, stats)
        output, stats = network.apply(variables, batch.real, key=key, train=True)
        targets = jax.nn.one_hot(batch.condition[0], output.logits.shape[-1])
        targets = optax.smooth_labels(targets, SMOOTHING)
        return optax.softmax_cross_entropy(output.logits, targets).mean(), stats

    @jax.jit
    def step(variables: Variables, state: Tree, batch: Batch, key: Array) -> tuple:
        grads, stats = jax.grad(cost, has_aux=True)(*variables, batch, key)
        with standard_promotion():
            updates, state = optimizer.update(grads, state)
        params = optax.apply_updates(variables.params, updates)
        return Variables(params, stats), state

    init_key, key = jax.random.split(jax.random.key(seed))
    [first] = source(seed, 0)
    variables = jax.jit(network.init)(init_key, first.real)
    state = optimizer.init(variables.params)
    for i in progress_bar(range(steps), "training a classifier", delay=2, leave=False):
        [batch] = source(seed, i)
        variables, state = step(variables, state, batch, jax.random.fold_in(key, i))
    return variables


def _extractor(
    name: str, network: Network, variables: Variables, shape: tuple[int, ...]
) -> Extractor:
    """Make the extractor of a classifier, for images of its training shape."""

    @jax.jit
    def classify(
        variables: Variables, images: Float[Array, "b h w c"]
    ) -> tuple[Array, Array]:
        with jax.default_matmul_precision(
            "highest"
        ):  # GPUs default to ten-bit mantissas
            output, _ = network.apply(variables, images, train=False)
        return output.features, jax.nn.softmax(output.logits)

    def apply(images: UInt8[np.ndarray, "b h w c"]) -> Features:
        if images.shape[1:] != shape:
            raise InputError(
                f"images must be of shape {shape}, as those that the classifier of "
                f"{name} was trained on, got {images.shape[1:]}."
            )
        more = [(0, -len(images) % CHUNK)] + [(0, 0)] * 3  # one shape compiles once
        features, probabilities = (
            np.asarray(output)[: len(images)]
            for output in classify(variables, as_float(np.pad(images, more)))
        )
        return Features(features, probabilities)

    weights = _hash(jax.tree.leaves(variables))
    return Extractor(f"classifier of {name}", weights, "none", apply)


def _accuracy(extractor: Extractor, data: Batch) -> float:
    predicted = extractor(data.real).classes()
    return float((predicted == data.condition[0]).mean())


def _labeled(split: str, data: Dataset) -> Batch:
    """Load all examples, and check that a classifier can be trained on them."""
    data = in_memory(as_dataset(data, name=split))
    batch = data.gather(np.arange(len(data)))
    check_images(batch.real, split)
    labels = batch.condition[0] if batch.condition else None
    if labels is None or labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise InputError(
            f"{split}: a classifier needs an integer label as the first condition of "
            'each image, as from tfds(…, condition=("label",)).'
        )
    if labels.min() < 0 or labels.max() == 0:
        raise InputError(
            f"{split}: labels must have at least two classes, numbered from 0, got "
            f"{labels.min()} to {labels.max()}."
        )
    if len(data) < BATCH_SIZE:
        raise InputError(
            f"{split} has {len(data)} images; a classifier needs at least {BATCH_SIZE}."
        )
    return batch


def _hash(arrays: Iterable[Shaped[np.ndarray | Array, "..."]]) -> str:
    """Compute the SHA-256 of arrays, their shapes and their types."""
    digest = hashlib.sha256()
    for array in map(np.ascontiguousarray, arrays):
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(array.data)
    return digest.hexdigest()
