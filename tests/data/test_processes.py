import os

import numpy as np
import pytest

from jaxgan import Batch, InputError, shuffled
from jaxgan.data import Dataset, multiprocess


def told(indices):
    """Examples that tell who made them; there is no seventh."""
    if 7 in indices:
        raise InputError("image 7 cannot be read.")
    images = indices.astype(np.uint8).reshape(-1, 1, 1, 1).repeat(4, axis=1)
    return Batch(images, (np.full(len(indices), os.getpid()), indices))


@pytest.fixture(scope="module")
def data():
    return multiprocess(Dataset(7, told, classes=("all",)), 2)


def test_examples_are_those_of_this_process_and_made_in_others(data):
    chosen = np.array([3, 0, 6, 3])
    batch, here = data.gather(chosen), told(chosen)
    np.testing.assert_array_equal(batch.real, here.real)
    np.testing.assert_array_equal(batch.condition[1], chosen)
    assert os.getpid() not in batch.condition[0]
    assert (len(data), data.classes, data.arrays) == (7, ("all",), None)


def test_a_source_deals_out_the_same_batches(data):
    away, here = (shuffled(d, 3, substeps=2) for d in (data, Dataset(7, told)))
    for step in (0, 1, 2, 7, 3):
        for one, other in zip(away(5, step), here(5, step), strict=True):
            np.testing.assert_array_equal(one.real, other.real)
            np.testing.assert_array_equal(one.condition[1], other.condition[1])


def test_an_error_comes_out_as_it_is_and_the_others_go_on(data):
    with pytest.raises(InputError, match=r"^image 7 cannot be read\.$"):
        data.gather(np.array([1, 7]))
    assert data.gather(np.array([1])).real[0, 0, 0, 0] == 1


def test_the_count_is_checked():
    with pytest.raises(InputError, match="multiprocess: count must be an integer of"):
        multiprocess(Dataset(20, told), 0)
