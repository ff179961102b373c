"""No public room is left out."""

from tests.fuzz import test_data, test_factories, test_metrics, test_runs
from tests.fuzz.kinds import rooms


def test_every_room_is_tried():
    modules = (test_data, test_factories, test_metrics, test_runs)
    assert {*rooms()} == {room for module in modules for room in module.ROOMS}
