"""A reader of TensorFlow frozen graphs that does not need TensorFlow.

A frozen graph is a protocol buffer of nodes, and its weights are the nodes of operation
"Const". A message of this format is a sequence of fields, each with a number, a wire
type and a value, and a value may be another message. The field numbers are from
TensorFlow's `graph.proto`, `node_def.proto`, `attr_value.proto` and `tensor.proto`.
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
"""Name of the graph in TensorFlow's archives of 2015."""

TYPES = {1: ("<f4", 5), 2: ("<f8", 6)}
"""NumPy type and field number of single values, for DT_FLOAT and DT_DOUBLE."""

FIXED = {1: 8, 5: 4}
"""Length in bytes of the two wire types of fixed length."""


def read_graph(path: Path) -> dict[str, Float[np.ndarray, "..."]]:
    """Read the floating-point constants of a frozen graph, by node name.

    Args:
        path: a `GraphDef`, or TensorFlow's archive (`.tgz`) with a member named
            `classify_image_graph_def.pb`.

    Raises:
        Exception: of any type, if the file is neither or is damaged; `load` of
            `jaxgan.metrics.features.weights` converts it to an `InputError`.

        >>> from jaxgan.metrics.features.frozen_graph import read_graph
        >>> read_graph(Path("graph.pb"))["softmax/weights"].shape  # doctest: +SKIP
        (2048, 1008)
    """
    graph = memoryview(_content(path))
    constants = {}
    for node in _values(graph, 1):
        if bytes(_first_value(node, 2)) == b"Const":
            values = [
                _first_value(_first_value(attribute, 2), 8)
                for attribute in _values(node, 5)
                if bytes(_first_value(attribute, 1)) == b"value"
            ]
            if values and _first_value(values[0], 1) in TYPES:
                constants[bytes(_first_value(node, 1)).decode()] = _array(values[0])
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
    """Read a TensorProto: raw bytes, or values of which the last is repeated."""
    dtype, single = TYPES[_first_value(tensor, 1)]
    sides = _values(_first_value(tensor, 2, b""), 2)
    shape = [_first_value(side, 1, 0) for side in sides]
    content = b"".join(_values(tensor, 4)) or b"".join(_values(tensor, single))
    given = np.frombuffer(content, dtype)
    values = np.full(math.prod(shape), given[-1] if given.size else 0, dtype)
    values[: given.size] = given
    return values.reshape(shape)


def _first_value(message: memoryview, number: int, default: Any = None) -> Any:
    """Return the value of the first field with this number, or the default."""
    return next(_values(message, number), default)


def _values(message: memoryview, number: int) -> Iterator[Any]:
    """Yield the values of all fields with this number."""
    return (value for found, value in _fields(message) if found == number)


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield the number and the value of each field of a message, in order."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        wire_type = tag & 7
        if wire_type == 0:
            value, at = _varint(message, at)
            yield tag >> 3, value
            continue
        if wire_type == 2:
            length, at = _varint(message, at)
        elif wire_type in FIXED:
            length = FIXED[wire_type]
        else:
            raise ValueError("it is not a protocol buffer")
        if at + length > len(message):
            raise EOFError("it is truncated")
        yield tag >> 3, message[at : at + length]
        at += length


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """Decode a varint (seven bits a byte, lowest first), and find where it ends."""
    value = 0
    for i, byte in enumerate(message[at:]):
        value |= (byte & 127) << 7 * i
        if byte < 128:
            return value, at + i + 1
    raise EOFError("it is truncated")
