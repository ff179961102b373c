"""Download, verify and read files of pretrained weights.

A score is comparable with a published one only with identical weights. So the SHA-256
of a file is verified before it is read, and an extractor records it. Downloaded files
are kept in the cache (`jaxgan.data.readers.cache`).
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

from jaxgan.data.readers.cache import default_cache, make_once
from jaxgan.errors import InputError, as_path
from jaxgan.metrics.features.frozen_graph import read_graph
from jaxgan.metrics.features.torch_checkpoint import PICKLE, ZIP, read_torch
from jaxgan.progress import progress_bar

TIMEOUT = (5, 60)
"""Seconds to wait for a connection, and for the next bytes."""

PIECE = 2**20


class WeightFile(NamedTuple):
    """The contents of a weight file.

    arrays: weights by name.
    sha256: SHA-256 of the file, in hexadecimal digits.
    """

    arrays: dict[str, Shaped[np.ndarray, "..."]]
    sha256: str


def load(source: Path | str, sha256: str | None = None) -> WeightFile:
    """Load a weight file, and download it if it is not in the cache.

    The file is a PyTorch state dict (`.pth`, both layouts), a TensorFlow frozen graph
    (`.pb`) or an archive of one (`.tgz`). The format is detected from its first bytes.

    Args:
        source: a path, or a URL of scheme https, http or file. Downloads stay in the
            cache.
        sha256: SHA-256 of the file, or its first eight hexadecimal digits or more; None
            accepts any file.

    Raises:
        InputError: if there is no such file or it cannot be downloaded, its hash
            differs, or it has another format, is truncated or is damaged.

        >>> from jaxgan.metrics.features.weights import load
        >>> load("weights.pth")
        Traceback (most recent call last):
            ...
        jaxgan.errors.InputError: weights: there is no file weights.pth.
    """
    if sha256 is not None and not re.fullmatch("[0-9a-fA-F]{8,64}", sha256):
        raise InputError(
            "sha256 must be 8 to 64 hexadecimal digits, a file's hash or its first "
            f"digits, got {sha256!r}."
        )
    source = source if isinstance(source, str) else as_path("weights", source)
    path = (
        _fetch(str(source), sha256)
        if "://" in str(source)
        else as_path("weights", source)
    )
    if not path.is_file():
        raise InputError(f"weights: there is no file {path}.")
    found = _verify(path, sha256, path)
    with path.open("rb") as file:
        from_torch = file.read(len(ZIP)).startswith((ZIP, PICKLE))
    try:
        return WeightFile((read_torch if from_torch else read_graph)(path), found)
    except Exception as error:  # a damaged file can fail in any way
        kind = "PyTorch state dict" if from_torch else "TensorFlow graph"
        raise InputError(
            f"weights: {path} cannot be read as a {kind}: "
            f"{str(error) or type(error).__name__}."
        ) from error


def _verify(path: Path, expected: str | None, source: Path | str) -> str:
    """Compute the SHA-256 of a file and check that it starts with the expected one."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if expected is not None and not found.startswith(expected.lower()):
        raise InputError(
            f"weights: {source} has the SHA-256 {found} and not {expected.lower()}: "
            "it is damaged or another file; remove it and download it again, or pass "
            "the expected hash as sha256."
        )
    return found


def _fetch(url: str, sha256: str | None) -> Path:
    """Return the cached file of a URL, and download it if it is missing."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return Path(url2pathname(parts.path))
    name = f"{zlib.crc32(url.encode()):08x}-{Path(parts.path).name}"
    entry = default_cache() / "weights" / name
    digest = entry.with_name(name + ".sha256")  # as it was downloaded

    def download(unfinished: Path) -> None:
        _download(url, unfinished)
        found = _verify(unfinished, sha256, url)
        digest.write_text(found)

    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        make_once(entry, download)
    except OSError as error:  # includes those of requests
        raise InputError(
            f"weights: {url} could not be downloaded to {entry.parent} "
            f"({type(error).__name__}); download it elsewhere, and pass the path of "
            "the file instead."
        ) from error
    if digest.exists():
        _verify(entry, digest.read_text(errors="replace"), entry)
    return entry


def _download(url: str, path: Path) -> None:
    """Download a URL to a file, with a progress bar."""
    with (
        requests.get(url, stream=True, timeout=TIMEOUT) as answer,
        path.open("wb") as file,
    ):
        answer.raise_for_status()
        total = int(answer.headers.get("content-length", 0)) or None
        bar = progress_bar(
            total=total, unit="B", unit_scale=True, desc=path.stem, leave=False
        )
        with bar:
            for piece in answer.iter_content(PIECE):
                file.write(piece)
                bar.update(len(piece))
