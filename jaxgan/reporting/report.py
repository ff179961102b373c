"""The report of a step as one array, since each array costs the host time."""

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import PyTreeDef
from jaxtyping import Array, Float
from numpy.typing import NDArray

from jaxgan.types import Batch, Info, State

Columns = dict[str, NDArray[np.float64]]
"""By name an array over steps (steps, …)."""


@partial(jax.tree_util.register_dataclass, data_fields=["values"], meta_fields=["of"])
@dataclasses.dataclass(frozen=True)
class Report:
    """The numbers of a step's `Info`, or of those of several steps or members.

    values: n numbers, or n for each step or member.
    of:     the structure of the `Info`, with n leaves.
    """

    values: Float[Array, "*many n"]
    of: PyTreeDef


Step = Callable[[State, tuple[Batch, ...]], tuple[State, Report]]


def reporting(
    plain: Callable[[State, tuple[Batch, ...]], tuple[State, Info]],
) -> Step:
    """Make a step return its report as one array."""

    def step(state: State, batches: tuple[Batch, ...]) -> tuple[State, Report]:
        state, info = plain(state, batches)
        return state, pack(info)

    return step


@jax.jit
def pack(info: Info) -> Report:
    """Make one array of an `Info` whose leaves have one shape."""
    leaves, structure = jax.tree.flatten(info)
    wide = any(leaf.dtype == jnp.float64 for leaf in leaves)
    dtype = jnp.float64 if wide else jnp.float32
    values = jnp.stack([leaf.astype(dtype) for leaf in leaves], axis=-1)
    return Report(values, structure)


def unpack(report: Report) -> Info:
    """Fetch an `Info` of NumPy arrays."""
    return _as_info(report.of, np.asarray(report.values))


def flatten(info: Info) -> dict[str, Any]:
    """Flatten an `Info` to names such as `discriminator/r1`."""
    row: dict[str, Any] = {}
    for player, terms in info.losses.items():
        row |= {f"{player}/{term}": value for term, value in terms.items()}
        row[f"{player}/gradient"] = info.gradient_norms[player]
        diagnostics = info.diagnostics[player]
        row |= {f"{player}/{name}": value for name, value in diagnostics.items()}
    return row


def as_columns(reports: Sequence[Report], members: bool = False) -> Columns:
    """Fetch the reports of several calls, each name's numbers as one array over steps.

    Args:
        reports: at least one; of one step each or, stacked, of several.
        members: whether a report is of a population's members, not of several steps.
    """
    for report in reports:
        report.values.copy_to_host_async()  # all at once
    fetched = [np.asarray(report.values) for report in reports]
    values = np.stack(fetched) if members else np.vstack(fetched)
    return flatten(_as_info(reports[0].of, values.astype(np.float64)))


def _as_info(structure: PyTreeDef, values: NDArray) -> Info:
    return jax.tree.unflatten(structure, [*np.moveaxis(values, -1, 0)])


def charged_names(report: Report) -> list[str]:
    """List the names in a flattened report of all losses and gradients."""
    losses = jax.tree.unflatten(report.of, range(report.of.num_leaves)).losses
    return [
        f"{player}/{name}"
        for player, terms in losses.items()
        for name in (*terms, "gradient")
    ]
