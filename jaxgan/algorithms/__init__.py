"""Transformations of algorithms: EMA, lookahead, populations, data parallelism."""

from jaxgan.algorithms.data_parallel import data_parallel, on_devices
from jaxgan.algorithms.ema import ema
from jaxgan.algorithms.lookahead import lookahead
from jaxgan.algorithms.many_steps import many_steps
from jaxgan.algorithms.population import (
    diverged_members,
    hyper_grid,
    population,
    select_member,
)
from jaxgan.batch_axis import batch_axis

__all__ = [
    "batch_axis",
    "data_parallel",
    "diverged_members",
    "ema",
    "hyper_grid",
    "lookahead",
    "many_steps",
    "on_devices",
    "population",
    "select_member",
]
