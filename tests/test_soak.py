"""Three of everything that `python -m tests.soak` does many times."""

import pytest

from tests.soak import SUBJECTS


@pytest.mark.slow
@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.__name__)
def test_three_at_random_moments_lose_nothing(subject, tmp_path):
    subject(3, 0, tmp_path)
