"""Logs, figures and tables of runs."""

from jaxgan.reporting.figures import contact_strip, curves, image_grid, scatter
from jaxgan.reporting.log import read_rows
from jaxgan.reporting.tables import mean_and_error, with_error

__all__ = [
    "contact_strip",
    "curves",
    "image_grid",
    "mean_and_error",
    "read_rows",
    "scatter",
    "with_error",
]
