"""Reader of TFDS (TensorFlow Datasets) data sets that does not need TensorFlow.

TFDS downloads hundreds of data sets, verifies them and prepares them on disk. Reading a
set that is prepared as `array_record` needs neither TensorFlow nor a network. Most sets
need TensorFlow once, for the preparation.
"""

import dataclasses
import importlib.util
import io
import logging
import os
import shlex
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from jaxgan.data.datasets import Dataset, fits_in_memory, in_memory
from jaxgan.data.readers.decode import Resize, load_resized
from jaxgan.errors import (
    InputError,
    as_path,
    check_flag,
    check_instance,
    check_name,
    check_names,
)
from jaxgan.types import Batch

TIMEOUT = 5
"""Seconds to wait for a server before the network counts as unavailable."""


def tfds(
    name: str,
    split: str = "train",
    *,
    real: str = "image",
    condition: tuple[str, ...] = (),
    data_dir: Path | str | None = None,
    resize: Resize | None = None,
    stream: bool | None = None,
) -> Dataset:
    """Read a split of a TFDS data set.

    A set that is not prepared is prepared first, if TensorFlow is installed.

    Args:
        name: `"mnist"`, or with a configuration or version, `"mnist:3.0.1"`.
        split: `"train"`, or in the syntax of TFDS, `"train[:10%]+test"`.
        real: name of the feature that is the example.
        condition: names of the features that are the condition, such as `("label",)`.
        data_dir: folder of prepared sets; by default $TFDS_DATA_DIR or, if it is unset,
            `~/tensorflow_datasets`.
        resize: size, shape and channels of the images; required if their sizes differ.
        stream: decode examples each time they are gathered, instead of once into
            memory. By default True if they need more than half of the free memory.

    Raises:
        InputError: if there is no such set, split or feature, the set is not prepared
            and cannot be, or its images differ in size and `resize` is not given.

    Reference: www.tensorflow.org/datasets/catalog/overview
    """
    import tensorflow_datasets  # takes 0.5 s to import

    check_name("name", name)
    check_name("split", split)
    check_name("real", real)
    check_names("condition", condition)
    if resize is not None:
        check_instance("resize", resize, Resize, "Resize(64)")
    if stream is not None:
        check_flag("stream", stream)
    builder = _prepared_builder(name, data_dir)
    features = builder.info.features
    _check_names(builder, name, split, (real, *condition))
    images = {
        feature
        for feature in features
        if isinstance(features[feature], tensorflow_datasets.features.Image)
    }
    if resize is None and real in images and None in features[real].shape:
        raise InputError(
            f"resize: the images of {name} differ in size; choose one, as in "
            "resize=Resize(64)."
        )
    # TFDS would need OpenCV to decode images, and would decode unused ones too.
    encoded = real in images and features[real].np_dtype == np.uint8
    undecoded = images - set(condition) - (set() if encoded else {real})
    skip = dict.fromkeys(undecoded, tensorflow_datasets.decode.SkipDecoding())
    if resize is not None and not encoded:
        raise InputError(
            f"resize: feature {real!r} of {name} is {features[real]}; only uint8 "
            "images can be resized."
        )
    ragged = [c for c in condition if None in features[c].shape]
    if ragged:
        raise InputError(
            f"condition: {ragged} of {name} have no fixed shape, so they cannot be "
            "stacked to a batch."
        )
    if resize is not None and resize.channels is None:
        channels = 1 if features[real].shape[-1] == 1 else 3
        resize = dataclasses.replace(resize, channels=channels)
    records = builder.as_data_source(split, decoders=skip)

    def gather(indices: NDArray[np.int64]) -> Batch:
        examples = records.__getitems__(indices.tolist())
        reals = [_decode(e[real], resize) if encoded else e[real] for e in examples]
        others = (np.stack([e[column] for e in examples]) for column in condition)
        return Batch(np.stack(reals), tuple(others))

    classes = getattr(features[condition[0]], "names", None) if condition else None
    data = Dataset(len(records), gather, classes=tuple(classes or ()))
    if stream is None:
        stream = not fits_in_memory(data)
    return data if stream else in_memory(data)


