import math

import pytest

from jaxgan.reporting.tables import mean_and_error, with_error


@pytest.mark.parametrize(
    ("values", "text"),
    [([], "—"), ([2.5], "2.5"), ([1.0, math.inf], "inf"), ([1.0, 3.0], "2.0 ± 1.0")],
)
def test_a_mean_has_an_error_if_there_are_several_finite_numbers(values, text):
    assert mean_and_error(values) == text


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (1.0, 0.0996, "1.00 ± 0.10"),
        (12345.6, 1234.0, "12346 ± 1200"),
        (3.0, 0.0, "3 ± 0"),
        (8.4756, math.nan, "8.476"),
        (math.inf, 0.1, "inf"),
    ],
)
def test_numbers_have_two_digits_of_their_error(value, error, text):
    assert with_error(value, error) == text
