"""A DCGAN trains under every precision and rule of promotion that JAX has."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders import tiered

pytestmark = pytest.mark.usefixtures("optimized")

WORKER = Path(__file__).parent / "precision_worker.py"


@pytest.mark.parametrize(
    "precision",
    tiered(
        [
            ("JAX_ENABLE_X64=1", "float32"),
            ("JAX_ENABLE_X64=1", "float64"),
            ("JAX_NUMPY_DTYPE_PROMOTION=strict", "float32"),
            ("JAX_NUMPY_DTYPE_PROMOTION=strict", "bfloat16"),
        ],
        [],
    ),
)
def test_a_dcgan_trains_and_is_traced_once(precision):
    setting, dtype = precision
    plain = {k: v for k, v in os.environ.items() if "PROMOTION" not in k}
    done = subprocess.run(
        [sys.executable, str(WORKER), dtype],
        env=plain | dict([setting.split("=")]),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "1 float32\n"