def feature_names(name: str, data_dir: Path | str | None = None) -> tuple[str, ...]:
    """List the features of an example of a TFDS data set.

    Raises:
        InputError: as `tfds`.
    """
    return tuple(_prepared_builder(name, data_dir).info.features)


def _decode(encoded: bytes, resize: Resize | None) -> NDArray[np.uint8]:
    if resize is not None:
        return load_resized(io.BytesIO(encoded), resize)
    with Image.open(io.BytesIO(encoded)) as image:
        pixels = np.asarray(image)
    return pixels.reshape(*pixels.shape[:2], -1)


def _prepared_builder(name: str, data_dir: Path | str | None) -> Any:
    """Find the builder of a set, and prepare the set if necessary."""
    usual = os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    given = usual if data_dir is None else data_dir
    root = as_path("data_dir", given).expanduser()
    builder = _find_builder(name, root)
    if not builder.is_prepared():
        builder = _find_builder(name, root, file_format="array_record")
        _check_preparable(builder, name, root)
        builder.download_and_prepare()
    elif builder.info.file_format.value != "array_record":
        raise InputError(
            f"data_dir: {builder.data_path} is prepared as "
            f"{builder.info.file_format.value}, which has no random access; name "
            "another folder, where it is prepared as array_record."
        )
    return builder


def _find_builder(name: str, root: Path, **options: str) -> Any:
    """Find the builder of a data set by name.

    Raises:
        InputError: if TFDS has no such data set.
    """
    import tensorflow_datasets

    logger = logging.getLogger("absl")  # TFDS warns of a set that is not prepared
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        return tensorflow_datasets.builder(name, data_dir=root, **options)
    except tensorflow_datasets.core.DatasetNotFoundError as error:
        raise InputError(
            f"name: TFDS knows no data set {name!r}, and none is prepared in {root}."
        ) from error
    except (ValueError, TypeError, AssertionError, ImportError) as error:
        reason = str(error).strip().splitlines()[0].rsplit('": ', 1)[-1]
        reason = reason.split(" Here are ")[0]
        raise InputError(f"name: TFDS rejects {name!r}: {reason}") from error
    finally:
        logger.setLevel(level)


def _check_preparable(builder: Any, name: str, root: Path) -> None:
    """Check that a set can be prepared: TensorFlow is installed and the server answers.

    TFDS itself would fail late, or retry for minutes without a network.

    Raises:
        InputError: if TensorFlow or the network is missing.
    """
    import requests

    its_own = type(builder).__module__.startswith("tensorflow_datasets.")
    if its_own and importlib.util.find_spec("tensorflow") is None:
        raise InputError(
            f"{name} is not prepared in {root}, and preparing it needs TensorFlow, "
            f"once: pip install 'jaxgan[tensorflow]' && jaxgan data {name} "
            f"--data-dir {shlex.quote(str(root))}"
        )
    urls = [urlsplit(url) for url in builder.url_infos or ()]
    manual = root / "downloads" / "manual"
    if any((manual / Path(url.path).name).is_file() for url in urls):
        return  # manually downloaded files need no network
    for scheme, host in sorted({(url.scheme, url.netloc) for url in urls}):
        try:
            requests.head(f"{scheme}://{host}", timeout=TIMEOUT)
        except requests.exceptions.SSLError:
            continue  # a server answered
        except requests.exceptions.RequestException as error:
            raise InputError(
                f"{name} is not prepared in {root}, and {host}, where it is "
                "downloaded, does not answer; connect to a network, or put the files "
                f"in {manual}."
            ) from error


def _check_names(
    builder: Any, name: str, split: str, features: tuple[str, ...]
) -> None:
    present = builder.info.features
    for i, feature in enumerate(features):
        if feature not in present:
            raise InputError(
                f"{'condition' if i else 'real'}: {name} has no feature "
                f"{feature!r}, only {', '.join(sorted(present))}."
            )
    try:
        size = builder.info.splits[split].num_examples
    except (ValueError, KeyError, AssertionError) as error:
        raise InputError(
            f"split: {name} has no {split!r}; its splits are "
            f"{', '.join(builder.info.splits)}."
        ) from error
    if not size:
        raise InputError(f"split: {split!r} of {name} holds no examples.")
