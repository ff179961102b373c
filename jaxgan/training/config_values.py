"""Convert an experiment's Config to JSON and back, and compare two of them."""

import contextlib
import dataclasses
import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pydantic

from jaxgan.errors import InputError


def as_config(kind: type, values: dict[str, Any]) -> Any:
    """Make a Config of plain values, each converted to the type of its field."""
    return pydantic.TypeAdapter(kind).validate_python(values)


def as_json(kind: type, config: Any) -> dict[str, Any]:
    """Convert a Config to what JSON can hold, each value to its field's type first.

    So a float that was given as 1 is 1.0.

    Raises:
        InputError: if a value is not of its field's type.
    """
    adapter: Any = pydantic.TypeAdapter(kind)
    values = adapter.dump_python(config, warnings=False)
    try:
        typed = as_config(kind, values)
    except pydantic.ValidationError as error:
        [wrong, *_] = error.errors()
        name = ".".join(map(str, wrong["loc"]))
        raise InputError(f"Config: {name} is wrong: {wrong['msg']}.") from error
    plain: dict[str, Any] = adapter.dump_python(typed, mode="json")
    return plain


def with_absolute_paths(config: Any) -> Any:
    """Make all paths in a Config absolute, so that a run can be used from anywhere."""

    def absolute(value: Any) -> Any:
        return Path(os.path.abspath(value)) if isinstance(value, Path) else value

    return map_values(absolute, config)


def map_values(change: Callable[[Any], Any], config: Any) -> Any:
    """Change all plain values in a Config, those of its sequences and records too."""
    inner = partial(map_values, change)
    if isinstance(config, tuple | list):
        make = getattr(config, "_make", type(config))  # which a NamedTuple has
        return make(map(inner, config))
    if isinstance(config, dict):
        return {name: inner(value) for name, value in config.items()}
    if dataclasses.is_dataclass(config) and not isinstance(config, type):
        fields = [field.name for field in dataclasses.fields(config) if field.init]
        values = {name: inner(getattr(config, name)) for name in fields}
        return dataclasses.replace(config, **values)
    return change(config)


def differing_fields(
    kind: type, then: dict[str, Any], now: dict[str, Any]
) -> list[str]:
    """List the fields of two Configs, as JSON has them, whose values differ."""
    typed = [then, now]
    with contextlib.suppress(pydantic.ValidationError):  # of another Config's values
        names = [field.name for field in dataclasses.fields(kind)]
        configs = [as_config(kind, values) for values in typed]
        typed = [{name: getattr(each, name) for name in names} for each in configs]
    return [
        f"{name} (there {then.get(name)!r}, now {value!r})"
        for name, value in now.items()
        if typed[0].get(name) != typed[1].get(name)  # which no NaN passes
        and json.dumps(then.get(name)) != json.dumps(value)
    ]
