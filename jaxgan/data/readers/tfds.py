"""The data sets of TFDS, read without TensorFlow.

TFDS (TensorFlow Datasets) knows where hundreds of data sets are, checks what it
downloads, and prepares it on the disk; reading an `array_record` preparation needs
neither TensorFlow nor a network. Most sets need TensorFlow once, to be prepared.
"""

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
from jaxgan.data.readers.decode import Resize, fitted
from jaxgan.errors import InputError, check_names
from jaxgan.types import Batch

ANSWERS_WITHIN = 5
"""Seconds in which a server must answer for the network to be there."""


def tfds(
    name: str,
    split: str = "train",
    *,
    real: str = "image",
    condition: tuple[str, ...] = (),
    data_dir: Path | str | None = None,
    fit: Resize | None = None,
    stream: bool | None = None,
) -> Dataset:
    """A split of a TFDS data set.

    A set that is not prepared is prepared first, where TensorFlow is installed.

    Args:
        name: `"mnist"`, or with a configuration and a version, `"mnist:3.0.1"`.
        split: `"train"`, or in TFDS's language, `"train[:10%]+test"`.
        real: the feature that is the example.
        condition: the features that go with it, `("label",)`.
        data_dir: where sets are prepared; by default $TFDS_DATA_DIR or, without it,
            `~/tensorflow_datasets`.
        fit: how images become alike; needed where their sizes differ.
        stream: decode examples each time they are gathered, instead of once into
            memory; by default where they need more than half of what is free.

    Raises:
        InputError: if there is no such set, split or feature, the set is neither
            prepared nor can be, or its images differ in size and `fit` is not given.

    Reference: www.tensorflow.org/datasets/catalog/overview
    """
    import tensorflow_datasets  # half a second

    check_names("condition", condition)
    if fit is not None:
        fit.check()
    builder = _builder(name, data_dir)
    features = builder.info.features
    _check_names(builder, name, split, (real, *condition))
    images = {
        feature
        for feature in features
        if isinstance(features[feature], tensorflow_datasets.features.Image)
    }
    if fit is None and real in images and None in features[real].shape:
        raise InputError(
            f"fit: the images of {name} differ in size; say which, as in fit=Fit(64)."
        )
    # Images are decoded here: without OpenCV, and only those that are wanted.
    bare = real in images and features[real].np_dtype == np.uint8
    left = images - set(condition) - (set() if bare else {real})
    skip = dict.fromkeys(left, tensorflow_datasets.decode.SkipDecoding())
    if fit is not None and not bare:
        raise InputError(
            f"fit: feature {real!r} of {name} is {features[real]}; only images of "
            "bytes are fitted."
        )
    ragged = [c for c in condition if None in features[c].shape]
    if ragged:
        raise InputError(
            f"condition: {ragged} of {name} have no fixed shape, so no batch can be "
            "made of them."
        )
    if fit is not None and fit.channels is None:
        fit = fit._replace(channels=1 if features[real].shape[-1] == 1 else 3)
    records = builder.as_data_source(split, decoders=skip)

    def gather(indices: NDArray[np.int64]) -> Batch:
        examples = records.__getitems__(indices.tolist())
        reals = [_image(e[real], fit) if bare else e[real] for e in examples]
        others = (np.stack([e[column] for e in examples]) for column in condition)
        return Batch(np.stack(reals), tuple(others))

    classes = getattr(features[condition[0]], "names", None) if condition else None
    data = Dataset(len(records), gather, classes=tuple(classes or ()))
    if stream is None:
        stream = not fits_in_memory(data)
    return data if stream else in_memory(data)


def feature_names(name: str, data_dir: Path | str | None = None) -> tuple[str, ...]:
    """What an example of a TFDS data set consists of.

    Raises:
        InputError: as `tfds`.
    """
    return tuple(_builder(name, data_dir).info.features)


def _image(encoded: bytes, fit: Resize | None) -> NDArray[np.uint8]:
    if fit is not None:
        return fitted(io.BytesIO(encoded), fit)
    with Image.open(io.BytesIO(encoded)) as image:
        pixels = np.asarray(image)
    return pixels.reshape(*pixels.shape[:2], -1)


def _builder(name: str, data_dir: Path | str | None) -> Any:
    """The builder of a set that is prepared, if need be by preparing it."""
    where = data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    where = Path(where).expanduser()
    builder = _known(name, where)
    if not builder.is_prepared():
        builder = _known(name, where, file_format="array_record")
        _check_preparable(builder, name, where)
        builder.download_and_prepare()
    elif builder.info.file_format.value != "array_record":
        raise InputError(
            f"data_dir: {builder.data_path} is prepared as "
            f"{builder.info.file_format.value}, whose examples cannot be read in any "
            "order; name another folder, where it is prepared as array_record."
        )
    return builder


def _known(name: str, where: Path, **options: str) -> Any:
    import tensorflow_datasets

    told = logging.getLogger("absl")  # that a set is not prepared is told below
    level = told.level
    told.setLevel(logging.ERROR)
    try:
        return tensorflow_datasets.builder(name, data_dir=where, **options)
    except tensorflow_datasets.core.DatasetNotFoundError as error:
        raise InputError(
            f"name: TFDS knows no data set {name!r}, and none is prepared in {where}."
        ) from error
    except (ValueError, TypeError, AssertionError, ImportError) as error:
        reason = str(error).strip().splitlines()[0].rsplit('": ', 1)[-1]
        reason = reason.split(" Here are ")[0]
        raise InputError(f"name: TFDS refuses {name!r}: {reason}") from error
    finally:
        told.setLevel(level)


def _check_preparable(builder: Any, name: str, where: Path) -> None:
    """TFDS would fail late, and without a network try for minutes."""
    import requests

    its_own = type(builder).__module__.startswith("tensorflow_datasets.")
    if its_own and importlib.util.find_spec("tensorflow") is None:
        raise InputError(
            f"{name} is not prepared in {where}, and preparing it needs TensorFlow, "
            f"once: pip install 'jaxgan[tensorflow]' && jaxgan data {name} "
            f"--data-dir {shlex.quote(str(where))}"
        )
    urls = [urlsplit(url) for url in builder.url_infos or ()]
    manual = where / "downloads" / "manual"
    if any((manual / Path(url.path).name).is_file() for url in urls):
        return  # files laid out by hand need no network
    for scheme, host in sorted({(url.scheme, url.netloc) for url in urls}):
        try:
            requests.head(f"{scheme}://{host}", timeout=ANSWERS_WITHIN)
        except requests.exceptions.SSLError:
            continue  # somebody answered
        except requests.exceptions.RequestException as error:
            raise InputError(
                f"{name} is not prepared in {where}, and {host}, where it is to be "
                "had, does not answer; connect to a network, or lay the files that "
                f"would be downloaded in {manual}."
            ) from error


def _check_names(
    builder: Any, name: str, split: str, features: tuple[str, ...]
) -> None:
    there = builder.info.features
    for feature in features:
        if feature not in there:
            raise InputError(
                f"{name} has no feature {feature!r}, only {', '.join(sorted(there))}."
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
