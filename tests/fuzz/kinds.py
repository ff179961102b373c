"""Kinds of values, and what is wrong with a function that is called with them.

Each argument in turn is replaced by an edge value, which must do, or by an invalid one,
which must raise an `InputError` that names it.
"""

import inspect
import math
import re
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

import jaxgan
from jaxgan import InputError, mlp
from tests.builders import reals, small_game, unchecked

NAN, INF = math.nan, math.inf


class Kind(NamedTuple):
    """The values of an argument: the first valid one is used beside the others."""

    valid: list[Any]
    invalid: list[Any]


NUMBERS = [None, "many", NAN, INF, -INF, (1.0,), jnp.ones(3), object()]
NON_NEGATIVE = Kind(
    [1.0, 0.0, 0, 2, 1e30, np.float32(2), jnp.float32(2)], [*NUMBERS, -1.0]
)
POSITIVE = Kind([1.0, 1e-30, 3, jnp.float32(2)], [*NUMBERS, -1.0, 0.0])
FINITE = Kind([1.0, 0.0, -2.0, jnp.float32(2)], NUMBERS)
FRACTION = Kind([0.5, 0.0, 1.0, 1, jnp.float32(0.5)], [*NUMBERS, -0.1, 1.1])
DECAY = Kind([0.5, 0.0, 0.999], [*NUMBERS, -0.1, 1.0])
NO_COUNT = ["many", NAN, 0, -1, 1.5, True, (2,), 0.0, 1e30, 10**20, object()]
COUNT = Kind([2, 1, np.int64(3)], [None, *NO_COUNT])
COUNT_OR_0 = Kind([0, 2], [None, *(x for x in NO_COUNT if x != 0)])
OPTIONAL_COUNT = Kind([None, 1, 4], NO_COUNT)
FLAG = Kind([False, True], [None, "no", 0.5, NAN, (), object()])
FUNCTION = Kind([lambda *given: given[0]], [None, "name", 1.0, (), object()])
NAME = Kind(["generator", "other"], [None, 1, "", 1.5, ("generator",), object()])
NAMES = Kind([(), ("one",), ["öne"]], [None, "one", 1.0, (1,), (None,), ("",)])
SEED = Kind([0, 5, np.uint32(3)], [None, "seed", NAN, -1, 1.5, 2**40, (1,), True])
PATH = [None, 1.0, "", (), object(), "no/such", "nö/süch"]
"""Invalid paths of what must be there."""
NO_ARRAY = [None, "array", object(), np.array(["a"]), [[1.0], [1.0, 2.0]], NAN]
"""Values that are no array of numbers of one axis or more."""

NETWORK = Kind([mlp(())], [None, "mlp", 1.0, mlp, ()])
GAME = Kind([small_game()], [None, "gan", 1.0, jaxgan.gan, ()])
EXAMPLE = Kind(
    [reals(0)],
    [
        None,
        "reals",
        1.0,
        jnp.ones((8, 2)),
        reals(0, 0),
        reals(0)._replace(weight=-jnp.ones(8)),
        reals(0)._replace(real=None),
    ],
)


def _listed(path: str, module: ModuleType) -> Iterator[tuple[str, str, Callable]]:
    """Yield the namespace, the name and the value of all that is public."""
    for name in module.__all__:
        value = getattr(module, name)
        if isinstance(value, ModuleType):
            yield from _listed(f"{path}.{name}".removeprefix("jaxgan."), value)
        elif callable(value):
            yield path, name, value


def rooms() -> dict[str, dict[str, Callable]]:
    """All public functions and classes, each once, by the namespaces that list them."""
    found: dict[str, dict[str, Callable]] = {}
    seen = set()
    everything = sorted(_listed("jaxgan", jaxgan), key=lambda item: item[0] == "jaxgan")
    for path, name, value in everything:
        if id(value) not in seen:
            seen.add(id(value))
            found.setdefault(path, {})[name] = value
    return found


def public(*paths: str, but: Mapping[str, str] = {}) -> dict[str, Callable]:
    """The functions of some namespaces, but for the names that are left out."""
    every = rooms()
    found = {
        f"{path}.{name}": function
        for path in paths
        for name, function in every.get(path, {}).items()
    }
    assert not {*but} - {*found}, "names that are left out are not public"
    return {name: f for name, f in found.items() if name not in but}


def kind_of(kinds: Mapping[str, Kind], name: str, argument: str) -> Kind:
    """The values of an argument: by its function's name and its own, or by its own."""
    kind = kinds.get(f"{name} {argument}") or kinds.get(argument)
    assert kind, f"add the values of {name}: {argument}"
    return kind


def call(function, given):
    """Call a function with an argument of each name."""
    arguments, further = [], {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is parameter.VAR_POSITIONAL:
            arguments.append(given[name])
        elif parameter.kind is parameter.VAR_KEYWORD:
            further["some"] = given[name]
        elif parameter.kind is parameter.KEYWORD_ONLY:
            further[name] = given[name]
        else:
            arguments.append(given[name])
    return function(*arguments, **further)


def shown(value):
    return f"{value!r:.40}"


def names(text: str, argument: str, each: bool) -> bool:
    """Return True if a message names an argument, or the element of several."""
    if re.search(rf"\b{argument}\b", text):
        return True
    words = ("every argument", "some", argument[:-1])
    return each and any(word in text for word in words)


def faults(name: str, function: Callable, table: Mapping[str, Kind], each=()):
    """Return what is wrong with a function's answers, and the number of calls.

    Args:
        name: of the function.
        function: to be called.
        table: the kinds by argument, or by function and argument.
        each: arguments of any number, whose elements have no names of their own.
    """
    kinds = {a: kind_of(table, name, a) for a in inspect.signature(function).parameters}
    plain = {argument: kind.valid[0] for argument, kind in kinds.items()}
    found, calls = [], 0

    def answer(argument, value):
        try:
            with unchecked():
                call(function, plain | {argument: value})
        except Exception as error:  # the test says which
            return error

    for argument, kind in kinds.items():
        for value in kind.valid:
            calls += 1
            if error := answer(argument, value):
                kind_of_error = type(error).__name__
                found.append(f"{argument}={shown(value)}: {kind_of_error}: {error}")
        for value in kind.invalid:
            calls += 1
            error = answer(argument, value)
            if error is None:
                found.append(f"{argument}={shown(value)} is accepted")
            elif not isinstance(error, InputError):
                kind_of_error = type(error).__name__
                found.append(f"{argument}={shown(value)}: {kind_of_error}: {error}")
            elif not names(str(error), argument, argument in each):
                found.append(f"{argument}={shown(value)} is not named: {error}")
    return found, calls
