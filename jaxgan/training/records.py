"""Read the records of a run and of a sweep from JSON files."""

import json
from pathlib import Path
from typing import TypeVar

import pydantic

from jaxgan.errors import InputError

Record = TypeVar("Record", bound=pydantic.BaseModel)


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
        reason = error.errors()[0]["msg"]
        raise InputError(f"{path} is damaged: {reason}.") from error
    except ValueError as error:  # no JSON
        raise InputError(f"{path} is damaged: {error}.") from error
