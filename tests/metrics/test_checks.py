import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import InputError
from jaxgan.errors import as_numbers
from jaxgan.metrics.checks import checked, checked_pair
from tests.builders import unchecked


def test_features_become_float64():
    made = checked("real", np.arange(6, dtype=np.int32).reshape(2, 3))
    assert made.dtype == np.float64
    np.testing.assert_array_equal(made, [[0, 1, 2], [3, 4, 5]])


def test_jax_arrays_are_numbers_too():
    np.testing.assert_array_equal(as_numbers("real", jnp.arange(3.0)), [0, 1, 2])


def test_half_precision_is_widened():
    half = jnp.array([0.5, 1.5], jnp.bfloat16)
    np.testing.assert_array_equal(as_numbers("real", half), [0.5, 1.5])


def test_rows_of_several_lengths_are_refused():
    with (
        unchecked(),
        pytest.raises(InputError, match="real must be rows of equal length"),
    ):
        as_numbers("real", [[1.0], [1.0, 2.0]])


@pytest.mark.parametrize("strange", [["a"], [1j], [None]])
def test_what_is_no_number_is_refused(strange):
    with unchecked(), pytest.raises(InputError, match="real must be real numbers, got"):
        as_numbers("real", np.array(strange))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.nan, "not finite"),
        (np.inf, "not finite"),
        (1e26, r"too large \(norm above 1e\+25\)"),
        (-1e200, r"too large \(norm above 1e\+25\)"),
    ],
)
def test_rows_beyond_measure_are_counted(bad, message):
    features = np.ones((4, 3))
    features[2, 1] = bad
    message = f"fake holds numbers that are {message} in 1 of 4 rows, first in row 2"
    with pytest.raises(InputError, match=message):
        checked("fake", features)


def test_reals_that_are_one_point_are_refused_and_fakes_are_not():
    some, same = np.eye(3), np.ones((3, 3))
    with pytest.raises(InputError, match="real: all 3 rows of features are the same"):
        checked_pair(same, some)
    np.testing.assert_array_equal(checked_pair(some, same)[1], same)
