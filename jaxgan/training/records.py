"""Write files whole or not at all, and records as JSON files with a digest."""

import hashlib
import json
from pathlib import Path
from typing import Any, TypeVar

import pydantic

from jaxgan.errors import InputError, naming

Record = TypeVar("Record", bound=pydantic.BaseModel)

DIGEST = "digest"
"""The key of a record's digest in its file."""


def write_whole(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all."""
    fresh = path.with_name(f"{path.name}.tmp")
    with naming(path):
        fresh.write_bytes(content)
        fresh.replace(path)


def write_record(path: Path, record: pydantic.BaseModel) -> None:
    """Write a record as JSON, with the digest that `read_record` checks."""
    fields = record.model_dump()
    sealed = fields | {DIGEST: _digest_of(fields)}
    write_whole(path, f"{json.dumps(sealed, indent=2)}\n".encode())


def read_record(kind: type[Record], path: Path) -> Record:
    """Read a record of a kind from a JSON file, and check its digest if it has one.

    Raises:
        InputError: if the file is damaged, or was edited.
    """
    content = path.read_bytes()
    try:
        # Not pydantic's own reader, which refuses paths that are not UTF-8.
        fields = json.loads(content)
        digest = fields.pop(DIGEST, None) if isinstance(fields, dict) else None
        record = kind.model_validate(fields)
    except pydantic.ValidationError as error:
        [first, *_] = error.errors()
        where = ".".join(map(str, first["loc"]))
        reason = f"{where}: {first['msg']}" if where else first["msg"]
        raise InputError(f"{path} is damaged: {reason}.") from error
    except ValueError as error:  # no JSON
        raise InputError(f"{path} is damaged: {error}.") from error
    if digest not in (None, _digest_of(fields)):
        raise InputError(f"{path} is damaged, or was edited: its digest is another.")
    return record


def _digest_of(fields: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
