"""Write files whole or not at all, and read records from JSON files."""

import json
from pathlib import Path
from typing import TypeVar

import pydantic

from jaxgan.errors import InputError, naming

Record = TypeVar("Record", bound=pydantic.BaseModel)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all."""
    fresh = path.with_name(f"{path.name}.tmp")
    with naming(path):
        fresh.write_bytes(content)
        fresh.replace(path)


def read_record(kind: type[Record], path: Path) -> Record:
    """Read a record of a kind from a JSON file.

    Raises:
        InputError: if the file is damaged.
    """
    content = path.read_bytes()
    try:
        # Not pydantic's own reader, which refuses paths that are not UTF-8.
        return kind.model_validate(json.loads(content))
    except pydantic.ValidationError as error:
        [first, *_] = error.errors()
        where = ".".join(map(str, first["loc"]))
        reason = f"{where}: {first['msg']}" if where else first["msg"]
        raise InputError(f"{path} is damaged: {reason}.") from error
    except ValueError as error:  # no JSON
        raise InputError(f"{path} is damaged: {error}.") from error
