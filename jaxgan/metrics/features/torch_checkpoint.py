"""A safe reader of PyTorch checkpoints (state dicts) that does not need PyTorch.

A `.pth` file is a pickle, and a pickle can run any code. This reader accepts only the
few names that a dictionary of tensors needs, and rejects files that use others. It
reads two layouts. Since PyTorch 1.6 a file is a zip archive with a member for each
storage. Older files are five pickles in a row: the fourth is the dictionary and the
fifth the order of the storages, whose bytes follow.
"""

import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from jaxtyping import Shaped
from numpy.typing import NDArray

ZIP = b"PK\3\4"
PICKLE = b"\x80"
"""The first bytes of files in the new and the old layout."""

MAGIC = 0x1950A86A20F9469CFC6C
"""The value of the first pickle in the old layout."""

TYPES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
}


class _Storage(NamedTuple):
    type: np.dtype
    key: str
    length: int


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_torch(path: Path) -> dict[str, Shaped[np.ndarray, "..."]]:
    """Read the tensors of a state dict, by name.

    The arrays are views of the bytes read, with the strides given in the file.

    Args:
        path: a file written by `torch.save(module.state_dict(), path)`, in either
            layout, with tensors of floats or integers.

    Raises:
        Exception: of any type, if the file is anything else or is damaged; `load` of
            `jaxgan.metrics.features.weights` converts it to an `InputError`.

        >>> from jaxgan.metrics.features.torch_checkpoint import read_torch
        >>> read_torch(Path("state.pth"))["fc.weight"].shape  # doctest: +SKIP
        (1008, 2048)
    """
    with path.open("rb") as file:
        zipped = file.read(len(ZIP)) == ZIP
        file.seek(0)
        state, content = _from_zip(file) if zipped else _from_pickles(file)
    for name, tensor in state.items():
        if not isinstance(tensor, _Tensor):
            raise TypeError(f"{name!r} is not a tensor; only state dicts can be read")
    return {name: _array(tensor, content) for name, tensor in state.items()}


class _Unpickler(pickle.Unpickler):
    """Unpickler that builds only dictionaries and records of tensors."""

    def find_class(self, module: str, name: str) -> Any:
        # A pickle may set attributes of these functions, so each file gets new ones.
        known: dict[str, Callable] = {
            "collections.OrderedDict": OrderedDict,
            "torch._utils._rebuild_tensor_v2": lambda *fields: _Tensor(*fields[:4]),
            "torch._utils._rebuild_parameter": lambda tensor, *_: tensor,
        }
        if module == "torch" and name in TYPES:
            return name
        if f"{module}.{name}" not in known:
            raise pickle.UnpicklingError(
                f"it asks for {module}.{name}, which no state dict of floats and "
                "integers needs and which may run code"
            )
        return known[f"{module}.{name}"]

    def persistent_load(self, pid: tuple) -> _Storage:
        _, kind, key, _, length, *view = pid
        if any(part is not None for part in view):
            raise pickle.UnpicklingError("it has views of storages")
        return _Storage(np.dtype(TYPES[kind]), key, length)


def _from_zip(file: IO[bytes]) -> tuple[dict, dict[str, bytes]]:
    """Read the state dict and the bytes of each storage from a zip archive."""
    try:
        archive = zipfile.ZipFile(file)
    except zipfile.BadZipFile as error:  # its directory is at the end
        raise EOFError("it is truncated") from error
    with archive:
        names = archive.namelist()
        pickled = next((name for name in names if name.endswith("/data.pkl")), None)
        if pickled is None:
            raise pickle.UnpicklingError("it is a zip archive, but not PyTorch's")
        state = _Unpickler(io.BytesIO(archive.read(pickled))).load()
        data = pickled.removesuffix(".pkl") + "/"
        content = {
            name.removeprefix(data): archive.read(name)
            for name in names
            if name.startswith(data)
        }
    return state, content


def _from_pickles(file: IO[bytes]) -> tuple[dict, dict[str, bytes]]:
    """Read the state dict and the bytes of each storage from the old layout."""
    if _Unpickler(file).load() != MAGIC:
        raise pickle.UnpicklingError("it is a pickle, but not PyTorch's")
    _protocol, _system, state, keys = (_Unpickler(file).load() for _ in range(4))
    sizes = {
        tensor.storage.key: tensor.storage.type.itemsize
        for tensor in state.values()
        if isinstance(tensor, _Tensor)
    }
    content = {}
    for key in keys:
        length = int.from_bytes(_read_exactly(file, 8), "little")
        content[key] = _read_exactly(file, length * sizes[key])
    return state, content


def _read_exactly(file: IO[bytes], count: int) -> bytes:
    content = file.read(count)
    if len(content) < count:
        raise EOFError("it is truncated")
    return content


def _array(tensor: _Tensor, content: dict[str, bytes]) -> NDArray:
    """Make a view of a storage; NumPy raises an error if it exceeds the storage."""
    size = tensor.storage.type.itemsize
    return np.ndarray(
        tensor.shape,
        tensor.storage.type,
        content[tensor.storage.key],
        tensor.offset * size,
        [stride * size for stride in tensor.strides],
    )
