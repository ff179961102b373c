import numpy as np
import pytest

from jaxgan import Batch, InputError, shuffled
from jaxgan.data import Dataset


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("row", [0, 255, 256, 699])
def test_the_first_example_that_is_not_finite_is_named(row, value):
    wrong = np.zeros((700, 2, 2, 1), np.float32)
    wrong[row:, 1, 0] = value
    right = np.zeros(700)
    for name, batch in {
        "real": Batch(wrong),
        "real[1]": Batch((right, wrong)),
        "condition[0]": Batch(right, (wrong,)),
    }.items():
        with pytest.raises(InputError) as refused:
            shuffled(batch, 4)
        assert str(refused.value) == (
            f"data.{name} holds numbers that are not finite, first in example {row}; "
            "leave it out, or replace them."
        )


def test_examples_that_are_computed_are_not_all_looked_at():
    data = Dataset(9, lambda i: Batch(np.where(i == 5, np.nan, i)))
    shuffled(data, 4)
