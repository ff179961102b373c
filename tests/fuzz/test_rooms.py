"""No public room is left out, and enough is tried of each."""

import inspect

import pytest

from tests.fuzz import (
    test_command_line,
    test_data,
    test_factories,
    test_metrics,
    test_runs,
)
from tests.fuzz.kinds import kind_of, rooms


def test_every_room_is_tried():
    modules = (test_data, test_factories, test_metrics, test_runs)
    assert {*rooms()} == {room for module in modules for room in module.ROOMS}


def test_a_public_name_without_values_fails():
    with pytest.raises(AssertionError, match="add the values of new: argument"):
        kind_of({"old argument": None}, "new", "argument")


@pytest.mark.slow
def test_many_calls_are_made():
    """Those whose values need no files: the same ones each time, none drawn."""

    def count(kinds, name, arguments):
        found = [kind_of(kinds, name, argument) for argument in arguments]
        return sum(len(kind.valid) + len(kind.invalid) for kind in found)

    kinds = test_factories.KINDS | test_factories.made_kinds()
    built = kinds, test_factories.FUNCTIONS
    measured = test_metrics.KINDS | test_metrics.IN_THEORY, test_metrics.FUNCTIONS
    made = sum(
        count(kinds, name.rpartition(".")[2], inspect.signature(function).parameters)
        for kinds, functions in (built, measured)
        for name, function in functions.items()
    )
    lines = sum(
        count(test_command_line.KINDS, command, [option])
        for command, option in test_command_line.OPTIONS
    )
    assert made > 5000 and lines > 500
