"""Files of weights that others have trained: fetched, checked, and read as arrays.

A published score means something only with the very weights it was measured with, so a
file's SHA-256 is compared before it is read, and an extractor records it. Files from
the network are kept in the cache (`jaxgan.data.readers.cache`).
"""

import hashlib
import re
import zlib
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit
from urllib.request import url2pathname

import numpy as np
import requests
from jaxtyping import Shaped
from tqdm import tqdm

from jaxgan.data.readers.cache import default_cache, make_once
from jaxgan.errors import InputError
from jaxgan.metrics.features.frozen_graph import read_graph
from jaxgan.metrics.features.torch_checkpoint import PICKLE, ZIP, read_torch

ANSWERS_WITHIN = (5, 60)
"""Seconds to wait for a connection, and for the next bytes."""

PIECE = 2**20


class WeightFile(NamedTuple):
    """What a file holds.

    arrays: by name.
    sha256: of the file, in hexadecimal digits.
    """

    arrays: dict[str, Shaped[np.ndarray, "..."]]
    sha256: str


def load(source: Path | str, sha256: str | None = None) -> WeightFile:
    """The arrays of a file of weights.

    A state dict of PyTorch (`.pth`, both layouts), a frozen graph of TensorFlow (`.pb`)
    or the archive of one (`.tgz`); which of them it is, its first bytes tell.

    Args:
        source: a path, or a URL of scheme https, http or file. What is downloaded stays
            in the cache.
        sha256: of the file, or its first eight hexadecimal digits or more; None takes
            any file.

    Raises:
        InputError: if there is no such file or it cannot be fetched; if its hash is
            another; or if it is none of the above, is cut short or is damaged.

        >>> from jaxgan.metrics.features.weights import load
        >>> load("weights.pth")
        Traceback (most recent call last):
            ...
        jaxgan.errors.InputError: weights: there is no file weights.pth.
    """
    if sha256 is not None and not re.fullmatch("[0-9a-fA-F]{8,64}", sha256):
        raise InputError(
            "sha256 must be 8 to 64 hexadecimal digits, the first of a file's hash, "
            f"got {sha256!r}."
        )
    path = _fetched(str(source), sha256) if "://" in str(source) else Path(source)
    if not path.is_file():
        raise InputError(f"weights: there is no file {path}.")
    found = _checked(path, sha256, path)
    with path.open("rb") as file:
        of_torch = file.read(len(ZIP)).startswith((ZIP, PICKLE))
    try:
        return WeightFile((read_torch if of_torch else read_graph)(path), found)
    except Exception as error:  # what is damaged can fail in any way
        kind = "PyTorch state dict" if of_torch else "TensorFlow graph"
        raise InputError(
            f"weights: {path} cannot be read as a {kind}: "
            f"{str(error) or type(error).__name__}."
        ) from error


def _checked(path: Path, expected: str | None, source: Path | str) -> str:
    """The SHA-256 of a file, if it begins as expected."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if expected is not None and not found.startswith(expected.lower()):
        raise InputError(
            f"weights: {source} has the SHA-256 {found} and not {expected.lower()}: "
            "it is damaged or another file; remove it and fetch it anew, or give the "
            "hash that it should have as sha256."
        )
    return found


def _fetched(url: str, sha256: str | None) -> Path:
    """Where the file of a URL lies, fetched if it is not there yet."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return Path(url2pathname(parts.path))
    name = f"{zlib.crc32(url.encode()):08x}-{Path(parts.path).name}"
    entry = default_cache() / "weights" / name

    def fetch(unfinished: Path) -> None:
        _download(url, unfinished)
        _checked(unfinished, sha256, url)

    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        make_once(entry, fetch)
    except OSError as error:  # those of requests too
        raise InputError(
            f"weights: {url} could not be fetched to {entry.parent} "
            f"({type(error).__name__}); download it where you can, and give the path "
            "of the file instead."
        ) from error
    return entry


def _download(url: str, path: Path) -> None:
    """Write what a URL answers with to a file; a bar if it takes long."""
    with (
        requests.get(url, stream=True, timeout=ANSWERS_WITHIN) as answer,
        path.open("wb") as file,
    ):
        answer.raise_for_status()
        total = int(answer.headers.get("content-length", 0)) or None
        bar = tqdm(total=total, unit="B", unit_scale=True, desc=path.stem, leave=False)
        with bar:
            for piece in answer.iter_content(PIECE):
                file.write(piece)
                bar.update(len(piece))
