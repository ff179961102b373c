"""Average what the steps between two lines of a log report, across interruptions."""

import json
import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jaxgan.errors import naming
from jaxgan.reporting.log import last_row_of, rewind
from jaxgan.reporting.report import Columns
from jaxgan.sealed_lines import is_sound, seal

logger = logging.getLogger(__name__)

Totals = dict[str, np.float64 | NDArray[np.float64]]
"""Numbers by name, or arrays of one number for each member of a population."""


class RunningMean:
    """The mean over the steps since the last line of a log.

    A checkpoint between two lines keeps the sums in a file, so the lines of a log do
    not depend on where it was interrupted.

    Args:
        path: the file of the sums.

    Attributes:
        sums: of each name, over the steps since the last line.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.sums: Totals = {}
        self._count = 0

    def __bool__(self) -> bool:
        return self._count > 0

    def add(self, columns: Columns) -> None:
        """Add what some steps report."""
        for name, values in columns.items():
            total = self.sums.get(name, np.zeros(values.shape[1:]))
            # In order: `sum` compensates for rounding, and a resumed run could not.
            self.sums[name] = np.add.accumulate([total, *values])[-1]
        self._count += len(next(iter(columns.values()), ()))

    def take(self) -> Totals:
        """Return the mean of each name, and begin anew."""
        row = {name: total / self._count for name, total in self.sums.items()}
        self.sums, self._count = {}, 0
        return row

    def save(self, step: int) -> None:
        """Append the sums at a step to the file, if there are any."""
        if self._count:
            sums = {name: total.tolist() for name, total in self.sums.items()}
            line = json.dumps({"step": step, "steps": self._count, **sums})
            with naming(self._path), self._path.open("ab") as file:
                file.write(seal(line.encode()) + b"\n")

    def load(self, step: int) -> None:
        """Read the sums of a step, if it has any, and forget those of later ones."""
        if self._path.exists():
            lines = self._path.read_bytes().splitlines()
            if not all(map(is_sound, lines)):
                logger.warning(
                    "warning: %s is damaged; the next line of the log may leave steps "
                    "out of its means.",
                    self._path,
                )
        rewind(self._path, step)
        if kept := last_row_of(self._path, step):
            del kept["step"]
            kept.pop("digest", None)
            self._count = int(kept.pop("steps"))
            self.sums = {n: np.asarray(x, np.float64) for n, x in kept.items()}
