"""Connect the processes of a run with each other."""

import os
import sys
import threading
from typing import Any

import jax

from jaxgan.errors import InputError, check_count_or_0, check_positive_int

AUTO = "auto"
"""The coordinator that the environment names: of a TPU pod, SLURM, Open MPI."""

PATIENCE = 120.0
"""Seconds in which all processes must have started."""

HEARTBEAT = 30
"""Seconds without a sign of life after which a process is taken for lost."""

LEAVING = 20
"""Seconds to wait for the others at the end."""


def join(coordinator: str, processes: int | None, process: int | None) -> None:
    """Connect this process with the others of a run, before JAX computes anything.

    Args:
        coordinator: address HOST:PORT of the first process, or "auto" to read all from
            the environment.
        processes: how many there are.
        process: the number of this one, from 0.

    Raises:
        InputError: if they are not given as they must be, or JAX has computed already.
    """
    given: dict[str, Any] = {}
    if coordinator != AUTO:
        given = _explicit(coordinator, processes, process)
    elif processes is not None or process is not None:
        raise InputError(
            "--coordinator auto: the environment says how many processes there are; "
            "leave --processes and --process out."
        )
    late = threading.Timer(PATIENCE, _give_up, [_missing(given)])
    late.daemon = True
    late.start()
    try:
        jax.distributed.initialize(
            **given,
            initialization_timeout=int(10 * PATIENCE),  # beyond which JAX aborts
            heartbeat_timeout_seconds=HEARTBEAT,
            shutdown_timeout_seconds=LEAVING,
        )
    except Exception as error:  # whatever reading the environment may raise
        raise InputError(_why_not(coordinator, error)) from error
    finally:
        late.cancel()


def _explicit(
    coordinator: str, processes: int | None, process: int | None
) -> dict[str, Any]:
    host, _, port = coordinator.rpartition(":")
    if not (host and port.isdecimal() and 0 < int(port) < 2**16):
        raise InputError(
            f"--coordinator must be HOST:PORT of the first process, or {AUTO}, got "
            f"{coordinator!r}."
        )
    if processes is None or process is None:
        raise InputError(
            "--coordinator: give --processes, how many there are, and --process, the "
            "number of this one."
        )
    check_positive_int("--processes", processes)
    check_count_or_0("--process", process)
    if process >= processes:
        raise InputError(
            f"--process must be from 0 to {processes - 1}, since --processes is "
            f"{processes}, got {process}."
        )
    return {
        "coordinator_address": coordinator,
        "num_processes": processes,
        "process_id": process,
        "cluster_detection_method": "deactivate",
    }


def _missing(given: dict[str, Any]) -> str:
    where = given.get("coordinator_address", "the coordinator")
    return (
        f"the processes have not all come to {where} within {PATIENCE:g} s; start each "
        "with the same --coordinator and --processes, and with its own --process."
    )


def _why_not(coordinator: str, error: Exception) -> str:
    [reason, *_] = str(error).strip().splitlines() or [type(error).__name__]
    if "before any JAX calls" in reason:
        return (
            "--coordinator: JAX has computed something already; the experiment's file "
            "must not do so where it is imported, but in its functions."
        )
    if coordinator == AUTO:
        return (
            "--coordinator auto: no TPU pod, SLURM or Open MPI is found in the "
            f"environment ({reason}); give --coordinator HOST:PORT, --processes and "
            "--process."
        )
    return (
        f"--coordinator {coordinator}: {reason.rstrip('.')}; give the first process's "
        "own address and a port that is free."
    )


def _give_up(reason: str) -> None:
    print(f"jaxgan: {reason}", file=sys.stderr, flush=True)
    os._exit(2)
