"""Weights in TensorFlow's frozen graphs, read without TensorFlow.

A frozen graph is a protocol buffer of nodes, and its weights are the nodes of
operation "Const". Of the buffer's format no more is needed than this: a message is a
row of fields, each a number, a kind and a value, and a value may be a message again.
The numbers of the fields are those of TensorFlow's `graph.proto`, `node_def.proto`,
`attr_value.proto` and `tensor.proto`.
"""

import math
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

GZIP = b"\x1f\x8b"
MEMBER = "classify_image_graph_def.pb"
"""The graph within TensorFlow's archives of 2015."""

TYPES = {1: ("<f4", 5), 2: ("<f8", 6)}
"""Of DT_FLOAT and DT_DOUBLE: NumPy's type, and the field of values given singly."""

FIXED = {1: 8, 5: 4}
"""Bytes of the values of the two kinds that have a fixed length."""


def read_graph(path: Path) -> dict[str, Float[np.ndarray, "..."]]:
    """The floating-point constants of a frozen graph, by the names of their nodes.

    Args:
        path: a `GraphDef`, or TensorFlow's archive (`.tgz`) with one named
            `classify_image_graph_def.pb`.

    Raises:
        Exception: of one kind or another, if the file is neither or is damaged;
            `weight_files.load` says it in a sentence.

        >>> from jaxgan.metrics.features.frozen_graph import read_graph
        >>> read_graph(Path("graph.pb"))["softmax/weights"].shape  # doctest: +SKIP
        (2048, 1008)
    """
    graph = memoryview(_content(path))
    constants = {}
    for node in _all(graph, 1):
        if bytes(_first(node, 2)) == b"Const":
            values = [
                _first(_first(attribute, 2), 8)
                for attribute in _all(node, 5)
                if bytes(_first(attribute, 1)) == b"value"
            ]
            if values and _first(values[0], 1) in TYPES:
                constants[bytes(_first(node, 1)).decode()] = _array(values[0])
    if not constants:
        raise ValueError("it holds no floating-point constants")
    return constants


def _content(path: Path) -> bytes:
    content = path.read_bytes()
    if not content.startswith(GZIP):
        return content
    with tarfile.open(path) as archive:
        member = archive.extractfile(MEMBER)
        assert member is not None
        return member.read()


def _array(tensor: memoryview) -> NDArray:
    """Of a TensorProto: its bytes, or single values of which the last one repeats."""
    kind, single = TYPES[_first(tensor, 1)]
    shape = [_first(side, 1, 0) for side in _all(_first(tensor, 2, b""), 2)]
    content = b"".join(_all(tensor, 4)) or b"".join(_all(tensor, single))
    given = np.frombuffer(content, kind)
    values = np.full(math.prod(shape), given[-1] if given.size else 0, kind)
    values[: given.size] = given
    return values.reshape(shape)


def _first(message: memoryview, number: int, default: Any = None) -> Any:
    """The value of the first field of this number, or the default."""
    return next(_all(message, number), default)


def _all(message: memoryview, number: int) -> Iterator[Any]:
    """The values of every field of this number."""
    return (value for found, value in _fields(message) if found == number)


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """The fields of a message, in order: the number and the value of each."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield tag >> 3, value
            continue
        if kind == 2:
            length, at = _varint(message, at)
        elif kind in FIXED:
            length = FIXED[kind]
        else:
            raise ValueError("it is no protocol buffer")
        if at + length > len(message):
            raise EOFError("it is cut short")
        yield tag >> 3, message[at : at + length]
        at += length


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """A whole number of seven bits a byte, lowest first, and where the next starts."""
    value = 0
    for i, byte in enumerate(message[at:]):
        value |= (byte & 127) << 7 * i
        if byte < 128:
            return value, at + i + 1
    raise EOFError("it is cut short")
