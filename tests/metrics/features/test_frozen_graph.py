"""Frozen graphs, written here as TensorFlow lays them out.

The writer shares nothing with the reader. That both are right, a graph shows that
TensorFlow wrote itself.
"""

import base64
import gzip
import io
import struct
import tarfile
import zlib

import numpy as np
import pytest

from jaxgan import InputError
from jaxgan.metrics.features.weights import load
from tests.metrics.features.test_torch_checkpoint import assert_same, put


def varint(value):
    low, rest = value & 127, value >> 7
    return bytes([low | 128]) + varint(rest) if rest else bytes([low])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def node(name, kind, shape, *values, operation=b"Const"):
    """A node whose attribute `value` is a tensor."""
    sides = b"".join(field(2, field(1, side)) for side in shape)
    inside = field(1, kind) + field(2, sides) + b"".join(values)
    entry = field(1, b"value") + field(2, field(8, inside))
    kinds = field(1, b"dtype") + field(2, field(6, kind))
    parts = field(1, name.encode()), field(2, operation), field(5, kinds)
    return field(1, b"".join(parts) + field(5, entry))


def floats(*values):
    return struct.pack(f"<{len(values)}f", *values)


GRAPH = b"".join(
    [
        node("bytes", 1, (2, 150), field(4, floats(*range(300)))),
        node("packed", 1, (2,), field(5, floats(1.5, 2.5))),
        node("single", 1, (2,), b"\x2d" + floats(3.5), b"\x2d" + floats(4.5)),
        node("filled", 1, (2, 2), field(5, floats(1, 2.5))),
        node("zeros", 1, (2,)),
        node("scalar", 1, (), field(5, floats(128))),
        node("double", 2, (1,), field(6, struct.pack("<d", 1 / 3))),
        node("integers", 3, (2,), field(7, b"\1\2")),
        node("placeholder", 1, (1,), field(5, floats(1)), operation=b"Placeholder"),
        varint(9 << 3 | 1) + bytes(8),  # a number of eight bytes, to be passed over
        field(4, field(1, 26)),  # the versions
    ]
)
CONSTANTS = {
    "bytes": np.arange(300, dtype=np.float32).reshape(2, 150),
    "packed": np.float32([1.5, 2.5]),
    "single": np.float32([3.5, 4.5]),
    "filled": np.float32([[1, 2.5], [2.5, 2.5]]),
    "zeros": np.zeros(2, np.float32),
    "scalar": np.float32(128),
    "double": np.float64([1 / 3]),
}


def archive_of(graph, name="classify_image_graph_def.pb"):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(graph)
        archive.addfile(member, io.BytesIO(graph))
    # Without the time, since all processes of a test run must collect the same names.
    return gzip.compress(file.getvalue(), mtime=0)


def test_the_constants_of_a_graph_are_read(tmp_path):
    assert_same(load(put(tmp_path, GRAPH)).arrays, CONSTANTS)


def test_a_graph_is_found_in_its_archive(tmp_path):
    assert_same(load(put(tmp_path, archive_of(GRAPH))).arrays, CONSTANTS)


# A GraphDef of TensorFlow 2.21.0, serialized, compressed.
BY_TENSORFLOW = (
    "c-nPQJx{|h6m)Dyu^ydVKvkqlkO3hN>Bj~`Te%Yh6R;tnK#ZuAk1BCW+o?Z=nO}(sa!FBm(%Hj%cfRw3"
    "N9gMOT@{0uJX?+9r)5+`Y02Gro|RgRz+FX2rTC@1U=C*-Gi*SD9;$0MF~=04nZeHBV=9iojrC@!I37AM"
    "2KTOd9&D^$vnfujct?T}M}iu$IXnO@qg1s}u(-06p$v@^>jwvCKYr-!zZ<T>Ef-t0kJh(R$C5L`X)VJX"
    "GmH(I&k_j1(Jg+w!w4Qnl4`ZqFar7(C9js!8uZUkg+S6O;pDbT{I-qwwW9FAxv%H@K=Mj+b`z^iFZ9O$"
    "rvJ7l;BHls@6(=J3q5&iEYNz19n`1;I{{&z-7iR^X%q"
)


def test_a_graph_of_tensorflow_is_read(tmp_path):
    known = {
        "tower/conv2d_params": np.float32([[0, 0.25, 0.5], [0.75, 1, 1.25]]),
        "Sub/y": np.float32(128),
        "same": np.full((2, 2), 2.5),
        "half": np.float32(0.5),
        "zeros": np.zeros(3, np.float32),
    }
    path = put(tmp_path, zlib.decompress(base64.b85decode(BY_TENSORFLOW)))
    assert_same(load(path).arrays, known)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds no floating-point constants"),
        (b"# weights", "is not a protocol buffer"),
        (node("a", 3, (1,), field(7, b"\1")), "holds no floating-point constants"),
        (node("a", 1, (1,), field(5, floats(1, 2))), "broadcast"),
        (archive_of(GRAPH, "other.pb"), "classify_image_graph_def.pb"),
    ],
)
def test_what_is_no_graph_is_refused(tmp_path, content, message):
    with pytest.raises(InputError, match=f"as a TensorFlow graph: .*{message}"):
        load(put(tmp_path, content))


def test_a_graph_cut_within_a_node_is_refused(tmp_path):
    first = node("bytes", 1, (2, 150), field(4, floats(*range(300))))
    for length in range(2, len(first), 9):
        with pytest.raises(InputError, match="truncated"):
            load(put(tmp_path, first[:length]))
